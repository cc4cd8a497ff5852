"""What following a table needs of a PostgreSQL server: a slot, a snapshot at its first place, its stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from cityloom.collect.changes import pgtable
from cityloom.collect.changes.journal import RewrittenError
from cityloom.collect.changes.pgsnapshot import PgSnapshot
from cityloom.collect.changes.state import State
from cityloom.collect.changes.walreader import WalReader
from cityloom.collect.changes.walsender import Walsender, connect, lost, unreachable
from cityloom.kernel.errors import SourceError
from cityloom.kernel.extras import require
from cityloom.kernel.ids import new_id

_SLOT = """
SELECT plugin::text, coalesce(wal_status, ''), (confirmed_flush_lsn - '0/0'::pg_lsn)::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""
_DROP = """
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name = %s AND NOT active AND plugin = 'pgoutput' AND database = current_database()
"""
_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class PostgresqlSide:
    """A table of a PostgreSQL database.

    Args:
        url: address for libpq.
        table: ``schema.table``.
        publication: that holds it.
        key: columns that name a row.
    """

    url: str
    table: str
    publication: str
    key: Sequence[str]

    def check(self) -> None:
        """Show that the table can be followed.

        Raises:
            SourceError: the server does not answer, or does not let its log be followed.
            ConfigError: see :func:`pgtable.inspect`.
        """
        with self._catalog() as catalog:
            self._inspect(catalog)
        with closing(Walsender(self.url)) as sender:
            sender.identify()

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """A slot of its own for the new snapshot, and those that are to go."""
        with self._catalog() as catalog:
            found = self._inspect(catalog)
        leave = [*before.facts.get("leave", ()), before.facts["slot"]] if before else []
        return {"slot": self._slot_name(), "leave": leave}, [c.name for c in found.columns]

    @contextmanager
    def snapshot(self, planned: State) -> Iterator[PgSnapshot]:
        """Make the slot, and read the table as it is at its first place."""
        slot = str(planned.facts["slot"])
        with closing(Walsender(self.url)) as sender, self._catalog() as catalog:
            system, _ = sender.identify()
            for _ in range(_TRIES):
                for one in (*planned.facts["leave"], slot):
                    catalog.execute(_DROP, (one,))
                made = sender.create(slot)
                catalog.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                catalog.execute(f"SET TRANSACTION SNAPSHOT '{made.snapshot}'")
                catalog.execute("SET LOCAL row_security = off")
                catalog.execute(f"LOCK TABLE ONLY {pgtable.quoted_table(self.table)} IN ACCESS SHARE MODE")
                try:
                    found = self._inspect(catalog)
                except RewrittenError:
                    catalog.execute("ROLLBACK")
                    continue
                facts = {"system": system, "slot": slot, **found.facts()}
                yield PgSnapshot(catalog, self.table, found, made.place, facts)
                return
        raise _unsteady(self.table)

    @contextmanager
    def reader(self, state: State) -> Iterator[tuple[WalReader, int]]:
        """The stream of the slot from the state's place on."""
        slot = str(state.facts["slot"])
        with closing(Walsender(self.url)) as sender, self._catalog() as catalog:
            system, end = sender.identify()
            if system != state.facts["system"]:
                raise lost("the server is another one than before")
            if end < state.place:
                raise lost("the server's log ends before the place that was reached: it was set back to an earlier state")
            row = catalog.execute(_SLOT, (slot,)).fetchone()
            pgtable.require_slot(row, slot, state.place)
            sender.start(slot, state.place, self.publication)
            inspect = partial(self._inspect, catalog)
            yield WalReader(sender, catalog, inspect, self.table, self.key, state), end

    @contextmanager
    def _catalog(self) -> Iterator[Any]:
        psycopg = require("psycopg", extra="changes")
        with closing(connect(self.url)) as connection:
            try:
                yield connection
            except psycopg.errors.InsufficientPrivilege as error:
                raise _denied(self.table, error) from None
            except psycopg.Error as error:
                raise unreachable(error) from None

    def _inspect(self, catalog: Any) -> pgtable.Table:
        return pgtable.inspect(catalog, self.table, self.publication, self.key)

    def _slot_name(self) -> str:
        plain = re.sub(r"[^a-z0-9_]", "_", pgtable.split_name(self.table)[1].lower())
        return f"cityloom_{plain[:32]}_{new_id('s')[2:12]}"


def _unsteady(table: str) -> SourceError:
    return SourceError(
        "collect.log.unsteady",
        "{table} was rewritten or truncated each time that a snapshot was begun.",
        hint="Run the task again when the table is at rest.",
        table=table,
    )


def _denied(table: str, error: Exception) -> SourceError:
    lines = str(error).strip().splitlines()
    return SourceError(
        "collect.source.denied",
        "The source's user may not read {table}: {problem}.",
        hint="Grant it SELECT on the table, and the attribute REPLICATION.",
        table=table,
        problem=lines[0] if lines else "-",
    )
