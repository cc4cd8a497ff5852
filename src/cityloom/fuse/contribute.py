"""Contributions compiled to statements: one wide row for what one source row says about one object.

The rows of the standard layer are the statements: they stay where they are, and nothing is overwritten. A
statement row points back to its source row by a number (``pointer``: source, i.e. resource and batch, and
row). Columns of the relation of statements::

    pointer BIGINT, role INTEGER, department INTEGER, at BIGINT (seconds since 0001-01-01, 0 not dated),
    said VARCHAR (the key as it stands), corrected VARCHAR (with the right check character),
    key VARCHAR (the valid key, or NULL), is_judged BOOLEAN (a person decided the key),
    bucket INTEGER (part of the key, -1 without key), v_<attribute> VARCHAR ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, full_match
from cityloom.fuse.keys import key_rule
from cityloom.fuse.negotiation import ROW_BITS, Rule, rule_of
from cityloom.kernel.errors import ConfigError
from cityloom.lake.tables import Lake
from cityloom.model.fusion import Contribution, ObjectType
from cityloom.model.resource import Resource

_BASE = ("pointer", "role", "department", "at", "said")
_YEAR_ONE = 62135596800
"""Seconds from 0001-01-01 to 1970-01-01."""
_DATED = "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?|[0-9]{8}"
"""Dates of rows that are understood."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A place that an object has in a resource's rows: the same key item and the same date (the man of a
    marriage, its woman). All contributions of one role are read in one scan."""

    number: int
    resource: Resource
    key: str
    at: str | None
    contributions: tuple[Contribution, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A batch of a resource: what a pointer's upper bits number."""

    department: str
    resource: str
    batch: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A person's judgement on a row: it is (``is_same``) or is not the object of that key."""

    pointer: int
    role: int
    key: str
    is_same: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An object type made ready for one state of the lake."""

    object_type: ObjectType
    roles: tuple[Role, ...]
    missing: tuple[str, ...]
    """Resources that have no rows in the standard layer yet."""
    sources: tuple[Source, ...]
    departments: tuple[str, ...]
    rules: Mapping[str, Rule]
    parts: int = 1

    def number_of(self, department: str) -> int:
        """Number of a department."""
        return self.departments.index(department)


def plan(object_type: ObjectType, resources: Mapping[str, Resource], lake: Lake) -> Plan:
    """Which rows speak of an object type, and by which rules they are weighed.

    Raises:
        ConfigError: ``fuse.resource.unknown``, ``fuse.item.unknown``, or what a rule raises.
    """
    roles, missing = roles_of(object_type, resources, lake.exists)
    for role in roles:
        _check_items(role.resource, role.contributions, lake.columns(role.resource.std_table))
    return Plan(
        object_type=object_type,
        roles=roles,
        missing=missing,
        sources=_sources(roles, lake),
        departments=tuple(sorted({r.resource.department for r in roles})),
        rules={a.name: rule_of(a) for a in object_type.attributes},
    )


def roles_of(
    object_type: ObjectType, resources: Mapping[str, Resource], is_there: Callable[[str], bool]
) -> tuple[tuple[Role, ...], tuple[str, ...]]:
    """The roles of an object in the standard tables that are there, and the resources that are not.

    Raises:
        ConfigError: ``fuse.resource.unknown``.
    """
    roles: list[Role] = []
    missing: list[str] = []
    groups: dict[tuple[str, str, str | None], list[Contribution]] = {}
    for one in object_type.contributions:
        groups.setdefault((one.resource, one.key, one.at), []).append(one)
    for (name, key, at), contributions in groups.items():
        resource = resource_of(resources, name)
        if is_there(resource.std_table):
            roles.append(Role(number=len(roles), resource=resource, key=key, at=at, contributions=tuple(contributions)))
        else:
            missing.append(name)
    return tuple(roles), tuple(dict.fromkeys(missing))


def resource_of(resources: Mapping[str, Resource], name: str) -> Resource:
    """A resource by its name in the mapping, its own name, or ``department.name``.

    Raises:
        ConfigError: ``fuse.resource.unknown``.
    """
    if name in resources:
        return resources[name]
    for one in resources.values():
        if name in (one.name, f"{one.department}.{one.name}"):
            return one
    raise ConfigError(
        "fuse.resource.unknown",
        "A contribution names the resource {resource}, which there is not.",
        hint="Known: {known}.",
        resource=name,
        known=", ".join(sorted(resources)),
    )


def statements(plan: Plan, lake: Lake, judged: Sequence[Judged] = ()) -> exp.Expression:
    """The relation of statements of all roles, as the module's text describes it."""
    union: exp.Expression = _role_rows(plan, plan.roles[0], lake)
    for role in plan.roles[1:]:
        union = exp.Union(this=union, expression=_role_rows(plan, role, lake), distinct=False)
    rule = key_rule(plan.object_type.coding_rule)
    attributes = plan.object_type.attributes
    coded = {a.name: key_rule(str(a.options["coding_rule"])) for a in attributes if "coding_rule" in a.options}
    base, names = [*_BASE], [f"v_{a.name}" for a in attributes]
    numbers = [alias(rule.number(column("said")), "n")]
    numbers += [alias(r.number(column(f"v_{n}")), f"n_{n}") for n, r in coded.items()]
    numbered = exp.select(*[column(n) for n in (*base, *names)], *numbers).from_(exp.Subquery(this=union, alias="s"))
    values = [
        alias(coded[a.name].corrected(column(f"v_{a.name}"), column(f"n_{a.name}")), f"v_{a.name}")
        if a.name in coded
        else column(f"v_{a.name}")
        for a in attributes
    ]
    corrected = alias(rule.corrected(column("said"), column("n")), "corrected")
    checked = exp.select(*[column(n) for n in base], corrected, *values).from_(exp.Subquery(this=numbered, alias="n"))
    return _bucketed(plan, checked, judged, [*base, "corrected", *names])


def bucket_of(key: exp.Expression, parts: int) -> exp.Expression:
    """The part that an object belongs to."""
    return sql("CAST(hash(:k) % :parts AS INTEGER)", k=key, parts=parts)


def alias(value: exp.Expression, name: str) -> exp.Expression:
    """A named expression."""
    return cast(exp.Expression, exp.alias_(value, name, quoted=True))


def all_in(conditions: Mapping[exp.Expression, Sequence[str]]) -> exp.Expression:
    """Each column holds one of its values."""
    each = [exp.In(this=c, expressions=[exp.convert(v) for v in values]) for c, values in conditions.items()]
    return cast(exp.Expression, exp.and_(*each))


def pointer_of(number: int, row: int) -> int:
    """The pointer to a row of the source of that number."""
    return (number << ROW_BITS) + row


def _bucketed(plan: Plan, checked: exp.Expression, judged: Sequence[Judged], kept: Sequence[str]) -> exp.Expression:
    """Add key and bucket: the valid key, or what a person said, unless a person refused it."""
    keyed = exp.select(*[column(n, "c") for n in kept]).from_(exp.Subquery(this=checked, alias="c"))
    valid, is_judged, key = sql("CASE WHEN c.said = c.corrected THEN c.said END"), sql("false"), sql("k.key")
    if judged:
        on = "c.pointer = same.pointer AND c.role = same.role AND same.is_same"
        keyed = keyed.join(judgements(judged, "same"), on=on, join_type="left", dialect="duckdb")
        valid, is_judged = sql("coalesce(same.key, :v)", v=valid), sql("same.key IS NOT NULL")
    keyed = keyed.select(alias(valid, "key"), alias(is_judged, "is_judged"))
    query = exp.select(*[column(n, "k") for n in (*kept, "is_judged")]).from_(exp.Subquery(this=keyed, alias="k"))
    if judged:
        on = "k.pointer = other.pointer AND k.role = other.role AND k.key = other.key AND NOT other.is_same"
        query = query.join(judgements(judged, "other"), on=on, join_type="left", dialect="duckdb")
        key = sql("CASE WHEN other.key IS NULL THEN k.key END")
    bucket = sql("CASE WHEN :k IS NULL THEN -1 ELSE :b END", k=key, b=bucket_of(key, plan.parts))
    return query.select(alias(key, "key"), alias(bucket, "bucket"))


def judgements(judged: Sequence[Judged], name: str) -> exp.Expression:
    """Persons' judgements as a relation ``pointer, role, key, is_same``."""
    rows = [exp.Tuple(expressions=[exp.convert(v) for v in (j.pointer, j.role, j.key, j.is_same)]) for j in judged]
    names = [exp.to_identifier(n) for n in ("pointer", "role", "key", "is_same")]
    return exp.Values(expressions=rows, alias=exp.TableAlias(this=exp.to_identifier(name), columns=names))


def _role_rows(plan: Plan, role: Role, lake: Lake) -> exp.Select:
    resource = role.resource
    numbers = [
        (n, s.batch) for n, s in enumerate(plan.sources) if (s.department, s.resource) == (resource.department, resource.name)
    ]
    batches = exp.Values(
        expressions=[exp.Tuple(expressions=[exp.convert(n), exp.convert(b)]) for n, b in numbers] or [exp.Tuple(expressions=[exp.convert(-1), exp.convert("")])],
        alias=exp.TableAlias(this=exp.to_identifier("b"), columns=[exp.to_identifier("number"), exp.to_identifier("batch")]),
    )
    at = seconds_sql(column(role.at, "r")) if role.at else sql("0")
    picks = [
        alias(sql("CAST(b.number AS BIGINT) * 1099511627776 + r._row"), "pointer"),
        alias(sql("CAST(:n AS INTEGER)", n=role.number), "role"),
        alias(sql("CAST(:n AS INTEGER)", n=plan.number_of(resource.department)), "department"),
        alias(sql("CAST(:at AS BIGINT)", at=at), "at"),
        alias(sql("nullif(:k, '')", k=column(role.key, "r")), "said"),
    ]
    picks += [alias(_value(role, a.name), f"v_{a.name}") for a in plan.object_type.attributes]
    rows = sql("SELECT 1 FROM :t AS r WHERE r._current", t=lake.relation(resource.std_table)).assert_is(exp.Select)
    query = rows.join(batches, on="r._batch = b.batch", dialect="duckdb").select(*picks, append=False)
    conditions = [_condition(c) for c in role.contributions]
    if all(c is not None for c in conditions):
        query = query.where(exp.or_(*[c for c in conditions if c is not None]))
    return query


def _value(role: Role, attribute: str) -> exp.Expression:
    whens = [(_condition(c), _item(c.attributes[attribute])) for c in role.contributions if attribute in c.attributes]
    if not whens:
        return sql("CAST(NULL AS VARCHAR)")
    case = exp.Case()
    for condition, value in whens:
        if condition is None:
            return case.else_(value) if case.args.get("ifs") else value
        case = case.when(condition, value)
    return case


def _item(text: str) -> exp.Expression:
    if text.startswith("="):
        return exp.Literal.string(text[1:])
    return sql("nullif(:c, '')", c=column(text, "r"))


def _condition(contribution: Contribution) -> exp.Expression | None:
    if not contribution.where:
        return None
    return all_in({column(item, "r"): values for item, values in contribution.where.items()})


def seconds(text: str | None) -> int:
    """When a row is of, in seconds since 0001-01-01; 0 when its date is missing or none that is understood:
    ``yyyy-mm-dd``, the same with ``Thh:mm:ss``, or ``yyyymmdd``."""
    if text is None or not re.fullmatch(_DATED, text):
        return 0
    try:
        return int((datetime.fromisoformat(text) - datetime(1, 1, 1)).total_seconds())  # noqa: DTZ001
    except ValueError:
        return 0


def seconds_sql(text: exp.Expression) -> exp.Expression:
    """The meaning of :func:`seconds` in SQL."""
    return sql(
        """CASE WHEN :dated THEN coalesce(greatest(0, CAST(epoch(coalesce(
            try_cast(:t AS TIMESTAMP), try_strptime(:t, '%Y%m%d'))) AS BIGINT) + :zero), 0) ELSE 0 END""",
        dated=full_match(text, _DATED),
        t=text,
        zero=_YEAR_ONE,
    )


def _sources(roles: Sequence[Role], lake: Lake) -> tuple[Source, ...]:
    found = set()
    for resource in {r.resource.std_table: r.resource for r in roles}.values():
        query = sql("SELECT DISTINCT r._batch FROM :t AS r WHERE r._current", t=lake.relation(resource.std_table))
        found |= {(resource.department, resource.name, str(row[0])) for row in lake.engine.rows(query)}
    return tuple(Source(department=d, resource=r, batch=b) for d, r, b in sorted(found))


def _check_items(resource: Resource, contributions: Sequence[Contribution], columns: Sequence[str]) -> None:
    wanted: set[str] = set()
    for one in contributions:
        wanted |= {one.key, *one.where, *([one.at] if one.at else [])}
        wanted |= {v for v in one.attributes.values() if not v.startswith("=")}
    if lacking := sorted(wanted - set(columns)):
        raise ConfigError(
            "fuse.item.unknown",
            "The resource {resource} has no item {items}, which a contribution names.",
            hint="Items there are: {known}.",
            resource=f"{resource.department}.{resource.name}",
            items=", ".join(lacking),
            known=", ".join(columns),
        )
