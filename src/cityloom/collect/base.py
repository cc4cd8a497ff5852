"""What every way in offers: slices of a source, their rows as text, and the source's own count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import pyarrow as pa
from pydantic import TypeAdapter, ValidationError

from cityloom.kernel.errors import CityLoomError, ConfigError
from cityloom.kernel.registry import plugin
from cityloom.model.batch import ColumnFigures
from cityloom.model.resource import Resource
from cityloom.model.source import Source
from cityloom.model.text import Title

PACKAGE = "cityloom.collect.connectors"
OPERATION = "_op"
"""In mode cdc: what happened to the row: ``r`` it was there at the start, ``c`` inserted, ``u`` updated, ``d`` deleted;
``t`` is no row: all rows before it are gone (a snapshot begins, the table was truncated)."""
POSITION = "_position"
"""In mode cdc: where in the source's log; text that sorts in commit order."""
ROW = "_row"
"""The column that says where a row stood in its source, counted as a person would: from 1, header included."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What one batch is made of: a file, a sheet, a table's snapshot, a pull.

    ``origin`` is stable and holds no path of a machine; ``digest`` is the same for the same content;
    ``size`` in bytes, 0 where the source does not say; ``position`` set only for a slice that goes on from
    an earlier one (and replaces none): what the next run goes on from; ``is_whole`` for a slice of all there is
    although the next goes on from it: it takes the place of every batch of its origin; ``error`` what hindered
    the connector from describing this slice, raised when it is landed; ``held`` the connector's own.
    """

    origin: str
    digest: str
    size: int = 0
    position: str | None = None
    is_whole: bool = False
    error: CityLoomError | None = None
    held: Any = field(default=None, compare=False, repr=False)


class RejectSink(Protocol):
    """Takes note of a row that cannot be taken. Raises where the policy is *stop*."""

    def __call__(
        self, row: int, column: str, code: str, reason: str, content: Mapping[str, str | None] | None = None
    ) -> None:
        """``row`` as in ``_row``; ``reason`` without any value; ``content`` the fields by column, or the text under ``""``."""
        ...


class Connector(Protocol):
    """A way in. Fields are the source's options and the task's ``what``; ``base`` is set by the platform, and so
    are ``resource`` (its name), ``drift`` (the task's policy) and ``key_columns`` where a connector has such fields.

    ``capabilities`` are of full, incremental, cdc, push, virtual; ``is_sparse`` where a record may leave out
    a field (JSON, XML), so that a missing optional column is no error; ``cases`` are examples of fields.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    capabilities: ClassVar[frozenset[str]]
    is_sparse: ClassVar[bool]
    cases: ClassVar[tuple[Mapping[str, Any], ...]]

    @property
    def base(self) -> Path:
        """Folder on which relative paths and ``file:`` references stand."""
        ...

    def check(self) -> None:
        """Show that the source answers.

        Raises:
            SourceError: when it cannot be reached.
        """
        ...

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """What there is, in a stable order. A slice may be read until the next one is asked for.

        Args:
            done: by origin the position of the newest batch that landed; empty where all is wanted.
        """
        ...

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows: text columns as the source names them, and ``_row`` (int64, rising); in mode cdc ``_op`` and ``_position``.

        Values are text exactly as they came; NULL where the source has NULL or nothing. There is at least
        one batch, and all have the same columns.
        """
        ...

    def count(self, piece: Slice) -> int:
        """The source's own number of rows, got on another way than by ``read``."""
        ...


@runtime_checkable
class Settling(Protocol):
    """A connector whose source waits to be told what is safe: a log's slot, a broker's offset, a queue."""

    def settle(self, piece: Slice) -> None:
        """Tell the source that a slice is in the lake for good. Called after it landed, also a second time."""
        ...


@runtime_checkable
class Proving(Protocol):
    """A connector whose source computes the receipt's figures by itself. It sets no row apart.

    ``is_proving`` false: it does not in this task, and the platform takes the figures while it reads.
    """

    @property
    def is_proving(self) -> bool:
        """Whether the source computes the figures in this task."""
        ...

    def prove(self, piece: Slice, columns: Sequence[str], key: Sequence[str]) -> tuple[ColumnFigures, ...]:
        """The ``md5:`` figures of the columns, and of the key where one is given (see ``lake.receipts``)."""
        ...


@runtime_checkable
class Following(Protocol):
    """A connector that can wait for what comes: a log, a broker, a device."""

    def follow(self, done: Mapping[str, str], stop: Callable[[], bool]) -> Iterator[Slice]:
        """What there is and what comes, until soon after ``stop()`` is true. A slice at least every few seconds
        while there are rows; ``slices`` of the same connector ends when it has caught up."""
        ...


@runtime_checkable
class Periodic(Protocol):
    """A connector whose source can be asked for a span of days: an interface with since and until, a marker of time."""

    def between(self, start: date, end: date) -> Iterator[Slice]:
        """What belongs to the days from ``start`` up to and not including ``end``. Origins as
        :meth:`cityloom.collect.periods.Span.origin` makes them, no position.

        Raises:
            ConfigError: ``collect.period.unsupported`` where this task's options do not say how.
        """
        ...


@runtime_checkable
class Renewing(Protocol):
    """A connector that can begin anew where it can no longer go on: after a gap in a log."""

    def again(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """What there is, from the beginning; it takes the place of what landed before."""
        ...


@dataclass(frozen=True)
class Remark:
    """What stood out in a slice that was taken all the same; ``text`` holds no value of a person."""

    code: str
    text: str
    count: int = 1


@runtime_checkable
class Remarking(Protocol):
    """A connector that finds out by itself what is not declared, or leaves out what is no record."""

    def remarks(self, piece: Slice) -> Sequence[Remark]:
        """What stood out. Asked once a slice, after it was read."""
        ...


@dataclass(frozen=True, kw_only=True)
class ColumnShape:
    """A column as its source declares it.

    ``kind`` in the source's own words (``VARCHAR(20)``); ``title`` a caption where the source keeps one.
    """

    name: str
    kind: str = ""
    is_required: bool = False
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """A table of a source, as the source declares it.

    ``what`` are the task's options that collect it; ``key`` the columns that name a row; ``rows`` the source's own
    figure, ``None`` where it has none; ``size`` in bytes, 0 where the source does not say; ``error`` why the table
    cannot be collected as it is, and what to do.
    """

    name: str
    what: Mapping[str, Any]
    columns: tuple[ColumnShape, ...] = ()
    key: tuple[str, ...] = ()
    rows: int | None = None
    size: int = 0
    title: str = ""
    error: CityLoomError | None = None


@runtime_checkable
class Listing(Protocol):
    """A connector whose source can say which tables it holds, whatever table the options name."""

    def tables(self) -> Iterator[TableShape]:
        """Every table that holds data of its own (no view, no system table), in a stable order.

        Raises:
            SourceError: when the source does not answer.
        """
        ...


def build(resource: Resource, source: Source, base: Path) -> Connector:
    """The connector of a collection task.

    Raises:
        ConfigError: ``kernel.plugin.unknown``, ``collect.options.invalid``, ``collect.mode.unsupported``.
    """
    cls = plugin(PACKAGE, source.connector)
    options = {**source.options, **resource.collect.what}
    given: dict[str, Any] = {"base": base, "resource": resource.name, "drift": resource.collect.drift}
    given["mode"] = resource.collect.mode
    given["key_columns"] = resource.key_columns
    given["known_columns"] = tuple(item.column for item in resource.items)
    valid = [f.name for f in fields(cls) if f.init and f.name not in given]
    given = {name: value for name, value in given.items() if name in cls.__dataclass_fields__}
    try:
        connector = TypeAdapter(cls).validate_python({**options, **given})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(
            "collect.options.invalid",
            "{resource}: the option {option} of {connector} is wrong: {problem}.",
            hint="Valid options: {valid}.",
            resource=resource.name,
            option=".".join(str(p) for p in first["loc"]) or "-",
            connector=source.connector,
            problem=first["msg"],
            valid=", ".join(valid),
        ) from None
    mode = resource.collect.mode
    if mode not in cls.capabilities:
        raise ConfigError(
            "collect.mode.unsupported",
            "{resource}: {connector} cannot collect in mode {mode}.",
            hint="It can: {known}.",
            resource=resource.name,
            connector=source.connector,
            mode=mode,
            known=", ".join(sorted(cls.capabilities)),
        )
    return cast(Connector, connector)


def text_batch(columns: Mapping[str, Any], rows: Any) -> pa.RecordBatch:
    """A batch of text columns (lists or Arrow arrays) and their row numbers."""
    arrays = [c if isinstance(c, pa.Array) else pa.array(c, pa.string()) for c in columns.values()]
    numbers = rows if isinstance(rows, pa.Array) else pa.array(rows, pa.int64())
    return pa.RecordBatch.from_arrays([*arrays, numbers], names=[*columns, ROW])
