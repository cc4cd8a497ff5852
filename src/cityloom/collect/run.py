"""Collects one resource: every slice that is new, each on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cityloom.collect.base import Connector, Following, Renewing, Slice, build
from cityloom.collect.inbox import is_delivered
from cityloom.collect.landing import Landed, Landing
from cityloom.collect.periods import Span, is_by_date, is_span, slices_between
from cityloom.collect.usual import KNOWN, unusual
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import CityLoomError, ConfigError, UserError
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch, Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store import batches as batch_store
from cityloom.store import findings as finding_store
from cityloom.store.database import Store

_PACKED = 100
"""After so many batches of a source that goes on, their small files are laid together."""
_LISTED = 1000
"""So many batches, errors and findings of one run are listed; the rest is counted."""


@dataclass(frozen=True)
class Watch:
    """Who looks on while a resource is collected.

    Args:
        progress: told the origin and the rows so far.
        stop: a source that can be followed is followed until this says so; without it the run ends when it
            has caught up.
        again: take a source that goes on from a position anew from its beginning, once.
        span: take in only what belongs to these days, again or late.
    """

    progress: Callable[[str, int], None] | None = None
    stop: Callable[[], bool] | None = None
    again: bool = False
    span: Span | None = None


@dataclass
class _Outcome:
    landed: int = 0
    written: int = 0
    rejected: int = 0
    listed: list[dict[str, Any]] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    errors: list[CityLoomError] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    is_complete: bool = False

    def take(self, one: Landed) -> None:
        """Count a slice in."""
        self.origins.add(one.batch.origin)
        told = {(f.code, f.text) for f in self.findings} if one.findings else set()
        if len(self.findings) < _LISTED:
            self.findings += [f for f in one.findings if (f.code, f.text) not in told]
        if one.error:
            self.errors = [*self.errors[: _LISTED - 1], one.error]
        elif one.is_new:
            line = _line(one.batch)
            self.landed += 1
            self.written += int(line["rows"])
            self.rejected += int(line["rejected"])
            self.listed = [*self.listed[1 - _LISTED :], line] if len(self.listed) >= _LISTED else [*self.listed, line]
        else:
            self.skipped.add(one.batch.id)


def run(
    resource: Resource,
    source: Source,
    *,
    lake: Lake,
    store: Store,
    clock: Clock,
    base: Path,
    actor: str = "system",
    watch: Watch | None = None,
) -> StageResult:
    """Take in what a resource's source has and the raw layer has not.

    Args:
        resource: what is collected, and under which policies.
        source: from where.
        lake: takes the rows, one part a batch.
        store: takes batches, rejects, findings and audit events.
        clock: tells the time.
        base: folder on which relative paths and ``file:`` references stand.
        actor: who collects, for the audit.
        watch: is told how far it is, and says when to stop.

    Returns:
        Counts of the batches that landed now. ``summary``: ``reconciled`` (nothing failed), ``batches`` (id,
        origin, state, rows, rejected; the newest ones of many), ``landed`` (how many in all), ``skipped``,
        ``errors`` (code, family, message, hint).

    Raises:
        CityLoomError: when nothing at all could be read; otherwise errors are findings and in the summary.
    """
    connector = build(resource, source, base)
    watch = watch or Watch()
    landing = Landing(
        resource=resource, connector=connector, lake=lake, store=store, clock=clock, actor=actor, progress=watch.progress
    )
    outcome = _Outcome()
    try:
        _collect(resource, connector, landing, outcome, watch)
    except CityLoomError as error:
        outcome.errors.append(error)
        outcome.findings.append(_finding(resource, error.code, str(error)))
    outcome.findings += _silence(resource, landing, outcome)
    outcome.findings += _doubts(resource, landing)
    outcome.findings += _unusual(resource, landing, outcome)
    _record(resource, store, outcome, watch.span)
    if outcome.errors and not outcome.landed and not outcome.skipped:
        raise outcome.errors[0]
    return _result(outcome)


def _collect(
    resource: Resource, connector: Connector, landing: Landing, outcome: _Outcome, watch: Watch
) -> None:
    done = {}
    is_going_on = resource.collect.mode in ("incremental", "cdc")
    if is_going_on:
        landing.recover()
        with landing.store.read() as connection:
            done = batch_store.last_positions(connection, resource.name)
    for piece in _pieces(resource, connector, done, watch):
        one = landing.land(piece)
        known = len(outcome.findings)
        outcome.take(one)
        if watch.stop and len(outcome.findings) > known:
            _record(resource, landing.store, outcome, watch.span)
        if piece.position and outcome.landed % _PACKED == _PACKED - 1:
            landing.pack()
        if one.error and piece.position and is_going_on:
            return
    outcome.is_complete = watch.span is None


def _pieces(resource: Resource, connector: Connector, done: Mapping[str, str], watch: Watch) -> Iterator[Slice]:
    if watch.span:
        _require_key(resource, connector)
        return slices_between(connector, watch.span, resource.name)
    if watch.again:
        if not isinstance(connector, Renewing):
            raise UserError(
                "collect.again.unsupported",
                "{connector} goes on from no position that could be left.",
                hint="Run the task as usual: it takes what there is.",
                connector=connector.name,
            )
        return connector.again(done)
    if watch.stop is not None and isinstance(connector, Following):
        return connector.follow(done, watch.stop)
    return connector.slices(done)


def _require_key(resource: Resource, connector: Connector) -> None:
    """Rows of a span may be in the lake already, in batches of other runs: only a key tells which are the same."""
    if not resource.key and not is_by_date(connector):
        raise ConfigError(
            "collect.period.keyless",
            "{resource} has no key: rows that are in the lake already could not be told from new ones.",
            hint="Declare its key; then of several rows of a key the newest counts.",
            resource=resource.name,
        )


def _silence(resource: Resource, landing: Landing, outcome: _Outcome) -> list[Finding]:
    """Findings on what is not there any more: whole deliveries that vanished, or a source without any."""
    if not outcome.is_complete or resource.collect.mode != "full":
        return []
    known = [b for b in landing.batches() if b.state == "reconciled" and not is_delivered(b.origin) and not is_span(b.origin)]
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
    if resource.collect.mode != "full":
        return found
    for batch in landing.batches():
        if batch.state != "reconciled" or batch.position:
            continue
        origin = batch.origin
        if batch.receipt and batch.receipt.source_rows == 0:
            found.append(_finding(resource, "collect.delivery.empty", f"{origin} holds no rows.", origin))
        elif first.setdefault(batch.digest, origin) != origin:
            text = f"{origin} has the same content as {first[batch.digest]}; its rows are there twice."
            found.append(_finding(resource, "collect.delivery.repeated", text, origin))
    return found


def _unusual(resource: Resource, landing: Landing, outcome: _Outcome) -> list[Finding]:
    """Findings on batches of this run whose number of rows is far from that of earlier runs."""
    fresh = {line["id"] for line in outcome.listed}
    if not fresh:
        return []
    with landing.store.read() as connection:
        known = batch_store.list_batches(connection, resource.name, limit=KNOWN + len(fresh))
    earlier = [b for b in known if b.id not in fresh]
    found = (unusual(resource, b, earlier) for b in known if b.id in fresh)
    return [one for one in found if one is not None]


def _record(resource: Resource, store: Store, outcome: _Outcome, span: Span | None) -> None:
    """Write the findings: those of this run, and earlier ones on batches that still stand, or were not looked at."""

    def stands(one: Finding) -> bool:
        return one.batch in outcome.skipped or (span is not None and one.details.get("origin") not in outcome.origins)

    with store.write() as connection:
        for kind in ("drift", "collect"):
            fresh = [f for f in outcome.findings if f.kind == kind]
            told = {(f.code, f.text) for f in fresh}
            known = finding_store.list_findings(connection, kind, resource.name)
            kept = [f for f in known if stands(f) or ((f.code, f.text) not in told and _lasts(f, resource, connection))]
            finding_store.put_findings(connection, kind, resource.name, [*kept[-_LISTED:], *fresh])


def _lasts(one: Finding, resource: Resource, connection: sa.Connection) -> bool:
    """Whether a finding on a followed table is still true: its batch landed, and what it says of columns holds."""
    if resource.collect.mode != "cdc" or one.batch is None:
        return False
    batch = batch_store.find_batch(connection, one.batch)
    named = {name for name in str(one.details.get("columns", "")).split(", ") if name}
    declared = named & {item.column for item in resource.items}
    is_true = bool(declared) if one.code == "collect.column.missing" else not named or declared != named
    return batch is not None and batch.state == "reconciled" and is_true


def _finding(resource: Resource, code: str, text: str, origin: str = "") -> Finding:
    details: dict[str, str | int | float] = {"origin": origin} if origin else {}
    return Finding(kind="collect", subject=resource.name, code=code, text=text, details=details)


def _result(outcome: _Outcome) -> StageResult:
    return StageResult(
        read=outcome.written + outcome.rejected,
        written=outcome.written,
        rejected=outcome.rejected,
        summary={
            "reconciled": not outcome.errors,
            "batches": outcome.listed,
            "landed": outcome.landed,
            "skipped": len(outcome.skipped),
            "errors": [
                {"code": e.code, "family": e.family, "message": e.message, "hint": e.hint} for e in outcome.errors
            ],
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
