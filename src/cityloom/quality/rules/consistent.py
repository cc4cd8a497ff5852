from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import ID_SHAPE
from cityloom.engines.terms import full_match, never_null, shared
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.quality.base import Case

_KINDS = ("birth_date", "sex")


@dataclass(frozen=True, kw_only=True)
class Consistent:
    """A citizen id number (first column) must agree with what it says of the second column.

    ``kind`` is ``birth_date`` (``yyyy-mm-dd`` or ``yyyymmdd``) or ``sex`` (code 1 or 2; the codes 0 and 9 say
    nothing). Rows whose number has not the shape of one are not judged here.
    """

    name: ClassVar[str] = "consistent"
    title: ClassVar[Title] = Title("跨项一致", "Agreement of items")
    standard: ClassVar[str] = "GB/T 36344-2018 6.4"
    scope: ClassVar[str] = "row"
    applies_to_missing: ClassVar[bool] = False
    cases: ClassVar[tuple[Case, ...]] = (
        Case(("11010519491231002X", "1949-12-31"), False, {"kind": "birth_date"}),
        Case(("11010519491231002X", "19491231"), False, {"kind": "birth_date"}),
        Case(("11010519491231002X", "1949-12-30"), True, {"kind": "birth_date"}),
        Case(("11010519491231002X", "2"), False, {"kind": "sex"}),
        Case(("11010519491231002X", "1"), True, {"kind": "sex"}),
        Case(("11010519491231002X", "9"), False, {"kind": "sex"}),
        Case(("11010519491231002X", "女"), True, {"kind": "sex"}),
        Case(("12345", "1"), False, {"kind": "sex"}),
        Case((None, "1"), False, {"kind": "sex"}),
        Case(("11010519491231002X", None), False, {"kind": "birth_date"}),
    )

    kind: str

    def __post_init__(self) -> None:
        """Check the kind.

        Raises:
            ConfigError: ``quality.consistent.kind``.
        """
        if self.kind not in _KINDS:
            raise ConfigError(
                "quality.consistent.kind",
                "An identity number says nothing of {kind}.",
                hint="Known: {known}.",
                kind=self.kind,
                known=", ".join(_KINDS),
            )

    def broken(self, columns: Sequence[exp.Expression]) -> exp.Expression:
        """Whether the two disagree."""
        number, other = columns
        shape = shared(full_match(number, ID_SHAPE))
        if self.kind == "birth_date":
            wrong = sql("replace(:o, '-', '') <> substr(:n, 7, 8)", o=other, n=number)
        else:
            wrong = sql(
                "(:o NOT IN ('0', '9') AND :o <> CASE WHEN substr(:n, 17, 1) IN ('1', '3', '5', '7', '9')"
                " THEN '1' ELSE '2' END)",
                o=other,
                n=number,
            )
        return never_null(sql("CASE WHEN :shape THEN :wrong END", shape=shape, wrong=wrong))

    def is_broken(self, values: Sequence[str | None]) -> bool:
        """Whether the two disagree."""
        number, other = values
        if number is None or other is None or not re.fullmatch(ID_SHAPE, number):
            return False
        if self.kind == "birth_date":
            return other.replace("-", "") != number[6:14]
        return other not in ("0", "9") and other != ("1" if int(number[16]) % 2 else "2")
