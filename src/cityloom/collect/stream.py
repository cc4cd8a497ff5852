"""Rows on their way into the lake: columns checked, figures taken at the source's side, system columns added."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa
from sqlglot import exp

from cityloom.collect.base import OPERATION, POSITION, ROW, Connector, Slice
from cityloom.engines.base import Engine, sql
from cityloom.kernel.errors import DataError
from cityloom.kernel.ids import new_id
from cityloom.lake.receipts import add, figures, query
from cityloom.model.batch import ColumnFigures, Finding, Reject
from cityloom.model.resource import Resource

SYSTEM = ("_batch", ROW, "_at", "_hash")
CHANGE = (OPERATION, POSITION)
"""More system columns in mode cdc; the connector gives them."""
_MADE = ("_batch", "_at", "_hash")
_ROWS = 32_768
_BYTES = 8 << 20
"""So many rows or bytes are completed at a time: enough for a query to be worth its while, and no more."""
_REJECTS = 100_000
"""More bad rows than this in one slice are no bad rows but a wrong definition."""


@dataclass
class Stream:
    """The rows of one slice, once through. After the last row: ``rows``, ``figures``, ``rejects``, ``findings``.

    Args:
        resource: whose items declare the columns.
        connector: reads the slice.
        piece: the slice.
        batch: its batch's id.
        at: time of landing, ISO text.
        engine: computes figures and hashes.
        progress: told the origin and the rows so far.
        is_measured: whether figures are taken on the way; not where the source proves the batch by itself.
    """

    resource: Resource
    connector: Connector
    piece: Slice
    batch: str
    at: str
    engine: Engine
    progress: Callable[[str, int], None] | None = None
    is_measured: bool = True
    rows: int = 0
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    figures: tuple[ColumnFigures, ...] = ()
    rejects: list[Reject] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _name: str = field(default_factory=lambda: new_id("rows"))
    _hashing: str = ""
    _measuring: str = ""

    def start(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Read the first rows, check the columns; the schema and the stream of rows with system columns."""
        source = self.connector.read(self.piece, self._reject)
        first = next(source)
        system = (*SYSTEM, *CHANGE) if self.resource.collect.mode == "cdc" else SYSTEM
        found = [n for n in first.schema.names if n not in (ROW, *system[len(SYSTEM) :])]
        self._check_names(found)
        added = self._check_declared(found)
        self.columns = (*found, *added)
        by_item = {i.name: i.column for i in self.resource.items}
        key = tuple(by_item[name] for name in self.resource.key)
        self.key = key if set(key) <= set(self.columns) else ()
        schema = pa.schema([(n, pa.string()) for n in self.columns] + [(n, _type(n)) for n in system])
        self._prepare()
        return schema, self._flow(chain([first], source), schema)

    def drain(self) -> None:
        """Read all for the figures alone."""
        for _ in self.start()[1]:
            pass

    def _prepare(self) -> None:
        """Write the queries that every batch is asked, once."""
        relation = exp.to_table(self._name)
        values: list[exp.Expression] = [exp.column(n, quoted=True) for n in self.columns] or [exp.Literal.string("")]
        digest = exp.Anonymous(this="hash", expressions=values)
        hashing = sql(f"SELECT printf('%016x', :digest) AS h, {ROW} FROM :relation", digest=digest, relation=relation)
        self._hashing = hashing.sql(dialect=self.engine.dialect)
        self._measuring = query(relation, self.columns, self.key).sql(dialect=self.engine.dialect)

    def _flow(self, source: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """All rows, in batches large enough to be worth their queries."""
        waiting: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in source:
            waiting.append(self._widen(batch, schema))
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= _ROWS or size >= _BYTES:
                yield self._complete(waiting, schema)
                waiting, rows, size = [], 0, 0
        if waiting:
            yield self._complete(waiting, schema)

    def _widen(self, batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
        """A batch with all columns but those that are made here."""
        known = set(batch.schema.names)
        names = [n for n in schema.names if n not in _MADE]
        nothing = pa.nulls(batch.num_rows, pa.string())
        return pa.RecordBatch.from_arrays([batch.column(n) if n in known else nothing for n in names], names=names)

    def _complete(self, batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
        batch = pa.concat_batches(batches) if len(batches) > 1 else batches[0]
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        arrays["_batch"] = _constant(self.batch, batch.num_rows)
        arrays["_at"] = _constant(self.at, batch.num_rows)
        with self.engine.bound(pa.table(batch), self._name):
            if self.is_measured:
                _, found = figures(self.engine.rows(self._measuring)[0], self.columns, self.key, self.engine.name)
                self.figures = add([self.figures, found])
            arrays["_hash"] = self._hashes(batch.column(ROW))
        self.rows += batch.num_rows
        if self.progress:
            self.progress(self.piece.origin, self.rows)
        return pa.RecordBatch.from_arrays([arrays[n] for n in schema.names], schema=schema)

    def _hashes(self, rows: pa.Array) -> pa.Array:
        """The digest of each row, in the order of the rows, whatever order the engine answers in."""
        found = pa.Table.from_batches(self.engine.batches(self._hashing, _ROWS), pa.schema([("h", pa.string()), (ROW, pa.int64())]))
        numbers = found.column(ROW).combine_chunks()
        if not numbers.equals(rows):
            found = found.sort_by(ROW)
        return found.column("h").combine_chunks()

    def _reject(
        self, row: int, column: str, code: str, reason: str, content: Mapping[str, str | None] | None = None
    ) -> None:
        is_stop = self.resource.collect.drift == "stop"
        if is_stop or len(self.rejects) >= _REJECTS:
            raise DataError(
                code if is_stop else "collect.rows.hopeless",
                "{origin}, row {row}: the row cannot be taken: {problem}. {count} rows could not be taken so far.",
                hint="Correct the delivery or the definition; with the policy quarantine good rows land without the bad ones.",
                origin=self.piece.origin,
                row=row,
                column=column,
                problem=reason,
                count=len(self.rejects) + 1,
            )
        self.rejects.append(
            Reject(
                resource=self.resource.name,
                batch=self.batch,
                origin=self.piece.origin,
                row=row,
                column=column,
                code=code,
                reason=reason,
                content=content,
            )
        )

    def _check_names(self, found: list[str]) -> None:
        system = (*SYSTEM, *CHANGE)
        seen: dict[str, str] = {n: n for n in system}
        for name in found:
            other = seen.setdefault(name.casefold(), name) if name not in system else name
            if other != name or name in system:
                raise DataError(
                    "collect.column.ambiguous",
                    "{origin}: the column {column} cannot be told from {other}.",
                    hint="Rename it at the source; the names {system} are the platform's own.",
                    origin=self.piece.origin,
                    column=name,
                    other=other,
                    system=", ".join(system),
                )

    def _check_declared(self, found: list[str]) -> list[str]:
        """Columns to be added as empty, because the slice left them out; none of those that are required or a key."""
        items = {item.column: item for item in self.resource.items}
        missing = [column for column in items if column not in found]
        needed = [c for c in missing if items[c].required or items[c].name in self.resource.key]
        if needed and found:
            raise self._missing(needed[0], found)
        if missing and not self.connector.is_sparse and len(missing) == len(items):
            raise self._missing(missing[0], found)
        extra = [c for c in found if c not in items]
        if found:
            self._drift("collect.column.missing", "optional columns are missing", missing, _likely(missing, extra))
        self._drift("collect.column.unknown", "columns are not declared", extra)
        return missing

    def _missing(self, column: str, found: list[str]) -> DataError:
        nearest = difflib.get_close_matches(column, found, n=1, cutoff=0.3)
        return DataError(
            "collect.column.missing",
            "{origin}: the declared column {column} is missing; the nearest one is {nearest}.",
            hint="Have the delivery corrected, or change the item's column in the resource's definition.",
            origin=self.piece.origin,
            column=column,
            nearest=nearest[0] if nearest else "-",
        )

    def _drift(self, code: str, text: str, columns: list[str], more: str = "") -> None:
        if not columns:
            return
        if self.resource.collect.drift == "stop":
            raise DataError(
                code,
                "{origin}: the delivery has other columns than declared: {columns}.",
                hint="Declare them as items, or set the task's drift policy to quarantine or accept.",
                origin=self.piece.origin,
                columns=", ".join(columns),
            )
        named = ", ".join(columns)
        self.findings.append(
            Finding(
                kind="drift",
                subject=self.resource.name,
                code=code,
                text=f"{self.piece.origin}: {text}: {named}{more}",
                count=len(columns),
                batch=self.batch,
                details={"origin": self.piece.origin, "columns": named},
            )
        )


def _likely(missing: list[str], extra: list[str]) -> str:
    """Under which other name a missing column may have come."""
    near = {column: difflib.get_close_matches(column, extra, n=1, cutoff=0.5) for column in missing}
    told = ", ".join(f"{column} by {names[0]}" for column, names in near.items() if names)
    return f"; perhaps renamed: {told}" if told else ""


def _type(name: str) -> pa.DataType:
    return pa.int64() if name == ROW else pa.string()


def _constant(value: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), count)
