from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.dates import PACKED, day_of, day_terms

_FOREIGN = r".*(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_LOCAL = r".*\+08:?00"
_HOUR = "([0-9]{1,2})[:时]"
_MINUTE = "[:时]([0-9]{1,2})"
_SECOND = "[:时][0-9]{1,2}[:分]([0-9]{1,2})"


@dataclass(frozen=True, kw_only=True)
class ParseTime:
    """A moment as ``yyyy-mm-ddThh:mm:ss`` in the city's own time, from the forms departments write it in.

    A day alone is its first second; parts of a second leave. A moment in another zone than ``+08:00``, or
    one that is not, becomes missing and is counted.
    """

    name: ClassVar[str] = "parse_time"
    title: ClassVar[Title] = Title("解析时间", "Parse a time")
    standard: ClassVar[str] = "GB/T 7408"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024-01-31 08:09:10", "2024-01-31T08:09:10"),
        Case("2024/1/3 8:09", "2024-01-03T08:09:00"),
        Case("2024-01-31T08:09:10.123+08:00", "2024-01-31T08:09:10"),
        Case("2024年1月31日8时5分6秒", "2024-01-31T08:05:06"),
        Case("20240131080910", "2024-01-31T08:09:10"),
        Case("20240131 0809", "2024-01-31T08:09:00"),
        Case("2024-01-31", "2024-01-31T00:00:00"),
        Case("2024-01-31 08:09:10Z", None),
        Case("2024-01-31 24:00:00", None),
        Case("2024-01-31 08:60", None),
        Case("2024-02-30 08:00", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The moment; hour, minute and second are found after the day is known to be one."""
        day = day_terms(column)
        packed = shared(full_match(column, PACKED))
        digits = shared(sql("CASE WHEN :p THEN translate(:x, ': T', '') ELSE :x END", p=packed, x=column))
        parts = [
            shared(
                sql(
                    f"CASE WHEN :p THEN TRY_CAST(coalesce(nullif(substr(:d, {start}, 2), ''), '0') AS INT)"
                    " ELSE TRY_CAST(coalesce(nullif(regexp_extract(:x, :pattern, 1), ''), '0') AS INT) END",
                    p=packed,
                    d=digits,
                    x=column,
                    pattern=pattern,
                )
            )
            for start, pattern in ((9, _HOUR), (11, _MINUTE), (13, _SECOND))
        ]
        good = sql("(:h <= 23 AND :m <= 59 AND :s <= 59)", h=parts[0], m=parts[1], s=parts[2])
        zone = sql(
            "(NOT :clock OR NOT :foreign OR :local)",
            clock=sql("regexp_matches(:x, '[:时]')", x=column),
            foreign=full_match(column, _FOREIGN),
            local=full_match(column, _LOCAL),
        )
        text = day.iso
        for mark, part in zip("T::", parts, strict=True):
            text = sql(f":text || '{mark}' || lpad(CAST(:part AS VARCHAR), 2, '0')", text=text, part=part)
        return sql("CASE WHEN :real AND :good AND :zone THEN :text END", real=day.is_real, good=good, zone=zone, text=text)

    def value(self, x: str | None) -> str | None:
        """The moment."""
        day = None if x is None else day_of(x)
        if x is None or day is None:
            return None
        if re.search("[:时]", x) and re.fullmatch(_FOREIGN, x) and not re.fullmatch(_LOCAL, x):
            return None
        hour, minute, second = self._clock(x)
        if hour > 23 or minute > 59 or second > 59:
            return None
        return f"{day}T{hour:02d}:{minute:02d}:{second:02d}"

    def _clock(self, x: str) -> tuple[int, int, int]:
        if re.fullmatch(PACKED, x):
            digits = re.sub("[: T]", "", x).ljust(14, "0")
            return int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
        found = [re.search(pattern, x) for pattern in (_HOUR, _MINUTE, _SECOND)]
        hour, minute, second = (int(one[1]) if one else 0 for one in found)
        return hour, minute, second
