"""根因: where broken rows come from, and what they share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One column's part of a sub-population.

    ``column`` is an item, or one of the platform's own (``_batch``, ``_origin``); ``kind`` says what of it is looked at:
    ``value``, ``missing`` (nothing stands there), ``length`` (characters), ``head`` (the first characters), ``form``,
    ``month``, ``range`` (``values`` hold its two ends). A row fulfils it when what is looked at is one of ``values``.
    """

    column: str
    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A sub-population that explains broken rows: all its ``conditions`` hold.

    ``rows`` are those of the table in it, ``broken`` those of them that break the rule; ``all_rows`` and ``all_broken`` the
    same of what was looked at. ``chance`` is an upper bound of the probability that it was found by chance, after all
    that was tried; ``also`` other conditions that hold for the same rows.
    """

    conditions: tuple[Condition, ...]
    rows: int
    broken: int
    all_rows: int
    all_broken: int
    chance: float
    also: tuple[tuple[Condition, ...], ...] = ()

    @property
    def coverage(self) -> float:
        """Share of all broken rows that it explains."""
        return self.broken / self.all_broken if self.all_broken else 0.0

    @property
    def rate(self) -> float:
        """Share of its rows that are broken."""
        return self.broken / self.rows if self.rows else 0.0

    @property
    def rate_elsewhere(self) -> float:
        """Share of the other rows that are broken."""
        others = self.all_rows - self.rows
        return (self.all_broken - self.broken) / others if others else 0.0

    @property
    def lift(self) -> float:
        """How many times as often rows are broken in it as in all rows."""
        overall = self.all_broken / self.all_rows if self.all_rows else 0.0
        return self.rate / overall if overall else 0.0


@dataclass(frozen=True, kw_only=True)
class BatchLine:
    """A batch with its broken rows: where it came from, when it began, rows of it in the table, how many are broken."""

    batch: str
    origin: str
    at: str
    rows: int
    broken: int

    @property
    def rate(self) -> float:
        """Share of its rows that are broken."""
        return self.broken / self.rows if self.rows else 0.0


@dataclass(frozen=True, kw_only=True)
class StepLine:
    """A standardising step of an item: of the rows it touched (``changed``, ``lost``) those that broke the rule afterwards
    and had kept it before."""

    item: str
    step: str
    changed: int
    lost: int
    broken: int


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where in the chain a problem first appears.

    ``first`` is ``source`` (broken as it came), ``standard`` (made by standardising), ``none`` (no row is broken). ``came``
    rows were broken as they came, ``mended`` of them standardising brought in order, ``made`` rows were in order as they
    came and are broken after it, ``left`` rows are broken after it; ``reached`` fused values were taken from broken rows.
    ``begins`` is the batch with which it begins, when earlier ones were in order.
    """

    first: str
    source: str
    connector: str
    rows: int
    came: int
    mended: int | None
    made: int | None
    left: int | None
    batches: tuple[BatchLine, ...]
    begins: str | None
    steps: tuple[StepLine, ...] = ()
    reached: tuple[tuple[str, int], ...] = ()

    @property
    def aside(self) -> int:
        """Rows broken as they came that are no current rows: another row of the key took their place, or they were set apart."""
        if self.mended is None or self.made is None or self.left is None:
            return 0
        return self.came - self.mended - (self.left - self.made)


@dataclass(frozen=True, kw_only=True)
class RootCause:
    """The root cause of one rule's broken rows: by lineage and by sub-population."""

    resource: str
    rule: str
    phase: str
    origin: Origin
    causes: tuple[Cause, ...]
    tried: int
