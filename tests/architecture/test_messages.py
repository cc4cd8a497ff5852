"""Every sentence that CityLoom says has a Chinese translation, compiled and in use."""

from __future__ import annotations

import ast
import gettext
from pathlib import Path

import compile_locales
import messages
import pytest

CATALOGS = sorted(messages.TRANSLATIONS.glob("*.po"))


def test_every_sentence_can_be_read_from_the_code() -> None:
    assert [message.place for message in messages.messages() if message.text is None] == []


def test_every_sentence_is_translated() -> None:
    assert [f"{message.place}: {message.text}" for message in messages.missing()] == []


def test_no_translation_is_left_over() -> None:
    assert messages.unused() == set()


def test_translations_keep_the_places_of_their_sentences() -> None:
    assert messages.misplaced() == []


def test_compiled_catalogs_are_those_of_the_sources() -> None:
    stems = {path.stem for path in messages.TRANSLATIONS.glob("*.mo")}
    assert stems == {path.stem for path in CATALOGS}, "run `make locales`"


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
def test_a_compiled_catalog_says_what_its_source_says(path: Path) -> None:
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    wanted = {str(entry.id): str(entry.string) for entry in messages.catalog(path) if entry.id and entry.string}
    assert {text: compiled.gettext(text) for text in wanted} == wanted, "run `make locales`"


def test_sentences_are_found_where_they_are_said() -> None:
    text = """
_("one")
UserError("a.b.c", "two {n}", hint="three", n=1)
refuse("a.b.c", "four words are it")
DataError("a.b.c", "five" if x else "six")
ConfigError("a.b.c", f"seven {n}")
moved("request.moved", "eight")
"""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    found = [one for call in calls for argument in messages._sentences(call) for one in messages._texts(argument)]
    assert found == ["one", "two {n}", "three", "four words are it", "five", "six", None]


def test_catalogs_are_filled_up_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [messages.Message("web", "web/x.py:1", "Hello"), messages.Message("web", "web/x.py:2", "Say {name}")]
    monkeypatch.setattr(messages, "TRANSLATIONS", tmp_path)
    monkeypatch.setattr(messages, "messages", lambda: said)
    messages.update()
    path = tmp_path / "web.po"
    path.write_text(path.read_text().replace('msgid "Hello"\nmsgstr ""', 'msgid "Hello"\nmsgstr "您好"'))
    assert [message.text for message in messages.missing()] == ["Say {name}"]
    del said[1]
    messages.update()
    assert messages.translations() == {"Hello": "您好"}
    compile_locales.compile_catalog(path)
    with path.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Hello") == "您好"
