"""Columns of Arrow as exact text: decimals with their places, moments ISO with their zone, nested values as JSON."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

_MIDNIGHT = r"(:[0-9]{2})\.0+($|Z|[+-])"
"""Parts of a second that are none."""
_ZONE = r"([+-][0-9]{2})([0-9]{2})$"
_UNITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}


class BinaryError(Exception):
    """The column holds bytes."""


def column_text(column: pa.Array, *, is_hex: bool) -> pa.Array:
    """The texts of a column; NULL where it is null.

    Args:
        column: of any type.
        is_hex: whether bytes become hexadecimal digits; else they are refused.

    Raises:
        BinaryError: where it holds bytes that are refused.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(column, is_hex)
    if pa.types.is_dictionary(kind):
        return column_text(column.dictionary_decode(), is_hex=is_hex)
    if _is_binary(kind):
        if not is_hex:
            raise BinaryError
        return pa.array([None if v is None else v.hex() for v in column.to_pylist()], pa.string())
    if pa.types.is_nested(kind):
        texts = _json(column, is_hex)
        return pa.array([None if t == "null" else t for t in texts], pa.string())
    if pa.types.is_duration(kind):
        places = _UNITS[kind.unit]
        return pa.array([None if v is None else _span(v, places) for v in column.cast(pa.int64()).to_pylist()], pa.string())
    text = pc.cast(column, pa.string())
    if pa.types.is_temporal(kind):
        text = pc.replace_substring_regex(text, _MIDNIGHT, r"\1\2")
        text = pc.replace_substring_regex(text, _ZONE, r"\1:\2") if getattr(kind, "tz", None) else text
    return text


def _extension(column: pa.ExtensionArray, is_hex: bool) -> pa.Array:
    if column.type.extension_name == "arrow.uuid":
        return pa.array([None if v is None else str(uuid.UUID(bytes=v)) for v in column.storage.to_pylist()], pa.string())
    return column_text(column.storage, is_hex=is_hex)


def _is_binary(kind: pa.DataType) -> bool:
    tests = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(test(kind) for test in tests)


def _json(column: pa.Array, is_hex: bool) -> list[str]:
    """Each value as JSON; ``null`` where there is none."""
    kind = column.type
    if pa.types.is_struct(kind):
        return _objects(column, is_hex)
    if pa.types.is_map(kind):
        return _maps(column, is_hex)
    if pa.types.is_nested(kind):
        parts = _json(pc.list_flatten(column), is_hex)
        return _grouped(column, parts, "[", "]")
    texts = column_text(column, is_hex=is_hex).to_pylist()
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return ["null" if t is None else t for t in texts]
    if pa.types.is_floating(kind):
        return ["null" if t is None else t if t.lstrip("-")[:1].isdigit() else json.dumps(t) for t in texts]
    return ["null" if t is None else json.dumps(t, ensure_ascii=False) for t in texts]


def _objects(column: pa.StructArray, is_hex: bool) -> list[str]:
    names = [json.dumps(column.type.field(n).name, ensure_ascii=False) for n in range(column.type.num_fields)]
    parts = [_json(pc.struct_field(column, [n]), is_hex) for n in range(column.type.num_fields)]
    valid = column.is_valid().to_pylist()
    rows = zip(*parts, strict=True) if parts else [()] * len(column)
    return [
        "{" + ", ".join(f"{n}: {t}" for n, t in zip(names, row, strict=True)) + "}" if is_there else "null"
        for is_there, row in zip(valid, rows, strict=True)
    ]


def _maps(column: pa.MapArray, is_hex: bool) -> list[str]:
    """Objects where the keys are text, else lists of pairs."""
    plain = column.cast(pa.list_(pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])))
    pairs = pc.list_flatten(plain)
    keys, values = (_json(pc.struct_field(pairs, [n]), is_hex) for n in range(2))
    is_text = pa.types.is_string(column.type.key_type) or pa.types.is_large_string(column.type.key_type)
    form, ends = ("{}: {}", "{}") if is_text else ("[{}, {}]", "[]")
    parts = [form.format(k, v) for k, v in zip(keys, values, strict=True)]
    return _grouped(plain, parts, *ends)


def _grouped(column: pa.Array, parts: Sequence[str], left: str, right: str) -> list[str]:
    found, at = [], 0
    for size in pc.list_value_length(column).to_pylist():
        if size is None:
            found.append("null")
            continue
        found.append(left + ", ".join(parts[at : at + size]) + right)
        at += size
    return found


def _span(value: int, places: int) -> str:
    """A length of time in seconds, as ISO 8601 writes it."""
    digits = str(abs(value)).rjust(places + 1, "0")
    whole, part = (digits[:-places], digits[-places:].rstrip("0")) if places else (digits, "")
    return f"{'-' if value < 0 else ''}PT{whole}{'.' if part else ''}{part}S"
