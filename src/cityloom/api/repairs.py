"""Proposals for broken cells over HTTP: read them, accept some. An actor is the account whose key calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cityloom.api.callers import Caller
from cityloom.flows import acceptance, repairs
from cityloom.flows.acceptance import Line
from cityloom.flows.repairs import Asked
from cityloom.kernel.errors import UserError
from cityloom.quality.repair import LEAST

router = APIRouter(tags=["quality"])
Phase = Literal["before", "after"]
Confidence = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(max_length=160)]
Value = Annotated[str, Field(max_length=10_000)]


class Cell(BaseModel):
    """A cell that is accepted, with what its proposal said."""

    model_config = ConfigDict(extra="forbid")

    batch: Name
    row: Annotated[int, Field(ge=0)]
    item: Name
    old: Value | None = None
    value: Value | None = None


class Decision(BaseModel):
    """Which proposals are accepted, and why: either ``cells``, or all ``above`` a confidence (of some items or rules)."""

    model_config = ConfigDict(extra="forbid")

    why: Annotated[str, Field(max_length=2000)]
    phase: Phase = "before"
    cells: Annotated[list[Cell], Field(max_length=10_000)] | None = None
    above: Confidence | None = None
    items: Annotated[list[Name], Field(max_length=100)] = []
    rules: Annotated[list[Name], Field(max_length=100)] = []


@router.get("/api/v1/quality/repairs/{resource}")
def show_repairs(
    resource: str,
    who: Caller,
    phase: Phase = "before",
    least: Annotated[float, Query(ge=0, le=1)] = LEAST,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[dict[str, Any]]:
    """What the broken cells of a resource should hold, and why; the look goes on record."""
    at, actor = who
    asked = Asked(phase=phase, least=least)
    return [asdict(one) for one in repairs.proposals(at, resource, asked, actor=actor.account, limit=limit)]


@router.post("/api/v1/quality/repairs/{resource}")
def accept_repairs(resource: str, decision: Decision, who: Caller) -> dict[str, Any]:
    """Accept proposals: the rows come in again with them, are assessed and standardised; all of them or none.

    Raises:
        UserError: ``api.repairs.what``.
    """
    at, actor = who
    one = at.city.resource(resource)
    if (decision.cells is None) == (decision.above is None) or (decision.cells is not None and (decision.items or decision.rules)):
        raise UserError(
            "api.repairs.what",
            "It is not said which proposals are accepted.",
            hint="Give either cells, or above with items and rules to narrow it.",
        )
    if decision.cells is not None:
        given = [
            Line(number=n, batch=c.batch, row=c.row, item=c.item, old=c.old or "", value=c.value or "")
            for n, c in enumerate(decision.cells, start=1)
        ]
        chosen = acceptance.from_lines(at, one, given, decision.phase, actor)
    else:
        asked = Asked(phase=decision.phase, least=decision.above or 0.0, items=tuple(decision.items), rules=tuple(decision.rules))
        chosen = acceptance.by_confidence(at, one, asked, actor)
    done = acceptance.accept(at, one, chosen, actor, decision.why)
    return {"proposals": len(chosen.proposals), "hidden": chosen.hidden, "lost": chosen.lost, "corrected": asdict(done)}
