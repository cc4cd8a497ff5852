"""The audit log: a list of events under a hash tree (RFC 9162), so that any later change can be proved.

An event is written in the transaction of what it tells about. Its leaf is canonical JSON (keys sorted, UTF-8,
no blanks); the columns beside it only serve the search, and what is shown is always read from the leaf.
Writers queue at the one row of ``audit_head``: call ``append`` as the last act of a transaction.

A *bundle* is the log as one file of JSON lines: the newest signed checkpoint, then ``{"index", "leaf"}`` for
each event in order; an earlier checkpoint stands right after the leaf that completed its tree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from cityloom.kernel import merkle
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import ConfigError, DataError, UserError
from cityloom.kernel.ids import new_id
from cityloom.kernel.note import Checkpoint, Signer, parse_checkpoint, sign_note
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.store.database import metadata

_SEARCHED = 200
"""Characters of actor and subject that the search looks at; the leaf holds them whole."""
event_table = sa.Table(
    "audit_event",
    metadata,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("actor", sa.String(_SEARCHED), nullable=False),
    sa.Column("subject", sa.String(_SEARCHED), nullable=False),
    sa.Column("leaf", sa.Text, nullable=False),
    sa.Column("leaf_hash", sa.String(64), nullable=False),
    sa.Index("ix_audit_event_kind", "kind", "index"),
    sa.Index("ix_audit_event_subject", "subject", "index"),
)
node_table = sa.Table(
    "audit_node",
    metadata,
    sa.Column("place", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hash", sa.String(64), nullable=False),
)
head_table = sa.Table(
    "audit_head",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("frontier", sa.Text, nullable=False),
)
checkpoint_table = sa.Table(
    "audit_checkpoint",
    metadata,
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.String(32), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
)
_PAGE = 1000
_HEX = 64


@dataclass(frozen=True, kw_only=True)
class LoggedEvent:
    """An event as it stands in the log: its place, its time (UTC, ISO) and what it says."""

    index: int
    at: str
    event: AuditEvent


def append(connection: sa.Connection, event: AuditEvent, clock: Clock) -> int:
    """Add an event to the log inside the caller's transaction; returns its index."""
    return append_all(connection, [event], clock)


def append_all(connection: sa.Connection, events: Sequence[AuditEvent], clock: Clock) -> int:
    """Add events in order, with one look at the head for all of them; returns the index of the first."""
    first, frontier = _head(connection, is_locked=True)
    at = iso(clock.now())
    rows: list[dict[str, Any]] = []
    nodes: list[dict[str, Any]] = []
    for index, event in enumerate(events, start=first):
        leaf = _leaf(event, at)
        digest = merkle.leaf_hash(leaf.encode())
        frontier, made = merkle.grow(frontier, index, digest)
        rows.append(_row(index, at, event, leaf, digest))
        nodes += [{"place": merkle.place(node), "hash": value.hex()} for node, value in made]
    if rows:
        try:
            _insert(connection, event_table, rows)
            _insert(connection, node_table, nodes)
        except sa.exc.IntegrityError:
            raise _broken() from None
        text = b"".join(frontier).hex()
        connection.execute(_SET_HEAD, {"new_size": first + len(rows), "new_frontier": text})
    return first


def size(connection: sa.Connection) -> int:
    """How many events the log has."""
    return _head(connection)[0]


def root(connection: sa.Connection) -> bytes:
    """Root of the hash tree over all events, 32 bytes."""
    return merkle.fold(_head(connection)[1])


def inclusion_proof(connection: sa.Connection, index: int, size: int) -> list[bytes]:
    """Hashes that prove event ``index`` to be in the tree of the first ``size`` events (RFC 9162, 2.1.3.1).

    Raises:
        UserError: ``store.audit.range`` when there is no such event or size.
    """
    _check_range(0 <= index < size <= _head(connection)[0])
    return merkle.prove(merkle.inclusion_ranges(index, size), lambda nodes: _hashes(connection, nodes))


def consistency_proof(connection: sa.Connection, old: int, new: int) -> list[bytes]:
    """Hashes that prove the first ``old`` events to be a beginning of the first ``new`` (RFC 9162, 2.1.4.1).

    Raises:
        UserError: ``store.audit.range`` when there are no such sizes.
    """
    _check_range(0 <= old <= new <= _head(connection)[0])
    return merkle.prove(merkle.consistency_ranges(old, new), lambda nodes: _hashes(connection, nodes))


def list_events(
    connection: sa.Connection,
    kind: EventKind | None = None,
    subject: str | None = None,
    limit: int = 200,
    before: int | None = None,
) -> list[LoggedEvent]:
    """Events of a kind and about a subject, newest first; ``before`` an index, for the next page.

    Reading the log is itself an event (``audit.read``), which the caller appends.
    """
    t = event_table
    query = sa.select(t.c.index, t.c.leaf).order_by(t.c.index.desc()).limit(limit)
    for column, wanted in ((t.c.kind, kind), (t.c.subject, subject)):
        if wanted is not None:
            query = query.where(column == str(wanted)[:_SEARCHED])
    if before is not None:
        query = query.where(t.c.index < before)
    return [_logged(row[0], row[1]) for row in connection.execute(query)]


def leaf(connection: sa.Connection, index: int) -> str:
    """An event's leaf, the text that is hashed.

    Raises:
        UserError: ``store.audit.range`` when there is no such event.
    """
    found = connection.scalar(sa.select(event_table.c.leaf).where(event_table.c.index == index))
    _check_range(found is not None)
    return str(found)


def checkpoint(connection: sa.Connection, clock: Clock, signer: Signer, origin: str) -> str:
    """Sign the head of the log as it stands; the newest checkpoint again when nothing was added since.

    Before it signs, it proves that the log still continues the checkpoint before.

    Raises:
        DataError: ``store.audit.broken`` when the log no longer continues what was signed.
        ConfigError: ``store.audit.origin`` when it was signed under another name before.
    """
    count, frontier = _head(connection, is_locked=True)
    head = Checkpoint(origin, count, merkle.fold(frontier))
    last = newest_checkpoint(connection)
    if last is not None:
        signed, _ = parse_checkpoint(last)
        _check_continues(connection, signed, head)
        if signed.size == count:
            return last
    note = sign_note(head.body, signer)
    values = {"size": count, "at": iso(clock.now()), "note": note}
    connection.execute(checkpoint_table.insert().values(**values))
    return note


def newest_checkpoint(connection: sa.Connection) -> str | None:
    """The newest signed checkpoint, to be kept where the operator of this log cannot change it."""
    t = checkpoint_table
    return connection.scalar(sa.select(t.c.note).order_by(t.c.size.desc()).limit(1))


def list_checkpoints(connection: sa.Connection, limit: int = 200) -> list[str]:
    """Signed checkpoints, newest first."""
    t = checkpoint_table
    return list(connection.scalars(sa.select(t.c.note).order_by(t.c.size.desc()).limit(limit)))


def export(connection: sa.Connection, clock: Clock, signer: Signer, origin: str, path: Path) -> int:
    """Sign the head, then write the whole log as a bundle; returns how many events it holds."""
    checkpoint(connection, clock, signer, origin)
    return write_bundle(connection, path)


def write_bundle(connection: sa.Connection, path: Path) -> int:
    """Write the log up to its newest checkpoint as a bundle; a read transaction is enough.

    The file appears whole or not at all; memory does not grow with the log.

    Raises:
        UserError: ``store.audit.unsigned`` when nothing was ever signed.
    """
    newest = newest_checkpoint(connection)
    if newest is None:
        raise UserError(
            "store.audit.unsigned",
            "The audit log has no signed checkpoint yet.",
            hint="Make a checkpoint first.",
        )
    count = parse_checkpoint(newest)[0].size
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{new_id('draft')}")
    try:
        with draft.open("x", encoding="utf-8", newline="\n") as file:
            _write_lines(connection, file, newest, count)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _write_lines(connection: sa.Connection, file: TextIO, newest: str, count: int) -> None:
    file.write(canonical({"checkpoint": newest}) + "\n")
    earlier = _pages(connection, checkpoint_table.c.size, checkpoint_table.c.note, count)
    at, note = next(earlier, (count, ""))
    for index, leaf in _pages(connection, event_table.c.index, event_table.c.leaf, count):
        while at <= index:
            file.write(canonical({"checkpoint": note}) + "\n")
            at, note = next(earlier, (count, ""))
        file.write(canonical({"index": index, "leaf": leaf}) + "\n")


def canonical(value: Mapping[str, Any]) -> str:
    """JSON in the one form that is hashed and exported: keys sorted, no blanks, no escapes that are not needed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _pages(connection: sa.Connection, key: Any, value: Any, end: int) -> Iterator[tuple[int, str]]:
    """Key and value of a table's rows below ``end`` in order of the key, a page at a time."""
    last = -1
    while True:
        query = sa.select(key, value).where(key > last, key < end).order_by(key).limit(_PAGE)
        rows = connection.execute(query).all()
        if not rows:
            return
        yield from ((int(row[0]), str(row[1])) for row in rows)
        last = rows[-1][0]


_READ_HEAD = sa.select(head_table.c.size, head_table.c.frontier).where(head_table.c.id == 1)
_LOCK_HEAD = _READ_HEAD.with_for_update()
_SET_HEAD = (
    head_table.update()
    .where(head_table.c.id == 1)
    .values(size=sa.bindparam("new_size"), frontier=sa.bindparam("new_frontier"))
)


def _head(connection: sa.Connection, *, is_locked: bool = False) -> tuple[int, tuple[bytes, ...]]:
    query = _LOCK_HEAD if is_locked else _READ_HEAD
    row = connection.execute(query).first()
    if row is None and is_locked:
        insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(head_table)
        connection.execute(insert.values(id=1, size=0, frontier="").on_conflict_do_nothing())
        row = connection.execute(query).first()
    if row is None:
        return 0, ()
    text = row.frontier
    return row.size, tuple(bytes.fromhex(text[i : i + _HEX]) for i in range(0, len(text), _HEX))


def _leaf(event: AuditEvent, at: str) -> str:
    return canonical(
        {
            "actor": event.actor,
            "details": dict(event.details),
            "kind": str(event.kind),
            "subject": event.subject,
            "time": at,
        }
    )


def _row(index: int, at: str, event: AuditEvent, leaf: str, digest: bytes) -> dict[str, Any]:
    return {
        "index": index,
        "at": at,
        "kind": str(event.kind),
        "actor": event.actor[:_SEARCHED],
        "subject": event.subject[:_SEARCHED],
        "leaf": leaf,
        "leaf_hash": digest.hex(),
    }


def _logged(index: int, leaf: str) -> LoggedEvent:
    value = json.loads(leaf)
    event = AuditEvent(
        kind=EventKind(value["kind"]), actor=value["actor"], subject=value["subject"], details=value["details"]
    )
    return LoggedEvent(index=index, at=value["time"], event=event)


def _insert(connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(table.insert(), rows)


def _hashes(connection: sa.Connection, nodes: Sequence[merkle.Node]) -> dict[merkle.Node, bytes]:
    """Hashes of complete subtrees: leaves from the events, the others from the nodes."""
    leaves = {node[1]: node for node in nodes if node[0] == 0}
    inner = {merkle.place(node): node for node in nodes if node[0] > 0}
    e, n = event_table.c, node_table.c
    found: dict[merkle.Node, bytes] = {}
    for key, value, wanted in ((e.index, e.leaf_hash, leaves), (n.place, n.hash, inner)):
        if wanted:
            query = sa.select(key, value).where(key.in_(list(wanted)))
            found |= {wanted[row[0]]: bytes.fromhex(row[1]) for row in connection.execute(query)}
    if len(found) != len(set(nodes)):
        raise _broken()
    return found


def _check_continues(connection: sa.Connection, signed: Checkpoint, head: Checkpoint) -> None:
    if signed.origin != head.origin:
        raise ConfigError(
            "store.audit.origin",
            "The audit log is signed as {signed}, not as {given}.",
            hint="Set the name back: a log keeps its name for life.",
            signed=signed.origin,
            given=head.origin,
        )
    if signed.size > head.size:
        raise _broken()
    proof = consistency_proof(connection, signed.size, head.size)
    if not merkle.verify_consistency(signed.size, head.size, proof, signed.root, head.root):
        raise _broken()


def _check_range(is_inside: bool) -> None:
    if not is_inside:
        raise UserError(
            "store.audit.range",
            "The audit log has no such place.",
            hint="Ask for an index below the size, and a size not above that of the log.",
        )


def _broken() -> DataError:
    return DataError(
        "store.audit.broken",
        "The audit log no longer continues its signed checkpoint: it was changed from outside.",
        hint="Stop, keep the database as it is, and verify the last exported bundle.",
    )
