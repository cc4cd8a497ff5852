"""Errors over HTTP: every one is an RFC 9457 problem in the caller's language, none tells a value."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from cityloom.kernel.errors import CityLoomError
from cityloom.kernel.i18n import _, current_language
from cityloom.web.trouble import trouble_page, wants_page

MEDIA_TYPE = "application/problem+json"
UNAUTHENTICATED = ("share.key.invalid", "collect.key.invalid", "api.key.invalid")
"""Codes answered with 401 instead of the family's 403: nobody showed who calls."""
STATUS = {
    "collect.intake.conflict": 409,
    "collect.delivery.unknown": 404,
    "quality.order.unknown": 404,
    "flows.rule.unknown": 404,
    "flows.profile.missing": 404,
    "flows.cause.assessed": 404,
    "model.resource.unknown": 404,
    "model.transition.impossible": 409,
    "collect.intake.large": 413,
    "collect.form.unknown": 415,
    "collect.encoding.unknown": 415,
    "flows.subject.busy": 503,
}
"""Codes that HTTP has a status of its own for."""
_RETRY_SECONDS = "5"


def problem_response(body: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem object as a response with its own status and language."""
    said = {"Content-Language": current_language(), "Cache-Control": "no-store", **(headers or {})}
    return JSONResponse(body, status_code=body["status"], media_type=MEDIA_TYPE, headers=said)


def answer(scope: Scope, body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """The problem as who asked can read it: a page in a browser, else the object."""
    return trouble_page(body, headers) if wants_page(scope) else problem_response(body, headers)


def plain_problem(status: int, code: str, title: str, detail: str = "") -> dict[str, Any]:
    """A problem that no CityLoomError stands behind; ``title`` and ``detail`` already translated."""
    return {
        "type": f"urn:cityloom:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }


def unexpected_problem() -> dict[str, Any]:
    """What the caller sees of an error nobody foresaw: nothing but that it happened."""
    return plain_problem(
        500,
        "api.internal",
        _("Something went wrong inside CityLoom."),
        _("Try again; if it happens again, tell the operator the time of this answer."),
    )


def too_large_problem() -> dict[str, Any]:
    """What the caller sees when a request is too long, or does not say how long it is (RFC 9110 15.5.14)."""
    return plain_problem(
        413, "api.request.large", _("The request is too large, or does not declare its length.")
    )


def install_problems(app: FastAPI) -> None:
    """Answer expected errors, malformed requests and unknown addresses as problems."""
    app.add_exception_handler(CityLoomError, _expected)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _refused)


async def _expected(request: Request, error: Exception) -> Response:
    assert isinstance(error, CityLoomError)
    body = error.problem()
    if error.code in UNAUTHENTICATED:
        return answer(request.scope, body | {"status": 401}, {"WWW-Authenticate": "Bearer"})
    status = STATUS.get(error.code, body["status"])
    return answer(request.scope, body | {"status": status}, {"Retry-After": _RETRY_SECONDS} if status == 503 else None)


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = sorted({_place(e["loc"], e["type"]) for e in error.errors()})
    body = plain_problem(
        400,
        "api.request.malformed",
        _("The request is not of the form that this address takes."),
        _("Compare it with the description under /api/v1/openapi.json."),
    )
    return answer(request.scope, body | {"places": places})


def _place(location: tuple[str | int, ...], kind: str) -> str:
    """Where a request is wrong, in names of ours only: a name that the caller made up may be a value."""
    return ".".join(str(part) for part in location[: 1 if kind == "extra_forbidden" else 2])


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        title = _("This address does not take this method.")
    elif error.status_code == 400:
        title = _("The request is not of the form that this address takes.")
    else:
        title = _("There is nothing at this address.")
    body = plain_problem(error.status_code, f"api.http.{error.status_code}", title)
    return answer(request.scope, body, dict(error.headers or {}))
