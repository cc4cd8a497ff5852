"""The page of a request that failed: for people in a browser the problem that a program gets as JSON (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse
from starlette.types import Scope

from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.i18n import current_language
from cityloom.web.pages import render


def wants_page(scope: Scope) -> bool:
    """Whether a person asked: a browser names HTML as what it takes, and nobody browses under ``/api``."""
    return not scope["path"].startswith("/api/") and "text/html" in Headers(scope=scope).get("accept", "")


def trouble_page(problem: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """What went wrong and what to do, with the way back to the pages; the status is the problem's own."""
    said = {"Content-Language": current_language(), "Cache-Control": "no-store", **(headers or {})}
    return HTMLResponse(render("trouble.html", where="", problem=problem), status_code=problem["status"], headers=said)


def error_page(error: CityLoomError, status: int) -> HTMLResponse:
    """The same of an error that a page met, with the status that it chose."""
    return trouble_page(error.problem() | {"status": status})
