"""Writers of department files: each takes rows as they stream by and keeps none of them.

A writer gets Arrow batches of one *target* (a district, a range of years, a day) at a time, starts a new part
when a file is full, and tells in the end how many rows each file has. Nothing in a file depends on when it
was written.
"""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

import pyarrow as pa
import xlsxwriter

_EPOCH = (2026, 1, 1, 0, 0, 0)


class Writer(Protocol):
    """Where the rows of a feed go."""

    def write(self, target: str, batch: pa.RecordBatch) -> None:
        """Take rows of one target."""
        ...

    def close(self) -> dict[str, int]:
        """Finish all files: rows by path relative to the sources folder, headers and totals not counted."""
        ...


@dataclass
class _Part:
    path: str
    rows: int = 0


@dataclass
class LineFiles:
    """Text files of one line a row; the batch's column ``line`` holds the lines.

    Args:
        root: the sources folder.
        pattern: path with ``{target}`` and ``{part}``.
        header: first line; empty for none.
        encoding: of the files.
        limit: rows in a part.
        has_bom: whether files begin with a byte order mark.
        newline: end of line.
        inner: not empty: the file is a ZIP with one member of this name, whose last line is ``closing``.
        closing: last line.
    """

    root: Path
    pattern: str
    header: str = ""
    encoding: str = "utf-8"
    limit: int = 500_000
    has_bom: bool = False
    newline: str = "\n"
    inner: str = ""
    closing: str = ""
    _open: dict[str, tuple[_Part, list[IO[Any]]]] = field(default_factory=dict)
    _done: list[_Part] = field(default_factory=list)
    _parts: dict[str, int] = field(default_factory=dict)

    def write(self, target: str, batch: pa.RecordBatch) -> None:
        """Append the lines to the target's current part."""
        lines = batch.column("line").to_pylist()
        while lines:
            part, files = self._open.get(target) or self._start(target)
            taken, lines = lines[: self.limit - part.rows], lines[self.limit - part.rows :]
            files[-1].write((self.newline.join(taken) + self.newline).encode(self.encoding))
            part.rows += len(taken)
            if part.rows >= self.limit:
                self._finish(target)

    def close(self) -> dict[str, int]:
        """Finish all parts."""
        for target in list(self._open):
            self._finish(target)
        return {part.path: part.rows for part in self._done}

    def _start(self, target: str) -> tuple[_Part, list[IO[Any]]]:
        number = self._parts[target] = self._parts.get(target, 0) + 1
        part = _Part(self.pattern.format(target=target, part=f"{number:03d}"))
        path = self.root / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        files: list[Any] = []
        if self.inner:
            files.append(zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1))
            info = zipfile.ZipInfo(self.inner.format(part=f"{number:03d}"), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            files.append(files[0].open(info, "w"))
        else:
            files.append(path.open("wb"))
        start = ("\ufeff" if self.has_bom else "") + (self.header + self.newline if self.header else "")
        files[-1].write(start.encode(self.encoding))
        self._open[target] = (part, files)
        return self._open[target]

    def _finish(self, target: str) -> None:
        part, files = self._open.pop(target)
        if self.closing:
            files[-1].write((self.closing + self.newline).encode(self.encoding))
        for file in reversed(files):
            file.close()
        self._done.append(part)


@dataclass(frozen=True)
class BookForm:
    """The form of a workbook: a title over ``columns``; a column ``男方/姓名`` stands under a merged ``男方``.

    ``has_total``: the last row says 合计 and the number of rows.
    """

    title: str
    sheet: str
    columns: tuple[str, ...]
    has_total: bool = False

    @property
    def has_groups(self) -> bool:
        """Whether the header takes two rows."""
        return any("/" in c for c in self.columns)


@dataclass
class BookFiles:
    """Excel workbooks, written row by row.

    Args:
        root: the sources folder.
        pattern: path with ``{target}`` and ``{part}``.
        form: title and header.
        limit: rows in a part.
    """

    root: Path
    pattern: str
    form: BookForm
    limit: int = 50_000
    _open: dict[str, tuple[_Part, Any, Any]] = field(default_factory=dict)
    _done: list[_Part] = field(default_factory=list)
    _parts: dict[str, int] = field(default_factory=dict)

    def write(self, target: str, batch: pa.RecordBatch) -> None:
        """Append the rows of the columns ``c1, c2, …``."""
        columns = [batch.column(f"c{n}").to_pylist() for n in range(1, len(self.form.columns) + 1)]
        top = 3 if self.form.has_groups else 2
        for row in zip(*columns, strict=True):
            part, _, sheet = self._open.get(target) or self._start(target)
            for place, value in enumerate(row):
                sheet.write_string(top + part.rows, place, value)
            part.rows += 1
            if part.rows >= self.limit:
                self._finish(target)

    def close(self) -> dict[str, int]:
        """Finish all workbooks."""
        for target in list(self._open):
            self._finish(target)
        return {part.path: part.rows for part in self._done}

    def _start(self, target: str) -> tuple[_Part, Any, Any]:
        number = self._parts[target] = self._parts.get(target, 0) + 1
        part = _Part(self.pattern.format(target=target, part=f"{number:03d}"))
        path = self.root / part.path
        path.parent.mkdir(parents=True, exist_ok=True)
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        book.set_properties({"created": datetime(*_EPOCH)})  # noqa: DTZ001 - a fixed stamp, not a time
        sheet = book.add_worksheet(self.form.sheet)
        _head(sheet, self.form)
        self._open[target] = (part, book, sheet)
        return self._open[target]

    def _finish(self, target: str) -> None:
        part, book, sheet = self._open.pop(target)
        if self.form.has_total:
            last = part.rows + (3 if self.form.has_groups else 2)
            sheet.write_string(last, 0, "合计")
            sheet.write_number(last, 1, part.rows)
        book.close()
        self._done.append(part)


def _head(sheet: Any, form: BookForm) -> None:
    """Title and header, strictly from top to bottom as the sheet forgets rows it has passed."""
    labels = [label.rpartition("/") for label in form.columns]
    sheet.merge_range(0, 0, 0, len(labels) - 1, form.title)
    if not form.has_groups:
        sheet.write_row(1, 0, [name for _, _, name in labels])
        return
    for place, (group, _, name) in enumerate(labels):
        if not group:
            sheet.write_string(1, place, name)
        elif place == 0 or labels[place - 1][0] != group:
            sheet.merge_range(1, place, 1, place + sum(g == group for g, _, _ in labels) - 1, group)
    for place, (group, _, name) in enumerate(labels):
        if group:
            sheet.write_string(2, place, name)
        else:
            sheet.merge_range(1, place, 2, place, name)


@dataclass
class TableFile:
    """A table of an SQLite file.

    Args:
        root: the sources folder.
        path: of the file below it.
        table: name of the table.
        columns: its columns, all text, in the order of ``c1, c2, …``.
        index: columns of an index; none if empty.
    """

    root: Path
    path: str
    table: str
    columns: Sequence[str]
    index: str = ""
    _link: sqlite3.Connection | None = None
    _rows: int = 0

    def write(self, target: str, batch: pa.RecordBatch) -> None:
        """Insert the rows."""
        link = self._link or self._start()
        columns = [batch.column(f"c{n}").to_pylist() for n in range(1, len(self.columns) + 1)]
        marks = ", ".join("?" * len(self.columns))
        link.executemany(f"INSERT INTO {self.table} VALUES ({marks})", zip(*columns, strict=True))
        link.commit()
        self._rows += batch.num_rows

    def close(self) -> dict[str, int]:
        """Index the table and close the file."""
        link = self._link or self._start()
        if self.index:
            link.execute(f"CREATE INDEX {self.table}_order ON {self.table} ({self.index})")
        link.commit()
        link.close()
        self._link = None
        return {f"{self.path}#{self.table}": self._rows}

    def _start(self) -> sqlite3.Connection:
        file = self.root / self.path
        file.parent.mkdir(parents=True, exist_ok=True)
        self._link = sqlite3.connect(file)
        self._link.execute("PRAGMA journal_mode = OFF")
        self._link.execute("PRAGMA synchronous = OFF")
        self._link.execute(f"CREATE TABLE {self.table} ({', '.join(f'{c} TEXT' for c in self.columns)})")
        return self._link
