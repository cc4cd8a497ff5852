"""The moves of a catalog entry: each with its audit event in the same transaction."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.catalog import TRANSITIONS, Entry, EntryState
from cityloom.model.principal import Principal
from cityloom.model.transition import check_actor, transition
from cityloom.model.transition import diagram as _diagram
from cityloom.store import audit
from cityloom.store.catalog import add_entry_move, find_entry, put_entry
from cityloom.store.database import Store

RULE = "rule"
"""Name of the actor where a move follows from definitions or from the real table."""


def move(name: str, verb: str, actor: Principal, *, store: Store, clock: Clock) -> Entry:
    """A person reviews, publishes or retires a resource.

    Raises:
        UserError: ``catalog.entry.unknown`` or ``model.transition.impossible``.
        DeniedError: ``model.transition.denied``.
    """
    with store.write() as connection:
        entry = find_entry(connection, name)
        if entry is None:
            raise UserError(
                "catalog.entry.unknown",
                "The catalog holds no resource {name}.",
                hint="Apply its definition and compile the catalog first.",
                name=name,
            )
        return move_by(connection, entry, verb, actor, clock=clock)


def move_by(
    connection: sa.Connection, entry: Entry, verb: str, actor: Principal, *, clock: Clock, applied_by: str = ""
) -> Entry:
    """The same inside a transaction; ``applied_by`` is who applied the definitions that declare the move."""
    step = transition(TRANSITIONS, verb, entry.state)
    check_actor(step, actor, consumer=None, provider=entry.department)
    return record(connection, entry, verb, actor.account, clock=clock, applied_by=applied_by)


def record(
    connection: sa.Connection, entry: Entry, verb: str, actor: str, *, clock: Clock, applied_by: str = ""
) -> Entry:
    """Make a move whose right is established: state, history and audit event together."""
    target = transition(TRANSITIONS, verb, entry.state).target
    now = iso(clock.now())
    moved = replace(entry, state=target, updated_at=now)
    if target == EntryState.PUBLISHED and verb == "publish":
        moved = replace(moved, published_at=now)
    put_entry(connection, moved)
    add_entry_move(connection, moved, verb=verb, actor=actor, at=now)
    details: dict[str, str | int] = {"verb": verb, "state": target, "version": moved.version, "code": moved.code}
    if applied_by and applied_by != actor:
        details |= {"on_behalf_of": actor}
    kind = EventKind.RESOURCE_PUBLISHED if verb == "publish" else EventKind.RESOURCE_MOVED
    event = AuditEvent(kind=kind, actor=applied_by or actor, subject=f"resource:{moved.name}", details=details)
    audit.append(connection, event, clock)
    return moved


def diagram() -> str:
    """The moves as a Mermaid state diagram."""
    return _diagram(TRANSITIONS, EntryState.COMPILED)
