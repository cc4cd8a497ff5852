"""How one file is to be read: declared where it is declared, found where not, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cityloom.collect.delimited.blocks import Body, LongError
from cityloom.collect.delimited.dialect import NAMED, Dialect
from cityloom.collect.delimited.heading import Heading, find_heading, typical_width
from cityloom.collect.delimited.recode import Utf8, open_text
from cityloom.collect.delimited.records import LONGEST, Line, Record, read_lines, read_records
from cityloom.collect.delimited.repair import repaired
from cityloom.collect.delimited.sniff import sniff
from cityloom.collect.table import require_header
from cityloom.collect.text import Encoded
from cityloom.kernel.errors import DataError

_SAMPLE = 256 << 10
_HEAD = 200
_TAIL = 1 << 20
_MANY, _NEARLY = 20, 0.9


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is declared of a file; None (``auto`` for the encoding) where it is to be found.

    ``known`` are columns that are expected; ``is_strict`` whether a header that nearly no row fits is an error.
    """

    encoding: str = "auto"
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    is_spaced: bool | None = None
    titles: int | None = None
    rows: int | None = None
    footers: int = 0
    columns: tuple[str, ...] = ()
    comment: str = ""
    known: tuple[str, ...] = ()
    is_strict: bool = True

    @property
    def dialect(self) -> tuple[str | None, str | None, str | None, bool | None]:
        """What is declared of the dialect."""
        return self.delimiter, self.quote, self.escape, self.is_spaced


@dataclass(frozen=True)
class Layout:
    """A file opened: its bytes, its columns, its records; ``remarks`` are codes with what was found or done."""

    encoded: Encoded
    text: Utf8
    names: tuple[str, ...]
    headers: frozenset[str]
    body: Body
    remarks: dict[str, str] = field(default_factory=dict)


def lay_out(path: Path, name: str, wanted: Wanted) -> Layout:
    """Open a file and find out what is not declared of it.

    Raises:
        ConfigError, DataError: as :func:`open_text`, :func:`require_header`; ``collect.header.broken``, ``collect.header.unlike``.
        LongError: when the first line is too long.
    """
    encoded, text = open_text(path, name, wanted.encoding)
    try:
        return _found(text, name, encoded, wanted)
    except BaseException:
        text.close()
        raise


def _found(text: Utf8, name: str, encoded: Encoded, wanted: Wanted) -> Layout:
    raw, lines, dialect, is_all = _dialect(text, wanted)
    above = wanted.titles or 0
    records, _ = read_records(lines[above:], dialect, above + 1, is_last=is_all, most=_HEAD)
    records = [r for r in records if not (wanted.comment and r.text.startswith(wanted.comment))]
    records, remarks = _readable(records, dialect)
    known = {"titles": 0 if wanted.titles is not None else None, "rows": wanted.rows}
    heading = find_heading(records, **known, columns=wanted.columns, known=wanted.known)
    header = records[heading.titles : heading.titles + heading.rows]
    _require(heading, header, name)
    if wanted.is_strict:
        _require_fit(heading, records[heading.titles + heading.rows :], name)
    last = records[heading.titles + heading.rows - 1] if heading.titles + heading.rows else None
    line = last.line + last.lines if last else above + 1
    body = Body(
        file=text.file,
        start=text.start + sum(map(len, raw[: line - 1])),
        end=_end(text, wanted.footers),
        line=line,
        dialect=dialect,
        apart=sorted({r.text for r in header}) if len(heading.names) > 1 else [],
        comment=wanted.comment,
        is_sound=not text.damaged,
    )
    remarks |= heading.remarks | _told(encoded, dialect, heading, header, wanted)
    return Layout(encoded, text, heading.names, frozenset(body.apart), body, remarks)


def _dialect(text: Utf8, wanted: Wanted) -> tuple[list[bytes], list[Line], Dialect, bool]:
    """The first lines, how they are written, whether they are all; more of them where a record is long."""
    size = _SAMPLE
    while True:
        text.file.seek(text.start)
        data = text.file.read(size)
        is_all = text.start + len(data) >= text.size
        cut = len(data) if is_all else max(data.rfind(b"\n"), data.rfind(b"\r", 0, -1)) + 1
        raw = data[:cut].splitlines(keepends=True)
        lines = read_lines(raw)
        body = lines[wanted.titles or 0 :]
        dialect, _ = sniff(body, *wanted.dialect, is_last=is_all)
        if not raw and size > LONGEST:
            raise LongError(1)
        if is_all or size > LONGEST or len(read_records(body, dialect, 1, is_last=False, most=3)[0]) == 3:
            return raw, lines, dialect, is_all
        size *= 4


def _readable(records: list[Record], dialect: Dialect) -> tuple[list[Record], dict[str, str]]:
    """The records, the first one of which may have a quote too many, as a header may."""
    width = typical_width([r.values or [] for r in records])
    remarks: dict[str, str] = {}
    for number, record in enumerate(records[:2]):
        if record.code == "collect.csv.quote":
            values = repaired(record.text, dialect, width) or _bare(record.text, dialect)
            records[number] = Record(record.line, record.lines, record.text, values)
            remarks["collect.header.quote"] = f"line {record.line} has a quote at the wrong place, which is taken as text"
    return records, remarks


def _bare(text: str, dialect: Dialect) -> list[str]:
    """The cells of a line between delimiters, without quotes that stand on both sides of one."""
    cells = replace(dialect, quote="", escape="").split(text)
    mark = dialect.quote
    return [c[1:-1] if len(c) > 1 and c.startswith(mark) and c.endswith(mark) else c for c in cells]


def _require(heading: Heading, header: Sequence[Record], name: str) -> None:
    broken = next((r for r in header if r.values is None), None)
    if broken:
        raise DataError(
            "collect.header.broken",
            "{file}, line {line}: the header cannot be read: {problem}.",
            hint="Correct the line, or declare the names with columns and the header with title_rows and header_rows.",
            file=name,
            line=broken.line,
            problem=broken.reason,
        )
    require_header(heading.names if len(header) == heading.rows else [], name)


def _require_fit(heading: Heading, rows: Sequence[Record], name: str) -> None:
    """Check that the header is that of the rows.

    Raises:
        DataError: ``collect.header.unlike``.
    """
    widths = [len(record.values) for record in rows if record.values and any(record.values)]
    usual, width = typical_width([[""] * n for n in widths]), len(heading.names)
    if len(widths) >= _MANY and width != usual and widths.count(usual) >= _NEARLY * len(widths):
        raise DataError(
            "collect.header.unlike",
            "{file}: there are {names} columns by the header, and {values} values in nearly every row.",
            hint="Check the delimiter; state the names with columns; or set the task's drift to accept, which fills rows up at their end.",
            file=name,
            names=width,
            values=usual,
        )


def _end(text: Utf8, footers: int) -> int:
    """Where the lines below the table begin."""
    if not footers:
        return text.size
    start = max(text.start, text.size - _TAIL)
    text.file.seek(start)
    lines = text.file.read().splitlines(keepends=True)
    end = text.size
    while lines and footers:
        line = lines.pop()
        end -= len(line)
        footers -= bool(line.strip())
    return end


def _told(
    encoded: Encoded, dialect: Dialect, heading: Heading, header: Sequence[Record], wanted: Wanted
) -> dict[str, str]:
    """What was found that is not the usual (UTF-8 or GB18030, comma, quote, the first line), as options to declare."""
    called = {mark: name for name, mark in NAMED.items()}
    found = {
        "encoding": encoded.encoding if encoded.is_guessed and encoded.encoding != "gb18030" else None,
        "delimiter": called.get(dialect.delimiter, dialect.delimiter) if wanted.delimiter is None else None,
        "quote": dialect.quote if wanted.quote is None and dialect.quote != '"' else None,
        "escape": dialect.escape if wanted.escape is None and dialect.escape else None,
        "spaced": True if wanted.is_spaced is None and dialect.is_spaced else None,
        "title_rows": header[0].line - 1 if wanted.titles is None and header and header[0].line > 1 else None,
        "header_rows": heading.rows if wanted.rows is None and heading.rows != 1 else None,
    }
    usual = found | ({"delimiter": None} if found["delimiter"] in ("comma", "none") else {})
    if all(value is None for value in usual.values()):
        return {}
    told = ", ".join(f"{name}: {value!r}" for name, value in found.items() if value is not None)
    return {"collect.text.found": f"not declared and found: {told}"}
