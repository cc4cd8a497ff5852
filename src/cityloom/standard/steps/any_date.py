from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from cityloom.model.text import Title
from cityloom.standard.any_form import InAnyForm
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AnyDate(InAnyForm):
    """A day as ``yyyy-mm-dd`` from every form that departments write it in; ``parse_date`` is quicker and knows the
    common ones.

    Beside those of ``parse_date``: Chinese numerals, 民国 years, English names of months, days with a time and a zone
    (moved to the city's own). What must be declared: ``order`` (``dmy`` or ``mdy``) of days with their year last;
    ``pivot``: two-digit years up to it are of this century; ``roc``: bare years of two or three digits are of the
    Republic's era; ``numbers``: what a plain number counts (``excel``, ``excel_1904``, ``seconds``, ``milliseconds``);
    ``zone``: the city's own. What is no day of the calendar becomes missing and is counted.
    """

    name: ClassVar[str] = "any_date"
    title: ClassVar[Title] = Title("解析各种日期", "Parse a date in any form")
    standard: ClassVar[str] = "GB/T 7408"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024-3-5", "2024-03-05"),
        Case("20240305", "2024-03-05"),
        Case("2024年3月5日", "2024-03-05"),
        Case("2024年3月5号", "2024-03-05"),
        Case("二〇二四年三月五日", "2024-03-05"),
        Case("二○二四年十二月三十一日", "2024-12-31"),
        Case("二零二四年十月廿一日", "2024-10-21"),
        Case("民国113年3月5日", "2024-03-05"),
        Case("中华民国元年一月一日", "1912-01-01"),
        Case("民国一百一十三年三月五日", "2024-03-05"),
        Case("113/03/05", "2024-03-05", {"roc": True}),
        Case("1130305", "2024-03-05", {"roc": True}),
        Case("24-3-5", None),
        Case("24-3-5", "2024-03-05", {"pivot": 30}),
        Case("99年3月5日", "1999-03-05", {"pivot": 30}),
        Case("990305", "1999-03-05", {"pivot": 30}),
        Case("31/01/2024", None),
        Case("31/01/2024", "2024-01-31", {"order": "dmy"}),
        Case("01/31/2024 10:58 PM", "2024-01-31", {"order": "mdy"}),
        Case("01/31/24", "2024-01-31", {"order": "mdy", "pivot": 30}),
        Case("5 Mar 2024", "2024-03-05"),
        Case("05-MAR-24", "2024-03-05", {"pivot": 30}),
        Case("March 5th, 2024", "2024-03-05"),
        Case("Tue, 05 Mar 2024 08:09:10 GMT", "2024-03-05"),
        Case("Tue Mar 05 08:09:10 CST 2024", "2024-03-05"),
        Case("1990-01-31T16:00:00Z", "1990-02-01"),
        Case("45356", None),
        Case("45356", "2024-03-05", {"numbers": "excel"}),
        Case("59", "1900-02-28", {"numbers": "excel"}),
        Case("60", None, {"numbers": "excel"}),
        Case("43894", "2024-03-05", {"numbers": "excel_1904"}),
        Case("1709600400", "2024-03-05", {"numbers": "seconds"}),
        Case("1709600400123", "2024-03-05", {"numbers": "milliseconds"}),
        Case("2023-02-29", None),
        Case("2024-01-311", None),
        Case("不详", None),
        Case(None, None),
    )

    def told(self, moment: datetime) -> str:
        """The day."""
        return moment.date().isoformat()
