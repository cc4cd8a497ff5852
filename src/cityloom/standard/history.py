"""What the standard layer held, and when: for every key its rows with the time from which and to which each was current.

The table ``std_…__history`` is a log that only grows: a row for every change of a key, with the items as they became,
the time (``_from``, of the batch that brought it), whether the key went (``_is_gone``), and ``_seq``, which orders changes.
When a change ends follows from the next one of its key. A batch that only adds rows costs what it holds; one that replaces
others, and the beginning of a log anew, are compared with what stood before, so whatever the order of standardising, the
same batches give the same history. What changes without a batch (steps, cleaning rules, corrected keys) is dated to the
run that found it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import pyarrow as pa
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.ids import new_id
from cityloom.lake.changes import GONE, RESET, current
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.resource import Resource
from cityloom.standard.rows import StandardRows, digest, key_and_order, named

HISTORY = "__history"
"""What the name of the table of changes adds to the standard table's."""
_STEP = 1_000_000
"""Batches that one step takes at most; changes of one step have numbers within so many."""


def keep(rows: StandardRows, batches: Sequence[Batch], *, before: int, clock: Clock) -> dict[str, int]:
    """Bring the history up to what the standard table holds now; returns how many changes each cause made.

    Args:
        rows: how the resource is standardised.
        batches: all of the resource, oldest first.
        before: version of the standard table before this run wrote it; -1 for none.
        clock: dates changes that no batch brought.
    """
    landed = [b for b in batches if b.state in ("reconciled", "superseded") and b.version is not None]
    book = _Book(replace(rows, replaced=None), landed, before)
    if book.is_first and rows.replaced is None:
        return {"changes": book.begin(), "without_batch": 0}
    made = sum(book.take(group) for group in book.groups())
    left = _changes(book.heads(), _standing(rows.resource, rows.lake, None), book.items)
    found = book.write(left, [iso(clock.now())], std=rows.lake.version(rows.resource.std_table))
    rows.lake.pack(book.table)
    return {"changes": made, "without_batch": found}


def periods(lake: Lake, resource: Resource, key: str | None = None) -> exp.Select:
    """Every row that was current with the time from which (``_from``) and to which (``_to``, NULL while it is) it was so.

    Args:
        lake: where tables are.
        resource: whose rows.
        key: of one key only, as :func:`cityloom.standard.rows.key_of` makes it.
    """
    table = lake.relation(resource.std_table + HISTORY)
    where = sql("h._key = :key", key=key) if key is not None else exp.true()
    changes = sql(
        "SELECT h.*, lead(h._from) OVER (PARTITION BY h._key ORDER BY h._seq) AS _to FROM :t AS h WHERE :where", t=table, where=where
    ).assert_is(exp.Select)
    return exp.select("*").from_(changes.subquery("c")).where(sql("NOT c._is_gone AND c._from IS DISTINCT FROM c._to"))


def held_at(lake: Lake, resource: Resource, at: str, key: str | None = None) -> exp.Select:
    """The rows that were current at a time (ISO, UTC)."""
    return exp.select("*").from_(periods(lake, resource, key).subquery("p")).where(sql("p._from <= :at AND (p._to IS NULL OR p._to > :at)", at=at))


@dataclass
class _Book:
    """The log while it is written: which batches are in it, and what stood after the last of them."""

    rows: StandardRows
    landed: Sequence[Batch]
    before: int

    def __post_init__(self) -> None:
        resource, self.lake = self.rows.resource, self.rows.lake
        self.table, self.raw = resource.std_table + HISTORY, resource.raw_table
        self.items = [item.name for item in resource.items]
        self.is_log = resource.collect.mode == "cdc"
        self.lake.sweep(self.table)
        notes = self._notes()
        ids = [b.id for b in self.landed]
        self.through = ids.index(notes["through"]) if notes.get("through") in ids else -1
        self.is_std = self.through >= 0 and notes.get("std") == self.before >= 0

    @property
    def is_first(self) -> bool:
        """Whether there is no log yet, and all raw rows are of the only batch: none of one that is committed and not recorded."""
        is_only = len(self.landed) == 1 and self.lake.parts(self.raw) == [self.landed[0].id]
        return is_only and not self.lake.exists(self.table)

    def begin(self) -> int:
        """Write what the only batch brought: it is what the standard table holds, and nothing is left to be compared."""
        resource, batch = self.rows.resource, self.landed[0]
        changes = _fresh(named(_standing(resource, self.lake, None), "n"), self.items)
        return self.write(changes, [batch.started_at], through=batch, std=self.lake.version(resource.std_table))

    def _notes(self) -> dict[str, Any]:
        if not self.lake.exists(self.table):
            return {}
        return next((dict(v.notes) for v in self.lake.history(self.table) if "through" in v.notes), {})

    def groups(self) -> list[list[Batch]]:
        """The batches that are not in the log yet: runs of those that only add rows, and others by themselves."""
        new = list(enumerate(self.landed))[self.through + 1 :]
        found = []
        for is_alone, some in groupby(new, key=lambda pair: self._is_alone(*pair)):
            group = [batch for _, batch in some]
            found += [[b] for b in group] if is_alone else [group[i : i + _STEP] for i in range(0, len(group), _STEP)]
        return found

    def _is_alone(self, number: int, batch: Batch) -> bool:
        """Whether a batch may take rows away."""
        if self.is_log:
            return self.rows.is_filtering or self._has_reset(batch)
        return any(b.origin == batch.origin and b.state == "superseded" for b in self.landed[:number])

    def _has_reset(self, batch: Batch) -> bool:
        source = self._raw_rows([batch])
        if "_op" not in self.lake.columns(self.raw, batch.version):
            return True
        found = self.lake.engine.rows(sql("SELECT 1 FROM :rows AS r WHERE r._op = :reset LIMIT 1", rows=source, reset=RESET))
        return bool(found)

    def take(self, group: Sequence[Batch]) -> int:
        """Write the changes that batches brought."""
        stood = self._state()
        if len(group) == 1 and self._is_alone(self.landed.index(group[0]), group[0]):
            changes = _changes(stood, self._state_after(group[0]), self.items)
            count = self.write(changes, [group[0].started_at], through=group[0])
        else:
            count = self._take_added(stood, group)
        self.through, self.is_std = self.landed.index(group[-1]), False
        return count

    def _take_added(self, stood: exp.Expression, group: Sequence[Batch]) -> int:
        order = pa.table({"_batch": [b.id for b in group], "_moment": pa.array(range(len(group)), pa.int64())})
        with self.lake.engine.bound(order) as moments:
            changes = _log(self._changed_rows(group), stood, moments) if self.is_log else _added(self.rows.keyed(self._raw_rows(group)), stood, moments)
            return self.write(changes, [b.started_at for b in group], through=group[-1])

    def _changed_rows(self, group: Sequence[Batch]) -> exp.Select:
        """Rows of a log with operation and position; those of deletions whatever the cleaning rules say."""
        raw = self._raw_rows(group)
        place = sql("SELECT r._batch, r._row, r._op, r._position FROM :raw AS r", raw=raw).assert_is(exp.Select)
        keyed = self.rows.keyed(raw).subquery("k", copy=False)
        joined = sql("SELECT k.*, o._op, o._position FROM :k JOIN :o ON k._batch = o._batch AND k._row = o._row", k=keyed, o=place.subquery("o"))
        return joined.assert_is(exp.Select)

    def _raw_rows(self, group: Sequence[Batch]) -> exp.Expression:
        """The raw rows of batches, read from their own files where they still are."""
        version, ids = group[-1].version, [b.id for b in group]
        there = set(self.lake.parts(self.raw, version))
        parts = ids if set(ids) <= there else None
        relation = self.lake.relation(self.raw, version, parts=parts)
        if parts is not None:
            return relation
        theirs = exp.In(this=column("_batch", "b"), expressions=[exp.Literal.string(i) for i in ids])
        return exp.Subquery(this=exp.select("b.*").from_(named(relation, "b")).where(theirs))

    def _state(self) -> exp.Expression:
        """Keys that stood after the last batch in the log: ``_key, _order, _digest`` and the rest of their rows."""
        if self.is_std:
            return _standing(self.rows.resource, self.lake, self.before)
        return self._state_after(self.landed[self.through]) if self.through >= 0 else self._nothing()

    def _state_after(self, batch: Batch) -> exp.Expression:
        resource = self.rows.resource
        source = (
            current(self.lake, self.raw, resource.key_columns, version=batch.version)
            if self.is_log
            else self.lake.relation(self.raw, batch.version)
        )
        return _keyed(resource, exp.Subquery(this=self.rows.standard(source)), [i.name for i in resource.items])

    def _nothing(self) -> exp.Expression:
        standing = exp.select("*").from_(_standing(self.rows.resource, self.lake, None), copy=False)
        return exp.Subquery(this=standing.where(exp.false(), copy=False))

    def heads(self) -> exp.Expression:
        """Keys that the log says stand now."""
        if not self.lake.exists(self.table):
            return self._nothing()
        text = (
            "SELECT x._key, x._digest FROM (SELECT h._key, h._digest, h._is_gone, row_number() OVER"
            " (PARTITION BY h._key ORDER BY h._seq DESC) AS n FROM :t AS h) AS x WHERE x.n = 1 AND NOT x._is_gone"
        )
        return exp.Subquery(this=sql(text, t=self.lake.relation(self.table)))

    def write(self, changes: exp.Select, times: Sequence[str], *, through: Batch | None = None, std: int = -1) -> int:
        """Append changes (with ``_moment``, the place of their time among ``times``)."""
        start = (self.lake.version(self.table) + 2) * _STEP
        kept = through.id if through else self.landed[self.through].id if self.through >= 0 else ""
        ordered = pa.table({"_moment": pa.array(range(len(times)), pa.int64()), "_from": list(times)})
        with self.lake.engine.bound(ordered) as moments:
            columns = [column(n, "c") for n in ("_key", *self.items, "_batch", "_row")]
            query = (
                exp.select(*columns, column("_from", "t"), column("_is_gone", "c"), column("_digest", "c"))
                .select(exp.alias_(sql("CAST(:start AS BIGINT) + c._moment", start=start), "_seq"))
                .from_(changes.subquery("c", copy=False), copy=False)
                .join(named(moments, "t"), on=sql("t._moment = c._moment"), copy=False)
            )
            return self.lake.append(self.table, query, part=new_id("h"), notes={"through": kept, "std": std}).rows


def _standing(resource: Resource, lake: Lake, version: int | None) -> exp.Expression:
    """The current rows of a version of the standard table, by key."""
    there = lake.columns(resource.std_table, version)
    names = [item.name for item in resource.items if item.name in there]
    return _keyed(resource, lake.relation(resource.std_table, version), names)


def _keyed(resource: Resource, rows: exp.Expression, there: Sequence[str]) -> exp.Expression:
    """Current rows of the standard table's form with ``_key``, ``_order`` and ``_digest``; rows without a key are left out."""
    null = sql("CAST(NULL AS VARCHAR)")
    items = {i.name: column(i.name, "s") if i.name in there else null for i in resource.items}
    key, order = key_and_order(resource, items, is_dated=True)
    outputs = [exp.alias_(term, name, quoted=True) for name, term in items.items()]
    query = exp.select(
        *outputs,
        *(column(name, "s") for name in ("_batch", "_row", "_at")),
        exp.alias_(key, "_key"),
        exp.alias_(order, "_order"),
        exp.alias_(digest(list(items.values())), "_digest"),
    ).from_(named(rows, "s"))
    standing = query.where(column("_current", "s"), copy=False).subquery("q", copy=False)
    return exp.Subquery(this=exp.select("q.*").from_(standing, copy=False).where(sql("q._key IS NOT NULL"), copy=False))


def _changes(old: exp.Expression, new: exp.Expression, items: Sequence[str]) -> exp.Select:
    """What differs between two states: rows that are new or changed, and keys that went."""
    old, new = (named(one, name) for one, name in ((old, "o"), (new, "n")))
    fresh = _fresh(new, items).join(old, on=sql("o._key = n._key"), join_type="left", copy=False)
    fresh = fresh.where(sql("(o._key IS NULL OR o._digest <> n._digest)"), copy=False)
    nothing = [exp.alias_(sql("CAST(NULL AS VARCHAR)"), n, quoted=True) for n in (*items, "_batch")]
    gone = exp.select(column("_key", "o"), *nothing, exp.alias_(sql("CAST(NULL AS BIGINT)"), "_row"))
    gone = gone.select(exp.alias_(exp.Literal.string(""), "_digest"), exp.alias_(exp.true(), "_is_gone"), _moment())
    gone = gone.from_(old, copy=False).join(new, on=sql("o._key = n._key"), join_type="left", copy=False)
    gone = gone.where(sql("n._key IS NULL"), copy=False)
    both = exp.Union(this=fresh, expression=gone, distinct=False)
    return exp.select("*").from_(both.subquery("u", copy=False), copy=False)


def _fresh(rows: exp.Expression, items: Sequence[str]) -> exp.Select:
    """Rows ``n`` as changes."""
    names = (column(n, "n") for n in ("_key", *items, "_batch", "_row", "_digest"))
    return exp.select(*names, exp.alias_(exp.false(), "_is_gone"), _moment()).from_(rows, copy=False)


def _moment() -> exp.Alias:
    return exp.Alias(this=sql("CAST(0 AS BIGINT)"), alias=exp.to_identifier("_moment"))


def _added(rows: exp.Select, stood: exp.Expression, moments: exp.Expression) -> exp.Select:
    """Rows that became the newest of their key with a batch, and say something else than the newest before."""
    dated = sql("SELECT r.*, m._moment FROM :rows JOIN :moments AS m ON m._batch = r._batch", rows=_sub(rows, "r"), moments=moments)
    best = sql(
        "SELECT * FROM (SELECT d.*, row_number() OVER (PARTITION BY d._key, d._moment ORDER BY d._order DESC) AS _n FROM :d) AS b"
        " WHERE b._n = 1",
        d=_sub(dated, "d"),
    )
    earlier = sql(
        "SELECT b.*, s._order AS _stood, s._digest AS _said, max(b._order) OVER (PARTITION BY b._key ORDER BY b._moment"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS _best FROM :b LEFT JOIN :s AS s ON s._key = b._key",
        b=_sub(best, "b"),
        s=stood,
    )
    newer = sql(
        "SELECT e.*, coalesce(lag(e._digest) OVER (PARTITION BY e._key ORDER BY e._moment), e._said) AS _before FROM :e"
        " WHERE (e._best IS NULL OR e._order > e._best) AND (e._stood IS NULL OR e._order > e._stood)",
        e=_sub(earlier, "e"),
    )
    text = "SELECT w.*, false AS _is_gone FROM :w WHERE w._before IS NULL OR w._before <> w._digest"
    return sql(text, w=_sub(newer, "w")).assert_is(exp.Select)


def _log(rows: exp.Select, stood: exp.Expression, moments: exp.Expression) -> exp.Select:
    """The last change of each key in each batch of a log, where it says something else than the one before."""
    dated = sql(
        "SELECT r.*, CASE WHEN r._op = :gone THEN '' ELSE r._digest END AS _said, r._op = :gone AS _is_gone, m._moment"
        " FROM :rows JOIN :moments AS m ON m._batch = r._batch",
        rows=_sub(rows, "r"),
        gone=GONE,
        moments=moments,
    )
    last = sql(
        "SELECT * FROM (SELECT d.*, row_number() OVER (PARTITION BY d._key, d._moment ORDER BY d._position DESC) AS _n FROM :d) AS b"
        " WHERE b._n = 1",
        d=_sub(dated, "d"),
    )
    earlier = sql(
        "SELECT b.*, coalesce(lag(b._said) OVER (PARTITION BY b._key ORDER BY b._moment), s._digest, '') AS _before"
        " FROM :b LEFT JOIN :s AS s ON s._key = b._key",
        b=_sub(last, "b"),
        s=stood,
    )
    return sql("SELECT w.* FROM :w WHERE w._before <> w._said", w=_sub(earlier, "w")).assert_is(exp.Select)


def _sub(query: exp.Expression, name: str) -> exp.Expression:
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(name)))
