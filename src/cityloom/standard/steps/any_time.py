from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from cityloom.model.text import Title
from cityloom.standard.any_form import InAnyForm
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AnyTime(InAnyForm):
    """A moment as ``yyyy-mm-ddThh:mm:ss`` in the city's own zone, from every form that departments write it in;
    ``parse_time`` is quicker and knows the common ones. A day alone is its first second; parts of a second leave.

    Forms and fields as of ``any_date``. A zone that is written is reckoned with.
    """

    name: ClassVar[str] = "any_time"
    title: ClassVar[Title] = Title("解析各种时间", "Parse a time in any form")
    standard: ClassVar[str] = "GB/T 7408"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("2024-01-31 08:09:10", "2024-01-31T08:09:10"),
        Case("2024-01-31T08:09:10.123Z", "2024-01-31T16:09:10"),
        Case("2024-01-31T20:00:00-05:00", "2024-02-01T09:00:00"),
        Case("2024年1月31日 下午3时5分", "2024-01-31T15:05:00"),
        Case("2024年1月31日8点", "2024-01-31T08:00:00"),
        Case("01/31/2024 12:05 AM", "2024-01-31T00:05:00", {"order": "mdy"}),
        Case("20240131080910", "2024-01-31T08:09:10"),
        Case("20240131T080910Z", "2024-01-31T16:09:10"),
        Case("31-Jan-2024 23:59:59", "2024-01-31T23:59:59"),
        Case("Tue Mar 05 08:09:10 CST 2024", "2024-03-05T08:09:10"),
        Case("Tue Mar 05 08:09:10 UTC 2024", "2024-03-05T16:09:10"),
        Case("二〇二四年三月五日", "2024-03-05T00:00:00"),
        Case("45356.75", "2024-03-05T18:00:00", {"numbers": "excel"}),
        Case("1709600400", "2024-03-05T09:00:00", {"numbers": "seconds"}),
        Case("1709600400123", "2024-03-05T09:00:00", {"numbers": "milliseconds"}),
        Case("1709600400", "2024-03-05T01:00:00", {"numbers": "seconds", "zone": "+00:00"}),
        Case("2024-01-31 24:00:00", None),
        Case("2024-01-31 13:00 PM", None),
        Case("2024-01-31 08:60", None),
        Case("9999-12-31T23:00:00-05:00", None),
        Case(None, None),
    )

    def told(self, moment: datetime) -> str:
        """The moment."""
        return moment.isoformat(timespec="seconds")
