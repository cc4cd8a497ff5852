from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.terms import found, never_null
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept

_ABNORMAL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f" + "\ufffd\ue000-\uf8ff" + r"]|\?\?|锟斤拷|烫烫"
"""Control characters, the replacement character, private use, and the marks of a lost encoding."""


@dataclass(frozen=True, kw_only=True)
class Characters:
    """A text must hold no abnormal characters: control characters, private use, traces of a wrong encoding."""

    name: ClassVar[str] = "characters"
    title: ClassVar[Title] = Title("异常字符", "Abnormal characters")
    standard: ClassVar[str] = "GB/T 36344-2018 6.1"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("人民路1号",), False),
        Case(("人民路\ufffd号",), True),
        Case(("??路",), True),
        Case(("为什么?",), False),
        Case(("锟斤拷",), True),
        Case(("\x01",), True),
        Case(("𠮷野家",), False),
        Case((None,), False),
    )

    @property
    def kept(self) -> Kept:
        """The texts without one."""
        return Kept(apart=f"(?:.|\\n)*(?:{_ABNORMAL})(?:.|\\n)*")

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether an abnormal character is there."""
        return never_null(found(columns[0], _ABNORMAL))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether an abnormal character is there."""
        return values[0] is not None and re.search(_ABNORMAL, values[0]) is not None
