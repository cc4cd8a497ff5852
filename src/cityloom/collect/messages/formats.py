"""The formats of payloads: a body opened, its rows, and the text at a field's place.

What is wrong with a body or a value is said by ``ValueError``, in words without the value.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from xml.etree import ElementTree

from lxml import etree

from cityloom.collect.messages.payload import NUMBERS, Field, Payload
from cityloom.collect.nested import flatten, parse, text_of

Get = Callable[[Any], str | None]


class Format(Protocol):
    """One format."""

    def open(self, body: bytes) -> Any:
        """The document in a body."""
        ...

    def rows(self, document: Any) -> Sequence[Any]:
        """The rows of a document; the document itself where a message is a row."""
        ...

    def getter(self, field: Field) -> Get:
        """What takes a field's text from a row or a document; none where it is not there."""
        ...

    def all(self, row: Any) -> Mapping[str, str | None]:
        """Everything in a row, for payloads without declared fields."""
        ...

    def count(self, body: bytes) -> int:
        """Rows of a body that can be read and may have several, counted on another way than by opening it."""
        ...


def format_of(payload: Payload) -> Format:
    """The format of a payload."""
    kinds: dict[str, Callable[[Payload], Format]] = {
        "json": Json,
        "xml": Xml,
        "pairs": Pairs,
        "binary": Binary,
        "text": Text,
    }
    return kinds[payload.format](payload)


def unwrap(body: bytes, encoded: str) -> bytes:
    """The bytes that hex or base64 stand for."""
    try:
        if encoded == "hex":
            return bytes.fromhex(body.decode("ascii"))
        return base64.b64decode(body.strip(), validate=True) if encoded else body
    except (ValueError, binascii.Error):
        raise ValueError(f"it is no {encoded}") from None


class Json:
    """JSON whose numbers keep their digits."""

    def __init__(self, payload: Payload) -> None:
        self._encoding, self._rows = payload.encoding, payload.rows

    def open(self, body: bytes) -> Any:
        """Parsed."""
        try:
            text = body if self._encoding == "utf-8" else body.decode(self._encoding)
            return parse(text)
        except json.JSONDecodeError:
            raise ValueError("it is no JSON") from None
        except UnicodeDecodeError:
            raise ValueError(f"its bytes are no text in {self._encoding}") from None

    def rows(self, document: Any) -> Sequence[Any]:
        """The list at the path."""
        if not self._rows:
            return [document]
        found = _walk(document, self._rows.split("."))
        if not isinstance(found, list):
            raise ValueError(f"there is no list at {self._rows}")
        return found

    def getter(self, field: Field) -> Get:
        """By a dotted path."""
        parts = [part for part in (field.path or "").split(".") if part]
        return lambda row: text_of(_walk(row, parts))

    def all(self, row: Any) -> Mapping[str, str | None]:
        """Nested objects dotted."""
        if not isinstance(row, dict):
            raise ValueError("it is no JSON object")
        return flatten(row)

    def count(self, body: bytes) -> int:
        """With the plain parser."""
        found = json.loads(body if self._encoding == "utf-8" else body.decode(self._encoding))
        for part in self._rows.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
        return len(found)


class Xml:
    """XML; names are compared without their namespaces, entities are not expanded."""

    def __init__(self, payload: Payload) -> None:
        encoding = None if payload.encoding == "utf-8" else payload.encoding
        self._encoding = encoding
        self._rows = payload.rows

    def open(self, body: bytes) -> Any:
        """The root."""
        parser = etree.XMLParser(
            encoding=self._encoding, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        try:
            return etree.fromstring(body, parser)
        except (etree.XMLSyntaxError, ValueError):
            raise ValueError("it is no XML") from None

    def rows(self, document: Any) -> Sequence[Any]:
        """The elements at the path."""
        return document.findall(_anywhere(self._rows)) if self._rows else [document]

    def getter(self, field: Field) -> Get:
        """By a path of elements, perhaps with an attribute at its end."""
        path, _, attribute = (field.path or "").partition("@")
        place = _anywhere(path.strip("/"))

        def get(row: Any) -> str | None:
            found = row.find(place) if place else row
            if found is None:
                return None
            return found.get(attribute) if attribute else "".join(found.itertext())

        return get

    def all(self, row: Any) -> Mapping[str, str | None]:
        """Not offered: XML needs fields."""
        raise ValueError("XML needs fields")

    def count(self, body: bytes) -> int:
        """With the other parser."""
        parser = ElementTree.XMLParser(encoding=self._encoding)
        return len(ElementTree.fromstring(body, parser).findall(_anywhere(self._rows)))


class Pairs:
    """``SN=LP1;P=40.5``: names and values."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload

    def open(self, body: bytes) -> Any:
        """By name."""
        found: dict[str, str] = {}
        for text in _decoded(body, self._payload.encoding).split(self._payload.separator):
            if not text.strip():
                continue
            name, mark, value = text.strip().partition(self._payload.assign)
            if not mark:
                raise ValueError(f"a pair has no {self._payload.assign}")
            if found.setdefault(name.strip(), value) is not value:
                raise ValueError("a name stands twice")
        return found

    def rows(self, document: Any) -> Sequence[Any]:
        """The one."""
        return [document]

    def getter(self, field: Field) -> Get:
        """By name."""
        name = field.path or ""
        return lambda row: row.get(name)

    def all(self, row: Any) -> Mapping[str, str | None]:
        """All pairs."""
        found: Mapping[str, str | None] = row
        return found

    def count(self, body: bytes) -> int:
        """A message is a row."""
        return 1


class Text:
    """The whole message is one text."""

    def __init__(self, payload: Payload) -> None:
        self._encoding = payload.encoding

    def open(self, body: bytes) -> Any:
        """Decoded."""
        return _decoded(body, self._encoding)

    def rows(self, document: Any) -> Sequence[Any]:
        """The one."""
        return [document]

    def getter(self, field: Field) -> Get:
        """The text, whatever the path."""
        return lambda row: str(row)

    def all(self, row: Any) -> Mapping[str, str | None]:
        """The column ``text``."""
        return {"text": row}

    def count(self, body: bytes) -> int:
        """A message is a row."""
        return 1


class Binary:
    """Bytes at fixed places."""

    def __init__(self, payload: Payload) -> None:
        self._start, self._width, self._encoding = payload.rows_at, payload.row_bytes, payload.encoding

    def open(self, body: bytes) -> Any:
        """The bytes."""
        return body

    def rows(self, document: Any) -> Sequence[Any]:
        """Stretches of the same length."""
        if not self._width:
            return [document]
        if len(document) < self._start or (len(document) - self._start) % self._width:
            raise ValueError(f"after byte {self._start} there are no whole rows of {self._width} bytes")
        return [document[at : at + self._width] for at in range(self._start, len(document), self._width)]

    def getter(self, field: Field) -> Get:
        """By place and type."""
        start, width, decode = field.at or 0, field.width, _decoder(field, self._encoding)

        def get(row: Any) -> str | None:
            if len(row) <= start:
                return None
            if len(row) < start + width:
                raise ValueError(f"it ends before byte {start + width}")
            return decode(row[start : start + width])

        return get

    def all(self, row: Any) -> Mapping[str, str | None]:
        """The column ``hex``."""
        return {"hex": row.hex()}

    def count(self, body: bytes) -> int:
        """By length."""
        return (len(body) - self._start) // self._width


def _walk(document: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(document, dict):
            document = document.get(part)
        elif isinstance(document, list) and part.isascii() and part.isdigit():
            document = document[int(part)] if int(part) < len(document) else None
        else:
            return None
    return document


def _anywhere(path: str) -> str:
    """A path whose names are in any namespace."""
    steps = [step if not step or step[0] in ".*{" else f"{{*}}{step}" for step in path.split("/")]
    return "/".join(steps)


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError:
        raise ValueError(f"its bytes are no text in {encoding}") from None


def _decoder(field: Field, encoding: str) -> Callable[[bytes], str]:
    if field.type == "hex":
        return lambda piece: piece.hex()
    if field.type == "text":
        return lambda piece: _decoded(piece, encoding).rstrip("\0")
    if field.type == "bcd":
        return lambda piece: _digits(piece if field.order == "big" else piece[::-1])
    number = struct.Struct((">" if field.order == "big" else "<") + NUMBERS[field.type])
    if field.bit is not None:
        bit = field.bit
        return lambda piece: str(number.unpack(piece)[0] >> bit & 1)
    if field.type == "f32":
        return lambda piece: _shortest(number.unpack(piece)[0])
    return lambda piece: str(number.unpack(piece)[0])


def _digits(piece: bytes) -> str:
    text = piece.hex()
    if not text.isdigit():
        raise ValueError("it is no binary coded decimal")
    return text


def _shortest(value: float) -> str:
    """The shortest decimal that is the same 32-bit number."""
    texts = (format(value, f".{digits}g") for digits in range(6, 10))
    return next((t for t in texts if struct.pack("f", float(t)) == struct.pack("f", value)), repr(value))
