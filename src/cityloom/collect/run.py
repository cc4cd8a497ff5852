"""Collects one resource: every slice that is new, each on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cityloom.collect.base import Connector, build
from cityloom.collect.landing import Landed, Landing
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch, Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store import findings as finding_store
from cityloom.store.database import Store


@dataclass
class _Outcome:
    landed: list[Landed] = field(default_factory=list)
    skipped: list[Batch] = field(default_factory=list)
    errors: list[CityLoomError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    is_complete: bool = False

    def take(self, one: Landed) -> None:
        """Count a slice in."""
        self.origins.add(one.batch.origin)
        self.findings += one.findings
        if one.error:
            self.errors.append(one.error)
        elif one.is_new:
            self.landed.append(one)
        else:
            self.skipped.append(one.batch)


def run(
    resource: Resource,
    source: Source,
    *,
    lake: Lake,
    store: Store,
    clock: Clock,
    base: Path,
    progress: Callable[[str, int], None] | None = None,
    actor: str = "system",
) -> StageResult:
    """Take in what a resource's source has and the raw layer has not.

    Args:
        resource: what is collected, and under which policies.
        source: from where.
        lake: takes the rows, one part a batch.
        store: takes batches, rejects, findings and audit events.
        clock: tells the time.
        base: folder on which relative paths and ``file:`` references stand.
        progress: told the origin and the rows so far.
        actor: who collects, for the audit.

    Returns:
        Counts of the batches that landed now. ``summary``: ``reconciled`` (nothing failed), ``batches`` (id,
        origin, state, rows, rejected), ``skipped``, ``errors`` (code, message, hint).

    Raises:
        CityLoomError: when nothing at all could be read; otherwise errors are findings and in the summary.
    """
    connector = build(resource, source, base)
    landing = Landing(
        resource=resource, connector=connector, lake=lake, store=store, clock=clock, actor=actor, progress=progress
    )
    outcome = _Outcome()
    try:
        _collect(resource, connector, landing, outcome)
    except CityLoomError as error:
        outcome.errors.append(error)
        outcome.findings.append(_finding(resource, error.code, str(error)))
    outcome.findings += _silence(resource, landing, outcome)
    outcome.findings += _doubts(resource, landing)
    _record(resource, store, outcome)
    if outcome.errors and not outcome.landed and not outcome.skipped:
        raise outcome.errors[0]
    return _result(outcome)


def _collect(resource: Resource, connector: Connector, landing: Landing, outcome: _Outcome) -> None:
    done = {}
    if resource.collect.mode == "incremental":
        done = {b.origin: b.position for b in landing.batches().values() if b.state == "reconciled" and b.position}
    for piece in connector.slices(done):
        outcome.take(landing.land(piece))
    outcome.is_complete = True


def _silence(resource: Resource, landing: Landing, outcome: _Outcome) -> list[Finding]:
    """Findings on what is not there any more: whole deliveries that vanished, or a source without any."""
    if not outcome.is_complete or resource.collect.mode != "full":
        return []
    known = [b for b in landing.batches().values() if b.state == "reconciled"]
    gone = sorted({b.origin for b in known} - outcome.origins)
    if not outcome.origins and not gone:
        return [_finding(resource, "collect.source.empty", "The source has nothing that matches the task.")]
    return [
        _finding(resource, "collect.source.vanished", f"{origin} is no longer at the source; its rows are kept.", origin)
        for origin in gone
    ]


def _doubts(resource: Resource, landing: Landing) -> list[Finding]:
    """Findings on deliveries that are sound in themselves: nothing in them, or the same as under another name."""
    found: list[Finding] = []
    first: dict[str, str] = {}
    for batch in landing.batches().values():
        if batch.state != "reconciled" or batch.position:
            continue
        origin = batch.origin
        if batch.receipt and batch.receipt.source_rows == 0:
            found.append(_finding(resource, "collect.delivery.empty", f"{origin} holds no rows.", origin))
        elif first.setdefault(batch.digest, origin) != origin:
            text = f"{origin} has the same content as {first[batch.digest]}; its rows are there twice."
            found.append(_finding(resource, "collect.delivery.repeated", text, origin))
    return found


def _record(resource: Resource, store: Store, outcome: _Outcome) -> None:
    """Write the findings: those of this run, and earlier ones on batches that still stand."""
    standing = {b.id for b in outcome.skipped}
    with store.write() as connection:
        for kind in ("drift", "collect"):
            kept = [f for f in finding_store.list_findings(connection, kind, resource.name) if f.batch in standing]
            fresh = [f for f in outcome.findings if f.kind == kind]
            finding_store.put_findings(connection, kind, resource.name, [*kept, *fresh])


def _finding(resource: Resource, code: str, text: str, origin: str = "") -> Finding:
    details: dict[str, str | int | float] = {"origin": origin} if origin else {}
    return Finding(kind="collect", subject=resource.name, code=code, text=text, details=details)


def _result(outcome: _Outcome) -> StageResult:
    listed = [_line(one.batch) for one in outcome.landed]
    written = sum(int(line["rows"]) for line in listed)
    rejected = sum(int(line["rejected"]) for line in listed)
    return StageResult(
        read=written + rejected,
        written=written,
        rejected=rejected,
        summary={
            "reconciled": not outcome.errors,
            "batches": listed,
            "skipped": len(outcome.skipped),
            "errors": [{"code": e.code, "message": e.message, "hint": e.hint} for e in outcome.errors],
        },
    )


def _line(batch: Batch) -> dict[str, Any]:
    receipt = batch.receipt
    return {
        "id": batch.id,
        "origin": batch.origin,
        "state": batch.state,
        "rows": receipt.landed_rows if receipt else 0,
        "rejected": receipt.rejected_rows if receipt else 0,
    }
