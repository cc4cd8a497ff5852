"""Profiles tables of the lake, looks for keys, dependencies and references, and tells how they drift."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.causes import grades_of
from cityloom.flows.runner import Runner, Step
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError
from cityloom.model.profile import Drift, FieldProfile, TableProfile
from cityloom.model.resource import Resource
from cityloom.model.run import Run, StageResult
from cityloom.quality.conceal import conceal
from cityloom.quality.discover import find_dependencies, find_keys, find_references
from cityloom.quality.items import items_of
from cityloom.quality.profile import Subject, profile
from cityloom.store import profiles as store

_SHIFT = 0.05
"""A rate that moves by so much has drifted; a mean by so much of its spread."""
Described = tuple[exp.Expression, Mapping[str, exp.Expression], TableProfile]


def profile_all(workspace: Workspace, runner: Runner, names: Sequence[str] = (), *, phase: str = "before") -> list[Run]:
    """Profile the resources' raw tables (``before``) or standard ones (``after``); what has not changed is left."""
    ended = []
    for resource in _chosen(workspace, names, phase):
        table = _table(resource, phase)
        step = Step(
            name=f"profile_{phase}",
            subject=resource.name,
            work=lambda resource=resource: _profile(workspace, resource, phase),  # type: ignore[misc]
            spec=(resource,),
            reads=(table,),
        )
        try:
            ended.append(runner.do(step))
        except CityLoomError:
            continue
    return ended


def drifts(old: TableProfile, new: TableProfile) -> list[Drift]:
    """What of a table's fields is no longer as it was: fields that came or went, types, rates, means, forms."""
    before = {f.name: f for f in old.fields}
    after = {f.name: f for f in new.fields}
    found = [Drift(name=name, figure="gone", before=name, after=None) for name in before if name not in after]
    found += [Drift(name=name, figure="new", before=None, after=name) for name in after if name not in before]
    for name in before.keys() & after.keys():
        found += _field_drifts(before[name], after[name])
    return sorted(found, key=lambda d: (d.name, d.figure))


def _field_drifts(old: FieldProfile, new: FieldProfile) -> Iterator[Drift]:
    if old.type != new.type and "empty" not in (old.type, new.type):
        yield Drift(name=new.name, figure="type", before=old.type, after=new.type)
    for figure in ("missing_rate", "unique_rate", "zero_rate"):
        a, b = getattr(old, figure), getattr(new, figure)
        if abs(a - b) >= _SHIFT and not (figure == "unique_rate" and old.records != new.records):
            yield Drift(name=new.name, figure=figure, before=round(a, 4), after=round(b, 4))
    spread = old.quantiles[3] - old.quantiles[1] if len(old.quantiles) == 5 else 0.0
    if spread and old.mean is not None and new.mean is not None and abs(old.mean - new.mean) > spread:
        yield Drift(name=new.name, figure="mean", before=old.mean, after=new.mean)
    known = {form for form, _share in old.patterns}
    fresh = [(form, share) for form, share in new.patterns if form not in known and share >= _SHIFT]
    for form, share in fresh if known else ():
        yield Drift(name=new.name, figure=f"form {form}", before=0.0, after=round(share, 4))


def _profile(workspace: Workspace, resource: Resource, phase: str) -> StageResult:
    relation, columns, found = describe(workspace, resource, phase)
    engine = workspace.engine
    keys = find_keys(engine, relation, columns, found)
    dependencies = find_dependencies(engine, relation, columns, found)
    references = find_references(engine, relation, columns, found, dict(_others(workspace, resource, phase)))
    whole = replace(
        found,
        keys=keys,
        dependencies=tuple((d.determining, d.determined, round(d.share, 6)) for d in dependencies),
        references=tuple((r.field, r.other, r.other_field, round(r.rate, 6)) for r in references),
    )
    kept = conceal(whole, grades_of(workspace, resource))
    with workspace.store.write() as connection:
        store.put_profile(connection, kept)
    summary = {"fields": len(kept.fields), "missing_cells": kept.missing_cells, "keys": [list(key) for key in keys[:5]]}
    return StageResult(read=found.records, written=found.records, summary=summary)


def describe(workspace: Workspace, resource: Resource, phase: str) -> Described:
    """A resource's rows as relation, its items as text terms, and its profile with all values.

    Of a table that is followed by its log the rows count as they are now, not the changes.
    """
    lake = workspace.lake
    table = _table(resource, phase)
    relation, columns = items_of(resource, phase, lake)
    subject = Subject(
        table=table,
        version=lake.version(table),
        at=iso(workspace.clock.now()),
        relation=relation,
        bytes=lake.size(table),
    )
    return relation, columns, profile(workspace.engine, subject, columns)


def _others(workspace: Workspace, resource: Resource, phase: str) -> Iterator[tuple[str, Described]]:
    """Other resources whose keys may be referred to: those that have been profiled."""
    for other in _chosen(workspace, (), phase):
        if other.name == resource.name:
            continue
        with workspace.store.read() as connection:
            known = store.find_profile(connection, _table(other, phase))
        if known is not None:
            relation, columns = items_of(other, phase, workspace.lake)
            fields = tuple(f for f in known.fields if f.name in columns)
            yield other.name, (relation, columns, replace(known, fields=fields))


def _chosen(workspace: Workspace, names: Sequence[str], phase: str) -> list[Resource]:
    city = workspace.city
    found = [city.resource(name) for name in names] if names else list(city.resources.values())
    return [r for r in found if workspace.lake.exists(_table(r, phase))]


def _table(resource: Resource, phase: str) -> str:
    return resource.raw_table if phase == "before" else resource.std_table
