"""A PostgreSQL table as its catalog describes it: what makes it fit to be followed, and what changed in it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cityloom.collect.changes.journal import RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.walsender import lost
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.kernel.i18n import _

BOOL, BPCHAR, BYTEA, INET, MONEY, TEXT, VARCHAR = 16, 1042, 17, 869, 790, 25, 1043
_PLAIN = "p"
_RESERVED = ("_batch", "_row", "_at", "_hash", "_op", "_position")
_TABLE = """
SELECT c.oid::bigint, c.relkind::text, c.relpersistence::text, c.relreplident::text, c.relfilenode::bigint,
       coalesce(pg_relation_filenode(c.oid), 0)::bigint, EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""
_COLUMNS = """
SELECT a.attnum, a.attname, a.atttypid::bigint, a.atttypmod, a.xmin::text, a.attnotnull, a.attstorage::text,
       a.attgenerated <> '', a.atthasdef, a.atthasmissing, coalesce(nullif(t.typbasetype, 0), t.oid)::bigint
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_UNIQUE = """
SELECT i.indkey::int2[], i.indisprimary, i.indisreplident FROM pg_index i
WHERE i.indrelid = %s AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
"""
_PUBLICATION = """
SELECT p.pubinsert AND p.pubupdate AND p.pubdelete AND p.pubtruncate,
       EXISTS (SELECT 1 FROM pg_publication_tables t WHERE t.pubname = p.pubname AND t.schemaname = %s AND t.tablename = %s),
       coalesce((SELECT bool_or(coalesce(to_jsonb(r)->>'prqual', to_jsonb(r)->>'prattrs') IS NOT NULL)
                 FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = %s), false),
       concat_ws(' ', p.oid, p.xmin, (SELECT concat_ws(' ', r.oid, r.xmin) FROM pg_publication_rel r
                                      WHERE r.prpubid = p.oid AND r.prrelid = %s))
FROM pg_publication p WHERE p.pubname = %s
"""


@dataclass(frozen=True)
class Column:
    """A column: its number never changes, and ``mark`` changes with each change of its definition."""

    number: int
    name: str
    type: int
    modifier: int
    mark: str
    is_required: bool = True
    is_plain: bool = True
    has_default: bool = False
    has_missing: bool = False
    base: int = 0


@dataclass(frozen=True)
class Table:
    """A table: ``file`` is the number of its storage, which a rewrite changes."""

    oid: int
    identity: str
    file: int
    columns: tuple[Column, ...]
    publication: str

    def facts(self) -> dict[str, Any]:
        """What is kept of it with each position."""
        columns = [f"{c.number} {c.type} {c.modifier} {c.mark} {c.name}" for c in self.columns]
        return {"table": self.oid, "file": self.file, "publication": self.publication, "columns": columns}


def quoted(table: str) -> str:
    """A column's name for a statement."""
    return '"' + table.replace('"', '""') + '"'


def quoted_table(name: TableName) -> str:
    """A table's name with its schema, for a statement."""
    return ".".join(quoted(part) for part in name)


def inspect(connection: Any, table: TableName, publication: str, key: Sequence[str]) -> Table:
    """The table as it is now.

    Raises:
        ConfigError: ``collect.table.missing``, ``collect.log.unfit``, ``collect.log.key``.
        DataError: ``collect.column.ambiguous``.
    """
    row = connection.execute(_TABLE, table).fetchone()
    if row is None:
        raise ConfigError(
            "collect.table.missing",
            "The database holds no table {table}.",
            hint="Correct the task's options schema and table; they are written as in the database.",
            table=str(table),
        )
    oid, kind, persistence, identity, file, file_now, is_parent = row
    if kind != "r" or persistence != "p" or is_parent:
        raise unfit(table, _("it is no ordinary table"), _("Follow the tables behind a view, and each partition by itself"))
    if file != file_now:
        raise RewrittenError(_("it was rewritten at this moment"))
    found = Table(oid, identity, file, _columns(connection, oid), _publication(connection, oid, table, publication))
    require_names([c.name for c in found.columns], table)
    _require_key(connection, found, table, key)
    return found


def unfit(table: TableName, problem: str, advice: str) -> ConfigError:
    """The error for a table whose log would not tell all."""
    return ConfigError(
        "collect.log.unfit",
        "{table} cannot be followed: {problem}.",
        hint="{advice}.",
        table=str(table),
        problem=problem,
        advice=advice,
    )


def compare(facts: dict[str, Any], now: Table, table: TableName) -> None:
    """Check a table against what was kept of it.

    Raises:
        SourceError: ``collect.log.lost`` when it is another table or the publication was changed.
        RewrittenError: when its rows changed without being in the log.
    """
    if facts["table"] != now.oid:
        raise lost(_("the table {table} was dropped and made anew").format(table=table))
    if facts["publication"] != now.publication:
        raise lost(_("the publication of {table} was changed, and changes made meanwhile may not be in it").format(table=table))
    known = {int(c.split(" ", 4)[0]): c.split(" ", 4) for c in facts["columns"]}
    is_moved = facts["file"] != now.file
    for column in now.columns:
        before = known.get(column.number)
        if before is None:
            if column.has_missing or (is_moved and (column.has_default or column.is_required)):
                raise RewrittenError(_("the new column {column} was given a value in rows that were there").format(column=column.name))
        elif before[4] != column.name:
            raise RewrittenError(_("the column {before} was renamed to {column}").format(before=before[4], column=column.name))
        elif int(before[1]) != column.type and {int(before[1]), column.type} != {TEXT, VARCHAR}:
            raise RewrittenError(_("the column {column} was given another type").format(column=column.name))
        elif is_moved and before[3] != column.mark:
            raise RewrittenError(_("the column {column} was rewritten").format(column=column.name))


def _columns(connection: Any, oid: int) -> tuple[Column, ...]:
    rows = connection.execute(_COLUMNS, (oid,)).fetchall()
    return tuple(
        Column(n, name, kind, modifier, mark, required, storage == _PLAIN, default, missing, base)
        for n, name, kind, modifier, mark, required, storage, generated, default, missing, base in rows
        if not generated
    )


def _publication(connection: Any, oid: int, table: TableName, publication: str) -> str:
    row = connection.execute(_PUBLICATION, (*table, oid, oid, publication)).fetchone()
    advice = f"CREATE PUBLICATION {quoted(publication)} FOR TABLE {quoted_table(table)}"
    if row is None:
        raise unfit(table, _("there is no publication {publication}").format(publication=publication), _("Have its owner run: {advice}").format(advice=advice))
    is_all, is_member, is_part, mark = row
    if not is_member:
        add = advice.replace("CREATE", "ALTER").replace("FOR TABLE", "ADD TABLE")
        raise unfit(table, _("the publication {publication} does not hold it").format(publication=publication), _("Have its owner run: {advice}").format(advice=add))
    if not is_all or is_part:
        raise unfit(
            table,
            _("the publication {publication} leaves out operations, rows or columns of it").format(publication=publication),
            _("Publish insert, update, delete and truncate, without WHERE and without a list of columns"),
        )
    return str(mark)


def require_names(columns: Sequence[str], table: TableName) -> None:
    """Check that no column is named as the platform names its own.

    Raises:
        DataError: ``collect.column.ambiguous``.
    """
    for column in columns:
        if column.casefold() in _RESERVED:
            raise DataError(
                "collect.column.ambiguous",
                "{origin}: the column {column} cannot be told from {other}.",
                hint="Rename it at the source; the names {system} are the platform's own.",
                origin=str(table),
                column=column,
                other=column.casefold(),
                system=", ".join(_RESERVED),
            )


def _require_key(connection: Any, found: Table, table: TableName, key: Sequence[str]) -> None:
    """The resource's key must name one row at any moment, and be in every old row of the log."""
    by_name = {c.name: c for c in found.columns}
    numbers = {by_name[k].number for k in key if k in by_name}
    required = {c.number for c in found.columns if c.is_required}
    indexes = [(set(columns), primary, replica) for columns, primary, replica in connection.execute(_UNIQUE, (found.oid,))]
    if len(numbers) != len(key) or not any(columns <= numbers & required for columns, _, _ in indexes):
        raise ConfigError(
            "collect.log.key",
            "{table} has no primary key or unique index, NOT NULL and not deferrable, within the resource's key {key}.",
            hint="Let the resource's key be the table's primary key.",
            table=str(table),
            key=", ".join(key) or "-",
        )
    if found.identity == "f":
        return
    chosen = [columns for columns, primary, replica in indexes if (replica if found.identity == "i" else primary)]
    is_keyed = found.identity in "di" and any(numbers <= columns for columns in chosen)
    if not is_keyed or not all(c.is_plain for c in found.columns):
        raise unfit(
            table,
            _("its log would leave out values that an update did not change"),
            _("Have its owner run: {advice}").format(advice=f"ALTER TABLE {quoted_table(table)} REPLICA IDENTITY FULL"),
        )


def require_slot(row: tuple[Any, ...] | None, slot: str, place: int) -> None:
    """Check that a slot still keeps all changes behind a place.

    Args:
        row: of ``pg_replication_slots``: plugin, wal_status, confirmed place as a number; none when there is no slot.
        slot: its name.
        place: from which on changes are needed.

    Raises:
        SourceError: ``collect.log.lost``.
    """
    if row is None:
        raise lost(_("the server has no slot {slot} any more").format(slot=slot))
    plugin, status, confirmed = row
    if plugin != "pgoutput":
        raise lost(_("the slot {slot} belongs to another program").format(slot=slot))
    if status == "lost":
        raise lost(_("the slot {slot} was invalidated, because it kept more log than the server allows").format(slot=slot))
    if int(confirmed) > place:
        raise lost(_("the slot {slot} was moved on by another program").format(slot=slot))


