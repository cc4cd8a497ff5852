"""Batches looked at, or taken in, once more: verify, replay, backfill."""

from __future__ import annotations

from collections.abc import Callable

from cityloom.collect import again, verify
from cityloom.collect.periods import Span
from cityloom.collect.run import Watch
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.runner import Runner, Step
from cityloom.kernel.errors import UserError
from cityloom.model.resource import Resource
from cityloom.model.run import Run, StageResult
from cityloom.store import batches


def named(workspace: Workspace, name: str, batch: str | None = None) -> tuple[Resource, str | None]:
    """The resource of that name, or the batch of that id with its resource.

    Raises:
        UserError: ``flows.again.unknown``; ``flows.again.over`` for a batch that was replaced or never landed.
    """
    with workspace.store.read() as connection:
        found = batches.find_batch(connection, batch or name)
    if found is None and batch is None and name in workspace.city.resources:
        return workspace.city.resource(name), None
    if found is None or (batch is not None and found.resource != name):
        raise UserError(
            "flows.again.unknown",
            "There is no batch and no resource {name}.",
            hint="List them with `cityloom collect batches`.",
            name=batch or name,
        )
    if found.state != "reconciled":
        raise UserError(
            "flows.again.over",
            "The batch {batch} does not stand: its state is {state}.",
            hint="Name the batch that took its place, or the resource.",
            batch=found.id,
            state=found.state,
        )
    return workspace.city.resource(found.resource), found.id


def verify_step(workspace: Workspace, resource: Resource, batch: str | None, *, is_source_read: bool = True) -> Run:
    """Compare batches with their receipts, at the source and in the lake."""

    def work() -> StageResult:
        return verify.run(
            resource,
            workspace.city.sources[resource.collect.source],
            lake=workspace.lake,
            store=workspace.store,
            clock=workspace.clock,
            base=workspace.folder,
            batch=batch,
            is_source_read=is_source_read,
        )

    return Runner(workspace).do(_step("verify", resource, work, ()))


def replay_step(workspace: Workspace, resource: Resource, batch: str | None, *, actor: str) -> Run:
    """Take batches in once more where they are not what they were."""

    def work() -> StageResult:
        return again.run(
            resource,
            workspace.city.sources[resource.collect.source],
            lake=workspace.lake,
            store=workspace.store,
            clock=workspace.clock,
            base=workspace.folder,
            actor=actor,
            batch=batch,
        )

    return Runner(workspace).do(_step("replay", resource, work, (resource.raw_table,)))


def backfill_step(workspace: Workspace, resource: Resource, span: Span, *, actor: str) -> Run:
    """Take in what belongs to a past span of days, again or late."""
    if span.start >= span.end:
        raise UserError(
            "flows.backfill.empty",
            "The span ends before it begins.",
            hint="--from is its first day, --to its last one.",
        )
    return Runner(workspace).do(collect_step(workspace, resource, watch=Watch(span=span), actor=actor))


def _step(name: str, resource: Resource, work: Callable[[], StageResult], writes: tuple[str, ...]) -> Step:
    spec = (resource.collect,)
    return Step(name=name, subject=resource.name, work=work, spec=spec, writes=writes, is_repeatable=True)
