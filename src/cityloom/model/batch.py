"""What a run took in, and the proof that it took all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ColumnFigures:
    """Order-independent figures of one column: values that are not null, their characters in all, and the
    sum of the values' 64-bit digests, so that any changed value changes them.

    A digest names how it was made: ``duckdb:`` the embedded engine's hash, ``md5:`` the sum of the first 60
    bits of each value's MD5, which a source database can compute by itself.
    """

    column: str
    filled: int
    characters: int
    digest: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """对账回执: the figures of both sides of a batch. ``is_equal`` is what "succeeded" means.

    The figures named like ``[a, b]`` are of the key: the values of its columns taken together. ``proved_by`` says
    who computed the source's figures: ``stream`` the platform while reading, ``source`` the source by itself.
    """

    source_rows: int
    landed_rows: int
    rejected_rows: int
    source_columns: tuple[ColumnFigures, ...] = ()
    landed_columns: tuple[ColumnFigures, ...] = ()
    proved_by: str = "stream"

    @property
    def is_equal(self) -> bool:
        """Nothing was lost and nothing changed on the way."""
        return (
            self.source_rows == self.landed_rows + self.rejected_rows and self.source_columns == self.landed_columns
        )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """批次: one slice of a collection task (a file, a table's snapshot, a pull), immutable.

    ``state`` is ``running``, ``landed`` (proven equal, and about to be committed), ``reconciled`` (committed),
    ``failed`` or ``superseded``; ``position`` what
    the next incremental run goes on from; ``origin`` where it came from (file name, table, address).
    """

    id: str
    resource: str
    origin: str
    digest: str
    state: str
    started_at: str
    ended_at: str | None = None
    version: int | None = None
    position: str | None = None
    reason: str | None = None
    receipt: Receipt | None = None


@dataclass(frozen=True, kw_only=True)
class Reject:
    """A row that could not be taken, with where it stood and why: kept, correctable, never dropped.

    ``content`` is the row as it came (its fields by column, or its text under ``""``); ``corrected_by`` the batch
    with which it came in after all.
    """

    resource: str
    batch: str
    origin: str
    row: int
    column: str
    code: str
    reason: str
    content: Mapping[str, str | None] | None = None
    corrected_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something about data that someone should know: drift, a broken rule, a disagreement.

    Holds counts and positions; no value of a person.
    """

    kind: str
    subject: str
    code: str
    text: str
    count: int = 1
    batch: str | None = None
    details: dict[str, str | int | float] = field(default_factory=dict)
