"""Values in files that people open in spreadsheet programs: none of them must act there."""

from __future__ import annotations

from contextlib import suppress

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Also in full width: programs set to an East Asian language take them for the same."""


def guarded(value: str) -> str:
    """The value, with an apostrophe in front where a spreadsheet program would take it for a formula."""
    return f"'{value}" if value.startswith(_FORMULA) else value


def bare(value: str) -> str:
    """The value without the apostrophe of :func:`guarded`."""
    return value[1:] if value.startswith("'") else value


def text_of(content: bytes) -> str | None:
    """The text of a file as spreadsheet programs save it: UTF-8, or else the encoding of Chinese systems; None for neither."""
    for encoding in ("utf-8-sig", "gb18030"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return None
