"""Proof that the lake holds what a followed table holds: all figures, at one place of the log, row by row where they differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from cityloom.collect.base import build
from cityloom.collect.changes.snapshot import Seeing, Snapshot
from cityloom.collect.changes.state import OPEN, newest, position_before
from cityloom.collect.databases.proof import Proven, prove, prove_key
from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DataError, UserError
from cityloom.lake.changes import current
from cityloom.lake.receipts import SEPARATOR, measure
from cityloom.lake.tables import Lake
from cityloom.model.batch import ColumnFigures, Finding
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store import batches, findings
from cityloom.store.database import Store

KIND = "reconcile"
_LISTED = 20
_AT_ONCE = 100_000
"""So many rows are compared by themselves at a time."""
_PREFIX = 3
"""Hexadecimal digits of a key's MD5 that make a bucket: 4,096 of them."""
Catch = Callable[[], bool]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Rows that differ: how many, and where some of them stand in the lake (batch, row, position); no value."""

    missing: int = 0
    surplus: int = 0
    changed: int = 0
    places: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """Both sides at one place of the log."""

    position: str
    source_rows: int
    lake_rows: int
    source: tuple[ColumnFigures, ...]
    lake: tuple[ColumnFigures, ...]
    difference: Difference = Difference()

    @property
    def columns(self) -> list[str]:
        """Those whose figures differ."""
        return [a.column for a, b in zip(self.source, self.lake, strict=True) if a != b]

    @property
    def is_equal(self) -> bool:
        """Nothing is lost, doubled or changed."""
        return self.source_rows == self.lake_rows and not self.columns


def run(
    resource: Resource,
    source: Source,
    *,
    lake: Lake,
    store: Store,
    clock: Clock,
    base: Path,
    catch_up: Catch,
    patience: float = 60.0,
) -> StageResult:
    """Compare a followed table with its rows in the lake, both as of one place of the source's log.

    The source computes its figures in a snapshot of its own, so neither waits for the other.

    Args:
        resource: in mode cdc.
        source: of it.
        lake: holds the changes.
        store: holds the positions; takes the findings.
        clock: tells the time.
        base: folder on which relative paths and ``file:`` references stand.
        catch_up: takes in what the log has; false when another process does so at this moment.
        patience: seconds that this other process has for it.

    Returns:
        ``read`` rows of the source, ``written`` those that are equal in the lake. ``summary``: :class:`Reconciled`.

    Raises:
        UserError: ``collect.reconcile.unsupported`` for a task that follows no table.
    """
    connector = build(resource, source, base)
    if not isinstance(connector, Seeing):
        raise UserError(
            "collect.reconcile.unsupported",
            "{resource} follows no table by a log.",
            hint="Its batches have receipts: see `cityloom collect compare`.",
            resource=resource.name,
        )
    with connector.passing() as seen:
        proven = Proven(seen.session, seen.relation, seen.columns, "", ())
        figures = prove(proven)
        given = (*(figures[name] for name in seen.names), prove_key(proven, resource.key_columns))
        rows = seen.count()
        is_caught = catch_up()
        until = time.monotonic() + (0 if is_caught else patience)
        while True:
            found = _compare(resource, lake, store, seen, rows, given)
            if found.is_equal or time.monotonic() > until:
                break
            time.sleep(0.5)
    _record(resource, store, clock, found)
    gone = found.difference.missing + found.difference.changed
    written = rows - gone if not found.is_equal else rows
    summary = {**asdict(found), "is_equal": found.is_equal, "columns": found.columns}
    return StageResult(read=rows, written=written, rejected=rows - written, summary=summary)


def _compare(
    resource: Resource, lake: Lake, store: Store, seen: Snapshot, rows: int, given: tuple[ColumnFigures, ...]
) -> Reconciled:
    with store.read() as connection:
        known = newest(batches.last_positions(connection, resource.name))
    if known is None or known[1].phase != OPEN:
        raise DataError(
            "collect.reconcile.nothing",
            "{resource}: no snapshot of the table has landed yet.",
            hint="Run `cityloom collect run {resource}` first.",
            resource=resource.name,
        )
    before = position_before(known[1].generation, seen.place)
    view = current(lake, resource.raw_table, resource.key_columns, before=before)
    held = set(lake.columns(resource.raw_table))
    blank = exp.select("*", *[exp.alias_(sql("CAST(NULL AS VARCHAR)"), n, quoted=True) for n in seen.names if n not in held])
    view = exp.Subquery(this=blank.from_(view))
    count, figures = measure(lake.engine, view, seen.names, resource.key_columns, is_portable=True)
    found = Reconciled(position=before, source_rows=rows, lake_rows=count, source=given, lake=figures)
    if found.is_equal:
        return found
    return replace(found, difference=_difference(lake.engine, seen, view, resource.key_columns))


def _difference(engine: Engine, seen: Snapshot, view: exp.Expression, key: tuple[str, ...]) -> Difference:
    """Which rows differ, found by buckets of keys and then row by row."""
    mine = _buckets_of_lake(engine, view, seen, key)
    theirs = _buckets_of_source(seen, key)
    sizes = {b: max(theirs.get(b, (0, 0))[0], mine.get(b, (0, 0))[0]) for b in {*mine, *theirs} if mine.get(b) != theirs.get(b)}
    total = Difference()
    for some in _portions(sizes):
        part = _rows_of(engine, seen, view, key, some)
        total = Difference(
            missing=total.missing + part.missing,
            surplus=total.surplus + part.surplus,
            changed=total.changed + part.changed,
            places=(*total.places, *part.places)[:_LISTED],
        )
    return total


def _portions(sizes: Mapping[str, int]) -> Iterator[list[str]]:
    some: list[str] = []
    rows = 0
    for bucket in sorted(sizes):
        if some and rows + sizes[bucket] > _AT_ONCE:
            yield some
            some, rows = [], 0
        some.append(bucket)
        rows += sizes[bucket]
    if some:
        yield some


def _buckets_of_source(seen: Snapshot, key: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    named, row = _source_terms(seen, key)
    bucket = f"substr({named}, 1, {_PREFIX})"
    _, _, digest = seen.session.figures(row)
    query = f"SELECT {bucket}, count(*), {digest} FROM {seen.relation} src GROUP BY 1"
    return {str(b): (int(n), int(d)) for b, n, d in seen.session.rows(query)}


def _source_terms(seen: Snapshot, key: tuple[str, ...]) -> tuple[str, str]:
    """MD5 of a row's key, and the row as one text, in the source's words."""
    texts = {c.name: seen.session.shown(c) for c in seen.columns}
    named = seen.md5.format(seen.session.joined([texts[k] for k in key]))
    marked = [f"CASE WHEN {t} IS NULL THEN '-' ELSE concat('+', {t}) END" for t in texts.values()]
    return named, seen.session.joined(marked)


def _lake_terms(seen: Snapshot, key: tuple[str, ...]) -> tuple[exp.Expression, exp.Expression]:
    """The same of the lake's rows."""
    separator = exp.Literal.string(SEPARATOR)
    parts = [sql("coalesce(:x, '')", x=column(k)) for k in key]
    named = sql("md5(:x)", x=exp.Anonymous(this="concat_ws", expressions=[separator, *parts]))
    marked = [sql("CASE WHEN :x IS NULL THEN '-' ELSE '+' || :x END", x=column(n)) for n in seen.names]
    return named, exp.Anonymous(this="concat_ws", expressions=[separator, *marked])


def _buckets_of_lake(
    engine: Engine, view: exp.Expression, seen: Snapshot, key: tuple[str, ...]
) -> dict[str, tuple[int, int]]:
    named, row = _lake_terms(seen, key)
    query = sql(
        f"SELECT substr(:named, 1, {_PREFIX}), count(*), sum(CAST('0x' || substring(md5(:row), 1, 15) AS BIGINT)) FROM :view GROUP BY 1",
        named=named,
        row=row,
        view=view,
    )
    return {str(b): (int(n), int(d)) for b, n, d in engine.rows(query)}


def _rows_of(
    engine: Engine, seen: Snapshot, view: exp.Expression, key: tuple[str, ...], buckets: list[str]
) -> Difference:
    named, row = _source_terms(seen, key)
    listed = ", ".join(f"'{b}'" for b in buckets)
    query = f"SELECT {named}, {seen.md5.format(row)} FROM {seen.relation} src WHERE substr({named}, 1, {_PREFIX}) IN ({listed})"
    theirs = seen.session.rows(query)
    table = pa.table({"k": pa.array([r[0] for r in theirs], pa.string()), "r": pa.array([r[1] for r in theirs], pa.string())})
    mine_named, mine_row = _lake_terms(seen, key)
    within = exp.In(this=sql(f"substr(:k, 1, {_PREFIX})", k=mine_named), expressions=[exp.Literal.string(b) for b in buckets])
    mine = sql("SELECT :k AS k, md5(:row) AS r, _batch, _row, _position FROM :view WHERE :within",
               k=mine_named, row=mine_row, view=view, within=within)  # fmt: skip
    with engine.bound(table) as bound:
        joined = sql(
            "SELECT m.k IS NULL AS missing, s.k IS NULL AS surplus, m._batch AS b, m._row AS n, m._position AS p"
            " FROM :mine AS m FULL JOIN :theirs AS s ON m.k = s.k WHERE m.r IS DISTINCT FROM s.r",
            mine=exp.Subquery(this=mine),
            theirs=bound,
        )
        found = engine.rows(joined)
    places = sorted((str(p), str(b), int(n)) for missing, _, b, n, p in found if not missing)[:_LISTED]
    return Difference(
        missing=sum(bool(r[0]) for r in found),
        surplus=sum(bool(r[1]) for r in found),
        changed=sum(not r[0] and not r[1] for r in found),
        places=tuple((b, n, p) for p, b, n in places),
    )


def _record(resource: Resource, store: Store, clock: Clock, found: Reconciled) -> None:
    kept = []
    if not found.is_equal:
        part = found.difference
        details: dict[str, Any] = {"at": iso(clock.now()), "missing": part.missing, "surplus": part.surplus, "changed": part.changed}
        text = "The lake's rows are not the source's."
        count = part.missing + part.surplus + part.changed
        kept.append(Finding(kind=KIND, subject=resource.name, code="collect.reconcile.unequal", text=text, count=count, details=details))
    with store.write() as connection:
        findings.put_findings(connection, KIND, resource.name, kept)
