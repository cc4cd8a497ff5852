"""Messages as rows of text columns, and those that cannot be taken with their reason and content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pyarrow as pa

from cityloom.collect.base import RejectSink, text_batch
from cityloom.collect.messages.formats import Format, Json, format_of, unwrap
from cityloom.collect.messages.message import Message, china, china_of_ms
from cityloom.collect.messages.payload import Field, Payload
from cityloom.collect.messages.topics import Topics

_CHUNK = 8192
_MISSING = "collect.message.missing"
_MALFORMED = "collect.message.malformed"
_LARGE = "collect.message.large"
Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class _Place:
    """What the fields of a row are read from."""

    row: Any
    document: Any
    outer: Any
    message: Message
    parts: Mapping[str, str]
    index: int


Get = Callable[[_Place], str | None]


class _RowError(ValueError):
    """A row or a message that cannot be taken, perhaps because of one column."""

    def __init__(self, column: str, code: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.code = column, code


class Reader:
    """Reads messages by their declared payload.

    Args:
        payload: the declaration.
        topics: which parts of a topic have names.
        largest: bytes; a larger message is set apart.
    """

    def __init__(self, payload: Payload, topics: Topics, largest: int) -> None:
        self._payload, self._topics, self._largest = payload, topics, largest
        self._format: Format = format_of(payload)
        self._outer = Json(Payload())
        self._inside = self._outer.getter(Field(path=payload.inside)) if payload.inside else None
        self._raw = {name: self._getter(one) for name, one in payload.columns.items()}
        self._getters = {name: _finished(name, one, self._raw[name]) for name, one in payload.columns.items()}

    def batches(self, messages: Sequence[Message], sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows in order, numbered from 1 together with those that are set apart; at least one batch."""
        declared = list(self._payload.fields)
        rows: list[Row] = []
        numbers: list[int] = []
        is_given = False
        for number, row in self._numbered(messages, sink):
            rows.append(row)
            numbers.append(number)
            if declared and len(rows) >= _CHUNK:
                yield _batch(declared, rows, numbers)
                rows, numbers, is_given = [], [], True
        if rows or not is_given:
            yield _batch(declared or list(dict.fromkeys(name for row in rows for name in row)), rows, numbers)

    def count(self, messages: Sequence[Message]) -> int:
        """Rows of the messages, counted on another way; a message that cannot be read counts one."""
        return sum(map(self._count, messages))

    def _numbered(self, messages: Sequence[Message], sink: RejectSink) -> Iterator[tuple[int, Row]]:
        number = 0
        for message in messages:
            try:
                places = self._places(message)
            except ValueError as error:
                number += 1
                self._reject(number, message, error, {"": shown(message.body)}, sink)
                continue
            for place in places:
                number += 1
                try:
                    yield number, self._row(place)
                except ValueError as error:
                    self._reject(number, message, error, self._content(place), sink)

    @staticmethod
    def _reject(number: int, message: Message, error: ValueError, content: Row, sink: RejectSink) -> None:
        column, code = (error.column, error.code) if isinstance(error, _RowError) else ("", _MALFORMED)
        reason = f"{message.place}: {error}" if message.place else str(error)
        sink(number, column, code, reason, content)

    def _places(self, message: Message) -> list[_Place]:
        if len(message.body) > self._largest:
            raise _RowError("", _LARGE, f"it has {len(message.body)} bytes, and {self._largest} are allowed")
        outer, document = self._opened(message.body)
        parts = self._topics.parts(message.topic)
        rows = self._format.rows(document)
        return [_Place(row, document, outer, message, parts, index) for index, row in enumerate(rows, 1)]

    def _opened(self, body: bytes) -> tuple[Any, Any]:
        outer, inner = self._unwrapped(body)
        return outer, self._format.open(inner)

    def _unwrapped(self, body: bytes) -> tuple[Any, bytes]:
        """The document around the payload, if there is one, and the payload's own bytes."""
        if self._inside is None:
            return None, unwrap(body, self._payload.encoded)
        outer = self._outer.open(body)
        inner = self._inside(outer)
        if inner is None:
            raise ValueError(f"there is nothing at {self._payload.inside}")
        return outer, unwrap(inner.encode(), self._payload.encoded)

    def _count(self, message: Message) -> int:
        if not self._payload.has_rows or len(message.body) > self._largest:
            return 1
        try:
            found = self._format.rows(self._opened(message.body)[1])
        except ValueError:
            return 1
        try:
            return self._format.count(self._unwrapped(message.body)[1])
        except (ValueError, LookupError, TypeError, SyntaxError):
            return len(found)

    def _row(self, place: _Place) -> Row:
        if self._getters:
            row: Row = {name: get(place) for name, get in self._getters.items()}
        else:
            row = self._format.all(place.row)
        try:
            "".join(filter(None, row.values())).encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half a character") from None
        return row

    def _content(self, place: _Place) -> Row:
        """What of a bad row can be read, by column; the message itself where that is nothing."""
        found: dict[str, str | None] = {}
        for name, get in self._raw.items():
            try:
                value = get(place)
            except ValueError:
                value = None
            found[name] = value and value.encode("utf-8", "replace").decode()
        return found if any(found.values()) else {"": shown(place.message.body)}

    def _getter(self, field: Field) -> Get:
        constant, topic, header = field.constant, field.topic, field.header
        if constant is not None:
            return lambda place: constant
        if topic is not None:
            return lambda place: place.parts.get(topic)
        if header is not None:
            return lambda place: place.message.headers.get(header)
        if field.message is not None:
            return _known(field.message)
        if field.of == "outer":
            from_outer = self._outer.getter(field)
            return lambda place: from_outer(place.outer)
        get = self._format.getter(field)
        if field.of == "message":
            return lambda place: get(place.document)
        return lambda place: get(place.row)


def shown(body: bytes) -> str:
    """A message's content as text; in hex where it is none."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.hex()


def _batch(columns: Sequence[str], rows: Sequence[Row], numbers: Sequence[int]) -> pa.RecordBatch:
    return text_batch({name: [row.get(name) for row in rows] for name in columns}, list(numbers))


def _known(name: str) -> Get:
    own: dict[str, Get] = {
        "body": lambda place: shown(place.message.body),
        "index": lambda place: str(place.index),
        "topic": lambda place: place.message.topic,
    }
    return own.get(name) or (lambda place: place.message.known.get(name))


def _finished(name: str, field: Field, get: Get) -> Get:
    """A getter with what is done to the value: its time or its scale, and whether it may be missing."""
    convert = _conversion(field)
    if convert is None and not field.required:
        return get

    def finish(place: _Place) -> str | None:
        try:
            value = get(place)
            if value and convert is not None:
                value = convert(value)
        except ValueError as error:
            raise _RowError(name, _MALFORMED, f"{name}: {error}") from None
        if field.required and not value:
            raise _RowError(name, _MISSING, f"there is no {name}")
        return value

    return finish


def _conversion(field: Field) -> Callable[[str], str] | None:
    if field.time:
        return {"seconds": _of_seconds, "milliseconds": _of_milliseconds, "iso": _of_iso}[field.time]
    scale = field.scale
    if scale is None:
        return None
    factor, plus = scale
    return lambda text: _plain(_number(text) * factor + plus)


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("it is no number") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise ValueError("it is no number")
    return value


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _of_seconds(text: str) -> str:
    return china_of_ms(int(_number(text) * 1000))


def _of_milliseconds(text: str) -> str:
    return china_of_ms(int(_number(text)))


def _of_iso(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("it is no time") from None
    if moment.tzinfo is None:
        raise ValueError("its time has no zone")
    return china(moment)
