"""What the pages of collecting share: the workspace behind them, and how they are rendered."""

from __future__ import annotations

from typing import Any, cast

from fastapi import Request
from fastapi.responses import HTMLResponse

from cityloom.flows.bootstrap import Workspace
from cityloom.model.city import City
from cityloom.web.pages import render


def workspace_of(request: Request) -> Workspace:
    """The workspace of the application that answers this request."""
    return cast(Workspace, request.app.state.workspace)


def city_of(at: Workspace) -> City:
    """The definitions in force at this moment."""
    at.forget_city()
    return at.city


def page(template: str, where: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; ``where`` names the entry of the menu that it belongs to."""
    return HTMLResponse(render(template, where=where, **values), status_code=status)
