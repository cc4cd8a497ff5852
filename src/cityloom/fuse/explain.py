"""Why a golden record is as it is: every value with its origin, all candidates, the rule, the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.fuse.contribute import Plan, plan, statements
from cityloom.fuse.negotiation import ROW_BITS, Candidate
from cityloom.kernel.errors import UserError
from cityloom.kernel.registry import plugin
from cityloom.lake.tables import Lake
from cityloom.model.fusion import Agreement, Attribute, ObjectType
from cityloom.model.resource import Resource
from cityloom.model.text import Title


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A candidate: what a department says, where and of when (ISO text), and whether it won."""

    value: str
    department: str
    resource: str
    batch: str
    row: int
    at: str | None
    is_winner: bool


@dataclass(frozen=True, kw_only=True)
class ExplainedValue:
    """One attribute of a golden record.

    ``because`` is ``rule`` (a candidate won), ``default``, ``becomes``, ``ended_by`` or ``only_if`` (what
    follows from other attributes, see ``fuse.golden``), or ``nothing`` (no one says anything). ``department``
    to ``row`` say where the value stands; for ``ended_by`` that is another object's row.
    """

    attribute: str
    title: Title
    value: str | None
    because: str
    rule: str
    rule_title: Title
    lead: str | None
    agreed: Agreement | None
    grade: str
    department: str | None
    resource: str | None
    batch: str | None
    row: int | None
    candidates: tuple[Claim, ...]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A golden record explained; ``sources`` is the number of resources that speak of the object."""

    object_type: str
    id: str
    key: str
    sources: int
    values: tuple[ExplainedValue, ...]

    def value(self, attribute: str) -> ExplainedValue:
        """One attribute's explanation."""
        return next(v for v in self.values if v.attribute == attribute)


def explain(object_type: ObjectType, key: str, *, resources: Mapping[str, Resource], lake: Lake) -> Explanation:
    """Explain one object (a person, a firm) by its key: candidates are read again from the standard layer.

    Raises:
        UserError: ``fuse.object.unknown`` when no golden record has this key.
    """
    table = object_type.golden_table
    found = lake.engine.records(_where(lake, table, object_type.key, key)) if lake.exists(table) else []
    if not found:
        raise UserError(
            "fuse.object.unknown",
            "There is no golden record of {object_type} with this key.",
            hint="Check the key, or fuse again after new data have come.",
            object_type=object_type.name,
        )
    record, made = found[0], plan(object_type, resources, lake)
    rows = _rows(made, lake, key)
    values = tuple(_explained(made, attribute, record, rows) for attribute in object_type.attributes)
    return Explanation(object_type=object_type.name, id=record["id"], key=key, sources=record["_sources"], values=values)


def _where(lake: Lake, table: str, name: str, key: str) -> exp.Expression:
    return sql("SELECT * FROM :t WHERE :c = :k", t=lake.relation(table), c=column(name), k=key)


def _rows(made: Plan, lake: Lake, key: str) -> list[dict[str, Any]]:
    """Statements of the object: rows with its key, without those judged away, and rows linked to it."""
    every = exp.Subquery(this=statements(made, lake), alias="s")
    own = lake.engine.records(exp.select("*").from_(every).where(sql("said = :k", k=key)))
    own = [row for row in own if row["key"] == key]
    linked = _pointers(made, lake.engine.records(_where(lake, f"{made.object_type.golden_table}__link", "key", key)))
    away = _judged_away(made, lake, own) - linked
    rows = [row for row in own if (row["pointer"], row["role"]) not in away]
    known = {(row["pointer"], row["role"]) for row in rows}
    if more := sorted(linked - known):
        places = [exp.Tuple(expressions=[exp.convert(p), exp.convert(r)]) for p, r in more]
        pair = exp.Tuple(expressions=[exp.column("pointer"), exp.column("role")])
        rows += lake.engine.records(exp.select("*").from_(every).where(exp.In(this=pair, expressions=places)))
    return rows


def _judged_away(made: Plan, lake: Lake, rows: Sequence[Mapping[str, Any]]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = set()
    numbers = sorted({row["pointer"] & ((1 << ROW_BITS) - 1) for row in rows})
    for kind in ("link", "unresolved") if numbers else ():
        within = exp.In(this=column("row"), expressions=[exp.convert(n) for n in numbers])
        table = lake.relation(f"{made.object_type.golden_table}__{kind}")
        found |= _pointers(made, lake.engine.records(exp.select("*").from_(table).where(within)))
    return found


def _pointers(made: Plan, places: Sequence[Mapping[str, Any]]) -> set[tuple[int, int]]:
    numbers = {(s.department, s.resource, s.batch): n for n, s in enumerate(made.sources)}
    found = set()
    for one in places:
        number = numbers.get((one["department"], one["resource"], one["batch"]))
        for role in made.roles:
            here = (role.resource.department, role.resource.name, role.key)
            if number is not None and here == (one["department"], one["resource"], one["item"]):
                found.add(((number << ROW_BITS) + one["row"], role.number))
    return found


def _explained(
    made: Plan, attribute: Attribute, record: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> ExplainedValue:
    value, place = record[attribute.name], _place(record[f"{attribute.name}__from"])
    in_order = sorted(rows, key=lambda row: int(row["role"]))
    candidates = [c for row in in_order if (c := _candidate(made, row, attribute.name)) is not None]
    chosen = made.rules[attribute.name].choose(candidates)
    claims = [
        Claim(
            value=c.value, department=c.department, resource=c.resource, batch=c.batch, row=c.row,
            at=_moment(c.at), is_winner=c.place == place,
        )
        for c in candidates
    ]  # fmt: skip
    return ExplainedValue(
        attribute=attribute.name,
        title=attribute.title,
        value=value,
        because=_because(attribute, value, chosen),
        rule=attribute.rule,
        rule_title=plugin("cityloom.fuse.rules", attribute.rule).title,
        lead=attribute.lead,
        agreed=attribute.agreed,
        grade=attribute.grade,
        department=place[0] if place else None,
        resource=place[1] if place else None,
        batch=place[2] if place else None,
        row=place[3] if place else None,
        candidates=tuple(sorted(claims, key=lambda c: (not c.is_winner, c.department, c.resource, c.batch, c.row))),
    )


def _because(attribute: Attribute, value: str | None, chosen: tuple[str, Candidate] | None) -> str:
    if chosen and chosen[0] == value:
        return "rule"
    if value is None:
        return "only_if" if chosen else "nothing"
    ended = attribute.options.get("ended_by")
    if ended and value == ended["to"]:
        return "ended_by"
    return "becomes" if chosen else "default"


def _candidate(made: Plan, row: Mapping[str, Any], attribute: str) -> Candidate | None:
    if row[f"v_{attribute}"] is None:
        return None
    source = made.sources[row["pointer"] >> ROW_BITS]
    return Candidate(
        value=row[f"v_{attribute}"],
        department=source.department,
        resource=source.resource,
        batch=source.batch,
        row=row["pointer"] & ((1 << ROW_BITS) - 1),
        at=row["at"],
    )


def _place(text: str | None) -> tuple[str, str, str, int] | None:
    if text is None:
        return None
    department, resource, batch, row = text.split("|")
    return department, resource, batch, int(row)


def _moment(seconds: int) -> str | None:
    if not seconds:
        return None
    moment = datetime(1, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001
    return moment.date().isoformat() if seconds % 86_400 == 0 else moment.isoformat()
