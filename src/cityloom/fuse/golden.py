"""Statements of one part to golden records: one aggregation, then what follows from other attributes.

Options that any attribute may have, apart from its rule's:

- ``default``: the value where no one says anything.
- ``coding_rule``: the value refers to an object by a key; its check character is put right.
- ``becomes``: list of ``{to, if: {attribute: [values]}}``: where there is a value and the others are so, it is ``to``.
- ``ended_by``: ``{link, event, from, to}``: a state in ``from`` is ``to`` when the object that attribute
  ``link`` points to has ``event`` (a date), and this object has none or a later one (widowed).
- ``only_if``: ``{attribute: [values]}``: there is no value unless the others are so.
- ``compare``: whether disagreement between departments is recorded; by default where there is a lead.

They apply in this order. ``becomes`` looks at values before derivation, ``only_if`` at those after it.

An intermediate part has ``key``, ``resources`` (bits), and for each attribute ``v_<a>`` (value) and ``p_<a>``
(pointer); for each compared department ``v_<a>__<d>`` and ``p_<a>__<d>``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.fuse.contribute import Plan, alias, all_in
from cityloom.fuse.negotiation import Said, pointer_in, spot_of
from cityloom.model.fusion import Attribute


def compared(plan: Plan, attribute: Attribute) -> tuple[str, ...]:
    """Departments whose own choice is kept beside the winner's, to see who disagrees."""
    if not attribute.options.get("compare", attribute.lead is not None):
        return ()
    speaking = sorted(
        {r.resource.department for r in plan.roles if any(attribute.name in c.attributes for c in r.contributions)}
    )
    return tuple(speaking) if len(speaking) > 1 else ()


def part(plan: Plan, number: int, staged: exp.Expression, resolved: exp.Expression) -> exp.Expression:
    """The intermediate part of that number: one row an object, keys sorted."""
    attributes = plan.object_type.attributes
    names = ["key", "role", "department", "at", *(f"v_{a.name}" for a in attributes)]
    picks = [*map(column, names), alias(spot_of(exp.column("pointer"), exp.column("role")), "spot")]
    rows = exp.Union(
        this=exp.select(*picks).from_(staged).where(sql("bucket = :n", n=number)),
        expression=exp.select(*picks).from_(resolved).where(sql("bucket = :n", n=number)),
        distinct=False,
    )
    ranks = [alias(_rank(plan, a), f"r_{a.name}") for a in attributes]
    ranked = exp.select("*", *ranks).from_(exp.Subquery(this=rows, alias="s"))
    aggregates = [e for a in attributes for e in _picks(plan, a)]
    grouped = (
        exp.select(exp.column("key"), _resources(plan), *aggregates)
        .from_(exp.Subquery(this=ranked, alias="s"))
        .group_by(exp.column("key"))
    )
    decoded: list[exp.Expression] = [exp.column("key"), exp.column("resources")]
    for name in _chosen(plan):
        decoded += [column(f"v_{name}"), alias(pointer_in(column(f"r_{name}")), f"p_{name}")]
    return exp.select(*decoded).from_(exp.Subquery(this=grouped, alias="g")).order_by("key")


def events(plan: Plan, parts: exp.Expression) -> exp.Expression:
    """``key`` and, for each event that ends a state of another object, ``e_<event>`` and its pointer ``q_<event>``."""
    names = _events(plan)
    picks = [e for n in names for e in (alias(column(f"v_{n}"), f"e_{n}"), alias(column(f"p_{n}"), f"q_{n}"))]
    some = exp.or_(*[sql(":c IS NOT NULL", c=column(f"v_{n}")) for n in names]) if names else exp.false()
    return exp.select(exp.column("key"), *picks).from_(parts).where(some)


def final(plan: Plan, prefix: str, rows: exp.Expression, others: exp.Expression) -> exp.Expression:
    """Golden records of a part: ``id``, the key, each attribute as text with ``<a>__from``
    (``department|resource|batch|row``), and ``_sources``, the number of resources that speak of the object.

    Args:
        plan: what is fused.
        prefix: of ids.
        rows: the intermediate part.
        others: the relation of ``events``.
    """
    query: exp.Select = sql("SELECT g.* FROM :rows AS g", rows=rows).assert_is(exp.Select)
    derived: dict[str, tuple[exp.Expression, exp.Expression]] = {}
    for n, attribute in enumerate(plan.object_type.attributes):
        value: exp.Expression = column(f"v_{attribute.name}", "g")
        place: exp.Expression = column(f"p_{attribute.name}", "g")
        if "ended_by" in attribute.options:
            spec = attribute.options["ended_by"]
            on = exp.EQ(this=column(f"v_{spec['link']}", "g"), expression=column("key", f"o{n}"))
            query = query.join(exp.Subquery(this=exp.select("*").from_(others), alias=f"o{n}"), on=on, join_type="left")
            derived[attribute.name] = _ended(spec, f"o{n}", value, place, _default(attribute))
        else:
            derived[attribute.name] = (_becomes(attribute, value), place)
    picks: list[exp.Expression] = []
    for attribute in plan.object_type.attributes:
        value, place = derived[attribute.name]
        picks += [alias(value, f"d_{attribute.name}"), alias(place, f"q_{attribute.name}")]
    inner = query.select(sql("g.key"), sql("g.resources"), *picks, append=False)
    return _shaped(plan, prefix, inner)


def conflicts(plan: Plan, prefix: str, rows: exp.Expression) -> exp.Expression:
    """Disagreements of a part: ``id, attribute, winner, winner_from, other, other_from`` (departments, and
    where their values stand; the values themselves are not copied)."""
    found = []
    for attribute in plan.object_type.attributes:
        value, place = column(f"v_{attribute.name}"), column(f"p_{attribute.name}")
        for department in compared(plan, attribute):
            own, own_place = column(f"v_{attribute.name}__{department}"), column(f"p_{attribute.name}__{department}")
            found.append(
                sql(
                    """CASE WHEN :own <> :value AND :value <> '' AND :own <> '' THEN struct_pack(attribute := :name,
                        winner := :place, department := :department, other := :own_place) END""",
                    own=own, value=value, name=attribute.name, place=place, department=department, own_place=own_place,
                )
            )  # fmt: skip
    if not found:
        return sql(
            "SELECT '' AS id, '' AS attribute, '' AS winner, '' AS winner_from, '' AS other, '' AS other_from WHERE false"
        )
    listed = sql("list_filter(:l, x -> x IS NOT NULL)", l=exp.Array(expressions=found))
    flat = exp.select(exp.column("key"), alias(exp.Anonymous(this="unnest", expressions=[listed]), "c")).from_(rows)
    return sql(
        """SELECT :id AS id, c.attribute AS attribute, split_part(:winner, '|', 1) AS winner, :winner AS winner_from,
            c.department AS other, :other AS other_from FROM :flat AS f ORDER BY 1, 2, 5""",
        id=object_id(plan, prefix, exp.column("key")),
        winner=place_text(plan, sql("c.winner")),
        other=place_text(plan, sql("c.other")),
        flat=exp.Subquery(this=flat),
    )


def object_id(plan: Plan, prefix: str, key: exp.Expression) -> exp.Expression:
    """The object's stable id, as ``kernel.ids.stable_id(prefix, object type, key)``."""
    return sql(
        ":p || '_' || substr(sha256(:name || chr(31) || :key), 1, 20)", p=prefix, name=plan.object_type.name, key=key
    )


def place_text(plan: Plan, pointer: exp.Expression) -> exp.Expression:
    """A pointer as text ``department|resource|batch|row``; NULL stays NULL."""
    listed = exp.Array(expressions=[exp.convert(f"{s.department}|{s.resource}|{s.batch}|") for s in plan.sources])
    return sql("list_extract(:l, (:p >> 40) + 1) || CAST(:p & 1099511627775 AS VARCHAR)", l=listed, p=pointer)


def _rank(plan: Plan, attribute: Attribute) -> exp.Expression:
    return plan.rules[attribute.name].rank(
        Said(
            value=column(f"v_{attribute.name}"),
            department=exp.column("department"),
            at=exp.column("at"),
            spot=exp.column("spot"),
            departments=plan.departments,
        )
    )


def _picks(plan: Plan, attribute: Attribute) -> list[exp.Expression]:
    name, rule = attribute.name, plan.rules[attribute.name]
    value, rank = column(f"v_{name}"), column(f"r_{name}")
    whole = rule.pick(value, rank)
    found = [alias(whole.value, f"v_{name}"), alias(whole.rank, f"r_{name}")]
    for department in compared(plan, attribute):
        own = sql("CASE WHEN department = :d THEN :r END", d=plan.number_of(department), r=rank)
        pick = rule.pick(value, own)
        found += [alias(pick.value, f"v_{name}__{department}"), alias(pick.rank, f"r_{name}__{department}")]
    return found


def _chosen(plan: Plan) -> list[str]:
    names = []
    for attribute in plan.object_type.attributes:
        names += [attribute.name, *(f"{attribute.name}__{d}" for d in compared(plan, attribute))]
    return names


def _resources(plan: Plan) -> exp.Expression:
    resources = list(dict.fromkeys(r.resource.std_table for r in plan.roles))
    bits = exp.Array(expressions=[exp.convert(1 << resources.index(r.resource.std_table)) for r in plan.roles])
    return alias(sql("bit_or(CAST(list_extract(:bits, role + 1) AS BIGINT))", bits=bits), "resources")


def _events(plan: Plan) -> list[str]:
    ends = [a.options["ended_by"]["event"] for a in plan.object_type.attributes if "ended_by" in a.options]
    return list(dict.fromkeys(ends))


def _default(attribute: Attribute) -> str | None:
    return attribute.options.get("default")


def _defaulted(attribute: Attribute, value: exp.Expression) -> exp.Expression:
    default = _default(attribute)
    return value if default is None else sql("coalesce(:v, :d)", v=value, d=default)


def _becomes(attribute: Attribute, value: exp.Expression) -> exp.Expression:
    case = exp.Case()
    for one in attribute.options.get("becomes", ()):
        holds = exp.and_(sql(":v IS NOT NULL", v=value), _all_in(one["if"], "v_", "g"))
        case = case.when(holds, exp.convert(one["to"]))
    value = _defaulted(attribute, value)
    return case.else_(value) if case.args.get("ifs") else value


def _ended(
    spec: Mapping[str, Any], other: str, value: exp.Expression, place: exp.Expression, default: str | None
) -> tuple[exp.Expression, exp.Expression]:
    own, theirs = column(f"v_{spec['event']}", "g"), column(f"e_{spec['event']}", other)
    states = [exp.convert(s) for s in spec["from"]]
    holds = sql(
        ":state AND :theirs IS NOT NULL AND (:own IS NULL OR :theirs < :own)",
        state=exp.In(this=value.copy(), expressions=states),
        theirs=theirs,
        own=own,
    )
    rest = value if default is None else sql("coalesce(:v, :d)", v=value, d=default)
    return (
        exp.Case().when(holds, exp.convert(spec["to"])).else_(rest),
        exp.Case().when(holds, column(f"q_{spec['event']}", other)).else_(place),
    )


def _all_in(conditions: Mapping[str, Sequence[str]], prefix: str, table: str | None = None) -> exp.Expression:
    return all_in({column(f"{prefix}{name}", table): values for name, values in conditions.items()})


def _shaped(plan: Plan, prefix: str, inner: exp.Expression) -> exp.Expression:
    picks: list[exp.Expression] = [
        alias(object_id(plan, prefix, exp.column("key")), "id"),
        alias(exp.column("key"), plan.object_type.key),
    ]
    for attribute in plan.object_type.attributes:
        value: exp.Expression = column(f"d_{attribute.name}")
        place = place_text(plan, column(f"q_{attribute.name}"))
        if conditions := attribute.options.get("only_if"):
            holds = _all_in(conditions, "d_")
            value, place = sql("CASE WHEN :h THEN :v END", h=holds, v=value), sql("CASE WHEN :h THEN :v END", h=holds, v=place)
        picks += [alias(value, attribute.name), alias(place, f"{attribute.name}__from")]
    picks.append(alias(sql("CAST(bit_count(resources) AS BIGINT)"), "_sources"))
    return exp.select(*picks).from_(exp.Subquery(this=inner, alias="d")).order_by(column(plan.object_type.key))

