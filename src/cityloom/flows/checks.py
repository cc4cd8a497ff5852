"""The rules of a resource as a check of rows that have not landed: standards held at the source (落标管控).

A row is judged as it would stand in the standard layer: its values go through the steps of its items first, so
that what the platform can read is no error, and what it would lose is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from cityloom.collect.intake import Check, Complaint
from cityloom.collect.representation import parse_representation
from cityloom.engines.base import Engine, sql
from cityloom.engines.terms import any_of, column
from cityloom.kernel.i18n import _
from cityloom.model.city import City
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, Element, RuleUse
from cityloom.quality.base import applies, is_blank
from cityloom.quality.plan import RulePlan, plan
from cityloom.standard.lookups import Lookups, in_folder
from cityloom.standard.plan import Mapped
from cityloom.standard.plan import plan as plan_steps

_TIDYING = ("clean_text", "remove")
"""Steps after which a missing value was none from the start."""
_TABLES = ("duplicate",)
"""Rules on a table that are as true of one delivery."""


def rules_of(resource: Resource, city: City) -> Resource:
    """The resource with the rules that its data elements imply: representation, code table, coding rule."""
    items = tuple(_with_rules(item, city.elements) for item in resource.items)
    return replace(resource, items=items)


def build_check(resource: Resource, city: City, *, today: str, engine: Engine) -> Check:
    """A check of a resource's rows: every approved rule, in one scan.

    Raises:
        ConfigError: a definition is wrong.
    """
    full = rules_of(resource, city)
    plans = plan(full, elements=city.elements, codes=city.codes, today=today)
    checks = _Checks(full, city, plans, engine)
    return checks.run


@dataclass(frozen=True)
class _Flag:
    """One thing that a row may do wrong: the complaint without its row, and the term that is true then."""

    complaint: Complaint
    term: exp.Expression


@dataclass(frozen=True)
class _Checks:
    resource: Resource
    city: City
    plans: tuple[RulePlan, ...]
    engine: Engine

    def run(self, rows: exp.Expression) -> Iterator[Complaint]:
        """Complaints of all rules on rows, by row; then those of rules on the whole."""
        steps = plan_steps(self.resource, self.city.elements, self.city.codes)
        with in_folder(steps, self.engine, lambda known: self._mapped(rows, known)) as lookups:
            yield from self._complaints(rows, lookups)

    def _complaints(self, rows: exp.Expression, lookups: Lookups) -> Iterator[Complaint]:
        mapped = self._mapped(rows, lookups)
        lost = {item.name: self._lost(mapped, number) for number, item in enumerate(self.resource.items)}
        flags = [self._unread(item, lost[item.name]) for item in self.resource.items if lost[item.name] is not None]
        flags += [self._flag(mapped, one, lost) for one in self.plans if not one.is_for_table]
        yield from self._scan(mapped, flags)
        for one in self.plans:
            if one.is_for_table and one.use.rule in _TABLES:
                yield from self._table(rows, one, lookups)

    def _scan(self, mapped: Mapped, flags: list[_Flag]) -> Iterator[Complaint]:
        if not flags:
            return
        outputs: dict[str, exp.Expression] = {"_row": column("_row")}
        outputs |= {f"f{n}": sql("coalesce(:x, false)", x=flag.term) for n, flag in enumerate(flags)}
        query = mapped.layers.query(outputs).subquery("q", copy=False)
        names = [f"f{n}" for n in range(len(flags))]
        broken = exp.select("*").from_(query).where(any_of(*(column(n) for n in names))).order_by("_row")
        for batch in self.engine.batches(broken):
            found = [batch.column(name).to_pylist() for name in names]
            for place, row in enumerate(batch.column("_row").to_pylist()):
                for number, flag in enumerate(flags):
                    if found[number][place]:
                        yield replace(flag.complaint, row=int(row))

    def _table(self, rows: exp.Expression, one: RulePlan, lookups: Lookups) -> Iterator[Complaint]:
        mapped = self._mapped(rows, lookups)
        outputs: dict[str, exp.Expression] = {f"c{n}": mapped.item(name) for n, name in enumerate(one.columns)}
        outputs |= {"_batch": exp.Literal.string(""), "_row": column("_row")}
        found = one.rule.broken_rows(mapped.layers.query(outputs).subquery("rows_"), len(one.columns))
        ordered = exp.select("b._row").from_(found.subquery("b")).order_by("b._row")
        blank = self._complaint(one)
        for batch in self.engine.batches(ordered):
            for row in batch.column(0).to_pylist():
                yield replace(blank, row=int(row))

    def _mapped(self, rows: exp.Expression, lookups: Lookups) -> Mapped:
        types = self.engine.columns(exp.select("*").from_(rows.copy()))
        kept = {name: kind for name, kind in types.items() if name not in ("_batch", "_at")}
        return Mapped(rows, kept, plan_steps(self.resource, self.city.elements, self.city.codes), lookups)

    def _lost(self, mapped: Mapped, number: int) -> exp.Expression | None:
        """Whether there is a value that the item's steps cannot read."""
        stages = mapped.stages(number)
        steps = [step.name for step in mapped.plans[number].steps]
        tidied = next((i for i, name in enumerate(steps) if name not in _TIDYING), len(steps))
        if tidied == len(steps):
            return None
        given, left = stages[tidied], stages[-1]
        return mapped.layers.add(sql("(NOT :blank AND :left IS NULL)", blank=is_blank(given), left=left))

    def _unread(self, item: Item, lost: exp.Expression | None) -> _Flag:
        assert lost is not None
        element = self.city.elements.get(item.element or "")
        reason = _unreadable(element, self.city.codes)
        complaint = Complaint(row=0, columns=(item.column,), items=(item.name,), rule=f"{item.name}.standard", reason=reason)
        return _Flag(complaint, lost)

    def _flag(self, mapped: Mapped, one: RulePlan, lost: Mapping[str, exp.Expression | None]) -> _Flag:
        columns = [mapped.item(name) for name in one.columns]
        term = sql("(:a AND :b)", a=applies(one.rule, columns), b=one.rule.broken(columns))
        first = lost[one.columns[0]]
        if one.use.rule == "missing" and first is not None:
            term = sql("(:term AND NOT :lost)", term=term, lost=first)
        return _Flag(self._complaint(one), term)

    def _complaint(self, one: RulePlan) -> Complaint:
        items = {item.name: item for item in self.resource.items}
        is_error = one.use.severity != "low"
        if one.use.rule == "missing":
            is_error = items[one.columns[0]].required
        columns = tuple(items[name].column for name in one.columns)
        return Complaint(
            row=0, columns=columns, items=one.columns, rule=one.name, reason=reason_of(one, self.city.codes), is_error=is_error
        )


def reason_of(one: RulePlan, codes: Mapping[str, CodeTable]) -> str:
    """Why a value breaks a rule, for whoever brought it: the rule's title and what it asks for."""
    title = str(one.use.title or one.rule.title)
    asked = _("; ").join(_asked(one.use.options, codes))
    return f"{title} ({asked})" if asked else title


def _asked(options: Mapping[str, Any], codes: Mapping[str, CodeTable]) -> Iterator[str]:
    words = {"least": _("at least {value}"), "most": _("at most {value}"), "pattern": _("pattern {value}"), "first": _("from {value}")}
    for name, value in options.items():
        if name == "codes" and value in codes:
            yield str(codes[value].title)
        elif isinstance(value, (str, int, float)) and not isinstance(value, bool):
            yield words.get(name, "{value}").format(value=value)


def _unreadable(element: Element | None, codes: Mapping[str, CodeTable]) -> str:
    if element is not None and element.codes and element.codes in codes:
        return _("it is no code, name or variant in {table}").format(table=codes[element.codes].title)
    what = f"{element.title} ({element.representation})" if element else "-"
    return _("it cannot be read as {what}").format(what=what)


def _with_rules(item: Item, elements: Mapping[str, Element]) -> Item:
    element = elements.get(item.element or "")
    if element is None:
        return item
    stated = {use.rule for use in (*element.rules, *item.rules)}
    return replace(item, rules=(*item.rules, *(use for use in _implied(element) if use.rule not in stated)))


def _implied(element: Element) -> Iterator[RuleUse]:
    if element.codes:
        yield RuleUse(rule="code", dimension="conformity", options={"codes": element.codes})
        return
    if element.coding_rule:
        yield RuleUse(rule="coding_rule", dimension="accuracy", options={"kind": element.coding_rule})
        return
    shape = parse_representation(element.representation)
    if shape is None:
        return
    if shape.pattern:
        yield RuleUse(rule="format", dimension="conformity", options={"pattern": shape.pattern})
    elif shape.most:
        yield RuleUse(rule="length", dimension="conformity", options={"least": shape.least, "most": shape.most})
