"""The pages of this installation; the only place that renders templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cityloom.kernel.i18n import _, current_language
from cityloom.web import TEMPLATES, words
from cityloom.web.report import read_report
from cityloom.web.view import StartView

router = APIRouter(include_in_schema=False)


@router.get("/", response_class=HTMLResponse)
def show_start(request: Request) -> HTMLResponse:
    """The report of the main job, or how to run it."""
    report = read_report(cast(Path, request.app.state.folder))
    if report is None:
        return HTMLResponse(render("empty.html"))
    return HTMLResponse(
        render(
            "start.html", view=StartView(report), report=report, base_url=str(request.base_url).rstrip("/")
        )
    )


def render(template: str, **values: Any) -> str:
    """A template in the current language."""
    return environment().get_template(template).render(lang=current_language(), **values)


@cache
def environment() -> Environment:
    """The templates with their helpers: everything escaped, nothing undefined let pass."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    made.globals |= {"_": _, "words": words}
    made.filters |= {"number": words.number, "percent": words.percent, "seconds": words.seconds, "with_commands": words.with_commands}
    return made
