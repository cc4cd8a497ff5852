"""The sentences that CityLoom says, read out of its code, and their Chinese translations.

``messages.py`` lists them by room; ``--missing`` those without a translation; ``--unused`` translations of
what nobody says any more; ``--update`` adds the missing ones, to be filled in, to ``locales/zh/<room>.po``
and takes the unused ones out.

A sentence is the text of ``_("…")`` in code and templates, the text after an error's code
(``UserError("room.noun.what", "…")``), and every ``hint="…"``.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

SOURCE = Path(__file__).parents[1] / "src" / "cityloom"
TRANSLATIONS = SOURCE / "locales" / "zh"
CODE = re.compile(r"[a-z_]+(\.[a-z_]+)+")
PLACE = re.compile(r"\{(\w+)[^}]*\}")
MARKS = {"_", "translate", "gettext"}


@dataclass(frozen=True)
class Message:
    """A sentence, and where it is said; ``text`` is ``None`` where it cannot be read from the code."""

    room: str
    place: str
    text: str | None


def main() -> None:
    """Do what the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for option in ("--missing", "--unused", "--update"):
        parser.add_argument(option, action="store_true")
    given = parser.parse_args()
    if given.update:
        update()
    elif given.unused:
        print("\n".join(sorted(unused())))
    else:
        wanted = missing() if given.missing else [message for message in messages() if message.text]
        print("\n".join(f"{message.room}\t{message.place}\t{message.text}" for message in wanted))
        print(f"{len(wanted)} sentences.")


def messages() -> list[Message]:
    """Every sentence of the code and the templates."""
    return [*_in_code(), *_in_templates()]


def missing() -> list[Message]:
    """Sentences that no catalog translates, each once."""
    known = {text for text, translated in translations().items() if translated}
    first = {message.text: message for message in reversed(messages()) if message.text and message.text not in known}
    return sorted(first.values(), key=lambda message: (message.room, message.place))


def unused() -> set[str]:
    """Translated sentences that nobody says."""
    return set(translations()) - {message.text for message in messages()}


def misplaced() -> list[str]:
    """Translations whose ``{places}`` are not those of the sentence."""
    return [
        text
        for text, translated in translations().items()
        if translated and set(PLACE.findall(text)) != set(PLACE.findall(translated))
    ]


def translations() -> dict[str, str]:
    """All catalogs together: sentence and translation, empty where it is to be filled in."""
    return {
        str(entry.id): "" if entry.fuzzy else str(entry.string)
        for path in sorted(TRANSLATIONS.glob("*.po"))
        for entry in catalog(path)
        if entry.id
    }


def catalog(path: Path) -> Catalog:
    """A catalog read from its file, or an empty one."""
    if not path.exists():
        return Catalog(locale="zh", project="CityLoom", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale="zh")


def update() -> None:
    """Write the catalogs: with the missing sentences, without the unused ones."""
    wanted, gone = missing(), unused()
    TRANSLATIONS.mkdir(parents=True, exist_ok=True)
    rooms = {message.room for message in wanted} | {path.stem for path in TRANSLATIONS.glob("*.po")}
    for room in sorted(rooms):
        path = TRANSLATIONS / f"{room}.po"
        entries = catalog(path)
        for text in gone:
            entries.delete(text)
        for message in wanted:
            if message.room == room and message.text:
                entries.add(message.text, "")
        if any(entry.id for entry in entries):
            _write(path, entries)
        else:
            path.unlink(missing_ok=True)


def _write(path: Path, entries: Catalog) -> None:
    with path.open("wb") as file:
        file.write(b'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n')
        write_po(file, entries, width=0, omit_header=True, sort_output=True, include_previous=False)


def _in_code() -> Iterator[Message]:
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for argument in _sentences(node):
                    for text in _texts(argument):
                        yield Message(room, f"{path.relative_to(SOURCE)}:{argument.lineno}", text)


def _sentences(call: ast.Call) -> Iterator[ast.expr]:
    name = ast.unparse(call.func).rpartition(".")[2]
    first = call.args[0] if call.args else None
    if name in MARKS and first is not None:
        yield first
    elif isinstance(first, ast.Constant) and CODE.fullmatch(str(first.value)) and len(call.args) > 1:
        second = call.args[1]
        reads_like_one = isinstance(second, ast.Constant) and " " in str(second.value)
        yield from [second] if name.endswith("Error") or reads_like_one else []
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "hint")


def _texts(node: ast.expr) -> Iterator[str | None]:
    """The texts an expression may stand for; a name stands for a text that is read where it was written."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if node.value:
            yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif not isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Call):
        yield None


def _in_templates() -> Iterator[Message]:
    for path in sorted([*SOURCE.rglob("*.html"), *SOURCE.rglob("*.j2")]):
        name = path.relative_to(SOURCE)
        with path.open("rb") as file:
            for line, _function, text, _comments in babel_extract(file, ("_", "gettext"), [], {"encoding": "utf-8"}):
                yield Message(name.parts[0], f"{name}:{line}", text if isinstance(text, str) else None)


if __name__ == "__main__":
    main()
