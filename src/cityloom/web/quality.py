"""Pages of quality: scores and lights for everyone here; values, causes and reports under the key of an account."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cityloom.flows import quality_reports as flow
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.profile_pages import data_set, profiled, set_title
from cityloom.flows.quality_views import overview, resource_view
from cityloom.flows.values import causes_for, open_for
from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.i18n import _
from cityloom.model.standard import DIMENSIONS
from cityloom.quality.report import words as report_words
from cityloom.quality.report.charts import trend_svg
from cityloom.quality.report.html import Frame, profile_to_html, profiles_to_html
from cityloom.quality.report.pages import TEMPLATES
from cityloom.web.deliver import form_fields
from cityloom.web.shell import city_of, page, workspace_of
from cityloom.web.trouble import error_page

router = APIRouter(include_in_schema=False)
STYLE = "/quality/style.css"
_STATUS = {"flows.report.key": 401, "flows.report.denied": 403, "model.resource.unknown": 404, "flows.profile.missing": 404, "flows.cause.assessed": 404}


@router.get("/quality", response_class=HTMLResponse)
def show_overview(
    request: Request, period: Annotated[str, Query(max_length=10)] = "", phase: Annotated[str, Query(pattern="^(before|after)$")] = "before"
) -> HTMLResponse:
    """Departments by dimensions, with lights and the trend."""
    at = workspace_of(request)
    city_of(at)
    try:
        found = overview(at, period, phase)
    except CityLoomError as error:
        return error_page(error, _status(error))
    return _page("quality/overview.html", view=found, departments=at.city.departments, formats=list(flow.FORMATS))


@router.get("/quality/style.css")
def send_style() -> Response:
    """The style of reports and profiles, which stand alone elsewhere."""
    return Response((TEMPLATES / "style.css").read_text(encoding="utf-8"), media_type="text/css; charset=utf-8")


@router.get("/quality/resources/{resource}", response_class=HTMLResponse)
def show_resource(resource: str, request: Request) -> HTMLResponse:
    """A resource's rules with how many rows broke them, before and after standardising."""
    return _resource_page(workspace_of(request), resource)


@router.get("/quality/resources/{resource}/causes")
@router.get("/quality/reports")
def go_back(request: Request, resource: str = "") -> RedirectResponse:
    """To the page with the form, for whoever loads the answer of a form again."""
    return RedirectResponse(f"/quality/resources/{quote(resource)}" if resource else "/quality", status_code=303)


@router.post("/quality/resources/{resource}/causes", response_class=HTMLResponse)
async def show_causes(resource: str, request: Request) -> HTMLResponse:
    """Where broken rows come from, for whoever may read what concerns the department."""
    at = workspace_of(request)
    try:
        fields = await form_fields(request)
        return await run_in_threadpool(_causes, at, resource, fields)
    except CityLoomError as error:
        return await run_in_threadpool(_resource_page, at, resource, error)


@router.post("/quality/reports")
async def send_report(request: Request) -> Response:
    """A report as a file, or shown here, for whoever may read it."""
    at = workspace_of(request)
    try:
        fields = await form_fields(request)
        return await run_in_threadpool(_report, at, fields)
    except CityLoomError as error:
        return error_page(error, _status(error))


@router.get("/quality/profiles", response_class=HTMLResponse)
def show_profiles(request: Request, department: Annotated[str, Query(max_length=80)] = "") -> HTMLResponse:
    """The data set: all tables that have been profiled, or a department's; figures only."""
    at = workspace_of(request)
    city_of(at)
    some = data_set(at, department, is_open=False)
    hrefs = {one.profile.table: f"/quality/profiles/{name}" for name, r in at.city.resources.items() for one in some if one.profile.table == r.raw_table}
    return HTMLResponse(profiles_to_html(some, set_title(at, department), _frame(), hrefs))


@router.get("/quality/profiles/{resource}", response_class=HTMLResponse)
def show_profile(resource: str, request: Request) -> HTMLResponse:
    """The profile of a table: figures, and values of public fields."""
    at = workspace_of(request)
    city_of(at)
    try:
        return HTMLResponse(profile_to_html(profiled(at, resource, is_open=False), _frame(resource)))
    except CityLoomError as error:
        return error_page(error, _status(error))


@router.post("/quality/profiles/{resource}", response_class=HTMLResponse)
async def show_values(resource: str, request: Request) -> HTMLResponse:
    """The profile with the values that were kept, for whoever may read what concerns the department."""
    at = workspace_of(request)
    try:
        fields = await form_fields(request)
        return await run_in_threadpool(_profile, at, resource, fields)
    except CityLoomError as error:
        return error_page(error, _status(error))


def _profile(at: Workspace, resource: str, fields: dict[str, str]) -> HTMLResponse:
    known = city_of(at).resource(resource)
    reader = flow.reader_of_key(at, fields.get("key", ""), known.department)
    is_open = open_for(at, known, reader.account)
    return HTMLResponse(profile_to_html(profiled(at, resource, is_open=is_open), _frame(resource)))


def _causes(at: Workspace, resource: str, fields: dict[str, str]) -> HTMLResponse:
    found = city_of(at).resource(resource)
    reader = flow.reader_of_key(at, fields.get("key", ""), found.department)
    causes = causes_for(at, resource, fields.get("rule", ""), actor=reader.account)
    return _page("quality/causes.html", resource=found, causes=causes, titles={i.name: str(i.title) for i in found.items})


def _report(at: Workspace, fields: dict[str, str]) -> Response:
    city_of(at)
    form = fields.get("format", "html")
    asked = flow.Asked(department=fields.get("department", ""), period=fields.get("period", ""), phase=fields.get("phase", "") or "before")
    reader = flow.reader_of_key(at, fields.get("key", ""), asked.department)
    made = flow.make(at, asked, reader=reader, form=form)
    if form == "page":
        return HTMLResponse(flow.encode(at, made, "html", _frame()).decode("utf-8"))
    headers = {"Content-Disposition": f'attachment; filename="{flow.file_name(made, form)}"'}
    return Response(flow.encode(at, made, form), media_type=flow.FORMATS[form], headers=headers)


def _resource_page(at: Workspace, resource: str, error: CityLoomError | None = None) -> HTMLResponse:
    city_of(at)
    try:
        found = resource_view(at, resource)
    except CityLoomError as wrong:
        return error_page(wrong, _status(wrong))
    return _page("quality/resource.html", status=_status(error) if error else 200, view=found, error=error, formats=list(flow.FORMATS))


def _page(template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    return page(template, "quality", status=status, said=report_words, dimensions=DIMENSIONS, trend_svg=trend_svg, **values)


def _frame(resource: str = "") -> Frame:
    places = [(_("Quality"), "/quality"), (_("Data profiles"), "/quality/profiles")]
    if resource:
        places.append((_("Rules and causes"), f"/quality/resources/{quote(resource)}"))
    return Frame(style_href=STYLE, places=places)


def _status(error: CityLoomError) -> int:
    return _STATUS.get(error.code, error.http_status)
