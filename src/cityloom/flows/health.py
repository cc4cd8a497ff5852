"""Health of sources: asked on demand, and noted by every collection."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from cityloom.collect.base import PACKAGE, Listing, build
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, SourceError
from cityloom.kernel.log import get_log
from cityloom.kernel.registry import plugin
from cityloom.model.batch import Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import MODES, Source
from cityloom.store import batches, findings, sources
from cityloom.store.sources import Health, Schema

KIND = "source"
_BATCH, _LISTING = "batch", "listing"


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """A source: what it can, whom it serves, how it is."""

    source: str
    department: str
    connector: str
    capabilities: dict[str, bool]
    resources: tuple[str, ...]
    health: Health
    schemas: tuple[Schema, ...] = ()


def overview(workspace: Workspace, names: Sequence[str] = ()) -> list[SourceView]:
    """All sources, or those named, by name.

    Raises:
        UserError: ``model.source.unknown``.
    """
    city = workspace.city
    with workspace.store.read() as connection:
        known = sources.list_health(connection)
        schemas = sources.list_schemas(connection)
    found = []
    for name in sorted(names or city.sources):
        source = city.source(name)
        of_it = tuple(r.name for r in city.resources.values() if r.collect.source == name)
        capabilities = plugin(PACKAGE, source.connector).capabilities
        found.append(
            SourceView(
                source=name,
                department=source.department,
                connector=source.connector,
                capabilities={mode: mode in capabilities for mode in MODES},
                resources=of_it,
                health=known.get(name, Health(source=name)),
                schemas=tuple(s for s in schemas if s.source == name and s.resource in of_it),
            )
        )
    return found


def check(workspace: Workspace, names: Sequence[str] = (), *, limit: float = 60.0) -> list[SourceView]:
    """Ask all sources, or those named, at the same time; one that hangs is given up after ``limit`` seconds."""
    asked = [workspace.city.source(n) for n in sorted(names or workspace.city.sources)]
    answers: dict[str, Health | None] = {one.name: None for one in asked}

    def ask(source: Source) -> None:
        answers[source.name] = _asked(workspace, source)

    threads = [threading.Thread(target=ask, args=(one,), name=f"check-{one.name}", daemon=True) for one in asked]
    for thread in threads:
        thread.start()
    began = workspace.clock.tick()
    for thread in threads:
        thread.join(max(0.0, limit - (workspace.clock.tick() - began)))
    for one in asked:
        health = answers[one.name] or _failed(workspace, one.name, _silent(limit), None)
        with workspace.store.write() as connection:
            before = sources.find_health(connection, one.name)
            sources.put_health(connection, _merged(before, health))
    return overview(workspace, names)


def noted(workspace: Workspace, resource: Resource, source: Source, work: Callable[[], StageResult]) -> StageResult:
    """Collect, and note how the source was; a note that cannot be written hinders nobody."""
    try:
        result = work()
    except SourceError as error:
        with _unhindered(source.name):
            _note(workspace, _failed(workspace, source.name, error, None))
        raise
    with _unhindered(source.name):
        _note_result(workspace, resource, source, result.summary)
    return result


@contextmanager
def _unhindered(source: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        get_log("sources").warning("sources.health.unwritten", source=source, kind=type(error).__name__)


def _note_result(workspace: Workspace, resource: Resource, source: Source, summary: Mapping[str, Any]) -> None:
    failed = next((e for e in summary.get("errors", ()) if e["family"] == "source"), None)
    now = iso(workspace.clock.now())
    health = Health(source=source.name, is_reachable=True, checked_at=now, succeeded_at=now)
    if failed is not None:
        health = replace(health, succeeded_at=None, failed_at=now, code=failed["code"], reason=failed["message"])
    _note(workspace, health)
    landed = summary.get("batches") or []
    if landed:
        _note_columns(workspace, resource, landed[-1]["id"])


def _asked(workspace: Workspace, source: Source) -> Health | None:
    """How a source answers for each of its tasks; ``None`` for one that no task uses."""
    now, latency = iso(workspace.clock.now()), None
    tasks = [r for r in workspace.city.resources.values() if r.collect.source == source.name]
    if not tasks:
        return Health(source=source.name, checked_at=now)
    for resource in tasks:
        try:
            connector = build(resource, source, workspace.folder)
            began = workspace.clock.tick()
            connector.check()
            latency = latency or round((workspace.clock.tick() - began) * 1000, 1)
            if isinstance(connector, Listing):
                _note_listing(workspace, resource, connector)
        except CityLoomError as error:
            return _failed(workspace, source.name, error, latency)
    return Health(source=source.name, is_reachable=True, checked_at=now, latency_ms=latency)


def _failed(workspace: Workspace, name: str, error: CityLoomError, latency: float | None) -> Health:
    now = iso(workspace.clock.now())
    return Health(
        source=name,
        is_reachable=not isinstance(error, SourceError),
        checked_at=now,
        latency_ms=latency,
        failed_at=now,
        code=error.code,
        reason=str(error),
    )


def _silent(limit: float) -> SourceError:
    return SourceError(
        "sources.check.silent",
        "It did not answer within {seconds} seconds.",
        hint="Check the address and the network; ask the department whether its system is up.",
        seconds=round(limit),
    )


def _merged(before: Health, now: Health) -> Health:
    """What is known now, over what was known before."""
    return replace(
        now,
        succeeded_at=now.succeeded_at or before.succeeded_at,
        failed_at=now.failed_at or before.failed_at,
        latency_ms=now.latency_ms if now.latency_ms is not None else before.latency_ms,
    )


def _note(workspace: Workspace, health: Health) -> None:
    with workspace.store.write() as connection:
        sources.put_health(connection, _merged(sources.find_health(connection, health.source), health))


def _note_columns(workspace: Workspace, resource: Resource, batch: str) -> None:
    with workspace.store.write() as connection:
        found = batches.find_batch(connection, batch)
        if found is not None and found.receipt is not None:
            names = [(c.column, "") for c in found.receipt.source_columns if not c.column.startswith("[")]
            _put(connection, workspace, resource, _BATCH, names)


def _note_listing(workspace: Workspace, resource: Resource, connector: Listing) -> None:
    table = resource.collect.what.get("table")
    shapes = (s for s in connector.tables() if table and table in (s.name, s.what.get("table")))
    shape = next(shapes, None)
    if shape is not None:
        with workspace.store.write() as connection:
            _put(connection, workspace, resource, _LISTING, [(c.name, c.kind) for c in shape.columns])


def _put(
    connection: sa.Connection, workspace: Workspace, resource: Resource, way: str, columns: Iterable[tuple[str, str]]
) -> None:
    """Write the columns, and what differs from those that were there before."""
    seen = tuple(columns)
    digest = hashlib.sha256(json.dumps(sorted(seen), ensure_ascii=False).encode()).hexdigest()
    before = sources.find_schema(connection, resource.name, way)
    now = iso(workspace.clock.now())
    schema = Schema(
        resource=resource.name, way=way, source=resource.collect.source, digest=digest, columns=seen, seen_at=now
    )
    if before is not None and before.digest == digest:
        schema = replace(schema, changed_at=before.changed_at, before=before.before)
    elif before is not None:
        schema = replace(schema, changed_at=now, before=before.digest)
        findings.put_findings(connection, KIND, resource.name, [_changed(resource, before, seen)])
    sources.put_schema(connection, schema)


def _changed(resource: Resource, before: Schema, seen: Sequence[tuple[str, str]]) -> Finding:
    old, new = ({str(c[0]): str(c[1]) for c in columns} for columns in (before.columns, seen))
    added, gone = [n for n in new if n not in old], [n for n in old if n not in new]
    retyped = [n for n in new if n in old and new[n] != old[n]]
    named: dict[str, Any] = {"new": added, "gone": gone, "retyped": retyped}
    details: dict[str, str | int | float] = {k: ", ".join(v) for k, v in named.items() if v}
    return Finding(
        kind=KIND,
        subject=resource.name,
        code="source.schema.changed",
        text="The source has other columns than before.",
        count=len(added) + len(gone) + len(retyped),
        details=details,
    )
