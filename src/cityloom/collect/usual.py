"""Whether a batch has about as many rows as batches of its task usually have."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from cityloom.collect.periods import is_span
from cityloom.model.batch import Batch, Finding
from cityloom.model.resource import Resource

KNOWN = 60
"""So many of a task's newest batches are looked at."""
_LEAST = 5
_LEAST_OF_ORIGIN = 3
_SMALL = 20
"""A difference of fewer rows is nothing to tell of."""
_DEFAULT = 0.5


def unusual(resource: Resource, batch: Batch, earlier: Sequence[Batch]) -> Finding | None:
    """The finding on a batch whose number of rows is far from usual; ``None`` when it is not, or nothing is usual yet.

    Usual is the median of earlier batches of its origin where there are three of them, otherwise of all of them where
    there are five. How far is too far the task says (``rows_within``).

    Args:
        resource: whose task says what is usual enough.
        batch: that has landed.
        earlier: batches of the task that landed before this run, in any state.
    """
    within = resource.collect.rows_within
    if within is None:
        within = _DEFAULT if resource.collect.mode == "full" else 0.0
    if not within or batch.receipt is None or is_span(batch.origin):
        return None
    usual = _usual(batch, earlier)
    rows = batch.receipt.source_rows
    if usual is None or abs(rows - usual) <= max(usual * within, _SMALL):
        return None
    return Finding(
        kind="collect",
        subject=resource.name,
        code="collect.rows.unusual",
        text=f"{batch.origin} holds {rows} rows; usual are {usual}.",
        count=abs(rows - usual),
        batch=batch.id,
        details={"origin": batch.origin, "rows": rows, "usual": usual},
    )


def _usual(batch: Batch, earlier: Sequence[Batch]) -> int | None:
    whole = [b for b in earlier if b.state in ("reconciled", "superseded") and b.receipt and not is_span(b.origin)]
    for known, least in (([b for b in whole if b.origin == batch.origin], _LEAST_OF_ORIGIN), (whole, _LEAST)):
        rows = [b.receipt.source_rows for b in known if b.receipt and b.id != batch.id]
        if len(rows) >= least:
            return round(median(rows))
    return None
