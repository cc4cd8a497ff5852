"""Names of tables."""

from __future__ import annotations

from typing import NamedTuple


class TableName(NamedTuple):
    """Schema and table, exactly as the database writes them."""

    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.table}"
