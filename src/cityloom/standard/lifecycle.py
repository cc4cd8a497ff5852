"""Moves of data standards: proposed, reviewed twice, published, retired; state, record and audit in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.lifecycle import (
    DEPARTMENT,
    REVIEWS,
    TRANSITIONS,
    StandardMove,
    StandardState,
    StandardVersion,
)
from cityloom.model.principal import Principal
from cityloom.model.transition import check_actor, transition
from cityloom.store import audit, standards

_OPEN = (StandardState.DRAFT, StandardState.IN_REVIEW)


@dataclass(frozen=True)
class Proposal:
    """A definition that somebody proposes as a standard: its body with ``version``, and the digest of it."""

    kind: str
    name: str
    body: Mapping[str, Any]
    digest: str


def propose(connection: sa.Connection, one: Proposal, actor: Principal, clock: Clock, *, words: str = "", is_draft: bool = False) -> StandardVersion:
    """Put a proposal into review, or keep it as a draft. A version that is open is written anew and loses its reviews.

    Raises:
        UserError: ``standard.version.published`` when the version was published before, with another content or not.
        DeniedError: ``model.transition.denied``.
    """
    known = standards.list_versions(connection, kind=one.kind, name=one.name, is_locked=True)
    version = str(one.body.get("version", "1.0"))
    same = next((v for v in known if v.version == version), None)
    if same is not None and same.state not in _OPEN:
        raise UserError(
            "standard.version.published",
            "Version {version} of {name} is {state} and never changes.",
            hint="Propose a new version: write another version into it. `cityloom standards revise {name}` makes one.",
            version=version,
            name=one.name,
            state=same.state,
        )
    at = iso(clock.now())
    made = StandardVersion(
        kind=one.kind,
        name=one.name,
        number=same.number if same else max((v.number for v in known), default=0) + 1,
        version=version,
        state=StandardState.DRAFT,
        digest=one.digest,
        body=one.body,
        authors=tuple(dict.fromkeys([*(same.authors if same else ()), actor.account])),
        author_department=same.author_department if same else actor.department,
        changed_at=at,
    )
    check_actor(transition(TRANSITIONS, "submit", StandardState.DRAFT), actor, consumer=None, provider="")
    standards.put_version(connection, made)
    _record(connection, made, "write", same.state if same else "", made.state, actor, clock, words)
    return made if is_draft else _moved(connection, made, "submit", actor, clock, words)


def review(
    connection: sa.Connection, one: StandardVersion, side: str, actor: Principal, clock: Clock, *, is_approved: bool, words: str
) -> StandardVersion:
    """Approve or reject a version on one side. No author reviews; the department's review is of another department.

    Raises:
        UserError: ``standard.review.wordless`` for a rejection without words, ``model.transition.impossible``.
        DeniedError: ``standard.review.author``, ``standard.review.department``, ``standard.review.both`` or
            ``model.transition.denied``.
    """
    verb = f"{'approve' if is_approved else 'reject'}_{side}"
    check_actor(transition(TRANSITIONS, verb, one.state), actor, consumer=None, provider="")
    if actor.account in one.authors:
        raise DeniedError(
            "standard.review.author",
            "{account} wrote at this version and does not review it.",
            hint="Ask somebody else of the same role.",
            account=actor.account,
        )
    if side == DEPARTMENT and actor.department == one.author_department:
        raise DeniedError(
            "standard.review.department",
            "{account} is of the author's own department, {department}.",
            hint="The review of the departments is another department's.",
            account=actor.account,
            department=actor.department,
        )
    if actor.account in {m.actor for m in approvals(connection, one).values()} and is_approved:
        raise DeniedError(
            "standard.review.both",
            "{account} has approved this version already.",
            hint="The two reviews are of two people.",
            account=actor.account,
        )
    if not is_approved and not words:
        raise UserError("standard.review.wordless", "A rejection says why.", hint="Add --words.")
    return _moved(connection, one, verb, actor, clock, words)


def approvals(connection: sa.Connection, one: StandardVersion) -> dict[str, StandardMove]:
    """The approvals of a version by side, since it was last submitted."""
    found: dict[str, StandardMove] = {}
    for move in standards.list_moves(connection, one.kind, one.name, one.number):
        if move.verb == "submit":
            found = {}
        elif move.verb.startswith("approve_"):
            found[move.verb.removeprefix("approve_")] = move
    return found


def publish(connection: sa.Connection, one: StandardVersion, actor: Principal, clock: Clock, *, words: str = "") -> StandardVersion:
    """Publish a version that both sides approved; the version before is superseded. The caller brings it into force.

    Raises:
        UserError: ``standard.review.missing``, ``model.transition.impossible``.
        DeniedError: ``model.transition.denied``.
    """
    check_actor(transition(TRANSITIONS, "publish", one.state), actor, consumer=None, provider="")
    missing = [side for side in REVIEWS if side not in approvals(connection, one)]
    if missing:
        raise UserError(
            "standard.review.missing",
            "{name} lacks a review: {missing}.",
            hint="`cityloom standards review {name} --side {first} --approve`, by somebody who did not write it.",
            name=one.name,
            missing=", ".join(missing),
            first=missing[0],
        )
    for earlier in standards.list_versions(connection, kind=one.kind, name=one.name, state=StandardState.PUBLISHED):
        _moved(connection, earlier, "supersede", actor, clock, "")
    return _moved(connection, one, "publish", actor, clock, words)


def retire(connection: sa.Connection, one: StandardVersion, actor: Principal, clock: Clock, *, words: str = "", users: Sequence[str] = ()) -> StandardVersion:
    """Retire a published version that nothing uses any more. The caller takes it out of force.

    Raises:
        UserError: ``standard.retire.used``, with what uses it; ``model.transition.impossible``.
        DeniedError: ``model.transition.denied``.
    """
    check_actor(transition(TRANSITIONS, "retire", one.state), actor, consumer=None, provider="")
    if users:
        raise UserError(
            "standard.retire.used",
            "{name} is still used: {users}.",
            hint="Let them use another standard first. `cityloom standards impact {name}` lists them.",
            name=one.name,
            users=", ".join(users[:8]),
        )
    return _moved(connection, one, "retire", actor, clock, words)


def _moved(connection: sa.Connection, one: StandardVersion, verb: str, actor: Principal, clock: Clock, words: str) -> StandardVersion:
    move = transition(TRANSITIONS, verb, one.state)
    after = replace(one, state=move.target, changed_at=iso(clock.now()))
    standards.put_version(connection, after)
    _record(connection, one, verb, move.source, move.target, actor, clock, words)
    return after


def _record(
    connection: sa.Connection, one: StandardVersion, verb: str, source: str, target: str, actor: Principal, clock: Clock, words: str
) -> None:
    standards.put_move(
        connection,
        StandardMove(
            kind=one.kind,
            name=one.name,
            number=one.number,
            verb=verb,
            source=source,
            target=target,
            actor=actor.account,
            department=actor.department,
            at=iso(clock.now()),
            words=words,
        ),
    )
    details: dict[str, str | int] = {"kind": one.kind, "version": one.version, "move": verb, "state": target, "digest": one.digest}
    event = AuditEvent(kind=EventKind.STANDARD_MOVED, actor=actor.account, subject=one.name, details=details)
    audit.append(connection, event, clock)
