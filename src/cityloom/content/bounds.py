"""How much a definition may hold, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_bounded(document: Any, *, values: int, levels: int) -> bool:
    """Whether a document has no more values, and nests no deeper, with every alias written out."""
    todo, count = [(document, 0)], 0
    while todo:
        value, level = todo.pop()
        count += 1
        if count > values or level > levels:
            return False
        inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        todo += [(one, level + 1) for one in inner]
    return True
