from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import CODINGS, Coding
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import Case, Kept, Sure


@dataclass(frozen=True, kw_only=True)
class CodingRule:
    """An identifier must be made by its coding rule, check character included.

    ``kind`` is ``citizen_id``, ``uscc``, ``phone`` or ``division``.
    """

    name: ClassVar[str] = "coding_rule"
    title: ClassVar[Title] = Title("编码规则", "Coding rule")
    standard: ClassVar[str] = "GB 11643, GB 32100"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("11010519491231002X",), False, {"kind": "citizen_id"}),
        Case(("11010519491231002x",), True, {"kind": "citizen_id"}),
        Case(("110105194912310021",), True, {"kind": "citizen_id"}),
        Case(("110105194902300027",), True, {"kind": "citizen_id"}),
        Case(("110105491231002",), True, {"kind": "citizen_id"}),
        Case(("91350100M000100Y43",), False, {"kind": "uscc"}),
        Case(("91350100M000100Y44",), True, {"kind": "uscc"}),
        Case(("13800138000",), False, {"kind": "phone"}),
        Case(("138-0013-8000",), True, {"kind": "phone"}),
        Case(("02887654321",), False, {"kind": "phone"}),
        Case(("510104",), False, {"kind": "division"}),
        Case(("5101",), True, {"kind": "division"}),
        Case((None,), False, {"kind": "uscc"}),
    )

    kind: str

    @property
    def coding(self) -> Coding:
        """The coding rule.

        Raises:
            ConfigError: ``quality.coding.unknown``.
        """
        if self.kind not in CODINGS:
            raise ConfigError(
                "quality.coding.unknown",
                "There is no coding rule {kind}.",
                hint="Known: {known}.",
                kind=self.kind,
                known=", ".join(sorted(CODINGS)),
            )
        return CODINGS[self.kind]

    @property
    def kept(self) -> Kept | None:
        """The texts that its pattern allows; None for a coding rule that is more than a pattern."""
        return Kept(within=self.coding.shape) if self.coding.is_shape else None

    def sure(self, column: exp.Expression) -> Sure:
        """The coding rule itself."""
        return Sure(term=self.coding.sql(column), pattern=self.coding.shape)

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the identifier is wrong."""
        return sql("(:x IS NOT NULL AND NOT :valid)", x=columns[0], valid=self.coding.sql(columns[0]))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the identifier is wrong."""
        return values[0] is not None and not self.coding.is_valid(values[0])
