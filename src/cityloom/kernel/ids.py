"""Identifiers: ones that come out the same again, and ones that never do."""

from __future__ import annotations

import hashlib
import secrets


def stable_id(prefix: str, *parts: str) -> str:
    """An id that is the same whenever the parts are: ``b_`` and 20 hex digits."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:20]}"


def new_id(prefix: str) -> str:
    """An id that no one has had before."""
    return f"{prefix}_{secrets.token_hex(10)}"
