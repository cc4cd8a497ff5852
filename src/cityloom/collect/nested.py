"""JSON records as text columns: nothing is rounded, nested objects are dotted, lists stay JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


class Number(str):
    """A number as the document writes it."""

    __slots__ = ()


def parse(text: str | bytes) -> Any:
    """A JSON document whose numbers keep their digits.

    Raises:
        ValueError: where it is no JSON, an object has a key twice, or it nests too deep.
    """
    try:
        return json.loads(
            text, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_without_repeats
        )
    except RecursionError:
        raise ValueError("it nests too deep") from None


def exact_decoder() -> json.JSONDecoder:
    """A decoder as :func:`parse` uses it, for documents that are read piece by piece."""
    return json.JSONDecoder(
        parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=_without_repeats
    )


def flatten(record: Mapping[str, Any]) -> dict[str, str | None]:
    """``{"a": {"b": 1.10}, "c": [1]}`` as ``{"a.b": "1.10", "c": "[1]"}``.

    Raises:
        ValueError: when two fields come to the same dotted name.
    """
    flat: dict[str, str | None] = {}
    _collect("", record, flat)
    return flat


def at_path(document: Any, path: str) -> Any:
    """The value at a dotted path; the document itself for an empty one.

    Raises:
        KeyError: with the first part of the path that is not there.
    """
    for part in filter(None, path.split(".")):
        if not isinstance(document, Mapping) or part not in document:
            raise KeyError(part)
        document = document[part]
    return document


def _collect(prefix: str, record: Mapping[str, Any], flat: dict[str, str | None]) -> None:
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and value:
            _collect(f"{name}.", value, flat)
        elif name in flat:
            raise ValueError("two fields come to the same dotted name")
        else:
            flat[name] = text_of(value)


def text_of(value: Any) -> str | None:
    """A parsed value as text: numbers as they were written, lists and objects as JSON, null as none."""
    if value is None:
        return None
    return str(value) if isinstance(value, str) else _dump(value)


def _dump(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return record
