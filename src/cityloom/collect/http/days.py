"""How an interface is asked for a span of days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cityloom.collect.periods import Span
from cityloom.model.text import STRICT


@dataclass(frozen=True, kw_only=True)
class Days:
    """Parameters that name the first and the last day of what is asked for.

    ``first`` and ``last`` are their names; ``form`` how a day is written; ``is_last_included`` whether the last day
    itself belongs to the answer.
    """

    __pydantic_config__ = STRICT

    first: str
    last: str
    form: str = "%Y-%m-%d"
    is_last_included: bool = True

    def asked(self, span: Span) -> dict[str, str]:
        """The parameters for a span."""
        last = span.end - timedelta(days=self.is_last_included)
        return {self.first: f"{span.start:{self.form}}", self.last: f"{last:{self.form}}"}
