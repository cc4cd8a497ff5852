"""The report of the main job, put together from records, tables and the truth: evidence, not memory."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.surroundings import CITY
from cityloom.fuse.accuracy import errors
from cityloom.fuse.digest import digest
from cityloom.fuse.explain import explain
from cityloom.kernel.errors import UserError
from cityloom.kernel.files import write_whole
from cityloom.kernel.registry import plugin
from cityloom.model.fusion import ObjectType
from cityloom.model.quality import PHASES
from cityloom.model.request import Grant, Request
from cityloom.model.resource import Resource
from cityloom.model.service import Demand, Service
from cityloom.model.standard import DIMENSIONS
from cityloom.model.text import Title
from cityloom.protect.verify import VerifyReport
from cityloom.quality.score import combine
from cityloom.store import batches, runs
from cityloom.store import quality as quality_store
from cityloom.store.scores import read_scores

FILE = "report.json"
HIDDEN = "***"
"""Stands where a caller had to know a value: it is theirs, and not told again."""
PEOPLE, FIRMS = "population", "legal_person"


@dataclass(frozen=True, kw_only=True)
class Used:
    """One use of shared data: the demand, what followed from it, and the answer that left."""

    demand: Demand
    request: Request
    grant: Grant
    parameters: Mapping[str, str]
    answer: Mapping[str, Any]


def build(workspace: Workspace, *, uses: Sequence[Used], proof: VerifyReport, bundle: str) -> dict[str, Any]:
    """The report as one JSON object; see the reference page for its keys."""
    city = workspace.city
    used = next(u for u in uses if _is_about_people(workspace, u))
    types = [city.object_types[name] for name in (PEOPLE, FIRMS)]
    return {
        "city": _city(workspace),
        "sources": [_source(workspace, r) for r in city.resources.values()],
        "quality": _quality(workspace),
        "fusion": _fusion(workspace, types),
        "conflicts": _conflicts(workspace, types),
        "departments": {d.name: _title(d.title) for d in city.departments.values()},
        "attributes": _attributes(workspace, types),
        "person": _person(workspace, used.parameters),
        "service": _service(workspace, used),
        "services": [_service(workspace, one) for one in uses],
        "audit": {
            "size": proof.size,
            "root": proof.root.hex(),
            "verified": proof.is_verified,
            "bundle": bundle,
            "key": "keys/audit.vkey",
        },
        "scores": _scores(workspace),
        "group_titles": _group_titles(workspace),
        "digest": digest(workspace.lake, [t.name for t in types]),
        "accounts": _accounts(workspace),
    }


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    """Put the report where the start page finds it: whole or not at all."""
    write_whole(folder / FILE, json.dumps(facts, ensure_ascii=False, indent=1))


def read(folder: Path) -> dict[str, Any]:
    """The last report.

    Raises:
        UserError: ``flows.report.missing``.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            "flows.report.missing",
            "There is no report in {folder} yet.",
            hint="Make one with `cityloom demo`.",
            folder=folder.name,
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def example_parameters(workspace: Workspace, service: Service) -> dict[str, str]:
    """What a caller must know to ask a service about the example's record: one that says much.

    Raises:
        UserError: ``flows.record.none`` when the table is empty.
    """
    wanted = [*service.require, *service.compare]
    relation = exp.alias_(exp.select("*").from_(workspace.lake.relation(service.table)).subquery(), "g")
    query = exp.select(*[exp.column(name, quoted=True) for name in wanted]).from_(relation).limit(1)
    if service.table == workspace.city.object_types[PEOPLE].golden_table:
        query = query.where(
            "living = '1' AND marital_state = '20' AND phone IS NOT NULL AND current_address <> registered_address"
        )
    rows = workspace.engine.rows(query.order_by("_sources DESC", "id"))
    if not rows:
        raise UserError(
            "flows.record.none",
            "There is no record to show in {table}.",
            hint="Make a larger city: --people 1000 or more.",
            table=service.table,
        )
    return {name: str(value) for name, value in zip(wanted, rows[0], strict=True) if value is not None}


def _city(workspace: Workspace) -> dict[str, str]:
    """The city's name; a workspace whose definitions do not name it goes by its folder."""
    known = [one.title for one in workspace.city.cities.values()]
    title = known[0] if known else Title(workspace.folder.name, workspace.folder.name)
    return {"name_zh": title.zh, "name_en": title.en}


def _is_about_people(workspace: Workspace, used: Used) -> bool:
    service = workspace.city.services[used.demand.service]
    return service.table == workspace.city.object_types[PEOPLE].golden_table and bool(service.items)


def _source(workspace: Workspace, resource: Resource) -> dict[str, Any]:
    source = workspace.city.sources[resource.collect.source]
    with workspace.store.read() as connection:
        known = [b for b in batches.list_batches(connection, resource.name) if b.state != "superseded"]
    receipts = [b.receipt for b in known if b.receipt is not None and b.state == "reconciled"]
    rejected = sum(r.rejected_rows for r in receipts)
    landed = sum(r.landed_rows for r in receipts)
    return {
        "name": resource.name,
        "department": resource.department,
        "title": _title(resource.title),
        "form": _title(plugin("cityloom.collect.connectors", source.connector).title),
        "read": landed + rejected,
        "landed": landed,
        "rejected": rejected,
        "reconciled": bool(known) and all(b.state == "reconciled" and b.receipt and b.receipt.is_equal for b in known),
        "batches": len(receipts),
        "reasons": [b.reason for b in known if b.reason],
    }


def _quality(workspace: Workspace) -> dict[str, Any]:
    weights = {name: one.importance for name, one in workspace.city.resources.items()}
    scoring = workspace.city.scoring
    with workspace.store.read() as connection:
        newest = {phase: quality_store.latest_assessments(connection, phase) for phase in PHASES}
    found = {phase: combine(some, weights, scoring) for phase, some in newest.items()}
    return {phase: {s.dimension: s.score for s in scores if s.dimension in DIMENSIONS} for phase, scores in found.items()}


def _fusion(workspace: Workspace, types: list[ObjectType]) -> dict[str, Any]:
    lake, truth = workspace.lake, workspace.folder / CITY / "truth"
    wrong: dict[str, float] = {}
    extra: dict[str, int] = {}
    judgements: dict[str, int] = {}
    unresolved = 0
    for one in types:
        names = [a.name for a in one.attributes]
        found = errors(
            workspace.engine,
            golden=lake.relation(one.golden_table),
            truth=workspace.engine.files([truth / f"{one.name}.parquet"]),
            key=one.key,
            attributes=names,
        )
        wrong |= {_prefix(one) + name: round(share, 6) for name, share in found.shares.items()}
        extra[one.name] = found.extra
        summary = _summary(workspace, "fuse", one.name)
        unresolved += int(summary.get("unresolved", 0))
        for kind, count in dict(summary.get("judgements", {})).items():
            judgements[kind] = judgements.get(kind, 0) + int(count)
    led = [_prefix(t) + a.name for t in types for a in t.attributes if a.lead]
    return {
        "people": lake.count(types[0].golden_table),
        "firms": lake.count(types[1].golden_table),
        "error": wrong,
        "extra": extra,
        "led": led,
        "judgements": judgements,
        "unresolved": unresolved,
    }


def _attributes(workspace: Workspace, types: list[ObjectType]) -> dict[str, Any]:
    """Titles by attribute, the keys among them."""
    elements = workspace.city.elements
    keys = {_prefix(t) + t.key: _title(elements[t.key].title) for t in types if t.key in elements}
    return keys | {_prefix(t) + a.name: _title(a.title) for t in types for a in t.attributes}


def _meaning(workspace: Workspace, object_type: ObjectType, attribute: str, value: str) -> dict[str, str] | None:
    """What a coded value stands for."""
    element = next((a.element for a in object_type.attributes if a.name == attribute), None)
    known = workspace.city.elements.get(element or "")
    table = workspace.city.codes.get(known.codes or "") if known else None
    return next((_title(c.title) for c in table.codes if c.code == value), None) if table else None


def _conflicts(workspace: Workspace, types: list[ObjectType]) -> list[dict[str, Any]]:
    found = []
    for one in types:
        table = f"{one.golden_table}__conflict"
        if workspace.lake.exists(table):
            query = sql(
                "SELECT attribute, winner, other, count(*) AS count FROM :t AS t GROUP BY ALL "
                "ORDER BY count DESC, attribute, winner, other",
                t=workspace.lake.relation(table),
            )
            rows = workspace.engine.records(query)
            found += [{**row, "attribute": _prefix(one) + row["attribute"]} for row in rows]
    return found


def _person(workspace: Workspace, parameters: Mapping[str, str]) -> dict[str, Any]:
    object_type = workspace.city.object_types[PEOPLE]
    shown = explain(object_type, parameters[object_type.key], resources=workspace.city.resources, lake=workspace.lake)
    values = [
        {
            "attribute": v.attribute,
            "value": v.value,
            "meaning": _meaning(workspace, object_type, v.attribute, v.value),
            "department": v.department,
            "resource": v.resource,
            "batch": v.batch,
            "row": v.row,
        }
        for v in shown.values
        if v.value is not None
    ]
    return {"id": shown.id, "key": shown.key, "values": values}


def _service(workspace: Workspace, used: Used) -> dict[str, Any]:
    service = workspace.city.services[used.demand.service]
    given = dict(used.answer.get("values") or {})
    return {
        "request": {
            "service": service.name,
            "title": _title(service.title),
            "consumer": used.request.consumer,
            "provider": used.request.provider,
            "requested_by": used.request.requested_by,
            "purpose": _title(used.demand.purpose),
            "basis": used.request.basis,
            "parameters": {name: HIDDEN for name in used.parameters},
            "decided_by": used.request.decided_by,
            "state": str(used.request.state),
        },
        "grant": {
            "id": used.grant.id,
            "items": list(used.grant.items),
            "quota": used.grant.quota,
            "expires_at": used.grant.expires_at,
        },
        "answer": given if service.items else {"verdict": used.answer.get("verdict")},
        "masked": [item.name for item in service.items if item.mask is not None and item.name in given],
        "call": used.answer.get("call"),
    }


def _scores(workspace: Workspace) -> list[dict[str, Any]]:
    found = []
    for name, index in workspace.city.indexes.items():
        groups = {i.name: i.group.zh for i in index.indicators}
        with workspace.store.read() as connection:
            scores = read_scores(connection, name)
        for one in scores:
            if one.points is None:
                continue
            points: dict[str, float] = {}
            for indicator in one.indicators:
                group = groups[indicator.indicator]
                points[group] = round(points.get(group, 0.0) + indicator.points, 2)
            found.append(
                {"department": one.department, "score": round(one.points, 2), "rank": one.rank, "groups": points}
            )
    return found


def _group_titles(workspace: Workspace) -> dict[str, Any]:
    """Titles of the groups of indicators, by the key that ``scores`` has for them: the Chinese title."""
    return {i.group.zh: _title(i.group) for index in workspace.city.indexes.values() for i in index.indicators}


def _accounts(workspace: Workspace) -> list[dict[str, Any]]:
    shown = [a for a in workspace.city.accounts.values() if (a.password or "").startswith("demo:")]
    return [
        {
            "name": a.name,
            "title": _title(a.title),
            "department": a.department,
            "roles": list(a.roles),
            "password": (a.password or "").removeprefix("demo:"),
        }
        for a in shown
    ]


def _summary(workspace: Workspace, step: str, subject: str) -> Mapping[str, Any]:
    with workspace.store.read() as connection:
        last = runs.last_done(connection, step, subject)
    return last.result.summary if last and last.result else {}


def _prefix(one: ObjectType) -> str:
    """People's attributes go by their name, those of other objects with the type before it."""
    return "" if one.name == PEOPLE else f"{one.name}."


def _title(title: Title) -> dict[str, str]:
    return asdict(title)
