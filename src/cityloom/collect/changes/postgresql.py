"""What following a table needs of a PostgreSQL server: a slot, a snapshot at its first place, its stream."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from cityloom.collect.changes import pgtable
from cityloom.collect.changes.journal import RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.snapshot import Snapshot, chosen
from cityloom.collect.changes.state import State
from cityloom.collect.changes.walreader import WalReader
from cityloom.collect.changes.walsender import Made, Walsender, busy, connect, lost, place_name, unreachable
from cityloom.collect.databases import failures
from cityloom.collect.databases.base import Limits
from cityloom.collect.databases.postgresql import PostgreSQL
from cityloom.kernel.errors import SourceError
from cityloom.kernel.extras import require
from cityloom.kernel.i18n import _
from cityloom.kernel.ids import new_id

_SLOT = """
SELECT plugin::text, coalesce(wal_status, ''), (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""
_DROP = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name = %s AND NOT active AND plugin = 'pgoutput' AND database = current_database()
"""
_LEFT = "SELECT slot_name::text FROM pg_replication_slots WHERE slot_name = ANY(%s) AND database = current_database()"
_TRIES = 5
_BUSY_SECONDS, _LEFT_SECONDS, _LOOK_SECONDS = 30.0, 5.0, 0.2
_MD5 = "md5(convert_to({}, 'UTF8'))"


class SnapshotSession(PostgreSQL):
    """A transaction that sees what a slot's maker saw.

    Args:
        url: of the database.
        limits: to spare it.
        timezone: in which moments are shown.
        snapshot: name of the snapshot that was exported.
    """

    def __init__(self, url: sa.URL, limits: Limits, timezone: str, snapshot: str) -> None:
        self._snapshot = snapshot
        super().__init__(url, limits, timezone)

    @property
    def connection(self) -> Any:
        """The driver's connection."""
        return self._connection

    def do(self, words: str) -> None:
        """Run a statement without an answer."""
        with self._guard:
            self._connection.execute(words)

    def _begin(self, timezone: str) -> None:
        super()._begin(timezone)
        self.do(f"SET TRANSACTION SNAPSHOT '{self._snapshot}'")
        self.do("SET LOCAL row_security = off")


@dataclass(frozen=True, kw_only=True)
class PostgresqlSide:
    """A table of a PostgreSQL database.

    Args:
        url: of the database.
        table: its name.
        publication: that holds it.
        key: columns that name a row.
        limits: to spare the database.
        timezone: in which moments are shown; empty for the database's own.
    """

    url: sa.URL
    table: TableName
    publication: str
    key: Sequence[str]
    limits: Limits
    timezone: str = ""

    def check(self) -> None:
        """Show that the table can be followed.

        Raises:
            SourceError: the server does not answer, or does not let its log be followed.
            ConfigError: see :func:`pgtable.inspect`.
        """
        with self._catalog() as catalog:
            self._inspect(catalog)
        with closing(self._sender()) as sender:
            sender.identify()

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """A slot of its own for the new snapshot, and those that are to go."""
        with self._catalog() as catalog:
            found = self._inspect(catalog)
        leave = [*before.facts.get("leave", ()), *_slots(before)] if before else []
        return {"slot": self._slot_name(), "leave": leave}, [c.name for c in found.columns]

    @contextmanager
    def snapshot(self, planned: State) -> Iterator[Snapshot]:
        """Make the slot, and read the table as it is at its first place."""
        slot = str(planned.facts["slot"])
        with closing(self._sender()) as sender:
            system, _ = sender.identify()
            for _ in range(_TRIES):
                with self._catalog() as catalog:
                    if _drop(catalog, [slot], _BUSY_SECONDS):
                        raise busy(slot)
                    left = _drop(catalog, planned.facts["leave"], _LEFT_SECONDS)
                made = sender.create(slot)
                try:
                    with self._seen(made, {"system": system, "slot": slot, "leave": left}) as found:
                        yield found
                        return
                except RewrittenError:
                    continue
        raise _unsteady(self.table)

    @contextmanager
    def passing(self) -> Iterator[Snapshot]:
        """A snapshot with its place, for one look at the table: its slot goes with it."""
        with closing(self._sender()) as sender:
            made = sender.create(self._slot_name(), is_temporary=True)
            with self._seen(made, {}) as found:
                yield found

    @contextmanager
    def reader(self, state: State) -> Iterator[tuple[WalReader, int]]:
        """The stream of the slot from the state's place on."""
        slot = str(state.facts.get("slot", ""))
        with closing(self._sender()) as sender, self._catalog() as catalog:
            system, end = sender.identify()
            if system != state.facts["system"]:
                raise lost(_("the server is another one than before"))
            if end < state.place:
                raise lost(_("the server's log ends before the place that was reached: it was set back to an earlier state"))
            pgtable.require_slot(catalog.execute(_SLOT, (slot,)).fetchone(), slot, state.place)
            left = _drop(catalog, state.facts.get("leave", ()), 0)
            state = replace(state, facts={**state.facts, "leave": left})
            sender.start(slot, state.place, self.publication)
            inspect = partial(self._inspect, catalog)
            yield WalReader(sender, catalog, inspect, self.table, self.key, state), end

    @contextmanager
    def _seen(self, made: Made, facts: dict[str, Any]) -> Iterator[Snapshot]:
        """The table as the maker of a slot saw it.

        Raises:
            RewrittenError: it was emptied or rewritten since, and the snapshot does not see its rows.
        """
        session = SnapshotSession(self.url, self.limits, self.timezone, made.snapshot)
        with session:
            relation = pgtable.quoted_table(self.table)
            session.do(f"LOCK TABLE {relation} IN ACCESS SHARE MODE")
            with self._translated():
                found = self._inspect(session.connection)
            columns = chosen(session, relation, [c.name for c in found.columns])
            yield Snapshot(session, relation, columns, made.place, facts | found.facts(), _MD5)

    def _sender(self) -> Walsender:
        return Walsender(self.url, self.timezone)

    @contextmanager
    def _catalog(self) -> Iterator[Any]:
        with closing(connect(self.url)) as connection, self._translated():
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        psycopg = require("psycopg", extra="changes")
        try:
            yield
        except psycopg.errors.InsufficientPrivilege as error:
            raise failures.forbidden(place_name(self.url), error.diag.message_primary or "-") from None
        except psycopg.Error as error:
            raise unreachable(place_name(self.url), error) from None

    def _inspect(self, catalog: Any) -> pgtable.Table:
        return pgtable.inspect(catalog, self.table, self.publication, self.key)

    def _slot_name(self) -> str:
        plain = re.sub(r"[^a-z0-9_]", "_", self.table.table.lower())
        return f"cityloom_{plain[:32]}_{new_id('s')[2:12]}"


def _drop(catalog: Any, names: Sequence[str], seconds: float) -> list[str]:
    """Drop slots, waiting so long for those that are still in use; gives those that could not be dropped."""
    until = time.monotonic() + seconds
    while True:
        for name in names:
            catalog.execute(_DROP, (name,))
        left = [row[0] for row in catalog.execute(_LEFT, (list(names),)).fetchall()]
        if not left or time.monotonic() >= until:
            return left
        time.sleep(_LOOK_SECONDS)


def _slots(before: State) -> list[str]:
    return [before.facts["slot"]] if "slot" in before.facts else []


def _unsteady(table: TableName) -> SourceError:
    return SourceError(
        "collect.log.unsteady",
        "{table} was rewritten or truncated each time that a snapshot was begun.",
        hint="Run the task again when the table is at rest.",
        table=str(table),
    )
