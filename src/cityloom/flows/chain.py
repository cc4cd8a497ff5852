"""The stages in their order: the only list of them.

collect → assess the raw rows → gate → standardise → assess again → fuse → catalogue → publish → score.

Each function takes the workspace and a runner and does its stage for all subjects, or for those named. One
subject that fails never holds up another: its run ends as failed, with a reason, and the next goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cityloom.assess import run as assess_stage
from cityloom.catalog import run as catalog_stage
from cityloom.collect import gate as gate_stage
from cityloom.collect import run as collect_stage
from cityloom.flows import cleaning, orders
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.health import noted
from cityloom.flows.runner import SYSTEM, Runner, Step
from cityloom.flows.settling import settle
from cityloom.fuse import run as fuse_stage
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.resource import Resource
from cityloom.model.run import Run, StageResult
from cityloom.quality import others
from cityloom.quality import plan as quality_plan
from cityloom.quality import run as quality_stage
from cityloom.share import publish as publish_stage
from cityloom.standard import run as standard_stage
from cityloom.standard.history import HISTORY
from cityloom.store import audit, batches, gates
from cityloom.store import quality as quality_store
from cityloom.store.corrections import list_corrections

Stage = Callable[[Workspace, Runner], list[Run]]


def collect(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """Source systems → raw layer."""
    return _each(runner, [collect_step(workspace, r) for r in _chosen(workspace, names)])


def collect_step(
    workspace: Workspace, resource: Resource, *, watch: collect_stage.Watch | None = None, actor: str = SYSTEM
) -> Step:
    """Taking in what a resource's source has and the raw layer has not; ``watch`` looks on and says when to stop."""
    source = workspace.city.sources[resource.collect.source]

    def work() -> StageResult:
        return collect_stage.run(
            resource,
            source,
            lake=workspace.lake,
            store=workspace.store,
            clock=workspace.clock,
            base=workspace.folder,
            actor=actor,
            watch=watch,
        )

    return Step(
        name="collect",
        subject=resource.name,
        work=lambda: noted(workspace, resource, source, work),
        spec=(resource.collect, source),
        writes=(resource.raw_table,),
        is_repeatable=True,
    )


def assess_raw(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """Quality of the rows as they came."""
    return _assess(workspace, runner, names, "before")


def assess_standard(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """Quality of the standard rows."""
    return _assess(workspace, runner, names, "after")


def pass_gate(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """The six conditions under which a resource's data enter the standard layer."""

    def step(resource: Resource) -> Step:
        return Step(
            name="gate",
            subject=resource.name,
            work=lambda: _gate(workspace, resource),
            is_repeatable=True,
        )

    return _each(runner, [step(r) for r in _landed(workspace, names)])


def standardise(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """Raw rows → rows that conform to the data standards, for the resources that passed the gate."""
    city, today = workspace.city, _today(workspace)

    def step(resource: Resource) -> Step:
        try:
            settle(workspace, resource)
        except CityLoomError as error:
            return Step(name="standard", subject=resource.name, work=partial(_refuse, error), is_repeatable=True)
        rules = cleaning.acting(workspace, resource)
        tables = [resource.std_table, resource.std_table + HISTORY]
        tables += [resource.std_table + standard_stage.SET_APART] if rules else []
        with workspace.store.read() as connection:
            corrected = len(list_corrections(connection, resource.name))
        return Step(
            name="standard",
            subject=resource.name,
            work=lambda: standard_stage.run(
                resource,
                elements=city.elements,
                codes=city.codes,
                lake=workspace.wide_lake,
                clock=workspace.clock,
                cleaning=cleaning.made_ready(workspace, resource, today),
                store=workspace.store,
            ),
            spec=(resource, dict(city.elements), dict(city.codes), tuple(rules), corrected, today if rules else ""),
            reads=(resource.raw_table,),
            writes=tuple(tables),
        )

    return _each(runner, [step(r) for r in _landed(workspace, names) if _is_open(workspace, r)])


def fuse(workspace: Workspace, runner: Runner, names: Sequence[str] = ()) -> list[Run]:
    """Standard rows of many departments → one golden record per object."""
    city, lake = workspace.city, workspace.lake
    steps = []
    for name in names or city.object_types:
        object_type = city.object_type(name)
        parts = {c.resource for c in object_type.contributions}
        tables = sorted(city.resources[r].std_table for r in parts if lake.exists(city.resources[r].std_table))

        def work(object_type=object_type) -> StageResult:  # type: ignore[no-untyped-def]
            return fuse_stage.run(
                object_type, resources=city.resources, lake=workspace.wide_lake, store=workspace.store, clock=workspace.clock
            )

        steps.append(
            Step(
                name="fuse",
                subject=name,
                work=work,
                spec=(object_type,),
                reads=tuple(tables),
                writes=(object_type.golden_table,),
            )
        )
    return _each(runner, steps)


def catalogue(workspace: Workspace, runner: Runner) -> list[Run]:
    """Every resource in the catalog, mounted on its table, with its lineage."""
    city = workspace.city

    def work() -> StageResult:
        return catalog_stage.run(
            city, store=workspace.store, lake=workspace.lake, clock=workspace.clock, actor="dsj.steward"
        )

    tables = tuple(r.std_table for r in city.resources.values() if workspace.lake.exists(r.std_table))
    spec = (dict(city.resources), dict(city.object_types), dict(city.services), dict(city.accounts), dict(city.elements))
    return _each(runner, [Step(name="catalog", subject="all", work=work, spec=spec, reads=tables)])


def publish(workspace: Workspace, runner: Runner) -> list[Run]:
    """The services that give data under a grant."""
    city = workspace.city

    def work() -> StageResult:
        return publish_stage.run(city, store=workspace.store, clock=workspace.clock, actor="dsj.steward")

    return _each(runner, [Step(name="publish", subject="all", work=work, spec=(dict(city.services),))])


def score(workspace: Workspace, runner: Runner) -> list[Run]:
    """Scores of the departments from the platform's own records."""
    city = workspace.city

    def step(name: str) -> Step:
        return Step(
            name="assess",
            subject=name,
            work=lambda: assess_stage.run(
                city.indexes[name], city=city, store=workspace.store, lake=workspace.lake, clock=workspace.clock
            ),
            is_repeatable=True,
        )

    return _each(runner, [step(name) for name in city.indexes])


STAGES: tuple[Stage, ...] = (
    collect,
    assess_raw,
    pass_gate,
    standardise,
    assess_standard,
    fuse,
    catalogue,
    publish,
)
"""In order. Scores follow when there is use to be scored."""


def _assess(workspace: Workspace, runner: Runner, names: Sequence[str], phase: str) -> list[Run]:
    city, lake = workspace.city, workspace.lake

    def step(resource: Resource) -> Step:
        table = resource.raw_table if phase == "before" else resource.std_table
        beside = _looked_at(workspace, resource, phase)
        return Step(
            name=f"quality_{phase}",
            subject=resource.name,
            work=lambda: _assess_one(workspace, resource, phase, is_full=runner.force),
            spec=(resource, dict(city.elements), dict(city.codes), _today(workspace), city.scoring),
            reads=(table, *beside),
        )

    chosen = _landed(workspace, names)
    if phase == "after":
        chosen = [r for r in chosen if lake.exists(r.std_table)]
    return _each(runner, [step(r) for r in chosen])


def _looked_at(workspace: Workspace, resource: Resource, phase: str) -> tuple[str, ...]:
    """The tables of other resources that its rules look at; none where a definition is wrong, which the step then says."""
    city = workspace.city
    try:
        plans = quality_plan.plan(resource, elements=city.elements, codes=city.codes, today=_today(workspace))
    except CityLoomError:
        return ()
    found = others.tables(plans, phase, city.resources)
    return tuple(table for table in found if workspace.lake.exists(table))


def _assess_one(workspace: Workspace, resource: Resource, phase: str, *, is_full: bool) -> StageResult:
    """Assess, and let open work orders on the resource see what the new batch says."""
    city = workspace.city
    result = quality_stage.run(
        resource,
        phase=phase,
        elements=city.elements,
        codes=city.codes,
        lake=workspace.wide_lake,
        store=workspace.store,
        clock=workspace.clock,
        manner=quality_stage.Manner(scoring=city.scoring, resources=city.resources, is_full=is_full),
    )
    orders.check(workspace, [resource.name])
    return result


def _today(workspace: Workspace) -> str:
    """The present day: rules on dates and age decide by it."""
    return quality_stage.today(workspace.clock)


def _gate(workspace: Workspace, resource: Resource) -> StageResult:
    store, clock = workspace.store, workspace.clock
    with store.write() as connection:
        conditions = gate_stage.check(
            resource,
            elements=workspace.city.elements,
            has_batches=bool(batches.list_batches(connection, resource.name)),
            is_assessed=quality_store.is_assessed(connection, resource.name),
        )
        missing = {c.name: gates.Missing(c.who, c.missing) for c in conditions if not c.is_met}
        was_open = gates.is_open(connection, resource.name)
        state = gates.GateState(
            resource=resource.name, is_open=not missing, missing=missing, checked_at=iso(clock.now())
        )
        gates.put_gate(connection, state)
        if state.is_open != was_open:
            kind = EventKind.GATE_OPENED if state.is_open else EventKind.GATE_CLOSED
            audit.append(connection, AuditEvent(kind=kind, actor=SYSTEM, subject=resource.name), clock)
    met = len(conditions) - len(missing)
    return StageResult(read=len(conditions), written=met, rejected=len(missing), summary={"missing": sorted(missing)})


def _each(runner: Runner, steps: Sequence[Step]) -> list[Run]:
    ended = []
    for step in steps:
        try:
            ended.append(runner.do(step))
        except CityLoomError:
            continue
    return ended


def _refuse(error: CityLoomError) -> StageResult:
    raise error


def _chosen(workspace: Workspace, names: Sequence[str]) -> list[Resource]:
    city = workspace.city
    return [city.resource(n) for n in names] if names else list(city.resources.values())


def _landed(workspace: Workspace, names: Sequence[str]) -> list[Resource]:
    return [r for r in _chosen(workspace, names) if workspace.lake.exists(r.raw_table)]


def _is_open(workspace: Workspace, resource: Resource) -> bool:
    with workspace.store.read() as connection:
        return gates.is_open(connection, resource.name)
