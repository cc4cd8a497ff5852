"""The lake-entry gate's last answer for each resource: open, or what is missing and who must act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from cityloom.model.text import Title
from cityloom.store.database import metadata

gate_table = sa.Table(
    "gate",
    metadata,
    sa.Column("resource", sa.String(80), primary_key=True),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("missing", sa.JSON, nullable=False),
    sa.Column("checked_at", sa.String(32), nullable=False),
)


@dataclass(frozen=True)
class Missing:
    """A condition that is not met: who must act, and what is missing."""

    who: Title
    what: Title


@dataclass(frozen=True, kw_only=True)
class GateState:
    """入湖标准: whether a resource may enter the standard layer; ``missing`` by condition."""

    resource: str
    is_open: bool
    missing: Mapping[str, Missing]
    checked_at: str


def put_gate(connection: sa.Connection, state: GateState) -> None:
    """Write a resource's answer anew."""
    missing = {name: asdict(one) for name, one in state.missing.items()}
    connection.execute(gate_table.delete().where(gate_table.c.resource == state.resource))
    connection.execute(
        gate_table.insert().values(
            resource=state.resource, is_open=state.is_open, missing=missing, checked_at=state.checked_at
        )
    )


def list_gates(connection: sa.Connection) -> dict[str, GateState]:
    """The answers by resource."""
    rows = connection.execute(sa.select(gate_table).order_by(gate_table.c.resource)).mappings()
    return {row["resource"]: _state(row) for row in rows}


def is_open(connection: sa.Connection, resource: str) -> bool:
    """Whether the gate was found open for a resource; closed when it was never checked."""
    query = sa.select(gate_table.c.is_open).where(gate_table.c.resource == resource)
    return bool(connection.execute(query).scalar())


def _state(row: sa.RowMapping) -> GateState:
    missing = {
        name: Missing(Title(**one["who"]), Title(**one["what"])) for name, one in dict(row["missing"]).items()
    }
    return GateState(**{**row, "missing": missing})
