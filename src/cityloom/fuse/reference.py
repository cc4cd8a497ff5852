"""The meaning of fusion, in plain Python: statements, judgements, choices and what follows from them.

The same definitions as ``fuse.run``, over standard rows in memory: which rows speak of an object
(``fuse.contribute``), which object a row without valid key speaks of (``fuse.match``), whose word counts (the
rules' ``choose``) and what follows from other attributes (``fuse.golden``). Persons' judgements are not part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cityloom.engines.reference import ReferenceEngine, Row
from cityloom.fuse.contribute import Role, roles_of, seconds
from cityloom.fuse.keys import key_rule
from cityloom.fuse.negotiation import Candidate, rule_of
from cityloom.kernel.ids import stable_id
from cityloom.model.fusion import Attribute, Contribution, ObjectType
from cityloom.model.resource import Resource

Place = tuple[str, str, str, int]
Choice = tuple[str | None, Place | None]
"""A value and where it stands."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What one row says about one object: ``values`` by attribute, ``key`` when it is known which object."""

    role: Role
    place: Place
    at: int
    said: str | None
    corrected: str | None
    key: str | None
    values: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class Fused:
    """Golden records by key, with the columns of the golden table; places of rows without object, each with
    its key item and the reason."""

    records: dict[str, dict[str, Any]]
    unresolved: dict[tuple[Place, str], str]


def fuse(object_type: ObjectType, said: Sequence[Statement]) -> Fused:
    """What ``fuse.run`` makes of statements."""
    judged, reasons = judge(object_type, said)
    chosen = ReferenceEngine().choose(
        [{"key": one.key, "statement": one} for one in judged],
        lambda row: row["key"],
        {
            "_sources": lambda group: len({row["statement"].role.resource.std_table for row in group}),
            **{a.name: _chooser(a) for a in object_type.attributes},
        },
    )
    records = {str(key): _record(object_type, str(key), choices, chosen) for key, choices in chosen.items()}
    return Fused(records=records, unresolved=reasons)


def statements(
    object_type: ObjectType, resources: Mapping[str, Resource], tables: Mapping[str, Sequence[Row]]
) -> list[Statement]:
    """What the current rows of standard tables, by the tables' names, say about objects."""
    engine, found = ReferenceEngine(), []
    roles, _ = roles_of(object_type, resources, tables.__contains__)
    for role in roles:
        spoken = engine.keep(tables[role.resource.std_table], lambda row: bool(row["_current"]))
        found += [_statement(object_type, role, row) for row in spoken if any(_holds(c, row) for c in role.contributions)]
    return found


def judge(object_type: ObjectType, said: Sequence[Statement]) -> tuple[list[Statement], dict[tuple[Place, str], str]]:
    """Every statement whose object is known, with its key; and why the others' is not."""
    known = [one for one in said if one.key is not None]
    lookups = [(names, _lookup(known, names)) for names in object_type.match]
    name = object_type.match[0][:1] if object_type.match else ()
    same = {(one.key, _values(one, name)) for one in known}
    found, reasons = list(known), {}
    for one in said:
        if one.key is not None:
            continue
        if one.corrected is not None and None not in _values(one, name) and (one.corrected, _values(one, name)) in same:
            found.append(replace(one, key=one.corrected))
            continue
        keys = {key for names, objects in lookups for key in objects.get(_values(one, names), ())}
        if len(keys) == 1:
            found.append(replace(one, key=keys.pop()))
        else:
            reasons[one.place, one.role.key] = "ambiguous" if keys else "no_key" if one.said is None else "bad_key"
    return found, reasons


def _statement(object_type: ObjectType, role: Role, row: Row) -> Statement:
    values = {a.name: _said(a, role, row) for a in object_type.attributes}
    said = row[role.key] or None
    corrected = key_rule(object_type.coding_rule).correct(said) if said else None
    return Statement(
        role=role,
        place=(role.resource.department, role.resource.name, row["_batch"], row["_row"]),
        at=seconds(row[role.at]) if role.at else 0,
        said=said,
        corrected=corrected,
        key=said if said == corrected else None,
        values=values,
    )


def _said(attribute: Attribute, role: Role, row: Row) -> str | None:
    """The first contribution of the attribute whose conditions hold; a key with its check character put right."""
    items = (c.attributes[attribute.name] for c in role.contributions if attribute.name in c.attributes and _holds(c, row))
    item = next(items, None)
    if item is None:
        return None
    value = item[1:] if item.startswith("=") else row[item] or None
    coding = attribute.options.get("coding_rule")
    return key_rule(str(coding)).correct(value) if coding and value is not None else value


def _holds(contribution: Contribution, row: Row) -> bool:
    return all(row[item] in values for item, values in contribution.where.items())


def _values(one: Statement, names: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(one.values[name] for name in names)


def _lookup(known: Sequence[Statement], names: Sequence[str]) -> dict[tuple[str | None, ...], set[str]]:
    """Keys of objects by the values of these attributes, all of them said in one row."""
    found: dict[tuple[str | None, ...], set[str]] = {}
    for one in known:
        if one.key is not None and None not in _values(one, names):
            found.setdefault(_values(one, names), set()).add(one.key)
    return found


def _chooser(attribute: Attribute) -> Callable[[Sequence[Row]], Choice]:
    rule, name = rule_of(attribute), attribute.name

    def choose(group: Sequence[Row]) -> Choice:
        said = [row["statement"] for row in group]
        candidates = [_candidate(one, value) for one in said if (value := one.values[name]) is not None]
        chosen = rule.choose(candidates)
        return (None, None) if chosen is None else (chosen[0], chosen[1].place)

    return choose


def _candidate(one: Statement, value: str) -> Candidate:
    department, resource, batch, row = one.place
    return Candidate(value=value, department=department, resource=resource, batch=batch, row=row, at=one.at)


def _record(object_type: ObjectType, key: str, chosen: Mapping[str, Any], others: Mapping[Any, Mapping[str, Any]]) -> dict[str, Any]:
    """One golden record: choices, then what follows from other attributes, then what there is only if."""
    derived = {a.name: _derived(a, chosen, others) for a in object_type.attributes}
    record: dict[str, Any] = {"id": stable_id(object_type.name[0], object_type.name, key), object_type.key: key}
    for attribute in object_type.attributes:
        value, place = derived[attribute.name]
        if not _are(attribute.options.get("only_if", {}), derived):
            value, place = None, None
        record[attribute.name] = value
        record[f"{attribute.name}__from"] = None if place is None else "|".join(map(str, place))
    return {**record, "_sources": chosen["_sources"]}


def _derived(attribute: Attribute, chosen: Mapping[str, Any], others: Mapping[Any, Mapping[str, Any]]) -> Choice:
    value, place = chosen[attribute.name]
    if ended := attribute.options.get("ended_by"):
        theirs, where = others.get(chosen[ended["link"]][0], {}).get(ended["event"], (None, None))
        own = chosen[ended["event"]][0]
        if value in ended["from"] and theirs is not None and (own is None or theirs < own):
            return ended["to"], where
    for one in attribute.options.get("becomes", ()) if value is not None and not ended else ():
        if _are(one["if"], chosen):
            return one["to"], place
    return attribute.options.get("default") if value is None else value, place


def _are(conditions: Mapping[str, Sequence[str]], choices: Mapping[str, Choice]) -> bool:
    return all(choices[name][0] in values for name, values in conditions.items())
