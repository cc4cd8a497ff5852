"""落标率: which items of a resource are bound to data elements, and which conform to them in name, form, length and codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import Engine, sql
from cityloom.engines.codings import CODINGS
from cityloom.engines.terms import full_match, lookup, never_null, plain
from cityloom.model.codes import valid_codes
from cityloom.model.resource import Item, Resource
from cityloom.model.standard import CodeTable, DataSetStandard, Element
from cityloom.standard.representation import parse
from cityloom.standard.suggest.names import folded

ASPECTS = ("name", "type", "length", "codes")
LEAST = 0.99
"""Share of an item's values that must conform for the item to conform."""


@dataclass(frozen=True, kw_only=True)
class ItemConformance:
    """One item: the element it is bound to (empty: none), and by aspect whether it conforms.

    Aspects: ``name`` (the column is called as the element is), ``type`` and ``length`` (its values have the element's
    representation), ``codes`` (they are of its code table or keep its coding rule). ``None`` where an element says
    nothing of it, or there are no values. ``shares`` of the filled rows that conform, by aspect.
    """

    resource: str
    department: str
    item: str
    column: str
    element: str
    rows: int
    filled: int
    shares: Mapping[str, float | None]
    name: bool | None = None
    type: bool | None = None
    length: bool | None = None
    codes: bool | None = None

    @property
    def is_bound(self) -> bool:
        """Whether the item is bound to an element."""
        return bool(self.element)

    @property
    def is_conforming(self) -> bool:
        """Whether the item is bound, and conforms in every aspect that its element speaks of."""
        return self.is_bound and not any(getattr(self, aspect) is False for aspect in ASPECTS)


@dataclass(frozen=True, kw_only=True)
class Share:
    """Items together: of a resource, a department or the city (``name`` empty)."""

    level: str
    name: str
    items: int
    bound: int
    conforming: int
    by_aspect: Mapping[str, float | None]

    @property
    def bound_rate(self) -> float:
        """Share of the items that are bound to an element."""
        return self.bound / self.items if self.items else 0.0

    @property
    def rate(self) -> float:
        """落标率: share of the items that conform."""
        return self.conforming / self.items if self.items else 0.0


@dataclass(frozen=True, kw_only=True)
class Gap:
    """What a resource lacks of the data set standard that it follows: ``missing``, ``optional``, ``key``, ``other_element``,
    ``required``, ``other`` (an item that the standard does not know)."""

    resource: str
    data_set: str
    item: str
    problem: str
    element: str = ""


def conformance(
    resource: Resource,
    elements: Mapping[str, Element],
    tables: Mapping[str, CodeTable],
    *,
    engine: Engine,
    relation: exp.Expression | None,
    terms: Mapping[str, exp.Expression],
    is_raw: bool,
    least: float = LEAST,
) -> tuple[ItemConformance, ...]:
    """How the items of a resource conform, in one scan of its rows.

    Args:
        resource: the resource.
        elements: in force, by name.
        tables: code tables by name.
        engine: counts.
        relation: its rows; None when there are none, then only names are compared.
        terms: by item its value as a text over the rows; an item that is not there has no values.
        is_raw: the rows are as they came: columns are called as the source calls them.
        least: share of values that must conform.
    """
    places = [(item, item.column if is_raw else item.name) for item in resource.items]
    picks: list[exp.Expression] = [sql("count(*)")]
    wanted: list[tuple[int, str]] = []
    for number, (item, _name) in enumerate(places):
        element = elements.get(item.element or "")
        if relation is None or item.name not in terms:
            continue
        text = sql("nullif(trim(:x), '')", x=terms[item.name])
        for aspect, term in {"filled": sql(":x IS NOT NULL", x=text), **_tests(element, tables, text)}.items():
            picks.append(sql("coalesce(sum(CASE WHEN :t THEN 1 ELSE 0 END), 0)", t=plain(term)))
            wanted.append((number, aspect))
    counted = engine.rows(exp.select(*(p.as_(f"n{i}") for i, p in enumerate(picks))).from_(relation))[0] if relation else [0]
    counts = {key: int(value) for key, value in zip(wanted, counted[1:], strict=False)}
    return tuple(
        _item(resource, item, name, elements.get(item.element or ""), int(counted[0]), {a: counts.get((n, a)) for a in ("filled", *ASPECTS)}, least)
        for n, (item, name) in enumerate(places)
    )


def share_of(level: str, name: str, items: Sequence[ItemConformance]) -> Share:
    """Items together."""
    by_aspect: dict[str, float | None] = {}
    for aspect in ASPECTS:
        told = [getattr(one, aspect) for one in items if getattr(one, aspect) is not None]
        by_aspect[aspect] = sum(told) / len(told) if told else None
    return Share(
        level=level,
        name=name,
        items=len(items),
        bound=sum(one.is_bound for one in items),
        conforming=sum(one.is_conforming for one in items),
        by_aspect=by_aspect,
    )


def gaps(resource: Resource, standard: DataSetStandard) -> tuple[Gap, ...]:
    """What a resource lacks of a data set standard; an item stands for a field by its element, or by its name."""
    found: list[Gap] = []
    used: set[str] = set()

    def gap(item: str, problem: str, element: str = "") -> None:
        found.append(Gap(resource=resource.name, data_set=standard.name, item=item, problem=problem, element=element))

    for field in standard.fields:
        mine = _standing_for(resource, field.item, field.element, used)
        if mine is None:
            gap(field.item, "missing" if field.is_mandatory or field.is_key else "optional", field.element)
            continue
        used.add(mine.name)
        if mine.element != field.element:
            gap(mine.name, "other_element", field.element)
        if field.is_key and mine.name not in resource.key:
            gap(mine.name, "key", field.element)
        if field.is_mandatory and not mine.required:
            gap(mine.name, "required", field.element)
    for item in resource.items:
        if item.name not in used:
            gap(item.name, "other", item.element or "")
    return tuple(found)


def _standing_for(resource: Resource, name: str, element: str, used: set[str]) -> Item | None:
    free = [item for item in resource.items if item.name not in used]
    named = [item for item in free if item.name == name]
    bound = [item for item in free if item.element == element]
    return next(iter([*(i for i in named if i in bound), *bound, *named]), None)


def _tests(element: Element | None, tables: Mapping[str, CodeTable], text: exp.Expression) -> dict[str, exp.Expression]:
    """By aspect whether a text conforms."""
    found: dict[str, exp.Expression] = {}
    if element is None:
        return found
    form = parse(element.representation)
    if form is not None and form.kind_pattern is not None and not element.codes:
        found["type"] = never_null(full_match(text, form.kind_pattern))
    if form is not None and form.has_length:
        found["length"] = form.length_sql(text)
    table = tables.get(element.codes or "")
    if table is not None:
        found["codes"] = sql(":code IS NOT NULL", code=lookup(text, {code: code for code in valid_codes(table)}))
    elif element.coding_rule in CODINGS:
        found["codes"] = never_null(CODINGS[element.coding_rule].sql(text))
    return found


def _item(
    resource: Resource, item: Item, name: str, element: Element | None, rows: int, counts: Mapping[str, int | None], least: float
) -> ItemConformance:
    filled = counts["filled"] or 0
    shares = {a: (int(counts[a] or 0) / filled if counts[a] is not None and filled else None) for a in ASPECTS if a != "name"}
    called = None if element is None else folded(name) in {folded(t) for t in (element.name, element.title.zh, element.title.en)}
    told = {aspect: None if share is None else share >= least for aspect, share in shares.items()}
    return ItemConformance(
        resource=resource.name,
        department=resource.department,
        item=item.name,
        column=item.column,
        element=element.name if element else "",
        rows=rows,
        filled=filled,
        shares=shares,
        name=called,
        **told,
    )
