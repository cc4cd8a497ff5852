"""Programs of one answer: what a step means where it is no term, named by its fields."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

OUTPUT = "value"


@dataclass(frozen=True)
class OneAnswer:
    """A program that tells one thing of a text (:class:`cityloom.standard.base.Program`).

    ``kind`` is the step's name, ``fields`` what of its fields decides the answer, ``edition`` rises with every change of
    the code that may give another answer.
    """

    kind: str
    fields: tuple[object, ...]
    edition: int
    tell: Callable[[str], str | None]

    @property
    def name(self) -> str:
        """Kind and a digest of the fields."""
        return f"{self.kind}_{hashlib.sha256(repr(self.fields).encode()).hexdigest()[:8]}"

    @property
    def version(self) -> str:
        """The edition of the code and the fields."""
        return f"{self.edition}:{self.fields!r}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """The one output."""
        return (OUTPUT,)

    def answer(self, text: str) -> tuple[str | None, ...]:
        """The one answer."""
        return (self.tell(text),)
