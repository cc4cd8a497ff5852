"""Reads a folder of YAML into definitions. Every file may hold several documents; each says its ``kind``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from cityloom.content.bounds import is_bounded
from cityloom.content.code_files import KEY as CODES_FILE
from cityloom.content.code_files import CodesFileError, with_codes
from cityloom.content.kinds import KINDS, adapter
from cityloom.content.problems import ContentError, Problem, explain, nearest
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _
from cityloom.model.city import City

_MOST_VALUES = 1_000_000
"""Values in one definition with its aliases written out; more is a trap (a "billion laughs"), or no definition."""
_MOST_LEVELS = 60
"""How deep a definition nests; an alias inside what it names nests without end."""


@dataclass(frozen=True)
class Definition:
    """One definition as it stands in a file: its kind and name, plain body, digest, and the object made of it."""

    kind: str
    name: str
    body: Mapping[str, Any]
    digest: str
    value: Any
    file: Path
    document: int


def load(folder: Path) -> list[Definition]:
    """All definitions below a folder, sorted by kind and name.

    Raises:
        ContentError: with every mistake found.
        ConfigError: ``content.folder.missing``.
    """
    if not folder.is_dir():
        raise ConfigError(
            "content.folder.missing",
            "There is no folder {folder}.",
            hint="Name the folder that holds the definitions as YAML.",
            folder=folder.name,
        )
    problems: list[Problem] = []
    found: dict[tuple[str, str], Definition] = {}
    for file in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        for one in _read(file, folder, problems):
            earlier = found.get((one.kind, one.name))
            if earlier is not None:
                text = _("{name} is defined already, in {file}.").format(name=one.name, file=earlier.file.name)
                problems.append(problem_at(one, ("name",), text, _("Give it another name."), folder))
            found[(one.kind, one.name)] = one
    if problems:
        raise ContentError(problems)
    return [found[key] for key in sorted(found)]


def load_file(path: Path) -> list[Definition]:
    """The definitions of one file, in their order.

    Raises:
        ContentError: with every mistake found.
        ConfigError: ``content.file.missing``.
    """
    if not path.is_file():
        raise ConfigError("content.file.missing", "There is no file {file}.", hint="Name a YAML file.", file=path.name)
    problems: list[Problem] = []
    found = list(_read(path, path.parent, problems))
    if problems:
        raise ContentError(problems)
    return found


def city_of(definitions: Iterator[Definition] | list[Definition]) -> City:
    """The definitions as one City."""
    parts: dict[str, dict[str, Any]] = {}
    for one in definitions:
        parts.setdefault(KINDS[one.kind][1], {})[one.name] = one.value
    return City(**parts)


def value_of(kind: str, body: Mapping[str, Any]) -> Any:
    """The object that a stored body stands for."""
    return adapter(kind).validate_python(dict(body))


def digest_of(body: Mapping[str, Any]) -> str:
    """A digest of a definition's meaning: order of keys, comments and quotes do not matter."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def problem_at(one: Definition, path: tuple[str | int, ...], message: str, hint: str, folder: Path) -> Problem:
    """A problem with the position of a key in its file."""
    line, column = _position(one.file, one.document, path)
    return Problem(_relative(one.file, folder), line, column, ".".join(map(str, path)), message, hint)


def _read(file: Path, folder: Path, problems: list[Problem]) -> Iterator[Definition]:
    name = _relative(file, folder)
    try:
        documents = list(YAML(typ="safe", pure=True).load_all(file.read_text(encoding="utf-8")))
    except (YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        problems.append(_unreadable(file, name, error))
        return
    for number, document in enumerate(documents):
        if not is_bounded(document, values=_MOST_VALUES, levels=_MOST_LEVELS):
            line, column = _position(file, number, ())
            problems.append(Problem(name, line, column, "", *_boundless()))
        elif document is not None:
            yield from _make(document, file, number, folder, problems)


def _unreadable(file: Path, name: str, error: Exception) -> Problem:
    """Why a file is no YAML at all, and where."""
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return Problem(name, line, 1, "", _("the file is not UTF-8."), _("Save it as UTF-8."))
    if isinstance(error, OSError):
        text = _("the file cannot be read: {problem}.").format(problem=error.strerror or type(error).__name__)
        return Problem(name, 1, 1, "", text, _("Check what it is, and its permissions."))
    if isinstance(error, RecursionError):
        return Problem(name, 1, 1, "", *_boundless())
    if isinstance(error, ReaderError):
        line = file.read_text(encoding="utf-8").count("\n", 0, error.position) + 1
        return Problem(name, line, 1, "", error.reason, _("This is not valid YAML."))
    mark = (error.problem_mark or error.context_mark) if isinstance(error, MarkedYAMLError) else None
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or type(error).__name__
    return Problem(name, line, column, "", str(said), _("This is not valid YAML."))


def _boundless() -> tuple[str, str]:
    return _("the definition is too large, or nests without end."), _("Write out its aliases, or split it.")


def _make(document: Any, file: Path, number: int, folder: Path, problems: list[Problem]) -> Iterator[Definition]:
    name = _relative(file, folder)
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        line, column = _position(file, number, ("kind",))
        problems.append(Problem(name, line, column, "kind", _("each definition says its kind."), nearest(str(kind), KINDS)))
        return
    body: Mapping[str, Any] = {k: v for k, v in document.items() if k != "kind"}
    try:
        body = with_codes(kind, body, file.parent)
        value = adapter(kind).validate_python(_plain(body))
    except CodesFileError as error:
        line, column = _position(file, number, (CODES_FILE,))
        problems.append(Problem(name, line, column, CODES_FILE, error.message, error.hint))
        return
    except ValidationError as error:
        for path, message, hint in explain(error, KINDS[kind][0]):
            line, column = _position(file, number, path)
            problems.append(Problem(name, line, column, ".".join(map(str, path)), message, hint))
        return
    yield Definition(kind, value.name, _plain(body), digest_of(_plain(body)), value, file, number)


def _plain(value: Any) -> Any:
    """Dates of YAML become ISO text: definitions hold JSON's types only."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def _position(file: Path, document: int, path: tuple[str | int, ...]) -> tuple[int, int]:
    """Line and column of a key, counted from 1; of the nearest key above it where it is missing."""
    try:
        node: Any = _marked(file.read_text(encoding="utf-8"))[document]
    except (YAMLError, OSError):
        return 1, 1
    line, column = (node.lc.line, node.lc.col) if hasattr(node, "lc") else (0, 0)
    for part in path:
        try:
            line, column = (node.lc.item if isinstance(part, int) else node.lc.key)(part)
            node = node[part]
        except (KeyError, IndexError, AttributeError, TypeError):
            break
    return line + 1, column + 1


@lru_cache(maxsize=1)
def _marked(text: str) -> list[Any]:
    """The documents of a file with line and column of their keys; kept, as one file may hold many mistakes."""
    return list(YAML(typ="rt").load_all(text))


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
