"""Delimited text files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import pyarrow as pa

from cityloom.collect.base import RejectSink, Remark, Slice, text_batch
from cityloom.collect.delimited.blocks import LongError
from cityloom.collect.delimited.dialect import NAMED
from cityloom.collect.delimited.layout import Layout, Wanted, lay_out
from cityloom.collect.delimited.records import LONGEST
from cityloom.collect.delimited.rows import Rows
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.kernel.errors import DataError
from cityloom.model.text import STRICT, Title

_DONE = {
    "collect.lines.comment": "comment lines were left out",
    "collect.header.again": "repetitions of the header were left out",
    "collect.rows.empty": "records without any value were left out",
    "collect.row.padded": "records with too few values were filled up with nothing",
    "collect.row.cut": "records had more values than columns, all empty, which were left out",
    "collect.row.quote": "records with a quote too many were taken, the quote as text",
}


@dataclass(frozen=True, kw_only=True)
class CsvFiles:
    """CSV, TSV and other delimited text files, one batch a file.

    ``_row`` is the line of the file in which the record begins. What is not declared is found: see
    ``docs/howto/text-files.md``. Records with too few or too many values, open quotes, zero bytes or bytes that are no
    text are set apart with their text; with the policy *accept*, too short records are filled up, too long ones lose
    values that are empty, and a quote too many is text.

    Args:
        folder: where the files are; relative to the workspace or to the place, or a reference.
        pattern: which of them, as a glob; after ``!`` the members of an archive.
        encoding: ``auto`` (byte order mark, else proven UTF-8, else what the whole file reads like, GB18030 first) or
            an encoding's name.
        delimiter: ``auto``, one or more characters, or ``comma``, ``semicolon``, ``tab``, ``pipe``, ``space``,
            ``none``.
        quote: ``auto``, a character around values, or empty for none.
        escape: ``auto``, a character that takes the next one's meaning away, or empty for none.
        spaced: ``auto``, or whether blanks behind a delimiter are no part of the value.
        title_rows: ``auto``, or lines above the header.
        header_rows: ``auto``, or rows of the header; their names are joined with a dot.
        footer_rows: lines below the table, blank ones not counted.
        columns: names instead of the header's; where ``header_rows`` is not declared the file has no other header.
        comment: with what lines begin that are no records; empty for none.
        nulls: texts that mean that there is no value, where they stand without quotes.
        skip_empty: whether a record without any value is none.
        place: where the folder is when it is not on this machine: ``kind`` and that place's options.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "csv_files"
    title: ClassVar[Title] = Title("分隔符文本文件（CSV）", "Delimited text files (CSV)")
    standard: ClassVar[str] = "RFC 4180"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/ga", "pattern": "hukou_*.csv"},)

    folder: str
    pattern: str = "*.csv"
    encoding: str = "auto"
    delimiter: str = "auto"
    quote: str = "auto"
    escape: str = "auto"
    spaced: bool | Literal["auto"] = "auto"
    title_rows: int | Literal["auto"] = "auto"
    header_rows: int | Literal["auto"] = "auto"
    footer_rows: int = 0
    columns: tuple[str, ...] = ()
    comment: str = ""
    nulls: tuple[str, ...] = ()
    skip_empty: bool = True
    place: Mapping[str, Any] = field(default_factory=dict, hash=False)
    drift: str = "quarantine"
    known_columns: tuple[str, ...] = ()
    base: Path = Path()
    opened: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a file."""
        return file_slices(open_folder(self.base, self.folder, self.place), self.pattern)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The file's records, a stretch at a time."""
        rows = self._rows(piece)
        rows.tally.clear()
        rows.others.clear()
        yield text_batch({name: [] for name in rows.layout.names}, [])
        try:
            for part in rows.layout.body.read(rows.fast):
                yield rows.batch(part, sink) if isinstance(part, list) else part
        except LongError as error:
            raise _long(piece, error) from None
        require_unchanged(piece)

    def count(self, piece: Slice) -> int:
        """Records, in clean stretches told from the line ends outside quotes.

        Raises:
            DataError: ``collect.csv.malformed``.
        """
        rows = self._rows(piece)
        try:
            return rows.layout.body.count(rows.real)
        except LongError as error:
            raise _long(piece, error) from None

    def remarks(self, piece: Slice) -> Sequence[Remark]:
        """What was found that is not declared, and what was done to records."""
        rows = self._rows(piece)
        found = [Remark(code, text) for code, text in rows.layout.remarks.items()]
        done = [Remark(code, f"{count} {_DONE[code]}", count) for code, count in rows.tally.items() if count]
        self._close()
        return [*found, *done]

    def _rows(self, piece: Slice) -> Rows:
        """The file opened, once for all that is done with it."""
        key = f"{piece.digest} {piece.origin}"
        if key not in self.opened:
            self._close()
            try:
                layout = self._layout(piece)
            except LongError as error:
                raise _long(piece, error) from None
            self.opened[key] = Rows(layout, self.nulls, self.drift == "accept", self.skip_empty)
        return cast(Rows, self.opened[key])

    def _close(self) -> None:
        for rows in self.opened.values():
            rows.layout.text.close()
        self.opened.clear()

    def _layout(self, piece: Slice) -> Layout:
        held = held_file(piece)
        wanted = Wanted(
            encoding=self.encoding,
            delimiter=None if self.delimiter == "auto" else NAMED.get(self.delimiter, self.delimiter),
            quote=None if self.quote == "auto" else self.quote,
            escape=None if self.escape == "auto" else self.escape,
            is_spaced=None if self.spaced == "auto" else self.spaced,
            titles=None if self.title_rows == "auto" else self.title_rows,
            rows=None if self.header_rows == "auto" else self.header_rows,
            footers=self.footer_rows,
            columns=self.columns,
            comment=self.comment,
            known=self.known_columns,
            is_strict=self.drift != "accept",
        )
        return lay_out(held.path, held.name, wanted)


def _long(piece: Slice, error: LongError) -> DataError:
    return DataError(
        "collect.csv.malformed",
        "{file}, line {line}: the record is longer than {limit} bytes.",
        hint="Check the delimiter and the quotes of the file, and declare them.",
        file=piece.origin,
        line=error.line,
        limit=LONGEST,
    )
