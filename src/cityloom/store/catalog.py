"""The catalog: entries with their moves, numbers of the classification, and lineage between columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.catalog import Entry, EntryItem, LineageEdge
from cityloom.model.text import Title
from cityloom.store.database import metadata

entry_table = sa.Table(
    "catalog_entry",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("code", sa.String(40), nullable=False, unique=True),
    sa.Column("department", sa.String(40), nullable=False, index=True),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("grade", sa.String(16), nullable=False),
    sa.Column("sharing", sa.String(16), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("entry", sa.JSON, nullable=False),
)
entry_move_table = sa.Table(
    "catalog_move",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(80), nullable=False, index=True),
    sa.Column("verb", sa.String(20), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("actor", sa.String(80), nullable=False),
    sa.Column("at", sa.String(32), nullable=False),
)
class_table = sa.Table(
    "catalog_class",
    metadata,
    sa.Column("path", sa.String(200), primary_key=True),
    sa.Column("parent", sa.String(200), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
)
edge_table = sa.Table(
    "lineage_edge",
    metadata,
    sa.Column("source", sa.String(240), primary_key=True),
    sa.Column("target", sa.String(240), primary_key=True, index=True),
    sa.Column("step", sa.String(20), nullable=False),
)


def put_entry(connection: sa.Connection, entry: Entry) -> None:
    """Write an entry's record anew."""
    t = entry_table
    connection.execute(t.delete().where(t.c.name == entry.name))
    columns = {k: getattr(entry, k) for k in ("name", "code", "department", "category", "grade", "sharing", "state")}
    connection.execute(t.insert().values(**columns, words=_words(entry), entry=asdict(entry)))


def find_entry(connection: sa.Connection, name: str) -> Entry | None:
    """One entry by the resource's name."""
    row = connection.execute(sa.select(entry_table.c.entry).where(entry_table.c.name == name)).first()
    return _entry(row[0]) if row else None


def list_entries(
    connection: sa.Connection,
    *,
    words: Sequence[str] = (),
    department: str | None = None,
    states: Sequence[str] = (),
) -> list[Entry]:
    """Entries whose titles, abstract, keywords, code or items hold all words (any case), by code."""
    t = entry_table
    query = sa.select(t.c.entry).order_by(t.c.code)
    for word in words:
        query = query.where(t.c.words.contains(word.lower(), autoescape=True))
    if department is not None:
        query = query.where(t.c.department == department)
    if states:
        query = query.where(t.c.state.in_(states))
    return [_entry(row[0]) for row in connection.execute(query)]


def add_entry_move(connection: sa.Connection, entry: Entry, *, verb: str, actor: str, at: str) -> None:
    """Keep a move of an entry: into which state, in which version, by whom."""
    connection.execute(
        entry_move_table.insert().values(
            name=entry.name, verb=verb, state=entry.state, version=entry.version, actor=actor, at=at
        )
    )


def list_entry_moves(connection: sa.Connection, name: str) -> list[tuple[str, str, str, str]]:
    """An entry's moves, first to last: verb, state reached, actor, time."""
    t = entry_move_table
    query = sa.select(t.c.verb, t.c.state, t.c.actor, t.c.at).where(t.c.name == name).order_by(t.c.number)
    return [(str(a), str(b), str(c), str(d)) for a, b, c, d in connection.execute(query)]


def number_of(connection: sa.Connection, parent: str, path: str) -> int:
    """The number of a class, or of a resource, under its parent: the next free one when it is new."""
    t = class_table
    known = connection.execute(sa.select(t.c.number).where(t.c.path == path)).first()
    if known:
        return int(known[0])
    last = connection.execute(sa.select(sa.func.max(t.c.number)).where(t.c.parent == parent)).scalar()
    number = int(last or 0) + 1
    connection.execute(t.insert().values(path=path, parent=parent, number=number))
    return number


def put_edges(connection: sa.Connection, edges: Sequence[LineageEdge]) -> bool:
    """Write all lineage anew where it differs from what stands; returns whether it did."""
    rows = connection.execute(sa.select(edge_table)).mappings()
    if {(r["source"], r["target"], r["step"]) for r in rows} == {(e.source, e.target, e.step) for e in edges}:
        return False
    connection.execute(edge_table.delete())
    if edges:
        connection.execute(edge_table.insert(), [asdict(e) for e in edges])
    return True


def list_edges(connection: sa.Connection, column: str, *, is_backward: bool) -> list[LineageEdge]:
    """All edges on the ways into a column (backward) or out of it (forward)."""
    t = edge_table
    near, far = (t.c.target, t.c.source) if is_backward else (t.c.source, t.c.target)
    reached = sa.select(near.label("node"), far.label("next")).where(near == column).cte("reached", recursive=True)
    reached = reached.union(sa.select(near, far).join(reached, near == reached.c.next))
    query = sa.select(t).where(near.in_(sa.select(reached.c.node))).order_by(t.c.source, t.c.target)
    return [LineageEdge(**row) for row in connection.execute(query).mappings()]


def _words(entry: Entry) -> str:
    titles = [entry.title, entry.abstract, *(i.title for i in entry.items)]
    parts = [entry.name, entry.code, entry.category, entry.matter or "", *entry.keywords]
    parts += [text for title in titles for text in (title.zh, title.en)]
    parts += [text for item in entry.items for text in (item.name, item.element or "")]
    return "\n".join(parts).lower()


def _entry(value: dict[str, Any]) -> Entry:
    items = tuple(EntryItem(**{**one, "title": Title(**one["title"])}) for one in value["items"])
    titles = {k: Title(**value[k]) for k in ("title", "abstract")}
    return Entry(**{**value, **titles, "keywords": tuple(value["keywords"]), "items": items})
