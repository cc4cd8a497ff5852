"""Suggests data elements for the raw columns of a resource, and keeps what a steward decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from sqlglot import exp

from cityloom.content import library
from cityloom.content.binding import Binding, bound, item_line
from cityloom.engines.terms import column
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.roles import require_role
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.mapping import CONFIRMED, REJECTED, ColumnSample, MappingDecision, Suggestion
from cityloom.model.resource import Resource
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.suggest.score import Suggester
from cityloom.standard.suggest.values import kind_of
from cityloom.store import audit, definitions, mappings

ROWS = 400
"""Rows whose values are looked at."""


def suggest(workspace: Workspace, name: str, *, most: int = 3) -> dict[str, tuple[Suggestion, ...]]:
    """Elements for every raw column of a resource, best first, by column; what the resource declares is not looked at.

    Elements of the city and of the library are suggested; decisions on any resource of any department count.

    Raises:
        UserError: ``model.resource.unknown``.
    """
    resource = workspace.city.resource(name)
    suggester = suggester_of(workspace)
    return {
        sample.column: suggester.suggest(sample, resource=resource.name, department=resource.department, most=most)
        for sample in samples(workspace, resource)
    }


def suggester_of(workspace: Workspace) -> Suggester:
    """What suggests, from the definitions in force, the library and all decisions."""
    elements, tables = known_standards(workspace)
    with workspace.store.read() as connection:
        decisions = mappings.list_decisions(connection)
    return Suggester(elements.values(), tables, decisions, preferred=workspace.city.elements)


def known_standards(workspace: Workspace) -> tuple[Mapping[str, Element], Mapping[str, CodeTable]]:
    """Elements and code tables in force, and behind them those of the library; of a name the city's own."""
    elements, tables = _library()
    city = workspace.city
    mine = dict(city.elements)
    return {**mine, **{n: e for n, e in elements.items() if n not in mine}}, {**tables, **city.codes}


@cache
def _library() -> tuple[Mapping[str, Element], Mapping[str, CodeTable]]:
    found: dict[str, dict[str, object]] = {"element": {}, "code_table": {}}
    for kind, name in library.index():
        found.setdefault(kind, {})[name] = library.read(kind, name).value
    return found["element"], found["code_table"]  # type: ignore[return-value]


def samples(workspace: Workspace, resource: Resource) -> list[ColumnSample]:
    """The raw columns with some of their values; the declared columns without values when nothing has landed."""
    lake = workspace.lake
    if not lake.exists(resource.raw_table):
        return [ColumnSample(column=item.column) for item in resource.items]
    names = [name for name in lake.columns(resource.raw_table) if not name.startswith("_")]
    picks = [exp.cast(column(name), "VARCHAR").as_(f"c{i}") for i, name in enumerate(names)]
    rows = workspace.engine.rows(exp.select(*picks).from_(lake.relation(resource.raw_table)).limit(ROWS))
    return [
        ColumnSample(column=name, values=tuple(str(row[i]) for row in rows if row[i] not in (None, "")))
        for i, name in enumerate(names)
    ]


def decide(workspace: Workspace, name: str, column_name: str, element: str, *, is_confirmed: bool, actor: str) -> MappingDecision:
    """Keep that a raw column is an element, or is not; later suggestions learn from it, in every department.

    Raises:
        UserError: ``flows.mapping.column`` or ``flows.mapping.element``, with the names there are.
        DeniedError: ``flows.role.missing``.
    """
    require_role(workspace, actor, "steward")
    resource = workspace.city.resource(name)
    found = {sample.column: sample for sample in samples(workspace, resource)}
    if column_name not in found:
        raise UserError(
            "flows.mapping.column",
            "{resource} has no raw column {column}.",
            hint="There are: {known}.",
            resource=name,
            column=column_name,
            known=_listed(list(found)),
        )
    if element not in known_standards(workspace)[0]:
        raise UserError(
            "flows.mapping.element",
            "There is no data element {element}.",
            hint="Search with `cityloom standards library`, or write one of your own.",
            element=element,
        )
    decision = MappingDecision(
        department=resource.department,
        resource=resource.name,
        column=column_name,
        element=element,
        verdict=CONFIRMED if is_confirmed else REJECTED,
        actor=actor,
        at=iso(workspace.clock.now()),
        kind=kind_of(found[column_name].values),
    )
    details = {"column": column_name, "element": element, "verdict": decision.verdict}
    event = AuditEvent(kind=EventKind.MAPPING_DECIDED, actor=actor, subject=resource.name, details=details)
    with workspace.store.write() as connection:
        mappings.put_decision(connection, decision)
        audit.append(connection, event, workspace.clock)
    return decision


def binding(workspace: Workspace, name: str, column_name: str, element: str, place: Path) -> Binding:
    """The change of the resource's definition that binds a raw column to an element; it is not written here.

    Raises:
        ContentError, ConfigError, UserError: as :func:`cityloom.content.binding.bound`.
    """
    return bound(place, workspace.city.resource(name).name, column_name, known_standards(workspace)[0][element])


def bound_item(workspace: Workspace, name: str, column_name: str, element: str) -> str:
    """The item of a resource, bound to an element, as one line of YAML."""
    with workspace.store.read() as connection:
        bodies = {d.name: d.body for d in definitions.current(connection) if d.kind == "resource"}
    items = bodies.get(workspace.city.resource(name).name, {}).get("items", ())
    own = next((item for item in items if item["column"] == column_name), None)
    return item_line(column_name, known_standards(workspace)[0][element], own)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
