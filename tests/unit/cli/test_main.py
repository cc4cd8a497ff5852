"""The command as people type it."""

import subprocess
import sys

import pytest

from cityloom.cli.main import split_language


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
