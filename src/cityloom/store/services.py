"""Services as they were published."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.resource import Access
from cityloom.model.service import Mask, Service, ServiceItem
from cityloom.model.text import Title
from cityloom.store.database import metadata

service_table = sa.Table(
    "service",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("department", sa.String(40), nullable=False, index=True),
    sa.Column("grade", sa.String(16), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("published_at", sa.String(32), nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
)


def put_service(connection: sa.Connection, service: Service, *, digest: str, at: str) -> None:
    """Write a published service anew."""
    connection.execute(service_table.delete().where(service_table.c.name == service.name))
    connection.execute(
        service_table.insert().values(
            name=service.name,
            version=service.version,
            department=service.department,
            grade=service.grade,
            digest=digest,
            published_at=at,
            definition=asdict(service),
        )
    )


def delete_service(connection: sa.Connection, name: str) -> None:
    """Take a service away: it no longer answers."""
    connection.execute(service_table.delete().where(service_table.c.name == name))


def find_service(connection: sa.Connection, name: str) -> Service | None:
    """A published service by name."""
    t = service_table
    row = connection.execute(sa.select(t.c.definition).where(t.c.name == name)).first()
    return _service(row[0]) if row else None


def list_services(connection: sa.Connection) -> list[Service]:
    """All published services by name."""
    t = service_table
    return [_service(row[0]) for row in connection.execute(sa.select(t.c.definition).order_by(t.c.name))]


def service_digest(connection: sa.Connection, name: str) -> str | None:
    """Digest of the definition that stands published."""
    t = service_table
    row = connection.execute(sa.select(t.c.digest).where(t.c.name == name)).first()
    return str(row[0]) if row else None


def _service(value: dict[str, Any]) -> Service:
    items = tuple(
        ServiceItem(
            name=one["name"], title=Title(**one["title"]), mask=Mask(**one["mask"]) if one["mask"] else None
        )
        for one in value["items"]
    )
    rest = {
        "title": Title(**value["title"]),
        "items": items,
        "require": tuple(value["require"]),
        "compare": tuple(value["compare"]),
        "sharing": Access(**value["sharing"]),
    }
    return Service(**{**value, **rest})
