"""Tasks that run by themselves, over HTTP: what is due, what ran, what is late. For the systems that watch them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from cityloom.api.callers import Caller
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.jobs import control
from cityloom.kernel.errors import DeniedError
from cityloom.model.principal import Principal
from cityloom.store.jobs import list_attempts, list_jobs

router = APIRouter(tags=["jobs"])
_ALL = frozenset({"steward", "leader", "analyst", "audit_administrator"})
"""Roles that see every department's tasks."""


@router.get("/api/v1/jobs")
def show_tasks(who: Caller) -> list[dict[str, Any]]:
    """List the tasks that the caller may see: cycle, next time, newest run, newest data."""
    at, actor = who
    return [asdict(view) for view in control.overview(at) if _may_see(actor, view.department)]


@router.get("/api/v1/jobs/{resource}")
def show_task(resource: str, who: Caller, limit: Annotated[int, Query(ge=1, le=1000)] = 40) -> list[dict[str, Any]]:
    """The runs of a resource's task, newest first, each with its tries."""
    at, actor = who
    name = _resource(at, resource, actor)
    with at.store.read() as connection:
        found = list_jobs(connection, name, limit=limit)
        tries = {job.id: [asdict(a) for a in list_attempts(connection, job.id)] for job in found}
    return [{**asdict(job), "tries": tries[job.id]} for job in found]


def _resource(workspace: Workspace, name: str, actor: Principal) -> str:
    found = workspace.city.resource(name)
    if not _may_see(actor, found.department):
        raise DeniedError(
            "api.job.foreign",
            "This task is of another department.",
            hint="See your own at /api/v1/jobs.",
        )
    return found.name


def _may_see(actor: Principal, department: str) -> bool:
    return bool(_ALL & set(actor.roles)) or actor.department == department
