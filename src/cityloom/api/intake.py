"""The address to which departments' systems push their data, and the description of what is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

import anyio
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from cityloom.api.problems import plain_problem, problem_response
from cityloom.api.routes import bearer
from cityloom.collect.formats import form_of_media
from cityloom.collect.forms import describe
from cityloom.collect.inbox import Draft, Inbox
from cityloom.flows import intake
from cityloom.flows.admission import admit
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.resource import Resource

router = APIRouter(tags=["intake"])
_BLOCK = 1 << 18
_SILENT_SECONDS = 60.0
"""A sender that sends nothing for so long is let go."""


def workspace_of(request: Request) -> Workspace:
    """The workspace of the application that answers this request."""
    return cast(Workspace, request.app.state.workspace)


@router.post("/api/v1/intake/{resource}", status_code=201)
async def push(
    resource: str,
    request: Request,
    token: Annotated[str, Depends(bearer)],
    content_type: Annotated[str, Header()] = "",
    idempotency_key: Annotated[str, Header(max_length=120)] = "",
    delivery: Annotated[str, Query(max_length=120)] = "",
    check: Annotated[bool, Query()] = False,
) -> JSONResponse:
    """Push rows of a resource: JSON, JSON Lines or CSV, checked against its standards and landed at once.

    The header ``Idempotency-Key`` (or ``batch_key`` in the JSON) tells the delivery from every other one: repeated
    with the same content it gets the same answer, with other content 409. ``delivery`` names what it is, for
    example ``2026-03``; a later one of the same name replaces it. ``check`` only looks.
    """
    at = workspace_of(request)
    found, who = await run_in_threadpool(admit, at, token, resource, "push")
    sending = intake.Sending(way="push", form=form_of_media(content_type), key=idempotency_key, name=delivery)
    draft = await spool(request, at, found)
    if check:
        looked = await run_in_threadpool(intake.look, at, found, draft, sending)
        return JSONResponse(dict(looked.body))
    return respond(await run_in_threadpool(intake.submit, at, found, who, draft, sending))


@router.get("/api/v1/intake/{resource}/{key}")
def show_delivery(
    resource: str, key: str, request: Request, token: Annotated[str, Depends(bearer)]
) -> JSONResponse:
    """What a delivery was answered, by its key: for a sender whose line broke before the answer came."""
    at = workspace_of(request)
    found, _who = admit(at, token, resource, "push")
    answer = intake.find_answer(at, found, key)
    if answer is None:
        raise UserError(
            "collect.delivery.unknown",
            "Nothing was delivered under the key {key}.",
            hint="Send it.",
            key=key[:120],
        )
    return JSONResponse(dict(answer.body))


@router.get("/api/v1/forms/{resource}")
def show_form(resource: str, request: Request) -> JSONResponse:
    """What a row of a resource looks like: titles, required items, code lists and formats, as JSON Schema 2020-12."""
    at = workspace_of(request)
    at.forget_city()
    city = at.city
    return JSONResponse(describe(city.resource(resource), city).schema())


async def spool(request: Request, at: Workspace, resource: Resource) -> Draft:
    """The request's body in the inbox, block by block: memory does not grow with it.

    Raises:
        UserError: ``collect.intake.large``, ``collect.intake.broken``.
    """
    most = at.settings.intake_mb << 20
    draft = Inbox(at.folder).draft(resource.name, "rows")
    held = bytearray()
    try:
        stream = request.stream()
        while True:
            with anyio.fail_after(_SILENT_SECONDS):
                block = await anext(stream, None)
            held += block or b""
            if draft.size + len(held) > most:
                raise too_large(at)
            if block is None or len(held) >= _BLOCK:
                await run_in_threadpool(draft.write, bytes(held))
                held.clear()
            if block is None:
                return draft
    except (ClientDisconnect, TimeoutError):
        draft.discard()
        raise UserError(
            "collect.intake.broken",
            "The delivery did not come in whole.",
            hint="Send it again under the same key; nothing was taken.",
        ) from None
    except BaseException:
        draft.discard()
        raise


def too_large(at: Workspace) -> UserError:
    """The error for a delivery over the limit."""
    return UserError(
        "collect.intake.large",
        "A delivery has at most {most} MiB.",
        hint="Send it in parts with a key each; the operator may set CITYLOOM_INTAKE_MB.",
        most=at.settings.intake_mb,
    )


def respond(answer: intake.Answer) -> JSONResponse:
    """An answer over HTTP: 201 with the receipt, or a problem with every error."""
    if answer.state == "refused":
        return problem_response(_refusal(answer.body))
    headers = {"Location": f"/collect/batches/{answer.batch}"}
    if answer.is_repeated:
        headers["Idempotency-Replayed"] = "true"
    return JSONResponse(dict(answer.body), status_code=201, headers=headers)


def _refusal(body: Mapping[str, Any]) -> dict[str, Any]:
    title = _("{wrong} of {rows} rows break the rules; nothing was taken.").format(wrong=body["wrong"], rows=body["rows"])
    hint = _("Correct them and send the whole delivery again; the key is still free.")
    return {**body, **plain_problem(422, "collect.intake.refused", title, hint)}
