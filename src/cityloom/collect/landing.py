"""One slice into the raw layer: whole, once, and proven equal before anyone sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa
from sqlglot import exp

from cityloom.collect.base import Connector, Proving, Remarking, Settling, Slice
from cityloom.collect.proof import digest_of
from cityloom.collect.stream import Stream
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import CityLoomError, DataError, SourceError
from cityloom.kernel.ids import stable_id
from cityloom.lake.receipts import measure
from cityloom.lake.tables import Lake
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.batch import Batch, Finding, Receipt
from cityloom.model.resource import Resource
from cityloom.store import audit, batches
from cityloom.store.database import Store

_OPEN = ("running", "landed")
_LOST = "Its process died before the rows were committed; they come in with a later batch."


@dataclass(frozen=True)
class Landed:
    """What became of a slice. ``is_new`` is false for one that had landed before."""

    batch: Batch
    is_new: bool
    findings: tuple[Finding, ...] = ()
    error: CityLoomError | None = None


@dataclass(frozen=True, kw_only=True)
class Landing:
    """Lands slices of one resource."""

    resource: Resource
    connector: Connector
    lake: Lake
    store: Store
    clock: Clock
    actor: str
    progress: Callable[[str, int], None] | None = None

    def land(self, piece: Slice) -> Landed:
        """Land a slice, or record why it could not be. A batch that landed before is left as it is."""
        known = self._known(piece)
        batch_id = self._identify(piece, known)
        before = known.get(batch_id)
        if before and before.state == "reconciled" and (piece.position or self._is_in_lake(batch_id)):
            self._settle(piece)
            return Landed(before, is_new=False)
        goes_on = piece.position is not None and not piece.is_whole
        return self._land(piece, batch_id, [] if goes_on else self._replaced(piece, known, batch_id))

    def land_anew(self, piece: Slice, old: Batch) -> Landed:
        """Land a slice in the place of a batch whose rows in the lake are damaged, whatever the slice holds."""
        return self._land(piece, stable_id("b", self.resource.name, piece.origin, piece.digest, "anew", old.id), [old])

    def _land(self, piece: Slice, batch_id: str, old: list[Batch]) -> Landed:
        batch = Batch(
            id=batch_id,
            resource=self.resource.name,
            origin=piece.origin,
            digest=piece.digest,
            state="running",
            started_at=iso(self.clock.now()),
            position=piece.position,
        )
        with self.store.write() as connection:
            batches.put_batch(connection, batch)
        try:
            return self._carry(piece, batch, old)
        except CityLoomError as error:
            return self._fail(batch, error)
        except (OSError, pa.ArrowException) as error:
            return self._fail(batch, _broken(piece, error))

    def batches(self) -> list[Batch]:
        """All batches of the resource, oldest first."""
        with self.store.read() as connection:
            return batches.list_batches(connection, self.resource.name)

    def pack(self) -> None:
        """Lay the small files of a source that goes on together; batches that can be replaced stay by themselves."""
        with self.store.read() as connection:
            keep = batches.list_whole(connection, self.resource.name)
        self.lake.pack(self.resource.raw_table, keep=keep)

    def _known(self, piece: Slice) -> dict[str, Batch]:
        """The batches that a slice may stand for or replace: those of its origin, or for one that goes on, itself."""
        with self.store.read() as connection:
            if not piece.position or piece.is_whole:
                found = batches.list_batches(connection, self.resource.name, origin=piece.origin)
                return {b.id: b for b in found}
            one = batches.find_batch(connection, self._plain_id(piece))
            return {one.id: one} if one else {}

    def _plain_id(self, piece: Slice) -> str:
        return stable_id("b", self.resource.name, piece.origin, piece.digest)

    @property
    def _prover(self) -> Proving | None:
        return self.connector if isinstance(self.connector, Proving) and self.connector.is_proving else None

    def _settle(self, piece: Slice) -> None:
        if isinstance(self.connector, Settling):
            self.connector.settle(piece)

    def _carry(self, piece: Slice, batch: Batch, old: list[Batch]) -> Landed:
        if piece.error:
            raise piece.error
        count = self.connector.count(piece)
        stream = Stream(
            self.resource,
            self.connector,
            piece,
            batch.id,
            batch.started_at,
            self.lake.engine,
            self.progress,
            is_measured=self._prover is None,
        )
        if self._is_in_lake(batch.id):
            receipt = self._recover(stream, count)
        else:
            receipt = self._write(stream, count, batch, old)
        ended = self._ended(replace(batch, receipt=receipt))
        self._close(ended, old, stream)
        self._settle(piece)
        return Landed(ended, is_new=True, findings=(*stream.findings, *self._remarks(piece, batch)))

    def _remarks(self, piece: Slice, batch: Batch) -> list[Finding]:
        """What the connector found out by itself, or did with what is no record."""
        remarks = self.connector.remarks(piece) if isinstance(self.connector, Remarking) else ()
        return [
            Finding(
                kind="collect",
                subject=self.resource.name,
                code=remark.code,
                text=f"{piece.origin}: {remark.text}",
                count=remark.count,
                batch=batch.id,
                details={"origin": piece.origin},
            )
            for remark in remarks
        ]

    def recover(self) -> int:
        """Record what a process that died had committed and not yet recorded; returns how many batches.

        To be called before the next slice of a source that goes on from a position: what is in the lake decides
        where it goes on, or rows would come in twice.
        """
        with self.store.read() as connection:
            left = [b for s in _OPEN for b in batches.list_batches(connection, self.resource.name, state=s) if b.position]
        in_lake = self._parts() if left else set()
        found = [b for b in left if b.id in in_lake and b.receipt]
        for batch in left:
            with self.store.write() as connection:
                if batch in found and batch.receipt:
                    ended = self._ended(batch)
                    batches.put_batch(connection, ended)
                    event = self._event(ended, batch.receipt.landed_rows, batch.receipt.rejected_rows)
                    audit.append(connection, event, self.clock)
                else:
                    lost = replace(batch, state="failed", reason=_LOST, ended_at=iso(self.clock.now()))
                    batches.put_batch(connection, lost)
        return len(found)

    def _ended(self, batch: Batch) -> Batch:
        version = self.lake.version(self.resource.raw_table)
        return replace(batch, state="reconciled", ended_at=iso(self.clock.now()), version=version)

    def _write(self, stream: Stream, count: int, batch: Batch, old: list[Batch]) -> Receipt:
        made: list[Receipt] = []

        def verify(relation: exp.Expression) -> None:
            made.append(self._reconcile(stream, count, relation))
            if batch.position:
                with self.store.write() as connection:
                    batches.put_batch(connection, replace(batch, state="landed", receipt=made[0]))
                    batches.put_rejects(connection, batch.id, stream.rejects)

        schema, rows = stream.start()
        in_lake = self._parts()
        self.lake.append(
            self.resource.raw_table,
            rows,
            part=stream.batch,
            replaces=[b.id for b in old if b.id in in_lake],
            notes={"batch": stream.batch, "origin": stream.piece.origin, "digest": stream.piece.digest},
            schema=schema,
            verify=verify,
        )
        return made[0]

    def _recover(self, stream: Stream, count: int) -> Receipt:
        """The record of a batch that is in the lake while its process died before recording it."""
        stream.drain()
        return self._reconcile(stream, count, self.lake.relation(self.resource.raw_table, parts=[stream.batch]))

    def _reconcile(self, stream: Stream, count: int, landed: exp.Expression) -> Receipt:
        prover = self._prover
        rows, figures = measure(
            self.lake.engine, landed, stream.columns, stream.key, is_portable=prover is not None
        )
        given = prover.prove(stream.piece, stream.columns, stream.key) if prover else stream.figures
        receipt = Receipt(
            source_rows=count,
            landed_rows=rows,
            rejected_rows=len(stream.rejects),
            source_columns=given,
            landed_columns=figures,
            proved_by="source" if prover else "stream",
        )
        if receipt.is_equal:
            return receipt
        pairs = zip(receipt.source_columns, receipt.landed_columns, strict=True)
        raise DataError(
            "collect.batch.unequal",
            "{origin}: the source counts {source} rows; {landed} would land, {rejected} were set apart; columns that differ: {columns}.",
            hint="Nothing was kept. Run the task again; if it stays, the source changes while it is read or its format is not the declared one.",
            origin=stream.piece.origin,
            source=count,
            landed=rows,
            rejected=len(stream.rejects),
            columns=", ".join(a.column for a, b in pairs if a != b) or "-",
        )

    def _close(self, batch: Batch, old: list[Batch], stream: Stream) -> None:
        event = self._event(batch, stream.rows, len(stream.rejects))
        with self.store.write() as connection:
            batches.put_batch(connection, batch)
            for one in old:
                batches.put_batch(connection, replace(one, state="superseded"))
            batches.put_rejects(connection, batch.id, stream.rejects)
            audit.append(connection, event, self.clock)

    def _event(self, batch: Batch, rows: int, rejected: int) -> AuditEvent:
        return AuditEvent(
            kind=EventKind.BATCH_LANDED,
            actor=self.actor,
            subject=self.resource.name,
            details={
                "batch": batch.id,
                "origin": batch.origin,
                "digest": batch.digest,
                "rows": rows,
                "rejected": rejected,
                "receipt": digest_of(batch),
            },
        )

    def _fail(self, batch: Batch, error: CityLoomError) -> Landed:
        failed = replace(batch, state="failed", ended_at=iso(self.clock.now()), reason=str(error))
        event = AuditEvent(
            kind=EventKind.BATCH_FAILED,
            actor=self.actor,
            subject=self.resource.name,
            details={"batch": batch.id, "origin": batch.origin, "code": error.code},
        )
        finding = Finding(
            kind="collect",
            subject=self.resource.name,
            code=error.code,
            text=str(error),
            batch=batch.id,
            details={"origin": batch.origin},
        )
        is_committed = self._may_stand(batch)
        with self.store.write() as connection:
            if not is_committed:
                batches.put_batch(connection, failed)
            audit.append(connection, event, self.clock)
        return Landed(failed, is_new=True, findings=(finding,), error=error)

    def _may_stand(self, batch: Batch) -> bool:
        """Whether a batch that others go on from may be in the lake although something failed after it was committed.

        Its record then stays as it is, and :meth:`recover` decides at the next run.
        """
        try:
            return batch.position is not None and self._is_in_lake(batch.id)
        except OSError:
            return True

    def _identify(self, piece: Slice, known: dict[str, Batch]) -> str:
        """The batch's id. Content that comes back after another took its place, or was added, is a batch of its own."""
        found = self._plain_id(piece)
        current = [b for b in known.values() if b.origin == piece.origin and b.state == "reconciled"]
        if found not in known or not current:
            return found
        if current[-1].digest == piece.digest:
            return current[-1].id
        if known[found].state in ("superseded", "reconciled"):
            return stable_id("b", self.resource.name, piece.origin, piece.digest, *sorted(b.id for b in current))
        return found

    def _replaced(self, piece: Slice, known: dict[str, Batch], batch_id: str) -> list[Batch]:
        if self.resource.collect.retransmission != "replace":
            return []
        return [
            b for b in known.values() if b.origin == piece.origin and b.state == "reconciled" and b.id != batch_id
        ]

    def _parts(self) -> set[str]:
        return set(self.lake.parts(self.resource.raw_table))

    def _is_in_lake(self, batch_id: str) -> bool:
        return batch_id in self._parts()


def _broken(piece: Slice, error: Exception) -> CityLoomError:
    problem = error.strerror if isinstance(error, OSError) else None
    return SourceError(
        "collect.slice.broken",
        "{origin} could not be taken in: {problem}.",
        hint="Nothing was kept. Check the source, the disk and its free space, and run the task again.",
        origin=piece.origin,
        problem=problem or type(error).__name__,
    )
