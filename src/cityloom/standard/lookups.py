"""Answers of programs: each distinct text that reaches a program's step is asked once, and kept as a relation.

A relation has the columns ``_given`` (the text, once each) and the program's outputs. In the lake it is a table beside
the standard one, ``std_…__<program>``: texts that it knows are not asked again, those that no raw row holds any more
leave it, and another version of the program begins it anew. Texts stream through in batches: memory stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import column
from cityloom.kernel.ids import new_id
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.standard.base import Program, ProgramStep
from cityloom.standard.plan import ItemPlan, Mapped

Lookups = Mapping[str, exp.Expression]
"""Relations of answers by the programs' names."""
_BATCH = 8192


class Keeper(Protocol):
    """Where answers are kept."""

    def keep(self, program: Program, texts: exp.Select) -> exp.Expression:
        """The relation of a program's answers to texts (a query of one column ``_given``, distinct, no NULL)."""
        ...


def table_of(resource: Resource, program: Program) -> str:
    """The lake's table of a program's answers on a resource."""
    return f"{resource.std_table}__{program.name}"


def in_lake(resource: Resource, plans: tuple[ItemPlan, ...], lake: Lake, mapped: Callable[[Lookups], Mapped]) -> Lookups:
    """Answers to what a resource holds, kept beside its standard table.

    Args:
        resource: whose values.
        plans: of its items.
        lake: where tables are.
        mapped: its rows with the plans on top, given the answers so far.
    """
    return _answers(plans, mapped, _InLake(resource, lake))


@contextmanager
def in_folder(plans: tuple[ItemPlan, ...], engine: Engine, mapped: Callable[[Lookups], Mapped]) -> Iterator[Lookups]:
    """Answers for rows that are in no lake (yet); they are gone after the block."""
    with TemporaryDirectory(prefix="cityloom-") as folder:
        yield _answers(plans, mapped, _InFolder(Path(folder), engine))


def _answers(plans: tuple[ItemPlan, ...], mapped: Callable[[Lookups], Mapped], keeper: Keeper) -> Lookups:
    """Round for round: a program's step may stand behind another program's."""
    uses = [
        (_depth(plans, one, k), number, k, step.program)
        for number, one in enumerate(plans)
        for k, step in enumerate(one.steps)
        if isinstance(step, ProgramStep)
    ]
    found: dict[str, exp.Expression] = {}
    for depth in sorted({use[0] for use in uses}):
        programs = {p.name: p for d, _, _, p in uses if d <= depth}
        for name, program in programs.items():
            wanted = [(number, k) for d, number, k, p in uses if d <= depth and p.name == name]
            if any(d == depth and p.name == name for d, _, _, p in uses):
                found[name] = keeper.keep(program, _texts(wanted, lambda: mapped(found)))
    return found


def _depth(plans: tuple[ItemPlan, ...], one: ItemPlan, count: int) -> int:
    """How many programs' answers a value needs, one after the other, before a step is done with it."""
    depth = 0
    for k, step in enumerate(one.steps[: count + 1]):
        needed = [p for p in plans if p.item in one.inputs_of(k)]
        depth = max([depth, *(_depth(plans, p, len(p.steps)) for p in needed)])
        depth += isinstance(step, ProgramStep) and k < count
    return depth


def _texts(wanted: list[tuple[int, int]], mapped: Callable[[], Mapped]) -> exp.Select:
    """The distinct texts of several items, each before one of its steps."""
    queries: dict[str, exp.Expression] = {}
    for number, count in wanted:
        rows = mapped()
        query = rows.layers.query({"_given": rows.stage(number, count)})
        one = rows.plans[number]
        signature = [one.column, *(f"{step!r} {one.inputs_of(k)!r}" for k, step in enumerate(one.steps[:count]))]
        queries.setdefault("\0".join(signature), query)
    first, *others = queries.values()
    for other in others:
        first = exp.union(first, other, distinct=False)
    texts = exp.Subquery(this=first, alias=exp.TableAlias(this=exp.to_identifier("t")))
    return sql("SELECT DISTINCT t._given FROM :texts WHERE t._given IS NOT NULL", texts=texts).assert_is(exp.Select)


def _schema(program: Program) -> pa.Schema:
    return pa.schema([("_given", pa.string()), *((name, pa.string()) for name in program.outputs)])


def _asked(program: Program, texts: exp.Select, engine: Engine) -> Iterator[pa.RecordBatch]:
    schema = _schema(program)
    for batch in engine.batches(texts, _BATCH):
        given = batch.column(0).to_pylist()
        rows = [program.answer(text) for text in given]
        columns = [given, *zip(*rows, strict=True)] if rows else [[] for _ in schema]
        yield pa.record_batch([pa.array(one, pa.string()) for one in columns], schema=schema)


class _InFolder:
    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        self._engine = engine

    def keep(self, program: Program, texts: exp.Select) -> exp.Expression:
        path = self._folder / f"{new_id('k')}.parquet"
        with pq.ParquetWriter(path, _schema(program), compression="zstd") as writer:
            for batch in _asked(program, texts, self._engine):
                writer.write_batch(batch)
        return self._engine.files([path])


class _InLake:
    def __init__(self, resource: Resource, lake: Lake) -> None:
        self._resource = resource
        self._lake = lake

    def keep(self, program: Program, texts: exp.Select) -> exp.Expression:
        table = table_of(self._resource, program)
        self._lake.sweep(table)
        if self._version(table) != program.version:
            self._add(table, program, texts, replaces=self._lake.parts(table))
            return self._lake.relation(table)
        known = self._lake.relation(table)
        unknown = sql(
            "SELECT w._given FROM :texts LEFT JOIN :known AS k ON k._given = w._given WHERE k._given IS NULL",
            texts=texts.subquery("w"),
            known=known,
        ).assert_is(exp.Select)
        self._add(table, program, unknown, replaces=[])
        self._forget(table, program, texts)
        return self._lake.relation(table)

    def _version(self, table: str) -> str | None:
        if not self._lake.exists(table):
            return None
        notes = (entry.notes for entry in self._lake.history(table))
        return next((str(note["program"]) for note in notes if "program" in note), None)

    def _add(self, table: str, program: Program, texts: exp.Select, replaces: list[str]) -> None:
        batches = _asked(program, texts, self._lake.engine)
        first = next(batches, None)
        if first is None and self._lake.exists(table) and not replaces:
            return
        rows = chain([first] if first is not None else [], batches)
        notes = {"program": program.version}
        self._lake.append(table, rows, part=new_id("k"), replaces=replaces, notes=notes, schema=_schema(program))

    def _forget(self, table: str, program: Program, texts: exp.Select) -> None:
        """Leave out what no row holds any more; it may be about people who asked to be forgotten."""
        columns = [column(name, "k") for name in _schema(program).names]
        rows = sql("SELECT * FROM :known AS k JOIN :texts ON w._given = k._given", known=self._lake.relation(table), texts=texts.subquery("w"))
        held = rows.assert_is(exp.Select).select(*columns, append=False)
        count = self._lake.engine.rows(exp.select(sql("count(*)")).from_(held.copy().subquery("h")))[0][0]
        if int(count) < self._lake.count(table):
            old = self._lake.parts(table)
            self._lake.append(table, held, part=new_id("k"), replaces=old, notes={"program": program.version})
