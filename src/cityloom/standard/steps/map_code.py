from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.terms import lookup
from cityloom.kernel.errors import ConfigError
from cityloom.model.standard import Code, CodeTable
from cityloom.model.text import Title
from cityloom.standard.base import Case

_TABLE = CodeTable(
    name="sex",
    title=Title("性别", "Sex"),
    standard="GB/T 2261.1",
    codes=(
        Code(code="1", title=Title("男性", "Male"), variants=("男", "M")),
        Code(code="2", title=Title("女性", "Female"), variants=("女", "F")),
    ),
)


@dataclass(frozen=True, kw_only=True)
class MapCode:
    """The code that a department's own text stands for: the code itself, its names or a variant of them.

    ``codes`` names the code table, ``own`` maps further texts of this department to codes. A text that
    stands for no code becomes missing and is counted.
    """

    name: ClassVar[str] = "map_code"
    title: ClassVar[Title] = Title("代码映射", "Map to a code")
    standard: ClassVar[str] = "GB/T 19488.2"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("1", "1", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("男", "1", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("Female", "2", {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case("男孩", "1", {"codes": "sex", "own": {"男孩": "1"}, "tables": {"sex": _TABLE}}),
        Case("3", None, {"codes": "sex", "tables": {"sex": _TABLE}}),
        Case(None, None, {"codes": "sex", "tables": {"sex": _TABLE}}),
    )

    codes: str
    own: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, CodeTable]

    @property
    def pairs(self) -> dict[str, str]:
        """Text -> code, a code's own text first, so that no variant takes it away.

        Raises:
            ConfigError: ``standard.codes.unknown``.
        """
        if self.codes not in self.tables:
            raise ConfigError(
                "standard.codes.unknown",
                "There is no code table {codes}.",
                hint="Known: {known}.",
                codes=self.codes,
                known=", ".join(sorted(self.tables)),
            )
        found = dict(self.own)
        table = self.tables[self.codes]
        for one in table.codes:
            found.setdefault(one.code, one.code)
        for one in table.codes:
            for text in (one.title.zh, *one.variants, one.title.en):
                found.setdefault(text, one.code)
        return found

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The code, by a look into a fixed map."""
        return lookup(column, self.pairs)

    def value(self, x: str | None) -> str | None:
        """The code."""
        return None if x is None else self.pairs.get(x)
