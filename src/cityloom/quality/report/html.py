"""The report as a page: one file, readable offline, printable."""

from __future__ import annotations

from collections.abc import Mapping

from cityloom.model.report import QualityReport
from cityloom.quality.report.method import method
from cityloom.quality.report.pages import render


def to_html(report: QualityReport, titles: Mapping[str, dict[str, str]]) -> str:
    """The page in the current language; ``titles`` are those of items by resource and item."""
    return render("report.html", r=report, titles=titles, method=method(report))
