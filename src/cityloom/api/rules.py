"""Rules as data over HTTP: list, propose, try, review, retire. An actor is the account whose key calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from cityloom.api.callers import Caller
from cityloom.content.rules import use_of
from cityloom.flows import rules as flow
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.model.rules import RuleTarget

router = APIRouter(tags=["rules"])
Name = Annotated[str, Field(max_length=80)]
Words = Annotated[str, Field(max_length=2000)]


class Target(BaseModel):
    """What a rule hangs on: a resource, an item of it, or a data element."""

    model_config = ConfigDict(extra="forbid")

    resource: Name = ""
    item: Name = ""
    element: Name = ""

    def made(self) -> RuleTarget:
        """The same inside."""
        return RuleTarget(**self.model_dump())


class Proposal(BaseModel):
    """A rule and what it hangs on; ``use`` as in a definition: rule, dimension, columns, options, when, …"""

    model_config = ConfigDict(extra="forbid")

    target: Target
    use: dict[str, Any]


class Attempt(Proposal):
    """A rule to be tried: ``phase`` before or after, ``sample`` rows (0 for all)."""

    phase: Annotated[str, Field(max_length=8)] = "after"
    sample: Annotated[int, Field(ge=0)] = 0
    examples: Annotated[int, Field(ge=0, le=100)] = 10


class Verdict(BaseModel):
    """What a reviewer says: ``role`` is business or technical."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[str, Field(max_length=16)]
    is_approved: bool
    words: Words = ""


class Why(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(extra="forbid")

    words: Words


@contextmanager
def _said_by_caller() -> Iterator[None]:
    """A definition that is wrong is the caller's here, and not the platform's."""
    try:
        yield
    except ConfigError as error:
        raise UserError(error.code, error.template, hint=error.hint_template, **error.details) from None


@router.get("/api/v1/rules")
def show_rules(
    who: Caller, resource: Annotated[str | None, Query()] = None, state: Annotated[str | None, Query()] = None
) -> list[dict[str, Any]]:
    """List the rules of the store, all their versions; those that definitions declare stand in the catalog."""
    at, actor = who
    return [asdict(one) for one in flow.visible(at, flow.listed(at, resource, state), actor)]


@router.get("/api/v1/rules/{name}")
def show_rule(name: str, who: Caller) -> dict[str, Any]:
    """All versions of a rule and what reviewers said."""
    at, actor = who
    found, said = flow.shown(at, name)
    if not flow.visible(at, found, actor):
        raise DeniedError("api.rule.foreign", "This rule is of another department.", hint="See your own at /api/v1/rules.")
    return {"versions": [asdict(one) for one in found], "reviews": [asdict(one) for one in said]}


@router.post("/api/v1/rules", status_code=201)
def propose_rule(given: Proposal, who: Caller) -> dict[str, Any]:
    """Propose a rule: a draft for the two reviews."""
    at, actor = who
    with _said_by_caller():
        return asdict(flow.propose(at, given.target.made(), use_of(given.use), actor=actor.account))


@router.post("/api/v1/rules/trials")
def try_rule(given: Attempt, who: Caller) -> list[dict[str, Any]]:
    """Run a rule on real rows before it counts; nothing is kept, looking at values goes on record."""
    at, actor = who
    size = {"sample": given.sample, "examples": given.examples}
    with _said_by_caller():
        found = flow.tried(at, given.target.made(), use_of(given.use), phase=given.phase, **size, actor=actor.account)
    return [flow.told(one) for one in found]


@router.post("/api/v1/rules/{name}/reviews")
def review_rule(name: str, given: Verdict, who: Caller) -> dict[str, Any]:
    """Approve or refuse a draft as the business or the technical reviewer."""
    at, actor = who
    said = flow.review(
        at, name, given.role, is_approved=given.is_approved, words=given.words, actor=actor.account
    )
    return asdict(said)


@router.post("/api/v1/rules/{name}/retirement")
def retire_rule(name: str, given: Why, who: Caller) -> dict[str, Any]:
    """Take a rule out of force, or a draft back."""
    at, actor = who
    return asdict(flow.retire(at, name, words=given.words, actor=actor.account))
