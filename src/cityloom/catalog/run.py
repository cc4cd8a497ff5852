"""The catalog step: definitions to entries, through review and publication, bound to their tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import sqlalchemy as sa

from cityloom.catalog.compile import compile_entry, with_code
from cityloom.catalog.lineage import edges_of
from cityloom.catalog.mount import compare
from cityloom.catalog.publish import RULE, move_by, record
from cityloom.kernel.clock import Clock
from cityloom.lake.tables import Lake
from cityloom.model.batch import Finding
from cityloom.model.catalog import Entry, EntryState
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.principal import Principal
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.store.catalog import find_entry, list_entries, put_edges, put_entry
from cityloom.store.database import Store
from cityloom.store.findings import put_findings


def run(city: City, *, store: Store, lake: Lake, clock: Clock, actor: str) -> StageResult:
    """Bring the catalog to what the definitions and the lake say; nothing moves where nothing changed.

    Review and publication are made on behalf of the resource's owner and of a steward, the accounts that
    the definitions name; the audit events say so and name the actor. Where the definitions name none, the
    entry waits for a person in the state it has reached.

    Args:
        city: the definitions in force.
        actor: account that applies them.

    Raises:
        ConfigError: see :func:`cityloom.catalog.compile.compile_entry`; nothing is written then.
    """
    compiled = [(r, compile_entry(r, city)) for r in sorted(city.resources.values(), key=lambda r: r.name)]
    states: Counter[str] = Counter()
    moves = 0
    with store.write() as connection:
        for resource, fresh in compiled:
            found, findings = compare(fresh, resource, lake)
            entry, made = _advance(connection, fresh, resource, city, clock=clock, actor=actor)
            entry, bound = _bind(connection, entry, found, clock=clock)
            _note(connection, entry, findings)
            states[str(entry.state)] += 1
            moves += made + bound
        moves += _retire(connection, city, clock=clock, actor=actor)
        edges = edges_of(city)
        is_lineage_new = put_edges(connection, edges)
    summary = {"resources": len(compiled), "moves": moves, "edges": len(edges), "lineage_changed": is_lineage_new}
    return StageResult(read=len(compiled), written=len(compiled), summary={**summary, **states})


def _advance(
    connection: sa.Connection, fresh: Entry, resource: Resource, city: City, *, clock: Clock, actor: str
) -> tuple[Entry, int]:
    """Compile what is new or changed, and take it as far as the definitions' own accounts allow."""
    known = find_entry(connection, fresh.name)
    moves = 0
    if known is None:
        entry = with_code(connection, fresh)
    elif known.digest == fresh.digest:
        entry = known
    else:
        entry = with_code(connection, replace(fresh, version=known.version + 1, state=known.state))
    if known is None or known.digest != fresh.digest:
        entry = record(connection, entry, "revise", RULE, clock=clock, applied_by=actor)
        moves += 1
    for verb, state, who in (
        ("review", EntryState.COMPILED, _owner(resource, city)),
        ("publish", EntryState.PROVIDER_REVIEWED, _steward(city)),
    ):
        if entry.state == state and who is not None:
            principal = Principal(account=who.name, department=who.department, roles=who.roles, grant=None)
            entry = move_by(connection, entry, verb, principal, clock=clock, applied_by=actor)
            moves += 1
    return entry, moves


def _bind(connection: sa.Connection, entry: Entry, table: str | None, *, clock: Clock) -> tuple[Entry, int]:
    if entry.state == EntryState.PUBLISHED and table is not None:
        return record(connection, replace(entry, mounted_table=table), "mount", RULE, clock=clock), 1
    if entry.state == EntryState.MOUNTED and table is None:
        return record(connection, replace(entry, mounted_table=None), "unmount", RULE, clock=clock), 1
    if entry.state == EntryState.MOUNTED and table != entry.mounted_table:
        entry = replace(entry, mounted_table=table)
        put_entry(connection, entry)
    return entry, 0


def _retire(connection: sa.Connection, city: City, *, clock: Clock, actor: str) -> int:
    """Retire entries whose definition is gone; returns how many. Its digest goes too, so that it may come back."""
    gone = [e for e in list_entries(connection) if e.name not in city.resources and e.state != EntryState.RETIRED]
    for entry in gone:
        loose = replace(entry, digest="", mounted_table=None)
        record(connection, loose, "retire", RULE, clock=clock, applied_by=actor)
    return len(gone)


def _note(connection: sa.Connection, entry: Entry, findings: list[Finding]) -> None:
    put_findings(connection, "catalog", entry.name, findings)


def _owner(resource: Resource, city: City) -> Account | None:
    own = [a for a in city.accounts.values() if a.department == resource.department and "owner" in a.roles]
    return min(own, key=lambda a: (a.name != resource.owner, a.name), default=None)


def _steward(city: City) -> Account | None:
    stewards = [a for a in city.accounts.values() if "steward" in a.roles]
    return min(stewards, key=lambda a: a.name, default=None)
