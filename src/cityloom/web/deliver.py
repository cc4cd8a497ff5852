"""Pages on which a department brings data: upload, form, corrected rows. Each asks for the department's key.

The key comes with the form itself and is kept nowhere; there are no sessions, so that no other site can act for
whoever is here.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cityloom.collect import correct as correcting
from cityloom.collect.formats import Form, form_of_name
from cityloom.collect.forms import FormDefinition, describe
from cityloom.collect.inbox import Draft, Inbox
from cityloom.flows import corrections, intake
from cityloom.flows.admission import admit
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import CityLoomError, UserError
from cityloom.kernel.ids import new_id
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.web.collect import XLSX, rejects_page
from cityloom.web.multipart import malformed, read_upload
from cityloom.web.shell import city_of, page, workspace_of
from cityloom.web.trouble import error_page

router = APIRouter(include_in_schema=False)
_MOST_FORM = 1 << 20
_STATUS = {"collect.key.invalid": 401, "model.resource.unknown": 404, "flows.subject.busy": 503, "collect.intake.large": 413}


@dataclass
class _Door:
    """Who came in with the fields before a file."""

    at: Workspace
    resource: str
    way: str
    found: Resource | None = None
    who: Principal | None = None
    name: str = ""

    def open(self, fields: Mapping[str, str], name: str) -> Draft:
        """Admit whoever holds the key, then take the file in."""
        self.found, self.who = admit(self.at, fields.get("key", "").strip(), self.resource, self.way)
        self.name = name
        form_of_name(name)
        return Inbox(self.at.folder).draft(self.found.name, name)


@dataclass(frozen=True, kw_only=True)
class FormView:
    """A form on a page: what was entered, and what is wrong with it, by column."""

    definition: FormDefinition
    key: str
    values: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, list[str]] = field(default_factory=dict)
    error: CityLoomError | None = None
    done: str = ""


@router.get("/collect/upload/{resource}", response_class=HTMLResponse)
def show_upload(resource: str, request: Request) -> HTMLResponse:
    """The page to upload a file."""
    return _upload_page(workspace_of(request), resource)


@router.post("/collect/upload/{resource}", response_class=HTMLResponse)
async def check_upload(resource: str, request: Request) -> HTMLResponse:
    """Check an uploaded file, and show what was found before anything lands."""
    at = workspace_of(request)
    door = _Door(at, resource, "upload")
    try:
        fields, draft = await read_upload(request, door.open, at.settings.intake_mb << 20)
        answer = await run_in_threadpool(_submit, at, door, fields, draft)
    except CityLoomError as error:
        return _upload_page(at, resource, error=error)
    if answer.state == "landed":
        return page("collect/preview.html", "upload", resource=door.found, body=answer.body, file=door.name, answer=answer)
    status = 422 if answer.state == "refused" else 200
    return page("collect/preview.html", "upload", status=status, resource=door.found, body=answer.body, file=door.name, answer=answer)


@router.post("/collect/confirm/{delivery}", response_class=HTMLResponse)
async def confirm_upload(delivery: str, request: Request) -> Response:
    """Land what was checked, for whoever holds its ticket."""
    at = workspace_of(request)
    try:
        fields = await form_fields(request)
        answer = await run_in_threadpool(intake.confirm, at, delivery, fields.get("ticket", ""))
    except CityLoomError as error:
        return error_page(error, _status(error))
    return RedirectResponse(f"/collect/batches/{answer.batch}", status_code=303)


@router.get("/collect/forms/{resource}", response_class=HTMLResponse)
def show_form(resource: str, request: Request, done: str = "") -> HTMLResponse:
    """The page to enter one row."""
    city = city_of(workspace_of(request))
    if resource not in city.resources:
        return error_page(_unknown(resource), 404)
    shown = done if done.startswith("b_") and done[2:].isalnum() else ""
    view = FormView(definition=describe(city.resources[resource], city), key=new_id("f"), done=shown)
    return page("collect/form.html", "upload", resource=city.resources[resource], view=view)


@router.post("/collect/forms/{resource}", response_class=HTMLResponse)
async def take_form(resource: str, request: Request) -> Response:
    """Take one row, or show what is wrong beside the fields."""
    at = workspace_of(request)
    city = city_of(at)
    if resource not in city.resources:
        return error_page(_unknown(resource), 404)
    one = city.resources[resource]
    view = FormView(definition=describe(one, city), key=new_id("f"))
    try:
        fields = await form_fields(request)
        names = {f.name for f in view.definition.fields}
        values = {name[2:]: text for name, text in fields.items() if name.startswith("v:") and name[2:] in names}
        view = replace(view, values=values)
        answer = await run_in_threadpool(_enter, at, resource, fields, values)
    except CityLoomError as error:
        return page("collect/form.html", "upload", status=_status(error), resource=one, view=replace(view, error=error))
    if answer.batch is None:
        view = replace(view, problems=_by_column(answer.body), key=fields.get("form", view.key))
        return page("collect/form.html", "upload", status=422, resource=one, view=view)
    return RedirectResponse(f"/collect/forms/{resource}?done={answer.batch}", status_code=303)


@router.post("/collect/rejects/{resource}/export")
async def export_rejects(resource: str, request: Request) -> Response:
    """Hand the rows that are set apart out to whoever holds the department's key."""
    at = workspace_of(request)
    try:
        fields = await form_fields(request)
        return await run_in_threadpool(_handed_out, at, resource, fields)
    except CityLoomError as error:
        return rejects_page(request, resource, error=error, status=_status(error))


@router.post("/collect/rejects/{resource}/correct", response_class=HTMLResponse)
async def correct_rejects(resource: str, request: Request) -> HTMLResponse:
    """Take corrected rows in again."""
    at = workspace_of(request)
    door = _Door(at, resource, "correct")
    try:
        _fields_before, draft = await read_upload(request, door.open, at.settings.intake_mb << 20)
        answer = await run_in_threadpool(_taken_back, at, door, draft)
    except CityLoomError as error:
        return rejects_page(request, resource, error=error, status=_status(error))
    return rejects_page(request, resource, answer=answer)


def _submit(at: Workspace, door: _Door, fields: Mapping[str, str], draft: Draft) -> intake.Answer:
    assert door.found is not None and door.who is not None
    form = Form(kind=form_of_name(door.name), sheet=fields.get("sheet", "").strip() or 1)
    name = fields.get("name", "").strip() or draft.path.name
    return intake.submit(at, door.found, door.who, draft, intake.Sending(way="upload", form=form, name=name), is_held=True)


def _enter(at: Workspace, resource: str, fields: Mapping[str, str], values: Mapping[str, str]) -> intake.Answer:
    found, who = admit(at, fields.get("key", "").strip(), resource, "form")
    line = json.dumps({name: text.strip() or None for name, text in values.items()}, ensure_ascii=False).encode() + b"\n"
    sending = intake.Sending(way="form", form=Form(kind="json_lines", encoding="utf-8"), key=fields.get("form", "") or new_id("f"))
    draft = Inbox(at.folder).draft(found.name, "row.jsonl")
    draft.write(line)
    strict = replace(found, collect=replace(found.collect, drift="stop"))
    return intake.submit(at, strict, who, draft, sending)


def _handed_out(at: Workspace, resource: str, fields: Mapping[str, str]) -> Response:
    found, who = admit(at, fields.get("key", "").strip(), resource, "correct")
    rejects = corrections.hand_out(at, found, who, fields.get("batch") or None)
    if fields.get("form") == "csv":
        name = {"Content-Disposition": f'attachment; filename="{resource}-rejects.csv"'}
        return Response(correcting.write_csv(found, rejects), media_type="text/csv; charset=utf-8", headers=name)
    target = io.BytesIO()
    correcting.write_xlsx(found, rejects, target)
    name = {"Content-Disposition": f'attachment; filename="{resource}-rejects.xlsx"'}
    return Response(target.getvalue(), media_type=XLSX, headers=name)


def _taken_back(at: Workspace, door: _Door, draft: Draft) -> corrections.CorrectionAnswer:
    assert door.found is not None and door.who is not None
    return corrections.take_back(at, door.found, door.who, draft, Form(kind=form_of_name(door.name)))


def _by_column(body: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in body["errors"]:
        for column in one["columns"] or [""]:
            found.setdefault(column, []).append(one["reason"])
    return found


def _upload_page(at: Workspace, resource: str, *, error: CityLoomError | None = None) -> HTMLResponse:
    city = city_of(at)
    if resource not in city.resources:
        return error_page(_unknown(resource), 404)
    one = city.resources[resource]
    definition = describe(one, city)
    status = _status(error) if error else 200
    return page("collect/upload.html", "upload", status=status, resource=one, definition=definition, error=error, most=at.settings.intake_mb)


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a form without a file."""
    held = bytearray()
    async for block in request.stream():
        held += block
        if len(held) > _MOST_FORM:
            raise malformed()
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise malformed()
    try:
        return dict(parse_qsl(held.decode(), keep_blank_values=True, max_num_fields=2000))
    except ValueError:
        raise malformed() from None


def _status(error: CityLoomError) -> int:
    return _STATUS.get(error.code, error.http_status)


def _unknown(name: str) -> UserError:
    return UserError("web.resource.unknown", "There is no resource {name}.", hint="See the list of resources.", name=name[:60])
