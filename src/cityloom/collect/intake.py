"""One delivery: looked through and held against the standards before it lands, then landed like any batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from cityloom.collect.connectors.push import Push
from cityloom.collect.inbox import Delivery, Flaw, Inbox
from cityloom.collect.landing import Landing
from cityloom.collect.stream import Stream
from cityloom.engines.base import Engine
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch, Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.store import findings as finding_store
from cityloom.store.database import Store

LISTED = 1000
"""So many errors and warnings of one delivery are listed; all are counted."""
_MOST_FLAWS = 100_000
_KEPT_FINDINGS = 200
_KIND = "intake"


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """A value that breaks a rule: where it stands, which rule, why. Never the value.

    ``columns`` are the source's, ``items`` the resource's; ``is_error`` false where the row lands all the same.
    """

    row: int
    columns: tuple[str, ...]
    items: tuple[str, ...]
    rule: str
    reason: str
    is_error: bool = True


Check = Callable[[exp.Expression], Iterator[Complaint]]
"""Holds rows (text columns and ``_row``) against the rules of their resource; complaints by row."""


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found in a delivery.

    ``rows`` all of it, ``flaws`` by row those that must not land, ``broken`` the complaints by rule; ``errors`` and
    ``warnings`` the first of them.
    """

    rows: int
    columns: tuple[str, ...]
    flaws: Mapping[int, Flaw]
    errors: tuple[Complaint, ...]
    warnings: tuple[Complaint, ...]
    broken: Mapping[str, int]
    drift: tuple[Finding, ...]
    unreadable: int = 0

    @property
    def wrong(self) -> int:
        """Rows that must not land."""
        return len(self.flaws) + self.unreadable


@dataclass
class _Found:
    """Complaints as they come, counted, and the first of them kept."""

    flaws: dict[int, Flaw]
    errors: list[Complaint]
    warnings: list[Complaint]
    broken: dict[str, int]

    def take(self, one: Complaint) -> None:
        self.broken[one.rule] = self.broken.get(one.rule, 0) + 1
        kept = self.errors if one.is_error else self.warnings
        if len(kept) < LISTED:
            kept.append(one)
        if one.is_error:
            self._note(one)

    def _note(self, one: Complaint) -> None:
        reason = f"{', '.join(one.columns)}: {one.reason}"
        earlier = self.flaws.get(one.row)
        if earlier is None and len(self.flaws) >= _MOST_FLAWS:
            raise DataError(
                "collect.rows.hopeless",
                "More than {count} rows break the rules.",
                hint="Check the columns of the delivery and the definition of the resource.",
                count=_MOST_FLAWS,
            )
        if earlier is None:
            self.flaws[one.row] = Flaw(one.columns[0] if one.columns else "", f"collect.rule.{one.rule}", reason)
        else:
            self.flaws[one.row] = replace(earlier, reason=f"{earlier.reason}; {reason}")


def inspect(resource: Resource, delivery: Delivery, *, base: Path, engine: Engine, check: Check) -> Inspection:
    """Read a delivery through and hold it against the rules; nothing lands.

    Raises:
        DataError: where it cannot be read as a table, or lacks a required column.
        SourceError: ``collect.file.changed``.
    """
    stream = Stream(taking(resource, drift="quarantine"), Push(resource=resource.name, base=base), delivery.piece, "", "", engine, is_measured=False)
    path = Inbox(base).path(delivery).parent / "checked.parquet"
    found = _Found({}, [], [], {})
    try:
        schema, rows = stream.start()
        _write(path, schema, rows)
        for one in stream.rejects:
            found.take(Complaint(row=one.row, columns=(one.column,) if one.column else (), items=(), rule=one.code, reason=_(one.reason)))
        unreadable = dict(found.flaws)
        for complaint in check(engine.files([path])):
            found.take(complaint)
    finally:
        path.unlink(missing_ok=True)
    return Inspection(
        rows=stream.rows + len(stream.rejects),
        columns=stream.columns,
        flaws={row: flaw for row, flaw in found.flaws.items() if row not in unreadable},
        errors=tuple(sorted(found.errors, key=lambda one: one.row)),
        warnings=tuple(sorted(found.warnings, key=lambda one: one.row)),
        broken=found.broken,
        drift=tuple(stream.findings),
        unreadable=len(stream.rejects),
    )


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A delivery in the lake. ``is_new`` is false for one that had landed before."""

    batch: Batch
    result: StageResult
    is_new: bool


def run(
    resource: Resource, delivery: Delivery, *, lake: Lake, store: Store, clock: Clock, base: Path, actor: str
) -> Taken:
    """Land a delivery without its flawed rows, which are kept as rejects.

    Args:
        resource: what it is for.
        delivery: sealed in the inbox.
        lake: takes the rows.
        store: takes batch, rejects, findings and audit event.
        clock: tells the time.
        base: folder of the workspace.
        actor: the account that brought it.

    Raises:
        CityLoomError: why nothing landed.
    """
    connector = Push(resource=resource.name, base=base)
    landing = Landing(
        resource=taking(resource), connector=connector, lake=lake, store=store, clock=clock, actor=actor
    )
    landed = landing.land(delivery.piece)
    if landed.error:
        raise landed.error
    if landed.findings:
        _record(resource, store, landed.findings)
    receipt = landed.batch.receipt
    written, rejected = (receipt.landed_rows, receipt.rejected_rows) if receipt and landed.is_new else (0, 0)
    summary = {"batch": landed.batch.id, "origin": landed.batch.origin, "is_new": landed.is_new}
    result = StageResult(read=written + rejected, written=written, rejected=rejected, summary=summary)
    return Taken(batch=landed.batch, result=result, is_new=landed.is_new)


def taking(resource: Resource, drift: str | None = None) -> Resource:
    """A resource as it takes deliveries: bad rows were found before, and are set apart."""
    collect = resource.collect
    policy = drift or ("quarantine" if collect.drift == "stop" else collect.drift)
    return replace(resource, collect=replace(collect, mode="push", what={}, drift=policy))


def replaced_by(resource: Resource, delivery: Delivery, batches: list[Batch]) -> Batch | None:
    """The batch that a delivery of the same name takes the place of, when the task says so."""
    if resource.collect.retransmission != "replace":
        return None
    same = [b for b in batches if b.origin == delivery.origin and b.state == "reconciled" and b.digest != delivery.digest]
    return same[-1] if same else None


def _write(path: Path, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in rows:
            writer.write_batch(batch)


def _record(resource: Resource, store: Store, fresh: tuple[Finding, ...]) -> None:
    with store.write() as connection:
        known = finding_store.list_findings(connection, _KIND, resource.name)
        named = [replace(f, kind=_KIND) for f in fresh]
        kept = list(islice([*named, *known], _KEPT_FINDINGS))
        finding_store.put_findings(connection, _KIND, resource.name, kept)
