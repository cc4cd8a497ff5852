"""Renders reports and profiles as pages that need nothing else: style and pictures stand in the file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cityloom.kernel.i18n import _, current_language
from cityloom.quality.report import words
from cityloom.quality.report.charts import box_svg, spark_svg, trend_svg
from cityloom.quality.report.period import local_day, local_minute

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """A template in the current language."""
    return environment().get_template(template).render(lang=current_language(), **values)


@cache
def environment() -> Environment:
    """The templates with their helpers: everything escaped, nothing undefined let pass."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals |= {"_": _, "words": words, "trend_svg": trend_svg, "spark_svg": spark_svg, "box_svg": box_svg}
    made.filters |= {
        "number": words.number,
        "points": words.points,
        "change": words.change,
        "share": words.share,
        "size": words.size,
        "day": local_day,
        "minute": local_minute,
    }
    return made
