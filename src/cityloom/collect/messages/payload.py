"""What a vendor's message looks like, as a definition declares it: no code a vendor."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from cityloom.model.text import STRICT

NUMBERS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q", "f32": "f", "f64": "d"}
"""Numbers in binary payloads: unsigned, signed and floating, with their bits; the letters are Python's ``struct``."""
_SPANS = ("hex", "text", "bcd")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_SOURCES = ("path", "at", "topic", "header", "message", "constant")


@dataclass(frozen=True, kw_only=True)
class Field:
    """Where the value of one column stands. Exactly one of path, at, topic, header, message and constant.

    Args:
        path: dotted path in JSON (a number counts in a list, from 0), the name in pairs, a path like ``a/b/@c`` in
            XML; empty for the whole row.
        at: byte in a binary payload, from 0.
        type: of the number at that byte: u8, i8, u16, i16, u32, i32, u64, i64, f32, f64; or hex, text, bcd.
        bytes: how many of them, for hex, text and bcd.
        order: of the bytes: big or little end first.
        bit: of the number, from 0, the lowest; the value is 0 or 1.
        topic: named part of the topic.
        header: name of a header (a user property) of the message.
        message: what the broker knows: time, key, id, topic and more, see the connector; ``body`` for the whole
            message as it came, ``index`` for the number of the row in its message, from 1.
        constant: the same text in each row.
        of: what path and at count from: ``row``, the whole ``message``, or ``outer``, the JSON around ``inside``.
        factor: the number is multiplied by this decimal, exactly.
        plus: after that this decimal is added.
        time: the value is a moment: ``seconds`` or ``milliseconds`` since 1970, or ``iso`` with a zone; it becomes
            the time of China with ``+08:00``.
        required: a row without it is set apart.
    """

    __pydantic_config__ = STRICT

    path: str | None = None
    at: int | None = None
    type: str = "u8"
    bytes: int = 0
    order: Literal["big", "little"] = "big"
    bit: int | None = None
    topic: str | None = None
    header: str | None = None
    message: str | None = None
    constant: str | None = None
    of: Literal["row", "message", "outer"] = "row"
    factor: str | None = None
    plus: str | None = None
    time: Literal["", "seconds", "milliseconds", "iso"] = ""
    required: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(_SOURCES)} is needed")
        if self.at is not None:
            self._check_bytes()
        for name in ("factor", "plus"):
            value = getattr(self, name)
            if value is not None and not _DECIMAL.fullmatch(value):
                raise ValueError(f"{name} is a decimal number in quotes")
        if self.time and (self.factor or self.plus):
            raise ValueError("a time has neither factor nor plus")

    @property
    def width(self) -> int:
        """Bytes of the value in a binary payload."""
        return struct.calcsize("=" + NUMBERS[self.type]) if self.type in NUMBERS else self.bytes

    @property
    def scale(self) -> tuple[Decimal, Decimal] | None:
        """Factor and what is added, where there is either."""
        if self.factor is None and self.plus is None:
            return None
        return Decimal(self.factor or "1"), Decimal(self.plus or "0")

    def _check_bytes(self) -> None:
        if self.type not in NUMBERS and self.type not in _SPANS:
            raise ValueError(f"type is one of {', '.join((*NUMBERS, *_SPANS))}")
        if self.at is None or self.at < 0 or self.width < 1:
            raise ValueError("at counts from 0; hex, text and bcd need bytes")
        if self.bit is not None and (self.type[0] not in "ui" or not 0 <= self.bit < 8 * self.width):
            raise ValueError("bit is one of a whole number")


@dataclass(frozen=True, kw_only=True)
class Payload:
    """How a message becomes rows of text.

    Args:
        format: json, xml, pairs (``SN=1;P=40.5``), binary, or text (the message is one value, path ``""``).
        fields: by column what it holds; a text stands for its path. Empty: JSON and pairs give what they have,
            text the column ``text``, binary the column ``hex``.
        rows: path of the list in JSON, or of the elements in XML, whose members are the rows; empty: a message is a row.
        rows_at: byte at which the rows of a binary payload begin.
        row_bytes: bytes a row; 0: a message is a row.
        inside: path of a text in JSON that holds the payload proper.
        encoded: how the payload is wrapped: hex or base64; empty: not at all.
        encoding: of text, XML without its own, and pairs: utf-8, gb18030, …
        separator: between pairs.
        assign: between name and value of a pair.
    """

    __pydantic_config__ = STRICT

    format: Literal["json", "xml", "pairs", "binary", "text"] = "json"
    fields: Mapping[str, Field | str] = field(default_factory=dict)
    rows: str = ""
    rows_at: int = 0
    row_bytes: int = 0
    inside: str = ""
    encoded: Literal["", "hex", "base64"] = ""
    encoding: str = "utf-8"
    separator: str = ";"
    assign: str = "="

    def __post_init__(self) -> None:
        """Refuse what cannot be read."""
        "".encode(self._known_encoding())
        if self.format == "xml" and not self.fields:
            raise ValueError("XML needs fields")
        if self.rows and self.format not in ("json", "xml"):
            raise ValueError("rows is for JSON and XML; binary payloads have row_bytes")
        if self.row_bytes < 0 or self.rows_at < 0 or (self.row_bytes and self.format != "binary"):
            raise ValueError("rows_at and row_bytes are for binary payloads, and not below zero")
        if not self.separator or not self.assign:
            raise ValueError("separator and assign are not empty")
        for name, one in self.columns.items():
            self._check(name, one)

    @property
    def columns(self) -> dict[str, Field]:
        """The fields in their full form."""
        return {n: Field(path=f) if isinstance(f, str) else f for n, f in self.fields.items()}

    @property
    def has_rows(self) -> bool:
        """Whether a message may be several rows."""
        return bool(self.rows or self.row_bytes)

    def _check(self, name: str, one: Field) -> None:
        is_binary = self.format == "binary" and one.of != "outer"
        if (one.at is not None and not is_binary) or (one.path is not None and is_binary):
            raise ValueError(f"{name}: at is for binary payloads, path for the others")
        if one.of == "outer" and not self.inside:
            raise ValueError(f"{name}: outer needs inside")

    def _known_encoding(self) -> str:
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ValueError("encoding is not known") from None
        return self.encoding
