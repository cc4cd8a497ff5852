"""Quality over HTTP: scores, reports, root causes and profiles, for whoever may read what concerns a department."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import JSONResponse, Response

from cityloom.api.callers import Caller
from cityloom.flows import quality_reports as flow
from cityloom.flows.profile_pages import profiled
from cityloom.flows.values import causes_for, open_for

router = APIRouter(tags=["quality"])
Period = Annotated[str, Query(max_length=10, description="2026-11, 2026-Q4 or 2026; this month when not given")]
Phase = Annotated[str, Query(pattern="^(before|after)$")]
Form = Annotated[str, Query(alias="format", pattern="^(html|pdf|xlsx|json)$")]


@router.get("/api/v1/quality/reports")
def show_city_report(who: Caller, period: Period = "", phase: Phase = "before", form: Form = "json") -> Response:
    """The quality report of the whole city: as data, a page, a PDF or a workbook."""
    return _report(who, flow.Asked(period=period, phase=phase), form)


@router.get("/api/v1/quality/reports/{department}")
def show_report(department: str, who: Caller, period: Period = "", phase: Phase = "before", form: Form = "json") -> Response:
    """The quality report of a department: as data, a page, a PDF or a workbook."""
    return _report(who, flow.Asked(department=department, period=period, phase=phase), form)


@router.get("/api/v1/quality/causes/{resource}")
def show_causes(
    resource: str, who: Caller, rule: Annotated[str, Query(max_length=160)] = "", phase: Phase = "before"
) -> list[dict[str, Any]]:
    """Where broken rows of a resource come from, and what they share; values for whoever may look at its rows."""
    at, actor = who
    flow.check_reader(actor, at.city.resource(resource).department)
    return [asdict(one) for one in causes_for(at, resource, rule, phase=phase, actor=actor.account)]


@router.get("/api/v1/quality/profiles/{resource}")
def show_profile(resource: str, who: Caller, phase: Phase = "before") -> dict[str, Any]:
    """The newest profile of a resource's table, and what has drifted; values for whoever may look at its rows."""
    at, actor = who
    known = at.city.resource(resource)
    flow.check_reader(actor, known.department)
    found = profiled(at, resource, phase=phase, is_open=open_for(at, known, actor.account))
    return {"profile": asdict(found.profile), "since": found.since, "drifts": [asdict(d) for d in found.drifts]}


def _report(who: Caller, asked: flow.Asked, form: str) -> Response:
    at, actor = who
    flow.check_reader(actor, asked.department)
    made = flow.make(at, asked, reader=actor, form=form)
    if form == "json":
        return JSONResponse(asdict(made))
    content = flow.encode(at, made, form)
    headers = {"Content-Disposition": f'attachment; filename="{flow.file_name(made, form)}"'}
    return Response(content, media_type=flow.FORMATS[form], headers=headers)
