"""Numbers of double precision as text."""

from __future__ import annotations


def number_text(value: float) -> str:
    """All the digits it has, whole numbers without a point: ``12``, ``0.1``, ``1e+22``."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
