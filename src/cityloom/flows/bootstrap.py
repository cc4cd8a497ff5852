"""Builds the parts of one installation from its settings, once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from cityloom.content.kinds import KINDS
from cityloom.content.load import value_of
from cityloom.engines.base import Engine
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.clock import Clock, SystemClock
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import UserError
from cityloom.lake.tables import Lake
from cityloom.model.city import City
from cityloom.protect.keys import Keys, load_or_make_keys
from cityloom.store import definitions
from cityloom.store.database import Store
from cityloom.store.migrate import upgrade


@dataclass
class Workspace:
    """One installation's parts: settings, folder, lake, control store, keys, clock."""

    settings: Settings
    folder: Path
    engine: Engine
    lake: Lake
    store: Store
    clock: Clock
    keys: Keys

    @cached_property
    def city(self) -> City:
        """The definitions in force."""
        parts: dict[str, dict[str, object]] = {}
        with self.store.read() as connection:
            for one in definitions.current(connection):
                parts.setdefault(KINDS[one.kind][1], {})[one.name] = value_of(one.kind, one.body)
        return City(**parts)  # type: ignore[arg-type]

    def forget_city(self) -> None:
        """Read the definitions anew at the next use."""
        self.__dict__.pop("city", None)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Work in this workspace as the only writer; the lock goes with the process, however it ends.

        Raises:
            UserError: ``flows.workspace.busy`` when another process works here.
        """
        with (self.folder / ".lock").open("a+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    "flows.workspace.busy",
                    "Another CityLoom process is at work in {folder}.",
                    hint="Wait until it has finished, or name another folder with --workspace.",
                    folder=self.folder.name,
                ) from None
            handle.truncate(0)
            handle.write(str(os.getpid()))
            handle.flush()
            yield

    def close(self) -> None:
        """Let go of engine and store."""
        self.engine.close()
        self.store.close()


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
    engine = DuckDBEngine(folder / "spill", memory_mb=settings.memory_mb, threads=settings.threads)
    return Workspace(
        settings=settings,
        folder=folder,
        engine=engine,
        lake=Lake(folder / "lake", engine),
        store=store,
        clock=clock or SystemClock(),
        keys=load_or_make_keys(folder / "keys", settings.audit_origin),
    )


def example_content() -> Path:
    """The folder with the definitions of the example city: inside the wheel, or beside the sources."""
    packaged = Path(str(resources.files("cityloom"))) / "_city"
    return packaged if packaged.is_dir() else Path(str(resources.files("cityloom"))).parents[1] / "city"
