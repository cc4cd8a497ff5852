"""Values in files that people open in spreadsheet programs: none of them must act there."""

from __future__ import annotations

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")


def guarded(value: str) -> str:
    """The value, with an apostrophe in front where a spreadsheet program would take it for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def bare(value: str) -> str:
    """The value without the apostrophe of :func:`guarded`."""
    return value[1:] if value.startswith("'") else value
