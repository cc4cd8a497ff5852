"""The tables of a report as texts: what the paper and the workbook share."""

from __future__ import annotations

from dataclasses import dataclass

from cityloom.kernel.i18n import _
from cityloom.model.report import QualityReport, RuleLine
from cityloom.quality.report import words
from cityloom.quality.report.period import local_day

Cell = str | int | float | None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table: title, heads, rows; ``points`` are columns of scores (0 to 100), ``shares`` of shares, ``wide`` of words.

    ``lights`` holds a light for each row's first column of points.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    points: frozenset[int] = frozenset()
    shares: frozenset[int] = frozenset()
    wide: frozenset[int] = frozenset({0})
    lights: tuple[str, ...] = ()


def score(value: float | None) -> float | None:
    """A score as points of 100 with two places."""
    return None if value is None else round(100 * value, 2)


def dimensions(r: QualityReport) -> Sheet:
    """Scores by dimension."""
    rows = tuple((str(x.title), score(x.score), words.light(x.light), score(x.before), score(x.change)) for x in r.lines)
    heads = (_("Dimension"), _("Score"), _("Light"), _("Period before"), _("Change"))
    return Sheet(title=_("Scores by dimension"), heads=heads, rows=rows, points=frozenset({1, 3, 4}), lights=tuple(x.light for x in r.lines))


def tables(r: QualityReport) -> Sheet:
    """The tables with their dimensions."""
    names = [x for x in r.lines[1:]]
    rows = []
    for t in r.tables:
        known = {s.dimension: s.score for s in t.dimensions}
        rows.append((str(t.title), t.rows, score(t.score), score(t.change), *(score(known.get(x.name)) for x in names), score(t.after), local_day(t.at)))
    heads = (_("Table"), _("Rows"), _("Score"), _("Change"), *(str(x.title) for x in names), _("After standardising"), _("Assessed on"))
    marked = frozenset({2, 3, *range(4, 5 + len(names))})
    return Sheet(title=_("Tables"), heads=heads, rows=tuple(rows), points=marked, lights=tuple(t.light for t in r.tables))


def rules(r: QualityReport) -> Sheet:
    """Every broken rule."""
    rows = tuple(
        (
            *(str(x.resource_title), what(x), str(words.DIMENSION_TITLES[x.dimension]), words.severity(x.severity), x.weight),
            *(x.checked, x.broken, x.broken / x.checked if x.checked else 0.0, score(x.score), score(x.before), x.rule),
        )
        for x in r.rules
    )
    heads = (
        *(_("Table"), _("Rule"), _("Dimension"), _("Severity"), _("Weight"), _("Rows checked"), _("Broken"), _("Share of rows")),
        *(_("Score"), _("Period before"), _("Name of the rule")),
    )
    return Sheet(
        title=_("Broken rules"), heads=heads, rows=rows, points=frozenset({8, 9}), shares=frozenset({7}),
        wide=frozenset({0, 1, 10}), lights=tuple(x.light for x in r.rules),
    )  # fmt: skip


def examples(r: QualityReport) -> Sheet:
    """Positions of broken rows."""
    rows = tuple((str(x.resource_title), x.rule, batch, row) for x in r.rules for batch, row in x.examples)
    return Sheet(title=_("Examples"), heads=(_("Table"), _("Name of the rule"), _("Batch"), _("Row")), rows=rows, wide=frozenset({0, 1, 2}))


def causes(r: QualityReport, titles: dict[str, dict[str, str]]) -> Sheet:
    """What broken rows share."""
    rows = tuple(
        (str(x.resource_title), what(x), words.cause(c, titles.get(x.resource)), c.rows, c.broken, c.coverage, c.rate, c.rate_elsewhere)
        for x in r.rules
        for c in x.causes
    )
    heads = (*(_("Table"), _("Rule"), _("What they share"), _("Rows"), _("Broken")), *(_("Of all broken"), _("Broken here"), _("Elsewhere")))
    return Sheet(title=_("Root causes"), heads=heads, rows=rows, shares=frozenset({5, 6, 7}), wide=frozenset({0, 1, 2}))


def evidence(r: QualityReport) -> Sheet:
    """What the records say."""
    titles = {t.name: str(t.title) for t in r.tables}
    rows = tuple(
        (titles[e.resource], str(words.EVIDENCE_TITLES[e.name]), str(words.DIMENSION_TITLES[e.dimension]), e.good, e.whole, e.score)
        for e in r.evidence
        if e.resource in titles
    )
    heads = (_("Table"), _("Evidence"), _("Dimension"), _("As it should be"), _("Of"), _("Share of them"))
    return Sheet(title=_("What the records say"), heads=heads, rows=rows, shares=frozenset({5}), wide=frozenset({0, 1}))


def orders(r: QualityReport) -> Sheet:
    """The work orders."""
    rows = tuple(
        (
            *(o.id, str(o.resource_title), o.cause, words.severity(o.severity), words.state(o.state)),
            *(_("yes") if o.is_late else "", o.broken, local_day(o.opened_at), local_day(o.deadline)),
        )
        for o in r.orders
    )
    heads = (
        *(_("Order"), _("Table"), _("Cause"), _("Severity"), _("State")),
        *(_("Overdue"), _("Broken"), _("Sent on"), _("Deadline")),
    )
    return Sheet(title=_("Work orders"), heads=heads, rows=rows, wide=frozenset({0, 1, 2}))


def departments(r: QualityReport) -> Sheet:
    """The departments by score."""
    rows = tuple((d.rank, str(d.title), d.tables, score(d.score), score(d.change), d.open, d.overdue) for d in r.departments)
    heads = (_("Place"), _("Department"), _("Tables"), _("Score"), _("Change"), _("Open orders"), _("Overdue"))
    return Sheet(
        title=_("Departments"), heads=heads, rows=rows, points=frozenset({3, 4}), wide=frozenset({1}),
        lights=tuple(d.light for d in r.departments),
    )  # fmt: skip


def what(one: RuleLine) -> str:
    """What a rule looks at and what it is called."""
    return f"{' + '.join(str(c) for c in one.columns)} · {one.title}"


def summary(r: QualityReport) -> tuple[tuple[str, Cell], ...]:
    """The figures on top."""
    total = r.total
    return (
        (_("Total score"), score(total.score) if total else None),
        (_("Change"), score(total.change) if total else None),
        (_("Tables assessed"), len(r.tables)),
        (_("Rows assessed"), r.rows),
        (_("Rules broken"), len(r.rules)),
        (_("Rules kept"), r.kept),
        (_("Sent in the period"), r.sums.opened),
        (_("Closed in the period"), r.sums.closed),
        (_("Open at its end"), r.sums.open),
        (_("Overdue"), r.sums.overdue),
        (_("Mean days to the fix"), None if r.sums.mean_days is None else round(r.sums.mean_days, 1)),
    )
