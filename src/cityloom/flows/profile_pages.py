"""Profiles as pages over a workspace: with titles, grades, elements and drift; values as far as who asks may see them."""

from __future__ import annotations

from dataclasses import replace

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.causes import grades_of
from cityloom.flows.mappings import known_standards, suggest
from cityloom.flows.profiles import drifts
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.profile import TableProfile
from cityloom.model.resource import GRADES, Resource
from cityloom.model.text import Title
from cityloom.quality.conceal import conceal
from cityloom.quality.report.html import Profiled
from cityloom.quality.report.words import share
from cityloom.store.profiles import find_profile, list_profiles


def profiled(workspace: Workspace, name: str, *, phase: str = "before", is_open: bool = False) -> Profiled:
    """The newest profile of a resource's table with what the page says beside it.

    Args:
        workspace: where.
        name: the resource.
        phase: the raw table (``before``) or the standard one.
        is_open: whether values may be shown as they were kept; otherwise only those of public fields are.

    Raises:
        UserError: ``model.resource.unknown``, ``flows.profile.missing``.
    """
    resource = workspace.city.resource(name)
    table = resource.raw_table if phase == "before" else resource.std_table
    with workspace.store.read() as connection:
        found = list_profiles(connection, table, 2)
    if not found:
        raise UserError(
            "flows.profile.missing",
            "{resource} has not been profiled yet.",
            hint="Profile it: cityloom quality profile {resource}",
            resource=name,
        )
    return _shown(workspace, resource, found, phase, is_open=is_open)


def data_set(workspace: Workspace, department: str = "", *, phase: str = "before", is_open: bool = False) -> list[Profiled]:
    """The profiles of a department's tables (of all, when none is named) that have been profiled."""
    found = []
    for resource in workspace.city.resources.values():
        table = resource.raw_table if phase == "before" else resource.std_table
        if department in ("", resource.department):
            with workspace.store.read() as connection:
                known = find_profile(connection, table)
            if known is not None:
                found.append(_shown(workspace, resource, [known], phase, is_open=is_open))
    return found


def set_title(workspace: Workspace, department: str) -> Title:
    """What a data set is called: its department, or all of them."""
    known = workspace.city.departments.get(department)
    return known.title if known else Title("全部部门", "All departments")


def _shown(workspace: Workspace, resource: Resource, found: list[TableProfile], phase: str, *, is_open: bool) -> Profiled:
    grades = grades_of(workspace, resource)
    known = [replace(one, fields=tuple(f for f in one.fields if f.name in grades)) for one in found]
    shut = {name: grade if grade == GRADES[0] else GRADES[-1] for name, grade in grades.items()}
    known = [conceal(one, grades if is_open else shut).without_sums(_codes(workspace, resource)) for one in known]
    departments = workspace.city.departments
    return Profiled(
        title=resource.title,
        department=departments[resource.department].title if resource.department in departments else Title("", ""),
        phase=phase,
        profile=known[0],
        items={i.name: str(i.title) for i in resource.items},
        grades=grades,
        elements=_elements(workspace, resource),
        drifts=drifts(known[1], known[0]) if len(known) > 1 else (),
        since=known[1].version if len(known) > 1 else None,
        is_open=is_open,
    )


def _codes(workspace: Workspace, resource: Resource) -> frozenset[str]:
    """Items whose declared element is no quantity."""
    known = workspace.city.elements
    return frozenset(i.name for i in resource.items if i.element and i.element in known and not known[i.element].is_quantity)


def _elements(workspace: Workspace, resource: Resource) -> dict[str, str]:
    """The data element of each item: the declared one, or the one inferred from name and values, with its confidence."""
    known = workspace.city.elements
    found = {i.name: str(known[i.element].title) for i in resource.items if i.element and i.element in known}
    rest = {i.column: i.name for i in resource.items if i.name not in found}
    if not rest:
        return found
    every, _tables = known_standards(workspace)
    for column, told in suggest(workspace, resource.name, most=1).items():
        if column in rest and told and told[0].element in every:
            title = every[told[0].element].title
            found[rest[column]] = _("{element}? ({share})").format(element=title, share=share(told[0].confidence, 0))
    return found
