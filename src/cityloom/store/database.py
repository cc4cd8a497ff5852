"""The connection to the control store. Each module beside this one owns its tables; nobody else names them.

A change of state and its audit event are written in one transaction::

    with store.write() as connection:
        requests.move(connection, ...)
        audit.append(connection, ...)
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from cityloom.kernel.errors import ConfigError

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_JOURNAL_ATTEMPTS = 200
_JOURNAL_PAUSE_SECONDS = 0.02


class Store:
    """The control store of one installation.

    Args:
        url: SQLAlchemy URL (``sqlite:///…`` or ``postgresql+psycopg://…``).

    Raises:
        ConfigError: ``store.database.invalid`` for anything else.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it, or nothing."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(cityloom_write=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A consistent view; nothing is written."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def _engine(url: str) -> sa.Engine:
    try:
        engine = sa.create_engine(url, json_serializer=_to_json, pool_pre_ping=True)
    except (sa.exc.ArgumentError, ImportError, ValueError):
        engine = None
    if engine is None or engine.dialect.name not in ("sqlite", "postgresql"):
        raise ConfigError(
            "store.database.invalid",
            "The address of the control store is none that can be used.",
            hint="Write postgresql+psycopg://USER:PASSWORD@HOST/DATABASE in CITYLOOM_DATABASE, or leave it empty for SQLite.",
        )
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=30000", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _keep_a_write_ahead_log(cursor)
    cursor.close()


def _keep_a_write_ahead_log(cursor: Any) -> None:
    """Of two that open a new file at once only one can change its journal, and SQLite lets the other not wait."""
    for _ in range(_JOURNAL_ATTEMPTS - 1):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            sleep(_JOURNAL_PAUSE_SECONDS)
    cursor.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    wants_write = connection.get_execution_options().get("cityloom_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if wants_write else "BEGIN")


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
