"""The proof of a migration: what the source counted and what the lake holds now, table by table and column by column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cityloom.collect.base import TableShape
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.receipts import PORTABLE, add, measure
from cityloom.model.batch import Batch, ColumnFigures
from cityloom.model.resource import Resource
from cityloom.store import batches

EQUAL, APART, UNEQUAL, FAILED = "equal", "set_apart", "unequal", "failed"


@dataclass(frozen=True, kw_only=True)
class ColumnProof:
    """A column, or a key of several (``[a, b]``), on both sides: values that are not null, their bytes in UTF-8 in
    all, and the sum of their digests. ``None`` where a side has none."""

    column: str
    source: ColumnFigures | None
    lake: ColumnFigures | None

    @property
    def is_equal(self) -> bool:
        """Whether both sides are the same."""
        return self.source is not None and self.source == self.lake


@dataclass(frozen=True, kw_only=True)
class TableProof:
    """A table on both sides.

    ``state`` is ``equal`` (all of it is in the lake), ``set_apart`` (rows that could not be taken are kept apart with
    their reasons), ``unequal`` or ``failed`` (nothing was moved). ``listed_rows`` is what the source said of itself
    before, ``source_rows`` what it counted while it was read, ``lake_rows`` what the lake holds now; ``proved_by`` who
    computed the source's figures. ``size`` of its files in the lake, bytes.
    """

    table: str
    title: str
    resource: str
    state: str
    reason: str = ""
    hint: str = ""
    listed_rows: int | None = None
    source_rows: int | None = None
    lake_rows: int | None = None
    rejected_rows: int = 0
    proved_by: str = ""
    batches: tuple[str, ...] = ()
    version: int = -1
    size: int = 0
    seconds: float = 0.0
    columns: tuple[ColumnProof, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether every row and value of the source is in the lake."""
        return self.state == EQUAL


def failed(shape: TableShape, resource: str, error: CityLoomError) -> TableProof:
    """A table of which nothing was moved."""
    return TableProof(
        table=shape.name,
        title=shape.title,
        resource=resource,
        state=FAILED,
        reason=error.message,
        hint=error.hint,
        listed_rows=shape.rows,
    )


def prove(workspace: Workspace, shape: TableShape, resource: Resource, seconds: float) -> TableProof:
    """Measure what the lake holds of a table, and hold it against the receipts of its batches.

    Args:
        workspace: whose lake.
        shape: the table as its source described it.
        resource: what collected it.
        seconds: that took.
    """
    with workspace.store.read() as connection:
        standing = batches.list_batches(connection, resource.name, state="reconciled")
    receipts = [b.receipt for b in standing if b.receipt is not None]
    said = add(r.source_columns for r in receipts)
    source_rows, rejected = sum(r.source_rows for r in receipts), sum(r.rejected_rows for r in receipts)
    lake_rows, held = _held(workspace, resource, standing, said)
    columns = _pairs(said, held)
    is_equal = source_rows == lake_rows + rejected and all(c.is_equal for c in columns)
    state = UNEQUAL if not is_equal or not standing else APART if rejected else EQUAL
    return TableProof(
        table=shape.name,
        title=shape.title,
        resource=resource.name,
        state=state,
        listed_rows=shape.rows,
        source_rows=source_rows,
        lake_rows=lake_rows,
        rejected_rows=rejected,
        proved_by=receipts[-1].proved_by if receipts else "",
        batches=tuple(b.id for b in standing),
        version=workspace.lake.version(resource.raw_table),
        size=workspace.lake.size(resource.raw_table) if standing else 0,
        seconds=seconds,
        columns=columns,
    )


def _held(
    workspace: Workspace, resource: Resource, standing: Sequence[Batch], said: Sequence[ColumnFigures]
) -> tuple[int, tuple[ColumnFigures, ...]]:
    """Rows and figures of what the lake holds now, with the digests that the receipts have."""
    if not standing:
        return 0, ()
    is_portable = bool(said) and said[0].digest.startswith(f"{PORTABLE}:")
    key = resource.key_columns
    names = [f.column for f in said]
    has_key = bool(key) and len(said) > len(set(names) & set(_columns(workspace, resource)))
    columns = names[:-1] if has_key else names
    relation = workspace.lake.relation(resource.raw_table, parts=[b.id for b in standing])
    return measure(workspace.lake.engine, relation, columns, key if has_key else (), is_portable=is_portable)


def _columns(workspace: Workspace, resource: Resource) -> list[str]:
    return workspace.lake.columns(resource.raw_table)


def _pairs(said: Sequence[ColumnFigures], held: Sequence[ColumnFigures]) -> tuple[ColumnProof, ...]:
    there = {f.column: f for f in held}
    return tuple(ColumnProof(column=f.column, source=f, lake=there.get(f.column)) for f in said)
