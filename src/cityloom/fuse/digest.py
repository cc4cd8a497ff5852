"""One digest of all golden records: equal when every value and every origin is equal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.lake.tables import Lake


def digest(lake: Lake, object_types: Sequence[str]) -> str:
    """SHA-256 (64 hex digits) over the golden records of these object types.

    Each record's MD5 is summed, so neither the order of rows nor their files matter; times of runs do not
    enter. Values, origins (department, resource, batch, row) and ids do. A type without table counts as such.
    """
    lines = []
    for name in sorted(object_types):
        table = f"base_{name}"
        if not lake.exists(table):
            lines.append(f"{name}:-")
            continue
        columns = sorted(lake.columns(table))
        texts = exp.Array(expressions=[sql("coalesce(CAST(:c AS VARCHAR), chr(0))", c=column(c)) for c in columns])
        query = sql(
            "SELECT count(*), coalesce(sum(md5_number_lower(array_to_string(:texts, chr(31)))), 0) FROM :t",
            texts=texts,
            t=lake.relation(table),
        )
        count, total = lake.engine.rows(query)[0]
        lines.append(f"{name}:{','.join(columns)}:{count}:{int(total):x}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
