"""Deliveries that a department brings by itself: pushed by its system, uploaded, or entered in a form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from cityloom.collect.base import ROW, Connector, RejectSink, Slice
from cityloom.collect.inbox import Delivery, Flaw, Inbox
from cityloom.collect.table import require_header
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Push:
    """Deliveries that wait in the workspace: they came over ``/api/v1/intake``, by upload or by form, and were checked.

    ``_row`` is as the delivery's format counts it: the row of the sheet, the line of the file, the number of the
    record. A delivery leaves the workspace when it is in the lake.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "push"
    title: ClassVar[Title] = Title("部门推送与上报", "Deliveries by the department")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"push"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)

    resource: str = ""
    base: Path = Path()

    def check(self) -> None:
        """Nothing is asked of any system."""

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a delivery that waits."""
        for one in self._inbox.sealed(self.resource):
            yield one.piece

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows without those that were found wrong, under the columns that their headers stand for."""
        delivery: Delivery = piece.held
        flaws = pa.array(list(delivery.flaws), pa.int64())
        reader, inner = self._open(delivery)
        for batch in reader.read(inner, sink):
            names = [delivery.renames.get(n, n) for n in batch.schema.names]
            require_header(names, delivery.file)
            named = batch.rename_columns(names)
            is_wrong = pc.is_in(named.column(ROW), value_set=flaws)
            if not pc.any(is_wrong).as_py():
                yield named
                continue
            _set_apart(named.filter(is_wrong), delivery.flaws, sink)
            yield named.filter(pc.invert(is_wrong))

    def count(self, piece: Slice) -> int:
        """Rows of the delivery, counted a second time on the way of its format."""
        reader, inner = self._open(piece.held)
        return reader.count(inner)

    def settle(self, piece: Slice) -> None:
        """Remove the delivery from the workspace."""
        delivery: Delivery = piece.held
        self._inbox.drop(delivery.resource, delivery.attempt)

    @property
    def _inbox(self) -> Inbox:
        return Inbox(self.base)

    def _open(self, delivery: Delivery) -> tuple[Connector, Slice]:
        reader = self._inbox.reader(delivery)
        return reader, next(iter(reader.slices({})))


def _set_apart(rows: pa.RecordBatch, flaws: Mapping[int, Flaw], sink: RejectSink) -> None:
    for record in rows.to_pylist():
        row = record.pop(ROW)
        flaw = flaws[row]
        sink(row, flaw.column, flaw.code, flaw.reason, record)
