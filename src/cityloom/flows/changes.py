"""Followed tables: proved equal to their source, and taken anew where a log can no longer be followed."""

from __future__ import annotations

from cityloom.collect import reconcile
from cityloom.collect.run import Watch
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.runner import SYSTEM, Runner, Step
from cityloom.kernel.errors import UserError
from cityloom.model.resource import Resource
from cityloom.model.run import Run, StageResult

BUSY = "flows.subject.busy"


def renew(workspace: Workspace, resource: Resource, *, actor: str = SYSTEM) -> Run:
    """Take a resource that goes on from a position anew from its beginning.

    Raises:
        UserError: ``collect.again.unsupported``.
    """
    return Runner(workspace).do(collect_step(workspace, resource, watch=Watch(again=True), actor=actor))


def prove_equal(workspace: Workspace, resource: Resource) -> Run:
    """Compare a followed table with its rows in the lake, at one place of the source's log.

    What the log has is taken in first; where another process follows the table, it is given a minute for that.
    """

    def catch_up() -> bool:
        try:
            Runner(workspace, wait=0.0).do(collect_step(workspace, resource))
        except UserError as error:
            if error.code != BUSY:
                raise
            return False
        return True

    def work() -> StageResult:
        return reconcile.run(
            resource,
            workspace.city.sources[resource.collect.source],
            lake=workspace.lake,
            store=workspace.store,
            clock=workspace.clock,
            base=workspace.folder,
            catch_up=catch_up,
        )

    step = Step(name=reconcile.KIND, subject=resource.name, work=work, spec=(resource.collect,), is_repeatable=True)
    return Runner(workspace).do(step)
