"""A MariaDB table as its dictionary describes it: what makes it fit to be followed, and what changed in it since."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cityloom.collect.changes.journal import RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.pgtable import require_names, unfit
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _

SETTINGS = {"log_bin": "ON", "binlog_format": "ROW", "binlog_row_image": "FULL", "binlog_row_metadata": "FULL"}
"""What the server's log must be like."""
_TABLE = """
SELECT TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s
"""
_COLUMNS = """
SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, coalesce(CHARACTER_SET_NAME, ''), IS_NULLABLE,
       coalesce(COLUMN_DEFAULT, 'NULL'), EXTRA, IS_GENERATED
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION
"""
_UNIQUE = """
SELECT INDEX_NAME, GROUP_CONCAT(COLUMN_NAME SEPARATOR '\n'), MAX(SUB_PART IS NOT NULL), MAX(NULLABLE = 'YES')
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND NON_UNIQUE = 0 GROUP BY INDEX_NAME
"""
_CASCADE = re.compile(r"CONSTRAINT `((?:[^`]|``)*)` FOREIGN KEY [^\n]* ON (?:DELETE|UPDATE) (?:CASCADE|SET)")
_WIDTH = re.compile(r"\((\d+)(?:,(\d+))?\)")
_INTEGERS = ("tinyint", "smallint", "mediumint", "int", "bigint")
_REALS = ("float", "double")
_TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_SHAPES = ("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection")
_OTHERS = ("decimal", "date", "datetime", "timestamp", "time", "year", "bit")
_KNOWN = {*_INTEGERS, *_REALS, *_TEXTS, *_BYTES, *_SHAPES, *_OTHERS}


@dataclass(frozen=True)
class Column:
    """A column: ``mark`` tells all of its definition."""

    name: str
    kind: str
    type: str
    charset: str
    is_required: bool
    default: str

    @property
    def mark(self) -> str:
        """Type and encoding."""
        return f"{self.type} {self.charset}".strip()

    @property
    def width(self) -> int:
        """Characters, where the column fills with zeros; otherwise 0."""
        found = _WIDTH.search(self.type) if "zerofill" in self.type else None
        return int(found[1]) + (1 if found[2] and found[2] != "0" else 0) if found else 0

    @property
    def scale(self) -> int:
        """Digits behind the point of a DOUBLE that is shown with so many; otherwise -1."""
        found = _WIDTH.search(self.type) if self.kind == "double" else None
        return int(found[2]) if found and found[2] else -1


@dataclass(frozen=True)
class Table:
    """A table."""

    columns: tuple[Column, ...]

    @property
    def forms(self) -> tuple[dict[str, int], dict[str, int]]:
        """Characters of the columns that fill with zeros; digits behind the point of binary numbers."""
        widths = {c.name: c.width for c in self.columns if c.width}
        return widths, {c.name: c.scale for c in self.columns if c.scale >= 0}

    def facts(self) -> dict[str, Any]:
        """What is kept of it with each position."""
        return {"columns": [[c.name, c.mark] for c in self.columns]}


def quoted(name: str) -> str:
    """A name for a statement."""
    return "`" + name.replace("`", "``") + "`"


def quoted_table(table: TableName) -> str:
    """A table's name with its schema, for a statement."""
    return ".".join(quoted(part) for part in table)


def require_log(cursor: Any, table: TableName) -> None:
    """Check that the log tells rows whole, and with names.

    Raises:
        ConfigError: ``collect.log.unfit``.
    """
    names = ", ".join(f"'{name}'" for name in SETTINGS)
    cursor.execute(f"SHOW GLOBAL VARIABLES WHERE Variable_name IN ({names})")
    found = dict(cursor.fetchall())
    wrong = [f"{name} = {value}" for name, value in SETTINGS.items() if found.get(name, "").upper() != value]
    if wrong:
        problem = _("the server's log does not tell rows whole and with names (it needs {settings})").format(settings=', '.join(wrong))
        raise unfit(table, problem, _("Have the server's administrator set this, in its configuration and at once"))


def inspect(cursor: Any, table: TableName, key: Sequence[str]) -> Table:
    """The table as it is now.

    Raises:
        ConfigError: ``collect.table.missing``, ``collect.log.unfit``, ``collect.log.key``.
        DataError: ``collect.column.ambiguous``.
    """
    cursor.execute(_TABLE, table)
    found = cursor.fetchall()
    if not found:
        raise ConfigError(
            "collect.table.missing",
            "The database holds no table {table}.",
            hint="Correct the task's options schema and table; they are written as in the database.",
            table=str(table),
        )
    kind, engine = found[0]
    if kind != "BASE TABLE":
        raise unfit(table, _("it is no ordinary table"), _("Follow the tables behind a view"))
    if (engine or "").lower() != "innodb":
        raise unfit(table, _("its engine {engine} knows no transactions").format(engine=engine), _("Convert it to InnoDB"))
    cursor.execute(f"SHOW CREATE TABLE {quoted_table(table)}")
    cascade = _CASCADE.search(str(cursor.fetchall()[0][1]))
    if cascade:
        problem = _("what its foreign key {name} changes by cascade is not in the log").format(name=cascade[1])
        raise unfit(table, problem, _("Collect it in mode full, or give the foreign key the rules RESTRICT"))
    described = Table(tuple(_columns(cursor, table)))
    require_names([c.name for c in described.columns], table)
    _require_key(cursor, described, table, key)
    return described


def compare(facts: Mapping[str, Any], now: Table) -> None:
    """Check a table against what was kept of it.

    Raises:
        RewrittenError: when its rows changed without being in the log.
    """
    known = dict(facts["columns"])
    for column in now.columns:
        if column.name not in known:
            if column.is_required or column.default.upper() != "NULL":
                raise RewrittenError(_("the new column {column} was given a value in rows that were there").format(column=column.name))
        elif known[column.name] != column.mark:
            raise RewrittenError(_("the column {column} was given another type").format(column=column.name))
    gone = [name for name in known if name not in {c.name for c in now.columns}]
    fresh = [c.name for c in now.columns if c.name not in known]
    if gone and fresh:
        raise RewrittenError(_("the column {before} was removed or renamed while {column} was added").format(before=gone[0], column=fresh[0]))


def _columns(cursor: Any, table: TableName) -> list[Column]:
    cursor.execute(_COLUMNS, table)
    found = []
    for column, kind, full, charset, nullable, default, extra, generated in cursor.fetchall():
        if str(generated).upper() == "ALWAYS" and "STORED" not in extra.upper():
            continue
        is_odd = kind not in _KNOWN or "COMPRESSED" in full.upper() or (kind in _REALS and "zerofill" in full)
        if is_odd:
            raise unfit(table, _("the column {column} is of the type {full}").format(column=column, full=full), _("Collect the table in mode full"))
        found.append(Column(column, kind, full, charset, nullable == "NO", default))
    return found


def _require_key(cursor: Any, found: Table, table: TableName, key: Sequence[str]) -> None:
    cursor.execute(_UNIQUE, table)
    names = {c.name for c in found.columns}
    indexes = [set(columns.split("\n")) for _, columns, part, null in cursor.fetchall() if not int(part) and not int(null)]
    if not set(key) <= names or not any(columns <= set(key) for columns in indexes):
        raise ConfigError(
            "collect.log.key",
            "{table} has no primary key or unique index, NOT NULL and not deferrable, within the resource's key {key}.",
            hint="Let the resource's key be the table's primary key.",
            table=str(table),
            key=", ".join(key) or "-",
        )
