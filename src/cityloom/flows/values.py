"""Values in what is shown of quality: profiles, root causes, reports. Who may look at the rows sees them, on record."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.causes import grades_of, root_causes
from cityloom.flows.shown import HIDDEN, may_look
from cityloom.kernel.errors import DeniedError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.cause import Cause, Condition, RootCause
from cityloom.model.resource import GRADES, Resource
from cityloom.store import audit

_FIGURES = ("missing", "length")
"""Kinds of conditions that tell no value."""


def may_see(workspace: Workspace, resource: Resource, actor: str) -> bool:
    """Whether an account may see values of a resource's rows."""
    try:
        may_look(workspace, resource, actor)
    except DeniedError:
        return False
    return True


def note(workspace: Workspace, kind: EventKind, subject: str, actor: str, **details: str | int) -> None:
    """Put on record that something was shown."""
    with workspace.store.write() as connection:
        audit.append(connection, AuditEvent(kind=kind, actor=actor, subject=subject, details=details), workspace.clock)


def public_items(workspace: Workspace, resource: Resource) -> frozenset[str]:
    """The items whose values anybody may see."""
    return frozenset(name for name, grade in grades_of(workspace, resource).items() if grade == GRADES[0])


def concealed(causes: Iterable[Cause], public: Collection[str]) -> tuple[Cause, ...]:
    """Causes without values of items that are not public: what they are about and all counts stay."""

    def some(found: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(_hidden(one, public) for one in found)

    return tuple(replace(one, conditions=some(one.conditions), also=tuple(map(some, one.also))) for one in causes)


def open_for(workspace: Workspace, resource: Resource, actor: str) -> bool:
    """Whether values are shown to an account; that they are goes on record."""
    is_open = may_see(workspace, resource, actor)
    if is_open:
        note(workspace, EventKind.VALUES_SHOWN, resource.name, actor)
    return is_open


def causes_for(workspace: Workspace, name: str, rule: str = "", *, phase: str = "before", actor: str) -> list[RootCause]:
    """The root causes, with values for whoever may see them.

    Raises:
        UserError: as :func:`cityloom.flows.causes.root_causes`.
    """
    found = root_causes(workspace, name, rule, phase=phase)
    resource = workspace.city.resource(name)
    if open_for(workspace, resource, actor):
        return found
    public = public_items(workspace, resource)
    return [replace(one, causes=concealed(one.causes, public)) for one in found]


def _hidden(one: Condition, public: Collection[str]) -> Condition:
    if one.column.startswith("_") or one.column in public or one.kind in _FIGURES:
        return one
    return replace(one, values=(HIDDEN,) * (2 if one.kind == "range" else 1))
