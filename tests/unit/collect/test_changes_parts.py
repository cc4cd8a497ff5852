"""The parts of following a log, without a server: values, the spool, cutting into slices, the course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from cityloom.collect.base import Slice
from cityloom.collect.changes import course as course_module
from cityloom.collect.changes.binlog_values import decimal, real_text, time_
from cityloom.collect.changes.course import Course
from cityloom.collect.changes.journal import Cut, Journal, RewrittenError
from cityloom.collect.changes.name import TableName
from cityloom.collect.changes.pgoutput import AbsentError, inserted, updated
from cityloom.collect.changes.spool import ChangeSpool
from cityloom.collect.changes.state import OPEN, PLANNED, State
from cityloom.collect.changes.walsender import lsn, place_of
from cityloom.collect.databases.failures import cut as cut_off
from cityloom.kernel.errors import DataError, SourceError

REALS = (
    (0.0, "0"),
    (-0.0, "-0"),
    (0.1, "0.1"),
    (1.0, "1"),
    (-2.5, "-2.5"),
    (123456789012345.0, "123456789012345"),
    (1e15, "1e15"),
    (1.5e300, "1.5e300"),
    (1e-15, "0.000000000000001"),
    (1e-16, "1e-16"),
    (0.1 + 0.2, "0.30000000000000004"),
)


@pytest.mark.parametrize(("value", "text"), REALS)
def test_a_real_number_is_written_as_mariadb_does(value: float, text: str) -> None:
    assert real_text(value) == text


def test_exact_numbers_and_times_are_read_from_bytes() -> None:
    read = decimal(14, 4).decode
    assert read(memoryview(bytes.fromhex("810DFB38D204D2")), 0) == ("1234567890.1234", 7)
    assert read(memoryview(bytes.fromhex("7EF204C72DFB2D")), 0) == ("-1234567890.1234", 7)
    assert time_(6).decode(memoryview(bytes.fromhex("7FFFFFFFFFFF")), 0) == ("-00:00:00.000001", 6)


def test_places_of_postgresql() -> None:
    assert place_of("16/B374D848") == 0x16B374D848
    assert lsn(0x16B374D848) == "16/B374D848"


def test_a_value_that_is_not_in_the_log_is_never_taken_for_nothing() -> None:
    insert = b"I\0\0\0\1N\0\2t\0\0\0\1an"
    assert inserted(insert) == ["a", None]
    old, new = b"O\0\2t\0\0\0\1at\0\0\0\1b", b"N\0\2t\0\0\0\1cu"
    assert updated(b"U\0\0\0\1" + old + new) == (["a", "b"], ["c", "b"])
    with pytest.raises(AbsentError):
        updated(b"U\0\0\0\1" + new)
    with pytest.raises(AbsentError):
        updated(b"U\0\0\0\1" + old.replace(b"O", b"K") + new)


def test_a_spool_gives_back_what_was_kept_and_not_dropped() -> None:
    spool = ChangeSpool()
    spool.use(("a",))
    for number in range(9000):
        spool.add("c", f"{number:05d}", [str(number)], 10)
    spool.drop(8999)
    spool.use(("a", "b"))
    spool.add("u", "90000", ["x", None], 10)
    spool.drop(8998)
    spool.add("u", "90001", [None, "y"], 10)
    rows = [row for batch in spool.batches(()) for row in batch.to_pylist()]
    assert [r["_row"] for r in rows] == list(range(1, 9000))
    assert rows[-2] == {"a": "8997", "b": None, "_op": "c", "_position": "08997", "_row": 8998}
    assert rows[-1] == {"a": None, "b": "y", "_op": "u", "_position": "90001", "_row": 8999}
    assert spool.columns == ["a", "b"] and spool.count == 8999
    spool.close()


Transaction = tuple[int, list[str]]


class FakeReader:
    """Gives transactions (place of the end, keys); a text instead of one is an event."""

    def __init__(self, log: list[Transaction | str], state: State) -> None:
        self.log = [one for one in log if isinstance(one, str) or one[0] > state.place]
        self.all = log
        self.reached = state.place
        self.facts: dict[str, Any] = dict(state.facts)
        self.columns = ["id"]
        self.settled = 0

    def settle(self, place: int) -> None:
        """Take note."""
        self.settled = place

    def step(self, journal: Journal, seconds: float) -> bool:
        """The next transaction or event."""
        if not self.log:
            return False
        one = self.log.pop(0)
        if isinstance(one, str):
            self.all.remove(one)
            if one == "cut":
                raise cut_off("here")
            raise RewrittenError(one)
        journal.begin(one[0] - 1)
        journal.reshape(["id"])
        for key in one[1]:
            journal.changes += 1
            journal.add("c", [key], 10)
        journal.end(one[0])
        self.reached = one[0]
        return True

    def look(self) -> None:
        """All is well."""


class FakeSnapshot:
    """Two rows."""

    names = ("id",)

    def __init__(self, place: int) -> None:
        self.place, self.facts = place, {"made": place}

    def count(self) -> int:
        """Two."""
        return 2

    def rows(self) -> Iterator[Any]:
        """None here."""
        return iter(())


class FakeSide:
    """A log of its own."""

    table = TableName("town", "house")

    def __init__(self, log: list[Transaction | str]) -> None:
        self.log = log
        self.snapshots = 0

    def plan(self, before: State | None) -> tuple[dict[str, Any], Sequence[str]]:
        """Nothing."""
        return {"plan": before.generation if before else 0}, ["id"]

    @contextmanager
    def snapshot(self, planned: State) -> Iterator[Any]:
        """At place 10."""
        assert planned.phase == PLANNED
        self.snapshots += 1
        yield FakeSnapshot(10)

    @contextmanager
    def reader(self, state: State) -> Iterator[tuple[Any, int]]:
        """Up to the last transaction."""
        assert state.phase == OPEN
        end = max((one[0] for one in self.log if not isinstance(one, str)), default=0)
        yield FakeReader(self.log, state), end


def course(side: FakeSide, *, rows: int = 100, is_strict: bool = False) -> Course:
    """A course on it."""
    return Course(side=side, cut=Cut(rows=rows, seconds=0.0), is_strict=is_strict)


def read_all(slices: Iterator[Slice]) -> list[tuple[State, list[str | None]]]:
    """States and keys of slices, each read before the next one is asked for."""
    found = []
    for piece in slices:
        batches = list(course_module.read(piece))
        keys = [row["id"] for batch in batches for row in batch.to_pylist()]
        if piece.held.__class__.__name__ == "Filled":
            assert course_module.count(piece) == len(keys)
        course_module.settle(piece)
        found.append((State.of(piece.position or ""), keys))
    return found


def test_a_course_plans_makes_a_snapshot_and_follows() -> None:
    side = FakeSide([(20, ["a", "b"]), (30, ["c"]), (40, ["d", "e", "f"])])
    found = read_all(course(side, rows=3).run({}))
    assert [(s.generation, s.phase, s.place) for s, _ in found] == [(1, PLANNED, 0), (1, OPEN, 10), (1, OPEN, 30), (1, OPEN, 40)]
    assert [keys for _, keys in found[2:]] == [["a", "b", "c"], ["d", "e", "f"]]
    assert list(course(side).run({"log:town.house": found[-1][0].text()})) == []


def test_a_plan_that_was_not_carried_out_is_carried_out() -> None:
    side = FakeSide([])
    done = {"log:town.house": State(generation=3, phase=PLANNED, facts={"plan": 2}).text()}
    found = read_all(course(side).run(done))
    assert [(s.generation, s.phase) for s, _ in found] == [(3, OPEN)] and side.snapshots == 1


def test_rows_that_changed_beside_the_log_begin_a_generation_after_what_came_before() -> None:
    side = FakeSide([(20, ["a"]), "the column x was renamed", (30, ["b"])])
    done = {"log:town.house": State(generation=1, phase=OPEN, place=10).text()}
    found = read_all(course(side).run(done))
    assert [(s.generation, s.phase, s.place) for s, _ in found] == [(1, OPEN, 20), (2, PLANNED, 0), (2, OPEN, 10), (2, OPEN, 30)]
    side = FakeSide(["the column x was renamed", (20, ["a"])])
    with pytest.raises(DataError, match="renamed"):
        read_all(course(side, is_strict=True).run(done))


def test_a_broken_link_ends_a_run_but_not_a_following() -> None:
    done = {"log:town.house": State(generation=1, phase=OPEN, place=10).text()}
    with pytest.raises(SourceError):
        read_all(course(FakeSide([(20, ["a"]), "cut", (30, ["b"])])).run(done))
    stop: list[int] = []
    side = FakeSide([(20, ["a"]), "cut", (30, ["b"])])
    found: list[str | None] = []
    for piece in course(side).run(done, lambda: bool(stop)):
        found += [row["id"] for batch in course_module.read(piece) for row in batch.to_pylist()]
        if "b" in found:
            stop.append(1)
    assert found == ["a", "b"]


def test_a_full_disk_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise OSError(28, "No space left on device")

    done = {"log:town.house": State(generation=1, phase=OPEN, place=10).text()}
    monkeypatch.setattr(ChangeSpool, "add", fill)
    with pytest.raises(SourceError, match="No space left") as caught:
        read_all(course(FakeSide([(20, ["a"])])).run(done))
    assert caught.value.code == "collect.slice.broken"


def test_another_table_is_refused_unless_it_is_asked_for_again() -> None:
    done = {"log:town.other": State(generation=4, phase=OPEN, place=99).text()}
    with pytest.raises(SourceError, match="has followed town.other"):
        list(course(FakeSide([])).run(done))
    found = read_all(course(FakeSide([])).run(done, again=True))
    assert [(s.generation, s.phase) for s, _ in found] == [(5, PLANNED), (5, OPEN)]


def test_a_transaction_that_was_taken_back_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(1, 5)
    journal.begin(7)
    journal.reshape(["id"])
    journal.add("c", ["a"], 1)
    journal.changes += 1
    journal.end(8)
    journal.begin(9)
    journal.add("c", ["b"], 1)
    journal.changes += 1
    journal.undo()
    assert (journal.spool.count, journal.changes, journal.place, journal.is_open) == (1, 1, 8, False)
    positions = [row["_position"] for batch in journal.spool.batches(()) for row in batch.to_pylist()]
    assert positions == ["0001-0000000000000007-0000000001"]


