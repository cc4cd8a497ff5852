"""Pages of collecting that anyone here may see: batches with their receipts, templates, what is set apart. No rows."""

from __future__ import annotations

import io
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from cityloom.collect.forms import describe
from cityloom.collect.template import csv_template, xlsx_template
from cityloom.kernel.errors import CityLoomError, UserError
from cityloom.kernel.i18n import current_language
from cityloom.model.resource import Resource
from cityloom.store import batches
from cityloom.store import intake as records
from cityloom.web.receipts import PAGE, BatchView, lines_of, rejects_of, rule_of
from cityloom.web.shell import city_of, page, workspace_of
from cityloom.web.trouble import error_page

router = APIRouter(include_in_schema=False)
_PAGES = 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/collect", response_class=HTMLResponse)
@router.get("/collect/upload", response_class=HTMLResponse)
def show_resources(request: Request) -> HTMLResponse:
    """The resources, by department, with the ways in that are open to people."""
    at = workspace_of(request)
    city = city_of(at)
    with at.store.read() as connection:
        counts = batches.count_rejects(connection)
    waiting: dict[str, int] = {}
    for (resource, _batch, _code), (count, corrected) in counts.items():
        waiting[resource] = waiting.get(resource, 0) + count - corrected
    groups: dict[str, list[Resource]] = {}
    for one in city.resources.values():
        groups.setdefault(one.department, []).append(one)
    return page("collect/resources.html", "upload", groups=groups, departments=city.departments, waiting=waiting, is_open=is_open)


@router.get("/collect/batches", response_class=HTMLResponse)
def show_batches(
    request: Request, resource: str = "", number: Annotated[int, Query(alias="page", ge=1, le=_PAGES)] = 1
) -> HTMLResponse:
    """Batches, newest first: counts of both sides."""
    at = workspace_of(request)
    city = city_of(at)
    with at.store.read() as connection:
        found = batches.list_batches(connection, resource or None, limit=PAGE * number + 1)
    newest = found[::-1][PAGE * (number - 1) :]
    return page(
        "collect/batches.html",
        "batches",
        lines=lines_of(newest[:PAGE], city),
        resources=city.resources,
        chosen=resource,
        number=number,
        has_more=len(newest) > PAGE and number < _PAGES,
    )


@router.get("/collect/batches/{batch}", response_class=HTMLResponse)
def show_batch(batch: str, request: Request) -> HTMLResponse:
    """One batch: the figures of both sides, what was set apart and why, how to prove it."""
    at = workspace_of(request)
    with at.store.read() as connection:
        found = batches.find_batch(connection, batch)
        counts = batches.count_rejects(connection, found.resource) if found else {}
        signatures = records.list_signatures(connection, batch)
    if found is None:
        return error_page(
            UserError("web.batch.unknown", "There is no batch {batch}.", hint="See the list of batches.", batch=batch[:60]), 404
        )
    city = city_of(at)
    return page(
        "collect/batch.html",
        "batches",
        view=BatchView(found),
        resource=city.resources.get(found.resource),
        rejects=rejects_of(counts, batch),
        signatures=signatures,
    )


@router.get("/collect/rejects/{resource}", response_class=HTMLResponse)
def show_rejects(resource: str, request: Request) -> HTMLResponse:
    """What is set apart of a resource, counted by batch and reason; content only under a key."""
    return rejects_page(request, resource)


@router.get("/collect/rejects/{resource}/export")
@router.get("/collect/rejects/{resource}/correct")
def go_back(resource: str, request: Request) -> RedirectResponse:
    """To the page of what is set apart, for whoever loads the answer of a form again."""
    return RedirectResponse(f"/collect/rejects/{quote(resource)}?{request.url.query}", status_code=303)


@router.get("/collect/templates/{file}")
def send_template(file: str, request: Request) -> Response:
    """A resource's template: ``<resource>.xlsx`` or ``<resource>.csv``, in the language of the page."""
    city = city_of(workspace_of(request))
    name, _dot, ending = file.rpartition(".")
    if name not in city.resources or ending not in ("xlsx", "csv"):
        return error_page(_no_template(), 404)
    definition = describe(city.resources[name], city)
    disposition = {"Content-Disposition": f'attachment; filename="{name}-{current_language()}.{ending}"'}
    if ending == "csv":
        return Response(csv_template(definition), media_type="text/csv; charset=utf-8", headers=disposition)
    target = io.BytesIO()
    xlsx_template(definition, target)
    return Response(target.getvalue(), media_type=XLSX, headers=disposition)


def rejects_page(request: Request, resource: str, *, error: CityLoomError | None = None, status: int = 200, **more: Any) -> HTMLResponse:
    """The page of what is set apart, also with what became of a corrected file."""
    at = workspace_of(request)
    city = city_of(at)
    if resource not in city.resources:
        return error_page(_no_resource(resource), 404)
    with at.store.read() as connection:
        counts = batches.count_rejects(connection, resource)
        known = {b.id: b for b in batches.list_batches(connection, resource, limit=PAGE * _PAGES)}
    lines = [(known[batch], rule_of(code), count, corrected) for (_r, batch, code), (count, corrected) in counts.items() if batch in known]
    values: dict[str, Any] = {"answer": None, **more}
    return page(
        "collect/rejects.html", "upload", resource=city.resources[resource], lines=lines[::-1], error=error, status=status, **values
    )


def is_open(resource: Resource) -> bool:
    """Whether people may bring data for a resource."""
    return resource.collect.mode in ("push", "full", "incremental")


def _no_resource(name: str) -> UserError:
    return UserError("web.resource.unknown", "There is no resource {name}.", hint="See the list of resources.", name=name[:60])


def _no_template() -> UserError:
    return UserError("web.template.unknown", "There is no such template.", hint="Open it from the list of resources.")
