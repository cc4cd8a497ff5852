"""The tables of a database file: its own ones, those linked from elsewhere, and the hidden ones behind columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cityloom.collect.jet.captions import properties
from cityloom.collect.jet.pages import BrokenError, JetFile
from cityloom.collect.jet.table import Definition, read_definition, rows

_CATALOG_PAGE = 2
_TABLE, _LINKED = "1", ("4", "6")
_SYSTEM = 0x80000000 | 0x2
_COMPLEX_COLUMNS = "MSysComplexColumns"


@dataclass(frozen=True)
class Entry:
    """A table of the catalog. ``page`` is where its definition begins; 0 for a table that is only linked.

    ``properties`` are those of the table (under ``""``) and of its columns that people wrote. Hidden tables that hold
    the values of a column (attachments, columns of several values) are tables like others.
    """

    name: str
    page: int
    properties: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def entries(file: JetFile) -> Iterator[Entry]:
    """The tables that hold data of people, in the order of the catalog; system tables are left out."""
    catalog = read_definition(file, _CATALOG_PAGE)
    found = list(_records(file, catalog))
    own = {int(one["Id"] or 0) for one in found if _is_own(one)}
    behind = {flat: column for parent, column, flat in _columns_of_many(file, found) if parent in own}
    for one in found:
        number, name = int(one["Id"] or 0), one["Name"] or ""
        if one["Type"] in _LINKED:
            yield Entry(name, 0)
        elif number in own:
            yield Entry(name, number & 0xFFFFFF, _properties(one.get("LvProp"), file.encoding))
        elif number in behind:
            yield Entry(name, number & 0xFFFFFF, {"": {"Description": behind[number]}})


def _is_own(one: Mapping[str, str | None]) -> bool:
    name = one["Name"] or ""
    return one["Type"] == _TABLE and not int(one["Flags"] or 0) & _SYSTEM and not name.startswith("~")


def _columns_of_many(file: JetFile, found: list[dict[str, str | None]]) -> Iterator[tuple[int, str, int]]:
    """Columns whose values (attachments, several values) are in hidden tables: number of their table, name, number of
    the hidden table."""
    for one in found:
        if one["Name"] == _COMPLEX_COLUMNS and one["Type"] == _TABLE:
            table = read_definition(file, int(one["Id"] or 0) & 0xFFFFFF)
            for row in _records(file, table):
                yield int(row["ConceptualTableID"] or 0), row["ColumnName"] or "", int(row["FlatTableID"] or 0)


def _properties(blob: str | None, encoding: str) -> Mapping[str, Mapping[str, str]]:
    try:
        return properties(bytes.fromhex(blob), encoding) if blob else {}
    except BrokenError:
        return {}


def _records(file: JetFile, table: Definition) -> Iterator[dict[str, str | None]]:
    names = [c.name for c in table.columns]
    for row in rows(file, table, file.encoding):
        if isinstance(row, BrokenError):
            raise row
        yield dict(zip(names, row, strict=True))
