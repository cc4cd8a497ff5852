"""Write the pages of ``docs/reference`` that say what the code says: ``make docs``.

A test compares the pages with the code, so they cannot drift apart.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import typer
from messages import CODE, SOURCE

import cityloom
from cityloom.cli.main import build
from cityloom.kernel.config import PREFIX, Settings
from cityloom.kernel.i18n import use_language
from cityloom.kernel.registry import plugins
from cityloom.model.audit import EventKind
from cityloom.model.source import MODES

PAGES = SOURCE.parents[1] / "docs" / "reference"
FAMILIES = ("UserError", "DeniedError", "SourceError", "DataError", "ConfigError")


def main() -> None:
    """Write all pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
        print(f"docs/reference/{name}")


def pages() -> dict[str, str]:
    """File name and text of each generated page."""
    made: dict[str, Callable[[], Iterator[str]]] = {
        "audit-events.md": audit_events,
        "cli.md": command_line,
        "errors.md": errors,
        "plugins.md": plugin_list,
        "settings.md": settings,
        "sources.md": sources,
    }
    with use_language("en"):
        return {name: "\n".join(lines()) + "\n" for name, lines in made.items()}


def settings() -> Iterator[str]:
    """Every setting with its default, unit and meaning."""
    yield from _head("Settings", "Set in the environment. An unknown name with this prefix is an error.")
    rows = ((f"`{PREFIX}{f.name.upper()}`", _code(f.default), f.metadata["unit"], f.metadata["sentence"]) for f in fields(Settings))
    yield from _table(("Variable", "Default", "Unit", "Meaning"), rows)


def audit_events() -> Iterator[str]:
    """Every kind of audit event, and the modules that write it."""
    writers: dict[str, set[str]] = defaultdict(set)
    for module, node in _nodes(ast.Attribute):
        if ast.unparse(node.value) == "EventKind" and node.attr in EventKind.__members__:
            writers[node.attr].add(f"`{module}`")
    yield from _head("Audit events", "What is written to the audit log, and where. The list is `model/audit.py`.")
    rows = ((f"`{kind.value}`", ", ".join(sorted(writers[kind.name])) or "not yet") for kind in EventKind)
    yield from _table(("Event", "Written by"), rows)


def errors() -> Iterator[str]:
    """Every error code with its family, message and advice."""
    found: dict[str, tuple[str, str, str]] = {}
    for _module, call in _nodes(ast.Call):
        family, texts = ast.unparse(call.func), [_text(argument) for argument in call.args[:2]]
        if family in FAMILIES and len(texts) == 2 and CODE.fullmatch(texts[0]):
            hint = next((_text(keyword.value) for keyword in call.keywords if keyword.arg == "hint"), "")
            found.setdefault(texts[0], (family, texts[1], hint))
    yield from _head("Errors", "The code of an error never changes; message and advice are said in the reader's language.")
    rows = ((f"`{code}`", *rest) for code, rest in sorted(found.items()))
    yield from _table(("Code", "Family", "Message", "What to do"), rows)


def plugin_list() -> Iterator[str]:
    """Every plug-in with its titles, standard and fields."""
    yield from _head("Plug-ins", "Each is one file named after it; a third party adds one through an entry point.")
    for package in _plugin_packages():
        yield from (f"## {package.removeprefix('cityloom.')}", "")
        for name, cls in plugins(package).items():
            yield from (f"### {name}", "", f"{cls.title.zh} · {cls.title.en}. Standard: {cls.standard}.", "")
            yield from (inspect.cleandoc(cls.__doc__ or ""), "")
            for base in _shared(cls):
                yield from (inspect.cleandoc(base.__doc__ or ""), "")
            rows = [(f"`{f.name}`", f"`{f.type}`", _default(f)) for f in fields(cls)]
            if rows:
                yield from (*_table(("Field", "Type", "Default"), rows), "")


def _shared(cls: type[Any]) -> Iterator[type[Any]]:
    """Classes from which a plug-in has fields that it shares with others."""
    return (base for base in cls.__mro__[1:] if is_dataclass(base))


def sources() -> Iterator[str]:
    """Every connector with what it can, and what it was tested against."""
    yield from _head("Sources", "What each connector can do, as its code says, and what the tests hold it against.")
    rows = []
    for name, cls in plugins("cityloom.collect.connectors").items():
        marks = ["✓" if mode in cls.capabilities else "" for mode in MODES]
        proving = any(f.name == "proof" and f.default == "source" for f in fields(cls))
        tested = getattr(cls, "tested", None)
        against = "real files or servers" if tested is None else tested or "**untested**: no server was at hand"
        rows.append((f"`{name}`", f"{cls.title.zh} · {cls.title.en}", *marks, "source" if proving else "platform", against))
    yield from _table(("Connector", "Source", *MODES, "Figures of receipts by", "Tested against"), rows)
    yield from (
        "",
        "*full* takes all there is; *incremental* what is new since the last position; *cdc* follows the source's log;",
        "*push* takes what is brought; *virtual* asks the source live. Where the platform takes the figures, it takes them",
        "from the stream of rows while it reads; the number of rows is always the source's own.",
    )


def command_line() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield from _head("Command line", "`cityloom --lang en …` speaks English; the default is Chinese.")
    yield from _command("cityloom", typer.main.get_command(build()))


def _command(path: str, command: Any) -> Iterator[str]:
    yield from (f"## {path}", "", inspect.cleandoc(command.help or ""), "")
    rows = [
        (_code(" ".join(p.opts) if p.opts[0].startswith("-") else p.name), _code(p.default), p.help or "")
        for p in command.params
        if p.name not in {"help", "install_completion", "show_completion"} and not getattr(p, "hidden", False)
    ]
    if rows:
        yield from (*_table(("Option or argument", "Default", "Meaning"), rows), "")
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from _command(f"{path} {name}", child)


def _plugin_packages() -> list[str]:
    rooms = pkgutil.iter_modules(cityloom.__path__, "cityloom.")
    kinds = {"connectors", "places", "steps", "rules", "masks", "measures", "exporters"}
    return sorted(
        f"{room.name}.{part.name}"
        for room in rooms
        if room.ispkg
        for part in pkgutil.iter_modules(importlib.import_module(room.name).__path__)
        if part.name in kinds and part.ispkg
    )


def _nodes(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                yield path.relative_to(SOURCE).as_posix(), node


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return _code(field.default_factory())
    return "required" if field.default is MISSING else _code(field.default)


def _code(value: object) -> str:
    return "" if value is None or value == "" else f"`{value}`"


def _head(title: str, sentence: str) -> Iterator[str]:
    yield from (f"# {title}", "", f"{sentence} Written by `make docs`; not to be edited.", "")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        cells = (" ".join(str(cell).split()).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
