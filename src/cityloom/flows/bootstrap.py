"""Builds the parts of one installation from its settings, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path

from cityloom.content.kinds import KINDS
from cityloom.content.load import value_of
from cityloom.engines.base import Engine
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.engines.spark.engine import SparkEngine
from cityloom.flows.locks import Locks, own_folder
from cityloom.kernel.clock import Clock, SystemClock
from cityloom.kernel.config import Settings, reference
from cityloom.kernel.errors import ConfigError, UserError
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.protect.keys import Keys, load_or_make_keys
from cityloom.quality.business import in_force
from cityloom.store import definitions
from cityloom.store.database import Store
from cityloom.store.migrate import upgrade
from cityloom.store.rules import active_rules

_DEFINITIONS = "definitions"


@dataclass
class Workspace:
    """One installation's parts: settings, folder, lake, control store, keys, clock; ``rest`` goes when it is closed."""

    settings: Settings
    folder: Path
    engine: Engine
    lake: Lake
    store: Store
    clock: Clock
    keys: Keys
    rest: ExitStack = field(default_factory=ExitStack, repr=False)

    @cached_property
    def city(self) -> City:
        """The definitions in force, with the rules that were reviewed in the store."""
        parts: dict[str, dict[str, object]] = {}
        with self.store.read() as connection:
            for one in definitions.current(connection):
                parts.setdefault(KINDS[one.kind][1], {})[one.name] = value_of(one.kind, one.body)
            added = active_rules(connection)
        return in_force(City(**parts), added)  # type: ignore[arg-type]

    @cached_property
    def wide_lake(self) -> Lake:
        """The lake for the stages that work on whole tables: its queries go to the engine that the settings choose.

        Raises:
            ConfigError: ``engine.name.unknown``, ``engine.spark.address``, ``kernel.extra.missing``.
            SourceError: ``engine.spark.unreachable``.
        """
        if self.settings.engine == "duckdb":
            return self.lake
        if self.settings.engine != "spark":
            raise ConfigError(
                "engine.name.unknown",
                "There is no engine {name}.",
                hint="Set CITYLOOM_ENGINE to duckdb or spark.",
                name=self.settings.engine,
            )
        spill = self.rest.enter_context(own_folder(self.folder / "spill"))
        engine = SparkEngine(reference(self.settings.spark_url, base=self.folder), spill)
        self.rest.callback(engine.close)
        return Lake(self.lake.root, engine)

    def forget_city(self) -> None:
        """Read the definitions anew at the next use."""
        self.__dict__.pop("city", None)

    @property
    def locks(self) -> Locks:
        """The locks of this workspace by name."""
        return Locks(self.folder / ".locks")

    @contextmanager
    def lock(self, *names: str, wait: float = 0.0) -> Iterator[None]:
        """Work on something as the only one; the lock goes with the process, however it ends.

        A table of the lake is swept and written only under the lock of its name: steps of the chain take it by
        themselves. Without names: definitions, accounts and the like, which one command changes at a time.

        Args:
            names: see :class:`cityloom.flows.locks.Locks`.
            wait: seconds to wait for whoever holds one.

        Raises:
            UserError: ``flows.subject.busy`` (``flows.workspace.busy`` without names) when another is at work.
        """
        try:
            held = ExitStack()
            held.enter_context(self.locks.hold(*(names or (_DEFINITIONS,)), wait=wait))
        except UserError as busy:
            raise busy if names else self._busy() from None
        with held:
            yield

    def _busy(self) -> UserError:
        return UserError(
            "flows.workspace.busy",
            "Another CityLoom process is at work in {folder}.",
            hint="Wait until it has finished, or name another folder with --workspace.",
            folder=self.folder.name,
        )

    def close(self) -> None:
        """Let go of engine and store."""
        self.engine.close()
        self.store.close()
        self.rest.close()


def open_workspace(settings: Settings, *, clock: Clock | None = None) -> Workspace:
    """Open a workspace, and make what is not there yet: folders, control store, keys.

    Raises:
        UserError: ``flows.workspace.unusable`` when there can be no folder.
        ConfigError: ``store.database.invalid`` or ``store.schema.newer``.
        SourceError: ``store.database.unreachable``.
    """
    folder = settings.workspace.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "flows.workspace.unusable",
            "{folder} cannot be a workspace: {problem}.",
            hint="Name a folder that you may write to with --workspace.",
            folder=str(folder),
            problem=error.strerror or type(error).__name__,
        ) from None
    url = settings.database or f"sqlite:///{folder / 'control.db'}"
    store = Store(url)
    upgrade(store)
    rest = ExitStack()
    spill = rest.enter_context(own_folder(folder / "spill"))
    engine = DuckDBEngine(spill, memory_mb=settings.memory_mb, threads=settings.threads)
    return Workspace(
        settings=settings,
        folder=folder,
        engine=engine,
        lake=Lake(folder / "lake", engine),
        store=store,
        clock=clock or SystemClock(),
        keys=load_or_make_keys(folder / "keys", settings.audit_origin),
        rest=rest,
    )


def example_content() -> Path:
    """The folder with the definitions of the example city: inside the wheel, or beside the sources."""
    packaged = Path(str(resources.files("cityloom"))) / "_city"
    return packaged if packaged.is_dir() else Path(str(resources.files("cityloom"))).parents[1] / "city"
