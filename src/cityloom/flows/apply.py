"""Applies a folder of definitions: read, check, plan, carry out. A second apply changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import sqlalchemy as sa

from cityloom.content import library
from cityloom.content.check import check
from cityloom.content.load import Definition, load, problem_at, value_of
from cityloom.content.problems import ContentError
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.roles import require_role
from cityloom.kernel.clock import iso
from cityloom.kernel.i18n import _
from cityloom.kernel.registry import plugins
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.lifecycle import StandardState, StandardVersion
from cityloom.store import audit, definitions, standards
from cityloom.store.definitions import Change

_GIVEN = {
    "connector": frozenset(("base", "resource", "drift", "mode", "key_columns", "known_columns")),
    "step": frozenset(("tables",)),
    "rule": frozenset(("tables", "today", "cycle", "columns")),
}
"""Fields of plug-ins that the platform fills, by kind."""


@dataclass(frozen=True)
class Applied:
    """What applying changed, or would change when it is only a plan."""

    changes: tuple[Change, ...]
    total: int
    is_plan: bool


def apply(
    workspace: Workspace, folder: Path, *, actor: str, only_plan: bool = False, is_part: bool = False
) -> Applied:
    """Bring the definitions of a folder into force, with those of the library that they refer to.

    Args:
        workspace: where they take effect.
        folder: YAML files below it.
        actor: account that applies them, for the record.
        only_plan: say what would change and change nothing.
        is_part: the folder holds only some definitions, and the others stay in force.

    Raises:
        ContentError: with every mistake, by file, line and key; nothing is applied then.
        DeniedError: ``flows.role.missing`` when the accounts in force do not make the actor a steward.
    """
    require_role(workspace, actor, "steward")
    found = load(folder)
    with workspace.store.read() as connection:
        found = _with_published(connection, found, folder)
        others = _others(connection, found, folder) if is_part else []
    found += library.referred(found, [(one.kind, one.name) for one in others])
    check([*found, *others], folder, known_plugins())
    wanted = {(one.kind, one.name): one.digest for one in found}
    bodies = {(one.kind, one.name): (one.digest, one.body) for one in found}
    with workspace.store.write() as connection:
        changes = [c for c in definitions.plan(connection, wanted) if not is_part or c.action != "remove"]
        if changes and not only_plan:
            definitions.carry_out(connection, changes, bodies, at=iso(workspace.clock.now()), by=actor)
            event = AuditEvent(
                kind=EventKind.CONTENT_APPLIED,
                actor=actor,
                subject="content",
                details={action: sum(c.action == action for c in changes) for action in ("add", "change", "remove")},
            )
            audit.append(connection, event, workspace.clock)
    workspace.forget_city()
    return Applied(tuple(changes), len(found), only_plan)


def _with_published(connection: sa.Connection, found: list[Definition], folder: Path) -> list[Definition]:
    """The definitions with the published standards that the folder does not hold: these stay in force.

    Raises:
        ContentError: the folder holds a standard otherwise than it was published, or one that is retired.
    """
    newest: dict[tuple[str, str], StandardVersion] = {}
    for one in standards.list_versions(connection):
        if one.state in (StandardState.PUBLISHED, StandardState.RETIRED):
            newest[one.kind, one.name] = one
    problems = []
    for given in found:
        known = newest.get((given.kind, given.name))
        if known is not None and known.state == StandardState.RETIRED:
            text = _("{name} is retired.").format(name=given.name)
            problems.append(problem_at(given, ("name",), text, _("Take it out, or propose a new version."), folder))
        elif known is not None and known.digest != given.digest:
            text = _("{name} is published as version {version}, and is not as it stands here.")
            hint = _("Propose the change with `cityloom standards propose`, or take it out of the folder.")
            problems.append(problem_at(given, ("name",), text.format(name=given.name, version=known.version), hint, folder))
    if problems:
        raise ContentError(problems)
    mine = {(one.kind, one.name) for one in found}
    kept = [v for key, v in newest.items() if key not in mine and v.state == StandardState.PUBLISHED]
    return found + [Definition(v.kind, v.name, v.body, v.digest, value_of(v.kind, v.body), folder, 0) for v in kept]


def _others(connection: sa.Connection, found: list[Definition], folder: Path) -> list[Definition]:
    """The definitions in force that are not among those found."""
    mine = {(one.kind, one.name) for one in found}
    return [
        Definition(s.kind, s.name, s.body, s.digest, value_of(s.kind, s.body), folder, 0)
        for s in definitions.current(connection)
        if (s.kind, s.name) not in mine
    ]


def known_plugins() -> dict[str, dict[str, frozenset[str]]]:
    """The plug-ins that definitions may use, by kind and name, each with the options it takes."""
    packages = {
        "connector": "cityloom.collect.connectors",
        "step": "cityloom.standard.steps",
        "rule": "cityloom.quality.rules",
        "negotiation": "cityloom.fuse.rules",
    }
    return {
        kind: {
            name: frozenset(f.name for f in fields(cls) if f.init and f.name not in _GIVEN.get(kind, ()))
            for name, cls in plugins(package).items()
        }
        for kind, package in packages.items()
    }
