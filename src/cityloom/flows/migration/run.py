"""Moves a legacy database: list its tables, define them, take all of them in, prove each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cityloom.collect.base import TableShape
from cityloom.collect.run import Watch
from cityloom.collect.tables import list_tables
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.migration.definitions import write_definitions
from cityloom.flows.migration.legacy import Legacy
from cityloom.flows.migration.proof import TableProof, failed, prove
from cityloom.flows.runner import Runner
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, UserError

FOLDER = "migrations"
"""In a workspace: a folder for each migration, with its definitions and its proof."""
DEFINITIONS = "definitions"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which tables: those named (all when none is), less those left out."""

    only: Collection[str] = ()
    without: Collection[str] = ()

    def takes(self, table: str) -> bool:
        """Whether a table is chosen."""
        return (not self.only or table in self.only) and table not in self.without


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be moved: the tables of a database, and the names of their resources.

    ``left_out`` are tables that were not chosen; ``folder`` holds the definitions.
    """

    legacy: Legacy
    folder: Path
    shapes: tuple[TableShape, ...]
    resources: dict[str, str]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Migration:
    """What a migration came to. ``size`` of the source and ``lake_size`` in bytes, ``seconds`` of this run."""

    name: str
    department: str
    at: str
    seconds: float
    size: int
    tables: tuple[TableProof, ...] = field(default=())
    left_out: tuple[str, ...] = ()

    @property
    def is_proven(self) -> bool:
        """Whether every table that was chosen is proven to be in the lake whole."""
        return bool(self.tables) and all(t.is_proven for t in self.tables)

    @property
    def rows(self) -> int:
        """Rows in the lake."""
        return sum(t.lake_rows or 0 for t in self.tables)

    @property
    def lake_size(self) -> int:
        """Bytes of the tables' files in the lake."""
        return sum(t.size for t in self.tables)


def plan(
    workspace: Workspace, legacy: Legacy, *, into: Path | None = None, chosen: Selection | None = None
) -> Plan:
    """List the tables, and write definitions for those that have none yet. What people changed in them stays.

    Args:
        workspace: where the rows will go.
        legacy: the database.
        into: folder of all definitions of the city, where they are kept together; else the workspace keeps them.
        chosen: which tables.

    Raises:
        UserError: ``flows.migration.empty`` when there is no such table, ``flows.migration.department``.
        ConfigError: when the connector cannot list tables.
        SourceError: when the source does not answer.
    """
    chosen = chosen or Selection()
    _require_department(workspace, legacy.source.department)
    listed = list(list_tables(legacy.source, workspace.folder))
    _require_tables(legacy, listed, chosen)
    shapes = tuple(s for s in listed if chosen.takes(s.name))
    folder = (into / FOLDER / legacy.name) if into else workspace.folder / FOLDER / legacy.name / DEFINITIONS
    taken = {r.name: r.collect.source for r in workspace.city.resources.values()}
    resources = write_definitions(folder, legacy.source, [s for s in shapes if s.error is None], taken)
    left_out = tuple(s.name for s in listed if not chosen.takes(s.name))
    return Plan(legacy=legacy, folder=folder, shapes=shapes, resources=resources, left_out=left_out)


def migrate(
    workspace: Workspace,
    planned: Plan,
    runner: Runner,
    *,
    actor: str,
    into: Path | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> Migration:
    """Bring the definitions into force, take every table in, and prove each. Called again, it goes on where it stopped.

    Args:
        workspace: where the rows go.
        planned: what :func:`plan` gave.
        runner: does the steps; told of each.
        actor: account that migrates, for the record.
        into: as for :func:`plan`.
        progress: told the table and its rows so far.

    Raises:
        ContentError: where the definitions are wrong.
        DeniedError: when the actor may not apply definitions.
    """
    began = workspace.clock.tick()
    with workspace.lock():
        apply(workspace, into or planned.folder, actor=actor, is_part=into is None)
    proofs = [_move(workspace, planned, shape, runner, actor, progress) for shape in planned.shapes]
    return Migration(
        name=planned.legacy.name,
        department=planned.legacy.source.department,
        at=iso(workspace.clock.now()),
        seconds=round(workspace.clock.tick() - began, 2),
        size=planned.legacy.size or sum(s.size for s in planned.shapes),
        tables=tuple(proofs),
        left_out=planned.left_out,
    )


def _move(
    workspace: Workspace,
    planned: Plan,
    shape: TableShape,
    runner: Runner,
    actor: str,
    progress: Callable[[str, int], None] | None,
) -> TableProof:
    name = planned.resources.get(shape.name, "")
    if shape.error is not None:
        return failed(shape, name, shape.error)
    resource = workspace.city.resource(name)

    def told(_: str, rows: int) -> None:
        if progress:
            progress(shape.name, rows)

    try:
        run = runner.do(collect_step(workspace, resource, watch=Watch(progress=told), actor=actor))
        return prove(workspace, shape, resource, run.seconds or 0.0)
    except CityLoomError as error:
        return failed(shape, name, error)


def _require_department(workspace: Workspace, department: str) -> None:
    known = workspace.city.departments
    if department not in known:
        raise UserError(
            "flows.migration.department",
            "There is no department {department}.",
            hint="Known: {known}. A new one is a definition of the kind department, brought into force with `cityloom apply`.",
            department=department,
            known=", ".join(known) or "-",
        )


def _require_tables(legacy: Legacy, listed: Sequence[TableShape], chosen: Selection) -> None:
    names = {s.name for s in listed}
    strange = sorted({*chosen.only, *chosen.without} - names)
    if strange or not any(chosen.takes(n) for n in names):
        raise UserError(
            "flows.migration.empty",
            "{name} holds no table {tables}.",
            hint="It holds: {known}.",
            name=legacy.name,
            tables=", ".join(strange) or "-",
            known=", ".join(sorted(names)) or "-",
        )
