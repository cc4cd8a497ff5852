"""可用率: rows that entered the lake and were not set apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.score import Share
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """Of the rows of a department's batches, those that did not have to be rejected."""

    name: ClassVar[str] = "rejected"
    title: ClassVar[Title] = Title("数据可用率", "Rows not rejected")
    standard: ClassVar[str] = "GB/T 36344-2018"
    cases: ClassVar = (
        ("1 of 4 rows was rejected", 0.75),
        ("all rows were rejected", 0.0),
        ("no batch has a receipt", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Rows landed of rows read; records are the batches with rejected rows."""
        batches = [b for r in records.resources(department) for b in records.batches.get(r.name, ())]
        receipts = [(b.id, b.receipt) for b in batches if b.receipt is not None]
        rejected = sum(receipt.rejected_rows for _, receipt in receipts)
        rows = rejected + sum(receipt.landed_rows for _, receipt in receipts)
        return Share(
            part=rows - rejected,
            whole=rows,
            records=tuple(name for name, receipt in receipts if receipt.rejected_rows),
            counts={"rows": rows, "rejected": rejected},
        )
