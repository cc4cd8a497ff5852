"""The main job from end to end on the example city: what ``cityloom demo`` does.

Every part is done again safely: what stands is left as it is, what a killed process left half done is done
anew, and the end is the same.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from cityloom.flows import chain, cleaning, report
from cityloom.flows.accounts import make_accounts
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, example_content
from cityloom.flows.runner import Runner
from cityloom.flows.surroundings import CITY, example_interface
from cityloom.flows.use import Call, Use, obtain
from cityloom.kernel.errors import DataError, UserError
from cityloom.model.run import Run
from cityloom.protect.verify import VerifyReport, verify_bundle
from cityloom.sample import generate
from cityloom.store import audit

BUNDLE = "audit.jsonl"
"""The exported audit log in a workspace."""
ACTOR = "dsj.steward"


class Watch(Protocol):
    """Whoever looks on."""

    def stage(self, name: str, total: int | None) -> AbstractContextManager[None]:
        """A stage begins and, at the end of the block, is over."""
        ...

    def step(self, subject: str, share: float) -> None:
        """A stage's own progress, 0 to 1."""
        ...

    def told(self, run: Run) -> None:
        """A run began or ended."""
        ...


@dataclass
class _Times:
    """Wall seconds by stage, and the process's peak of memory (MiB) up to the end of each."""

    workspace: Workspace
    watch: Watch
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int | None = 1) -> Iterator[None]:
        began = self.workspace.clock.tick()
        with self.watch.stage(name, total):
            yield
        self.seconds[name] = round(self.workspace.clock.tick() - began, 2)
        self.peaks[name] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main_job(
    workspace: Workspace,
    *,
    people: int,
    seed: int,
    watch: Watch,
    server: Callable[[], AbstractContextManager[Call]],
) -> dict[str, Any]:
    """Generate, collect, govern, fuse, share, prove and score; returns the report and writes it.

    Args:
        workspace: where; the caller holds its lock.
        people: true residents of the example city.
        seed: decides the city.
        watch: is told of the progress.
        server: gives, for the length of a block, a way to call the services over HTTP.

    Raises:
        UserError: ``flows.demo.foreign`` when the workspace is another city's.
        DataError: ``flows.audit.broken`` when the log does not verify, ``flows.chain.broken`` when a stage
            failed for all of its subjects.
    """
    times = _Times(workspace, watch)
    runner = Runner(workspace, watch.told)
    runner.recover()
    _refuse_other_city(workspace)
    with times.stage("generate"):
        generate(workspace.folder / CITY, people=people, seed=seed, engine=workspace.engine, progress=watch.step)
    with times.stage("apply"):
        apply(workspace, example_content(), actor=ACTOR)
        make_accounts(workspace)
        _agree_on_cleaning(workspace)
    failed = _do_stages(workspace, runner, times)
    with times.stage("share"):
        used = _use_all(workspace, server)
    with times.stage("score", len(workspace.city.indexes)):
        chain.score(workspace, runner)
    with times.stage("audit"):
        proof = _prove(workspace)
    with times.stage("report"):
        facts = report.build(workspace, uses=used, proof=proof, bundle=BUNDLE)
    facts["failed"] = failed
    facts["seconds"] = {**times.seconds, "total": round(sum(times.seconds.values()), 2)}
    facts["peak_mb"] = max(times.peaks.values())
    facts["peak_mb_after"] = times.peaks
    report.write(workspace.folder, facts)
    return facts


def _refuse_other_city(workspace: Workspace) -> None:
    """The example's definitions would take the place of a city's own, and its people appear among the real ones."""
    if workspace.city.resources and not (workspace.folder / CITY).is_dir():
        raise UserError(
            "flows.demo.foreign",
            "The workspace {folder} holds another city's definitions.",
            hint="Name another folder for the example with --workspace.",
            folder=workspace.folder.name,
        )


def _agree_on_cleaning(workspace: Workspace) -> None:
    """The example's cleaning rules, agreed on by their departments and the data authority."""
    for one in cleaning.standings(workspace):
        owner = workspace.city.resource(one.resource).owner or ""
        if one.state == "draft":
            cleaning.propose(workspace, one.resource, one.rule.name, actor=owner)
            cleaning.review(workspace, one.resource, one.rule.name, "business", "approve", actor=owner)
            cleaning.review(workspace, one.resource, one.rule.name, "technical", "approve", actor=ACTOR)


def _do_stages(workspace: Workspace, runner: Runner, times: _Times) -> list[dict[str, Any]]:
    failed = []
    with example_interface(workspace.folder):
        for stage in chain.STAGES:
            with times.stage(stage.__name__, None):
                runs = stage(workspace, runner)
            if not runs:
                raise DataError(
                    "flows.chain.broken",
                    "The stage {stage} succeeded for nothing.",
                    hint="See `cityloom runs` for the reasons, mend them and run the demo again: it goes on from here.",
                    stage=stage.__name__,
                )
    for run in runner.failed:
        failed.append({"step": run.step, "subject": run.subject, "code": run.error_code, "reason": run.error_text})
    return failed


def _use_all(workspace: Workspace, server: Callable[[], AbstractContextManager[Call]]) -> list[report.Used]:
    """Every demand of the definitions: asked for, decided, and called over HTTP with the consumer's key."""
    city = workspace.city
    uses = {name: obtain(workspace, demand) for name, demand in sorted(city.demands.items())}
    found = []
    with server() as call:
        for name, use in uses.items():
            demand = city.demands[name]
            parameters = report.example_parameters(workspace, city.services[demand.service])
            answer = call(demand.service, _asked(parameters, use), use.key, name)
            found.append(
                report.Used(
                    demand=demand, request=use.request, grant=use.grant, parameters=parameters, answer=answer
                )
            )
    return found


def _asked(parameters: Mapping[str, str], use: Use) -> dict[str, str]:
    """What must be known, and of what is compared only what was granted."""
    return {k: v for k, v in parameters.items() if k in use.service.require or k in use.grant.items}


def _prove(workspace: Workspace) -> VerifyReport:
    """Export the log and verify the file as an outsider would, with the public key only."""
    path = workspace.folder / BUNDLE
    with workspace.store.write() as connection:
        audit.export(connection, workspace.clock, workspace.keys.audit, workspace.settings.audit_origin, path)
    proof = verify_bundle(path, workspace.keys.vkey)
    if not proof.is_verified:
        raise DataError(
            "flows.audit.broken",
            "The audit log does not verify: {count} problems.",
            hint="See them with `cityloom audit verify`. Do not rely on the log.",
            count=len(proof.problems),
            problems=[asdict(p) for p in proof.problems[:5]],
        )
    return proof
