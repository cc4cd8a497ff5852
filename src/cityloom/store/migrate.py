"""Bring the tables of a control store to the form this program needs.

Migrations are numbered files in ``migrations/versions``, forward only. All that are missing run in one
transaction under a lock, so a process that dies leaves the store as it was, and two that start at once do
the work once. ``make migration`` writes a new one when tables have changed. Whether a store is up to date is told
without Alembic, which takes longer to load than the question to answer.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.store.database import Store

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
_VERSION = sa.table("alembic_version", sa.column("version_num"))
_LOCK = 0x636974796C6F6F6D  # the letters "cityloom" as PostgreSQL's 64-bit lock number


def upgrade(store: Store) -> None:
    """Run the migrations that the store has not seen; nothing is written when there are none.

    Raises:
        ConfigError: ``store.schema.newer`` when a newer program has migrated it already.
        SourceError: ``store.database.unreachable`` when it does not answer, or is no database.
    """
    head = head_revision()
    try:
        with store.read() as connection:
            if stored_revision(connection) == head:
                return
    except sa.exc.DatabaseError as error:
        raise SourceError(
            "store.database.unreachable",
            "The control store cannot be used: {problem}",
            hint="Check that its server runs and admits this user; a damaged file is restored from a backup.",
            problem=str(error.orig).strip(),
        ) from None
    with store.write() as connection:
        _lock(connection)
        stored = stored_revision(connection)
        if stored is not None and stored not in _known_revisions():
            raise ConfigError(
                "store.schema.newer",
                "The control store is at revision {stored}, which this program does not know.",
                hint="A newer CityLoom has used it: install that version, or choose another database.",
                stored=stored,
            )
        from alembic import command

        command.upgrade(migration_config(connection), "head")


def head_revision() -> str | None:
    """The revision that this program needs."""
    return max(_known_revisions(), default=None)


def stored_revision(connection: sa.Connection) -> str | None:
    """The revision that a store is at; ``None`` when it has never been migrated."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return None
    found = connection.execute(sa.select(_VERSION.c.version_num)).scalar()
    return None if found is None else str(found)


def load_tables() -> None:
    """Import every module of the store, so that the metadata knows all tables."""
    import cityloom.store as room

    for module in pkgutil.iter_modules(room.__path__):
        if not module.ispkg:
            importlib.import_module(f"{room.__name__}.{module.name}")


def migration_config(connection: sa.Connection | None = None) -> Config:
    """Alembic's configuration: where the scripts are, and the connection they run on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.set_main_option("file_template", "m%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _known_revisions() -> set[str]:
    """Migrations are numbered: their files begin with ``m`` and the revision."""
    return {path.name[1:5] for path in (SCRIPTS / "versions").glob("m[0-9][0-9][0-9][0-9]_*.py")}


def _lock(connection: sa.Connection) -> None:
    # SQLite needs no more than the write transaction, which has locked the whole file.
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
