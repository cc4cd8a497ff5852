"""Tries a rule on real rows before it counts: how many break it, which, and what changes against the present rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.clock import Clock
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.model.resource import Resource
from cityloom.model.standard import RuleUse
from cityloom.quality.business import expanded
from cityloom.quality.items import one_of
from cityloom.quality.plan import RulePlan, plan, plan_one
from cityloom.quality.run import today
from cityloom.quality.scan import View

Position = tuple[str, int]
"""Batch and row."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one rule found.

    ``examples`` are the first broken rows by batch and row; ``values`` by position the items that the rule looks at, as
    texts: they are for those only who may see the rows. ``newly_broken`` and ``newly_fine`` count rows against the
    present rule of that name; None where there is none. ``seconds`` is what the count took.
    """

    rule: str
    columns: tuple[str, ...]
    rows: int
    checked: int
    broken: int
    seconds: float
    examples: tuple[Position, ...]
    values: Mapping[Position, Mapping[str, str | None]]
    newly_broken: int | None = None
    newly_fine: int | None = None

    @property
    def share(self) -> float:
        """Share of the rows checked that break the rule."""
        return self.broken / self.checked if self.checked else 0.0


class _Sampled(View):
    """A view of every nth row, chosen by the hash of its place: the same rows at every call."""

    def every(self, count: int) -> None:
        """Keep one row of ``count``."""
        if count > 1:
            some = exp.select("*").from_(self._relation).where(one_of([column("_batch"), column("_row")], count))
            self._relation = some.subquery("some_")

    def values(self, one: RulePlan, places: exp.Expression) -> exp.Expression:
        """The items of a rule in some rows."""
        names = {f"c{i}" for i in range(len(one.columns))}
        picks = [column(name, "v") for name in ("_batch", "_row", *sorted(names, key=lambda n: int(n[1:])))]
        same = sql("v._batch = p._batch AND v._row = p._row")
        return exp.select(*picks).from_(exp.alias_(self._rows(one), "v")).join(exp.alias_(places, "p"), on=same)


def try_rule(
    use: RuleUse,
    resource: Resource,
    *,
    phase: str,
    lake: Lake,
    clock: Clock,
    city: City,
    item: str = "",
    size: tuple[int, int] = (0, 10),
) -> list[Trial]:
    """Run a rule on a resource's rows; nothing is kept. A business rule is tried part by part.

    Args:
        use: the rule, approved or not.
        resource: whose rows.
        phase: raw or standard rows.
        lake: where they are.
        clock: for the present day, and to measure.
        city: code tables, business rules, other resources, and the rules that count now, to compare with.
        item: the item that the rule is on, where it names no columns.
        size: about how many rows are looked at (0 for all), and most examples that are given.

    Raises:
        ConfigError: the rule's definition is wrong.
        UserError: ``lake.table.unknown`` or ``quality.phase.unknown``.
    """
    view = _Sampled(resource, phase, lake, resources=city.resources)
    sample, examples = size
    day = today(clock)
    present = {one.name: one for one in plan(resource, elements=city.elements, codes=city.codes, today=day)}
    if sample:
        view.every(-(-view.rows() // sample))
    found = []
    for part in expanded([replace(use, state="active")], city.business_rules, item=item):
        one = plan_one(part, resource, codes=city.codes, today=day, default=(item,) if item else ())
        found.append(_try(one, view, lake, clock, present.get(one.name), examples))
    return found


def _try(one: RulePlan, view: _Sampled, lake: Lake, clock: Clock, before: RulePlan | None, examples: int) -> Trial:
    began = clock.tick()
    if one.is_for_table:
        rows, (checked, broken) = view.rows(), view.count_table(one)
    else:
        rows, counts = view.count([one])
        checked, broken = counts[one.name]
    seconds = clock.tick() - began
    places = view.broken(one).order_by("_batch", "_row").limit(examples)
    positions = tuple((str(batch), int(row)) for batch, row in lake.engine.rows(places))
    values = {}
    for batch, row, *texts in lake.engine.rows(view.values(one, exp.Subquery(this=places))) if positions else []:
        values[(str(batch), int(row))] = dict(zip(one.columns, texts, strict=True))
    changed = (None, None) if before is None else (_only(one, before, view, lake), _only(before, one, view, lake))
    return Trial(
        rule=one.name,
        columns=one.columns,
        rows=rows,
        checked=checked,
        broken=broken,
        seconds=seconds,
        examples=positions,
        values=values,
        newly_broken=changed[0],
        newly_fine=changed[1],
    )


def _only(one: RulePlan, other: RulePlan, view: View, lake: Lake) -> int:
    """Rows that break one rule and not the other."""
    query = exp.Except(this=view.broken(one), expression=view.broken(other), distinct=True)
    return int(lake.engine.rows(sql("SELECT count(*) FROM :rows AS d", rows=exp.Subquery(this=query)))[0][0])
