"""What is wrong in a definition, and where: file, line, key, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from pydantic import ValidationError

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _


@dataclass(frozen=True)
class Problem:
    """One mistake: ``file:line:column``, the key's path, what is wrong and what to write."""

    file: str
    line: int
    column: int
    key: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column} {self.key}: {self.message} {self.hint}".rstrip()


class ContentError(ConfigError):
    """Definitions that can not be applied, with every problem found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(
            "content.definition.invalid",
            "Mistakes in the definitions: {count}\n{list}",
            hint="Nothing was applied. Correct the lines named and apply again.",
            count=len(problems),
            list="\n".join(str(p) for p in problems),
        )
        self.problems = tuple(problems)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like a wrong one, as a hint; else the words there are."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return _("Did you mean {word}?").format(word=close[0])
    shown = ", ".join(words[:12]) + (" …" if len(words) > 12 else "")
    return _("Known: {words}.").format(words=shown)


def explain(error: ValidationError, cls: type[Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    """Each mistake of a failed check as (path, message, hint)."""
    found = []
    for one in error.errors(include_input=False, include_url=False):
        path = tuple(p for p in one["loc"])
        if one["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
            known = _fields_at(cls, path[:-1])
            found.append((path, _("there is no such key."), nearest(str(path[-1]), known)))
        elif one["type"] in ("missing", "missing_argument"):
            found.append((path, _("this key is missing."), _("Add it to this entry.")))
        else:
            found.append((path, _("the value is not of the right form."), str(one["msg"])))
    return found


def _fields_at(cls: Any, path: Sequence[str | int]) -> set[str]:
    """Names of the fields of the dataclass that a path leads to."""
    for part in path:
        if isinstance(part, int):
            continue
        cls = _inner(get_type_hints(cls).get(part)) if is_dataclass(cls) else None
    return {f.name for f in fields(cls)} if is_dataclass(cls) else set()


def _inner(hint: Any) -> Any:
    if is_dataclass(hint):
        return hint
    for arg in get_args(hint):
        found = _inner(arg)
        if found is not None:
            return found
    return None
