"""Whether batches still are what their receipts say: at the source, read once more, and in the lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlglot import exp

from cityloom.collect.base import Connector, Proving, Slice, build
from cityloom.collect.inbox import is_delivered
from cityloom.collect.periods import slices_between, span_of
from cityloom.collect.stream import Stream
from cityloom.engines.base import Engine, sql
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.receipts import PORTABLE, add, measure
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch, ColumnFigures, Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store import batches as batch_store
from cityloom.store import findings as finding_store
from cityloom.store.database import Store

KIND = "verify"
EQUAL, CHANGED, GONE, UNREADABLE, PASSED, UNASKED = "equal", "changed", "gone", "unreadable", "passed", "unasked"
DAMAGED = "damaged"


@dataclass(frozen=True, kw_only=True)
class Check:
    """What became of a batch since it landed.

    ``source``: ``equal``; ``changed`` (``rows_now`` and ``columns`` tell where); ``gone`` from it; ``unreadable``
    (``reason``); ``passed``: a source that goes on, or a delivery, cannot be read again; ``unasked``. ``lake``:
    ``equal`` or ``damaged`` (in the columns ``damaged``, or not readable at all).
    """

    batch: str
    origin: str
    rows: int
    lake: str = EQUAL
    source: str = UNASKED
    rows_now: int | None = None
    columns: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_sound(self) -> bool:
        """Neither side differs from the receipt, as far as it can be read."""
        return self.lake == EQUAL and self.source in (EQUAL, GONE, PASSED, UNASKED)


def run(
    resource: Resource,
    source: Source,
    *,
    lake: Lake,
    store: Store,
    clock: Clock,
    base: Path,
    batch: str | None = None,
    is_source_read: bool = True,
) -> StageResult:
    """Compare batches that stand with their receipts; nothing is changed but the findings of kind ``verify``.

    Args:
        resource: whose batches.
        source: read again.
        lake: holds their rows.
        store: holds their receipts, takes findings.
        clock: tells the time.
        base: folder on which relative paths and ``file:`` references stand.
        batch: only this one.
        is_source_read: whether the source is read, or only the lake.

    Returns:
        ``read`` batches, ``written`` sound ones; ``summary``: ``checks``, a dictionary each.
    """
    chosen = standing(store, resource, batch)
    checks = {b.id: check_lake(lake, resource, b) for b in chosen} if batch else _check_lake_all(lake, resource, chosen)
    if is_source_read:
        connector = build(resource, source, base)
        for one, piece in pieces_of(resource, connector, chosen):
            checks[one.id] = compare(checks[one.id], one, piece, resource, connector, lake.engine, iso(clock.now()))
    found = [checks[b.id] for b in chosen]
    record(store, resource, found)
    sound = sum(c.is_sound for c in found)
    return StageResult(
        read=len(found), written=sound, rejected=len(found) - sound, summary={"checks": [asdict(c) for c in found]}
    )


def standing(store: Store, resource: Resource, batch: str | None = None) -> list[Batch]:
    """The batches whose rows count, oldest first; or one of them."""
    with store.read() as connection:
        known = batch_store.list_batches(connection, resource.name)
    return [b for b in known if b.state == "reconciled" and b.receipt and batch in (None, b.id)]


def pieces_of(resource: Resource, connector: Connector, chosen: Sequence[Batch]) -> Iterator[tuple[Batch, Slice | None]]:
    """Each batch with what is at the source in its place: ``None`` when it is gone, and nothing where it has passed.

    A slice may be read until the next one is asked for.
    """
    again = {b.origin: b for b in chosen if not b.position and not is_delivered(b.origin)}
    spans = {origin: span_of(origin) for origin in again}
    seen: set[str] = set()
    for asked in [None, *dict.fromkeys(s for s in spans.values() if s)]:
        wanted = {o for o, s in spans.items() if s == asked}
        if not wanted:
            continue
        pieces = connector.slices({}) if asked is None else slices_between(connector, asked, resource.name)
        for piece in pieces:
            if piece.origin in wanted and piece.origin not in seen and not piece.position:
                seen.add(piece.origin)
                yield again[piece.origin], piece
            if wanted <= seen:
                break
    for origin, one in again.items():
        if origin not in seen:
            yield one, None


def compare(
    check: Check, batch: Batch, piece: Slice | None, resource: Resource, connector: Connector, engine: Engine, at: str
) -> Check:
    """The check with what the source says now."""
    if piece is None:
        return replace(check, source=GONE)
    try:
        rows, figures = _figures_now(batch, piece, resource, connector, engine, at)
    except CityLoomError as error:
        return replace(check, source=UNREADABLE, reason=str(error))
    receipt = batch.receipt
    assert receipt is not None
    columns = _differing(receipt.source_columns, figures)
    is_equal = rows == receipt.source_rows and not columns
    return replace(check, source=EQUAL if is_equal else CHANGED, rows_now=rows, columns=columns)


def check_lake(lake: Lake, resource: Resource, batch: Batch) -> Check:
    """Whether the rows of a batch in the lake are those of its receipt."""
    passed = PASSED if batch.position or is_delivered(batch.origin) else UNASKED
    receipt = batch.receipt
    assert receipt is not None
    check = Check(batch=batch.id, origin=batch.origin, rows=receipt.source_rows, source=passed)
    try:
        rows, figures = _measured(lake.engine, _rows_of(lake, resource, batch.id), receipt.landed_columns)
    except CityLoomError:
        raise
    except Exception as error:  # the engine has many words for a file that is broken
        return replace(check, lake=DAMAGED, reason=type(error).__name__)
    damaged = _differing(receipt.landed_columns, figures)
    is_equal = rows == receipt.landed_rows and not damaged
    return check if is_equal else replace(check, lake=DAMAGED, damaged=damaged)


def _check_lake_all(lake: Lake, resource: Resource, chosen: Sequence[Batch]) -> dict[str, Check]:
    """As ``check_lake``, with one scan for the batches that were laid together: their receipts add up."""
    parts = set(lake.parts(resource.raw_table))
    packed = [b for b in chosen if b.id not in parts]
    single = [b for b in chosen if b.id in parts] if len(packed) > 1 and _is_sum(lake, resource, packed, parts) else chosen
    checks = {b.id: check_lake(lake, resource, b) for b in single}
    for b in chosen:
        if b.id not in checks and b.receipt:
            checks[b.id] = Check(batch=b.id, origin=b.origin, rows=b.receipt.source_rows, source=PASSED)
    return checks


def _is_sum(lake: Lake, resource: Resource, packed: Sequence[Batch], parts: set[str]) -> bool:
    receipts = [b.receipt for b in packed if b.receipt]
    kinds = {one.digest.partition(":")[0] for r in receipts for one in r.landed_columns}
    names = {tuple(one.column for one in r.landed_columns) for r in receipts}
    if len(kinds) != 1 or len(names) != 1:
        return False
    ids = exp.Tuple(expressions=[exp.Literal.string(b.id) for b in packed])
    rows = sql("SELECT * FROM :rows WHERE _batch IN :ids", rows=_packed(lake, resource, parts), ids=ids)
    wanted = add(r.landed_columns for r in receipts)
    try:
        count, figures = _measured(lake.engine, exp.Subquery(this=rows), wanted)
    except CityLoomError:
        raise
    except Exception:  # as above: each is looked at by itself then
        return False
    return count == sum(r.landed_rows for r in receipts) and not _differing(wanted, figures)


def _rows_of(lake: Lake, resource: Resource, batch: str) -> exp.Expression:
    parts = set(lake.parts(resource.raw_table))
    if batch in parts:
        return lake.relation(resource.raw_table, parts=[batch])
    rows = sql("SELECT * FROM :rows WHERE _batch = :batch", rows=_packed(lake, resource, parts), batch=batch)
    return exp.Subquery(this=rows)


def _packed(lake: Lake, resource: Resource, parts: Iterable[str]) -> exp.Expression:
    """The parts that hold several batches: their names are no batches' ids."""
    return lake.relation(resource.raw_table, parts=[p for p in parts if not p.startswith("b_")])


def _figures_now(
    batch: Batch, piece: Slice, resource: Resource, connector: Connector, engine: Engine, at: str
) -> tuple[int, tuple[ColumnFigures, ...]]:
    if piece.error:
        raise piece.error
    rows = connector.count(piece)
    prover: Any = connector if isinstance(connector, Proving) and connector.is_proving else None
    stream = Stream(resource, connector, piece, batch.id, at, engine, is_measured=prover is None)
    stream.drain()
    return rows, prover.prove(piece, stream.columns, stream.key) if prover else stream.figures


def _measured(
    engine: Engine, rows: exp.Expression, wanted: Sequence[ColumnFigures]
) -> tuple[int, tuple[ColumnFigures, ...]]:
    names = [one.column for one in wanted]
    key = next((n for n in names if n.startswith("[") and n.endswith("]") and n == names[-1]), "")
    plain = [n for n in names if n != key]
    is_portable = any(one.digest.startswith(f"{PORTABLE}:") for one in wanted)
    return measure(engine, rows, plain, _parts_of(key, plain), is_portable=is_portable)


def _parts_of(key: str, columns: Sequence[str]) -> list[str]:
    """The columns that a key's name was made of; their names may hold commas themselves."""
    left, found = key[1:-1], []
    while left:
        name = next((c for c in sorted(columns, key=len, reverse=True) if left == c or left.startswith(f"{c}, ")), "")
        if not name:
            return []
        found.append(name)
        left = left[len(name) + 2 :]
    return found


def _differing(before: Sequence[ColumnFigures], now: Sequence[ColumnFigures]) -> tuple[str, ...]:
    """Columns whose figures differ, as far as figures were taken in the same way; those that are not there any more."""
    by_name = {one.column: one for one in now}
    found = []
    for one in before:
        other = by_name.get(one.column)
        if other is None:
            is_same = one.column.startswith("[")
        elif one.digest.partition(":")[0] != other.digest.partition(":")[0]:
            is_same = (one.filled, one.characters) == (other.filled, other.characters)
        else:
            is_same = one == other
        if not is_same:
            found.append(one.column)
    return tuple(found)


def record(store: Store, resource: Resource, checks: Sequence[Check]) -> None:
    """Write the findings on what was looked at; those on other batches stay as long as these do."""
    seen = {b.id for b in standing(store, resource)} - {c.batch for c in checks}
    fresh = [f for c in checks for f in _findings(resource, c)]
    with store.write() as connection:
        kept = [f for f in finding_store.list_findings(connection, KIND, resource.name) if f.batch in seen]
        finding_store.put_findings(connection, KIND, resource.name, [*kept, *fresh])


def _findings(resource: Resource, check: Check) -> Iterator[Finding]:
    def finding(code: str, text: str, columns: Sequence[str]) -> Finding:
        details: dict[str, str | int | float] = {"origin": check.origin, "rows": check.rows, "columns": ", ".join(columns)}
        if check.rows_now is not None:
            details["rows_now"] = check.rows_now
        return Finding(
            kind=KIND,
            subject=resource.name,
            code=code,
            text=f"{check.origin}: {text}",
            count=max(1, len(columns)),
            batch=check.batch,
            details=details,
        )

    if check.source == CHANGED:
        yield finding("collect.source.changed", "the source is not what landed any more", check.columns)
    if check.source == GONE:
        yield finding("collect.source.gone", "the source no longer has it", ())
    if check.source == UNREADABLE:
        yield finding("collect.source.unreadable", f"the source cannot be read again: {check.reason}", ())
    if check.lake == DAMAGED:
        yield finding("collect.lake.damaged", f"the rows in the lake are not those that landed {check.reason}".strip(), check.damaged)
