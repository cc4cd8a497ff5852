"""Rows of the raw layer that people put right: which row, with which batch it came in again, who and why. No value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from cityloom.store.database import metadata

row_correction_table = sa.Table(
    "row_correction",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("batch", sa.String(40), primary_key=True),
    sa.Column("row", sa.BigInteger, primary_key=True),
    sa.Column("by_batch", sa.String(40), nullable=False),
    sa.Column("by_row", sa.BigInteger, nullable=False),
    sa.Column("columns", sa.JSON, nullable=False),
    sa.Column("account", sa.String(80), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class RowCorrection:
    """One row put right: the row, the row that stands for it now, the columns that changed, who did it and why."""

    resource: str
    batch: str
    row: int
    by_batch: str
    by_row: int
    columns: tuple[str, ...]
    account: str
    why: str
    at: str


def add_corrections(connection: sa.Connection, found: Sequence[RowCorrection]) -> None:
    """Rows put right; one that was put right before is so by the newer correction."""
    t = row_correction_table
    for one in found:
        connection.execute(t.delete().where(t.c.resource == one.resource, t.c.batch == one.batch, t.c.row == one.row))
        connection.execute(t.insert().values(**{**asdict(one), "columns": list(one.columns)}))


def list_corrections(connection: sa.Connection, resource: str) -> list[RowCorrection]:
    """A resource's rows put right, oldest first."""
    t = row_correction_table
    query = sa.select(t).where(t.c.resource == resource).order_by(t.c.at, t.c.batch, t.c.row)
    return [RowCorrection(**{**row, "columns": tuple(row["columns"])}) for row in connection.execute(query).mappings()]
