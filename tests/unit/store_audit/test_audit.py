"""The audit log in the control store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from cityloom.kernel import merkle
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError, DataError, UserError
from cityloom.kernel.note import parse_checkpoint
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.protect.crypto import Ed25519Signer
from cityloom.store import audit
from cityloom.store.database import Store, metadata

CLOCK = FixedClock(datetime(2026, 11, 21, 7, 0, tzinfo=UTC))
ORIGIN = "city.example/audit"
SIGNER = Ed25519Signer.make(ORIGIN)


def event(number: int, kind: EventKind = EventKind.SERVICE_ANSWERED) -> AuditEvent:
    return AuditEvent(kind=kind, actor="ga", subject=f"service:{number}", details={"rows": number, "purpose": "办事"})


@pytest.fixture
def filled(store: Store) -> Store:
    with store.write() as connection:
        for number in range(40):
            assert audit.append(connection, event(number), CLOCK) == number
    return store


def leaves(connection: sa.Connection) -> list[bytes]:
    query = sa.select(audit.event_table.c.leaf).order_by(audit.event_table.c.index)
    return [merkle.leaf_hash(text.encode()) for text in connection.scalars(query)]


def test_an_event_becomes_a_canonical_leaf(store: Store) -> None:
    with store.write() as connection:
        audit.append(connection, event(3), CLOCK)
        leaf = connection.scalar(sa.select(audit.event_table.c.leaf))
    assert leaf == (
        '{"actor":"ga","details":{"purpose":"办事","rows":3},"kind":"service.answered",'
        '"subject":"service:3","time":"2026-11-21T07:00:00.000000Z"}'
    )


def test_an_empty_log_has_the_root_of_nothing(store: Store) -> None:
    with store.read() as connection:
        assert audit.size(connection) == 0
        assert audit.root(connection) == merkle.EMPTY_ROOT
        assert audit.list_events(connection) == []


def test_what_is_rolled_back_leaves_no_trace(store: Store) -> None:
    with pytest.raises(RuntimeError), store.write() as connection:
        audit.append(connection, event(0), CLOCK)
        raise RuntimeError
    with store.write() as connection:
        assert audit.append(connection, event(1), CLOCK) == 0
        assert len(leaves(connection)) == audit.size(connection) == 1


def test_many_at_once_equal_one_by_one(filled: Store, tmp_path: Path) -> None:
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.create_all(other.engine)
    with other.write() as connection:
        assert audit.append_all(connection, [event(n) for n in range(15)], CLOCK) == 0
        assert audit.append_all(connection, [], CLOCK) == 15
        assert audit.append_all(connection, [event(n) for n in range(15, 40)], CLOCK) == 15
        root = audit.root(connection)
    other.close()
    with filled.read() as connection:
        assert audit.root(connection) == root


def test_writers_at_the_same_time_leave_one_log_without_holes(store: Store) -> None:
    def write(number: int) -> None:
        with store.write() as connection:
            audit.append(connection, event(number), CLOCK)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(24)))
    with store.read() as connection:
        frontier: tuple[bytes, ...] = ()
        for index, digest in enumerate(leaves(connection)):
            frontier, _ = merkle.grow(frontier, index, digest)
        assert audit.size(connection) == 24
        assert audit.root(connection) == merkle.fold(frontier)
        assert {e.event.subject for e in audit.list_events(connection)} == {event(n).subject for n in range(24)}


def test_every_inclusion_proof_verifies(filled: Store) -> None:
    with filled.read() as connection:
        digests = leaves(connection)
        root = audit.root(connection)
        for index in range(40):
            proof = audit.inclusion_proof(connection, index, 40)
            assert merkle.verify_inclusion(digests[index], index, 40, proof, root)


def test_consistency_proofs_verify_between_all_sizes(filled: Store) -> None:
    with filled.read() as connection:
        frontier: tuple[bytes, ...] = ()
        roots = [merkle.EMPTY_ROOT]
        for index, digest in enumerate(leaves(connection)):
            frontier, _ = merkle.grow(frontier, index, digest)
            roots.append(merkle.fold(frontier))
        assert roots[40] == audit.root(connection)
        for old, new in [(0, 40), (1, 40), (7, 40), (32, 40), (33, 39), (40, 40), (5, 6)]:
            proof = audit.consistency_proof(connection, old, new)
            assert merkle.verify_consistency(old, new, proof, roots[old], roots[new])


def test_a_proof_reads_few_nodes_however_long_the_log(store: Store) -> None:
    with store.write() as connection:
        audit.append_all(connection, [event(n) for n in range(1025)], CLOCK)
    with store.read() as connection:
        statements: list[str] = []
        sa.event.listen(connection, "before_cursor_execute", lambda *a: statements.append(a[2]))
        assert len(audit.inclusion_proof(connection, 512, 1025)) == 11
    assert len(statements) == 3


@pytest.mark.parametrize(("index", "size"), [(40, 40), (-1, 40), (0, 41), (3, 3)])
def test_no_proof_for_what_is_not_there(filled: Store, index: int, size: int) -> None:
    with filled.read() as connection, pytest.raises(UserError) as caught:
        audit.inclusion_proof(connection, index, size)
    assert caught.value.code == "store.audit.range"


def test_search_by_kind_subject_and_page(filled: Store) -> None:
    with filled.write() as connection:
        audit.append(connection, event(5, EventKind.GRANT_MADE), CLOCK)
    with filled.read() as connection:
        assert [e.index for e in audit.list_events(connection, limit=3)] == [40, 39, 38]
        assert [e.index for e in audit.list_events(connection, limit=2, before=39)] == [38, 37]
        assert [e.index for e in audit.list_events(connection, kind=EventKind.GRANT_MADE)] == [40]
        found = audit.list_events(connection, subject="service:5")
    assert [e.index for e in found] == [40, 5]
    assert found[1].event == event(5)
    assert found[1].at == "2026-11-21T07:00:00.000000Z"


def test_search_shows_what_was_hashed_not_what_a_column_claims(filled: Store) -> None:
    with filled.write() as connection:
        connection.execute(audit.event_table.update().where(audit.event_table.c.index == 5).values(actor="nobody"))
        found = audit.list_events(connection, subject="service:5")
    assert found[0].event.actor == "ga"


def test_a_checkpoint_is_made_only_when_the_log_has_grown(filled: Store) -> None:
    with filled.write() as connection:
        first = audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        assert audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN) == first
        audit.append(connection, event(40), CLOCK)
        second = audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        head = parse_checkpoint(second)[0]
        assert (head.origin, head.size, head.root) == (ORIGIN, 41, audit.root(connection))
        assert audit.list_checkpoints(connection) == [second, first]


def rewrite_and_rebuild(connection: sa.Connection, count: int, changed: int) -> None:
    """What someone with full rights on the database would do: change an event, then rebuild the whole tree."""
    for table in (audit.event_table, audit.node_table, audit.head_table):
        connection.execute(table.delete())
    audit.append_all(connection, [event(n if n != changed else 999) for n in range(count)], CLOCK)


@pytest.mark.parametrize(("count", "changed"), [(40, 17), (41, 17), (64, 39), (39, 99), (0, 99)])
def test_a_rewritten_or_shortened_log_is_not_signed(filled: Store, count: int, changed: int) -> None:
    with filled.write() as connection:
        audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        rewrite_and_rebuild(connection, count, changed)
        with pytest.raises(DataError) as caught:
            audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
    assert caught.value.code == "store.audit.broken"


def test_a_log_keeps_its_name(filled: Store) -> None:
    with filled.write() as connection:
        audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        with pytest.raises(ConfigError) as caught:
            audit.checkpoint(connection, CLOCK, SIGNER, "other.example/audit")
    assert caught.value.code == "store.audit.origin"


def test_honest_growth_is_signed(filled: Store) -> None:
    with filled.write() as connection:
        audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        rewrite_and_rebuild(connection, 64, 99)
        assert parse_checkpoint(audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN))[0].size == 64


def test_a_bundle_holds_checkpoints_and_leaves_in_order(filled: Store, tmp_path: Path) -> None:
    path = tmp_path / "out" / "audit.jsonl"
    with filled.write() as connection:
        first = audit.checkpoint(connection, CLOCK, SIGNER, ORIGIN)
        audit.append_all(connection, [event(n) for n in range(40, 43)], CLOCK)
        assert audit.export(connection, CLOCK, SIGNER, ORIGIN, path) == 43
        newest = audit.newest_checkpoint(connection)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0] == {"checkpoint": newest}
    assert lines[41] == {"checkpoint": first}
    assert [one["index"] for one in lines if "index" in one] == list(range(43))
    assert [p.name for p in path.parent.iterdir()] == ["audit.jsonl"]


def test_an_unsigned_log_cannot_be_bundled(filled: Store, tmp_path: Path) -> None:
    with filled.read() as connection, pytest.raises(UserError) as caught:
        audit.write_bundle(connection, tmp_path / "audit.jsonl")
    assert caught.value.code == "store.audit.unsigned"


def test_an_event_added_behind_the_log_is_said_by_the_next_one(filled: Store) -> None:
    t = audit.event_table
    with filled.write() as connection:
        row = dict(connection.execute(sa.select(t).where(t.c.index == 5)).mappings().one())
        connection.execute(t.insert().values(**{**row, "index": 40}))
    with pytest.raises(DataError) as caught, filled.write() as connection:
        audit.append(connection, event(40), CLOCK)
    assert caught.value.code == "store.audit.broken"
