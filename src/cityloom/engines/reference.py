"""The reference engine: what plans mean, in plain Python over rows as dictionaries.

Slow, in memory, and short enough to be read: it is what the other engines are compared with. A plan for it
holds functions where a plan for SQL holds terms. It reads no lake and answers no query.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

Row = Mapping[str, Any]
"""One row: values by column; a missing value is None."""
Value = Callable[[Row], Any]
"""What a row gives."""
Check = tuple[Callable[[Row], bool], Callable[[Row], bool]]
"""Whether a rule applies to a row, and whether the row breaks it."""
Choice = Callable[[Sequence[Row]], Any]
"""What a group of rows comes to."""


class ReferenceEngine:
    """Evaluates plans over rows. Holds nothing; rows keep their order."""

    name: ClassVar[str] = "reference"
    dialect: ClassVar[str] = "reference"

    def keep(self, rows: Iterable[Row], condition: Callable[[Row], bool]) -> list[Row]:
        """The rows for which the condition holds (``WHERE``)."""
        return [row for row in rows if condition(row)]

    def project(self, rows: Iterable[Row], outputs: Mapping[str, Value]) -> list[dict[str, Any]]:
        """Each row as the named values (``SELECT``)."""
        return [{name: value(row) for name, value in outputs.items()} for row in rows]

    def count(self, rows: Sequence[Row], checks: Mapping[str, Check]) -> dict[str, tuple[int, int]]:
        """For each check the rows it applies to, and those of them that break it."""
        found = {}
        for name, (applies, is_broken) in checks.items():
            checked = self.keep(rows, applies)
            found[name] = (len(checked), len(self.keep(checked, is_broken)))
        return found

    def latest(self, rows: Sequence[Row], key: Value, order: Value) -> list[bool]:
        """For each row whether it is the greatest in order among those of its key. Without key it is alone."""
        best = self.choose(rows, key, {"order": lambda group: max(order(row) for row in group)})
        return [key(row) is None or order(row) == best[key(row)]["order"] for row in rows]

    def groups(self, rows: Iterable[Row], key: Value) -> dict[Hashable, list[Row]]:
        """Rows by key; rows whose key is None are in no group."""
        found: dict[Hashable, list[Row]] = {}
        for row in rows:
            if (one := key(row)) is not None:
                found.setdefault(one, []).append(row)
        return found

    def choose(
        self, rows: Iterable[Row], key: Value, choices: Mapping[str, Choice]
    ) -> dict[Hashable, dict[str, Any]]:
        """For each key what its rows come to, by name of the choice (``GROUP BY``)."""
        groups = self.groups(rows, key)
        return {one: {name: choice(group) for name, choice in choices.items()} for one, group in groups.items()}
