"""The addresses under ``/api/v1``, and the sign of life."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from cityloom.api.services import Services
from cityloom.kernel.errors import UserError
from cityloom.web.report import read_report

router = APIRouter()


Word = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""A value that a caller knows already: short text without control characters."""


class Question(BaseModel):
    """What a caller asks a service."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, Word] = Field(default_factory=dict, max_length=50)


def services_of(request: Request) -> Services:
    """The services of the application that answers this request."""
    return cast(Services, request.app.state.services)


def bearer(authorization: Annotated[str | None, Header()] = None) -> str:
    """The key of the caller (RFC 6750), empty where none is shown: the service refuses it and keeps a record."""
    scheme, _space, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def stated_purpose(x_purpose: Annotated[str | None, Header()] = None) -> str:
    """The purpose the caller states: its short name or title, a Chinese one as UTF-8 or percent-encoded.

    Raises:
        UserError: ``api.purpose.missing``.
    """
    text = unquote(x_purpose or "").strip()
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    if not text:
        raise UserError(
            "api.purpose.missing",
            "This call states no purpose.",
            hint="Send the header X-Purpose with the purpose of your grant.",
        )
    return text


@router.get("/healthz", tags=["operation"])
def show_health() -> dict[str, str]:
    """Say that the server answers."""
    return {"status": "ok"}


@router.get("/api/v1/services", tags=["services"])
def list_services(services: Annotated[Services, Depends(services_of)]) -> list[dict[str, Any]]:
    """List the published services: what each requires, what it gives, how it is shared."""
    return [
        {
            "name": one.name,
            "title": {"zh": one.title.zh, "en": one.title.en},
            "form": one.form,
            "version": one.version,
            "department": one.department,
            "grade": one.grade,
            "sharing": one.sharing.attribute,
            "require": list(one.require),
            "items": [
                {"name": i.name, "title": {"zh": i.title.zh, "en": i.title.en}, "masked": i.mask is not None}
                for i in one.items
            ],
            "quota": one.quota,
        }
        for one in services.published()
    ]


@router.post("/api/v1/services/{name}", tags=["services"])
def call_service(
    name: str,
    question: Question,
    token: Annotated[str, Depends(bearer)],
    purpose: Annotated[str, Depends(stated_purpose)],
    services: Annotated[Services, Depends(services_of)],
) -> JSONResponse:
    """Ask a service under a key and a purpose; what leaves is masked as the grant says, and traced."""
    return JSONResponse(dict(services.answer(name, question.parameters, token=token, purpose=purpose)))


@router.get("/api/v1/report", tags=["operation"])
def show_report(request: Request) -> JSONResponse:
    """The report of the main job, without the passwords of the example accounts.

    Raises:
        UserError: ``api.report.absent`` when the main job has not run in this workspace.
    """
    report = read_report(cast(Path, request.app.state.folder))
    if report is None:
        raise UserError(
            "api.report.absent",
            "There is no report in this workspace yet.",
            hint="Run the main job: cityloom demo.",
        )
    return JSONResponse(report.model_dump(mode="json", exclude={"accounts": {"__all__": {"password"}}}))
