"""Batches and receipts as the pages show them: figures only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cityloom.collect.proof import digest_of
from cityloom.kernel.i18n import _
from cityloom.model.batch import Batch, ColumnFigures, Receipt
from cityloom.model.city import City

PAGE = 50
FEW = 10
"""Digests of fewer values are not shown: the value could be found by trying."""


@dataclass(frozen=True)
class BatchView:
    """One batch on a page."""

    batch: Batch
    title: str = ""

    @property
    def receipt(self) -> Receipt | None:
        """The figures of both sides."""
        return self.batch.receipt

    @property
    def is_good(self) -> bool:
        """Whether it landed and both sides are equal."""
        stands = self.batch.state in ("reconciled", "superseded", "landed")
        return stands and bool(self.receipt and self.receipt.is_equal)

    @property
    def state(self) -> str:
        """Its state in words."""
        return state_word(self.batch.state)

    @property
    def at(self) -> str:
        """When it ended or began, to the minute, UTC."""
        return (self.batch.ended_at or self.batch.started_at)[:16].replace("T", " ")

    @property
    def pairs(self) -> list[tuple[ColumnFigures, ColumnFigures]]:
        """The figures of each column on both sides."""
        found = self.receipt
        return list(zip(found.source_columns, found.landed_columns, strict=False)) if found else []

    @property
    def digest(self) -> str:
        """Digest of the receipt."""
        return digest_of(self.batch)

    @property
    def proved_by(self) -> str:
        """Who computed the figures of the source's side."""
        if self.receipt and self.receipt.proved_by == "source":
            return _("the source itself")
        return _("the platform while reading")

    def shown_digest(self, one: ColumnFigures) -> str:
        """A column's digest, where it tells nothing of a single value."""
        return one.digest.partition(":")[2] if one.filled >= FEW else ""


def state_word(state: str) -> str:
    """A batch's state in the current language."""
    return {
        "running": _("running"),
        "landed": _("being recorded"),
        "reconciled": _("reconciled"),
        "failed": _("failed"),
        "superseded": _("replaced"),
    }.get(state, state)


def lines_of(found: Iterable[Batch], city: City) -> list[BatchView]:
    """Batches with the titles of their resources."""
    titles = {name: str(one.title) for name, one in city.resources.items()}
    return [BatchView(batch, titles.get(batch.resource, batch.resource)) for batch in found]


def rejects_of(
    counts: Mapping[tuple[str, str, str], tuple[int, int]], batch: str
) -> list[tuple[str, int, int]]:
    """What a batch set apart: rule or code, rows, rows that came in after all."""
    return [(rule_of(code), count, corrected) for (_r, of, code), (count, corrected) in counts.items() if of == batch]


def rule_of(code: str) -> str:
    """The rule that a reject's code names; the code itself where it names none."""
    return code.removeprefix("collect.rule.")
