"""The command as people type it."""

import subprocess
import sys

import pytest
import typer

from cityloom.cli.main import build, split_language


def commands_of(app: typer.Typer) -> dict[tuple[str, ...], list[str]]:
    """By its words each command's parameters."""
    found: dict[tuple[str, ...], list[str]] = {}
    todo = [((), typer.main.get_command(app))]
    while todo:
        words, command = todo.pop()
        found[words] = [p.name for p in command.params]
        todo += [((*words, name), one) for name, one in getattr(command, "commands", {}).items()]
    return found


@pytest.mark.parametrize(
    ("words", "language", "others"),
    [
        (["--lang", "en", "demo"], "en", ["demo"]),
        (["demo", "--people", "1000", "--lang=zh"], "zh", ["demo", "--people", "1000"]),
        (["demo"], "", ["demo"]),
        (["demo", "--lang"], "", ["demo"]),
    ],
)
def test_the_language_may_stand_anywhere(words: list[str], language: str, others: list[str]) -> None:
    assert split_language(words) == (language, others)


def test_a_noun_alone_has_all_of_its_commands() -> None:
    whole = commands_of(build())
    nouns = {words[0] for words in whole if words}
    assert len(nouns) > 20
    for noun in nouns:
        expected = {words: found for words, found in whole.items() if words[:1] in ((), (noun,))}
        assert commands_of(build(noun)) == expected
    assert commands_of(build("no such")) == whole


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("words", [[], ["demo"], ["collect", "run"], ["audit", "verify"]])
def test_help_is_in_the_language_asked_for(language: str, words: list[str]) -> None:
    command = [sys.executable, "-m", "cityloom", *words, "--help", "--lang", language]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    has_chinese = any("\u4e00" <= letter <= "\u9fff" for letter in shown)
    assert has_chinese == (language == "zh")


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    done = subprocess.run([sys.executable, "-m", "cityloom", "runs", "--lang", "xx"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "zh, en" in done.stderr
    assert "Traceback" not in done.stderr
