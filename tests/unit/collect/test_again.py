"""Batches compared with their receipts once more, and put right: what changed at the source, what is damaged in the lake."""

import sqlite3

import pytest

from cityloom.collect import again, verify
from cityloom.collect import run as collect_stage
from cityloom.collect.run import Watch
from cityloom.engines.base import sql
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store import batches, findings

ANY = Title("例", "example")


class Bench:
    """A source, a lake, and what is done with them."""

    def __init__(self, folder, lake, store, clock) -> None:
        self.folder, self.lake, self.store, self.clock = folder, lake, store, clock
        self.connector, self.options, self.task = "csv_files", {"folder": "."}, {}

    @property
    def resource(self) -> Resource:
        items = tuple(Item(name=n, column=n, title=ANY) for n in ("id", "text"))
        return Resource(
            name="things", department="ga", title=ANY, abstract=ANY, category="x", items=items, key=("id", "text"),
            collect=CollectionTask(source="s", **self.task),
        )  # fmt: skip

    def do(self, stage, **more):
        source = Source(name="s", title=ANY, department="ga", connector=self.connector, options=self.options)
        parts = dict(lake=self.lake, store=self.store, clock=self.clock, base=self.folder)
        return stage(self.resource, source, **parts, **more)

    def collect(self, **watch):
        return self.do(collect_stage.run, watch=Watch(**watch)).summary

    def verify(self, **more) -> list[tuple[str, str, str]]:
        return [(c["origin"], c["source"], c["lake"]) for c in self.do(verify.run, **more).summary["checks"]]

    def replay(self, **more) -> list[tuple[str, str]]:
        return [(r["origin"], r["outcome"]) for r in self.do(again.run, **more).summary["batches"]]

    def write(self, name: str, *rows: str) -> None:
        (self.folder / name).write_text("\n".join(["id,text", *rows, ""]), encoding="utf-8")

    def file(self, origin: str):
        with self.store.read() as connection:
            newest = batches.list_batches(connection, "things", origin=origin)[-1]
        return self.folder / "lake" / "raw" / "ga__things" / f"{newest.id}.parquet"

    def ids(self) -> list[str]:
        with self.store.read() as connection:
            return [b.id for b in batches.list_batches(connection, "things") if b.state == "reconciled"]

    def rows(self) -> list[tuple[str, str]]:
        relation = self.lake.relation("raw_ga__things")
        return sorted(self.lake.engine.rows(sql("SELECT id, text FROM :t AS t", t=relation)))

    def findings(self) -> dict[str, dict]:
        with self.store.read() as connection:
            return {f.code: f.details for f in findings.list_findings(connection, "verify", "things")}


@pytest.fixture
def bench(tmp_path, lake, store, clock):
    return Bench(tmp_path, lake, store, clock)


@pytest.fixture
def files(bench):
    bench.write("a.csv", "1,甲", "2,乙")
    bench.write("b.csv", "3,丙")
    bench.collect()
    return bench


def test_what_nobody_touched_is_equal_on_both_sides(files) -> None:
    assert files.verify() == [("a.csv", "equal", "equal"), ("b.csv", "equal", "equal")]
    assert files.findings() == {}
    assert files.replay() == [("a.csv", "equal"), ("b.csv", "equal")]


def test_a_changed_value_at_the_source_is_told_by_its_column_and_without_its_value(files) -> None:
    files.write("a.csv", "1,甲", "2,丁丁")
    assert files.verify() == [("a.csv", "changed", "equal"), ("b.csv", "equal", "equal")]
    details = files.findings()["collect.source.changed"]
    assert details == {"origin": "a.csv", "rows": 2, "rows_now": 2, "columns": "text, [id, text]"}
    with files.store.read() as connection:
        assert "丁" not in str(findings.list_findings(connection))
    assert files.rows()[1] == ("2", "乙")
    assert files.replay() == [("a.csv", "replaced"), ("b.csv", "equal")]
    assert files.rows() == [("1", "甲"), ("2", "丁丁"), ("3", "丙")]
    assert files.findings() == {}
    assert {s for _, s, _ in files.verify()} == {"equal"}


def test_a_wrong_count_at_the_source_is_told(files) -> None:
    files.write("b.csv", "3,丙", "3,丙")
    assert files.verify()[1] == ("b.csv", "changed", "equal")
    assert files.findings()["collect.source.changed"]["rows_now"] == 2


def test_a_correction_is_added_where_the_task_says_so(files) -> None:
    files.task = {"retransmission": "append"}
    files.write("b.csv", "3,丁")
    assert files.replay() == [("a.csv", "equal"), ("b.csv", "added")]
    assert files.rows() == [("1", "甲"), ("2", "乙"), ("3", "丁"), ("3", "丙")]
    assert files.verify() == [("a.csv", "equal", "equal"), ("b.csv", "unasked", "equal"), ("b.csv", "equal", "equal")]


@pytest.mark.parametrize("damage", ["gone", "cut", "empty", "flipped", "other"])
def test_damage_in_the_lake_is_found_and_put_right_from_the_source(files, damage: str) -> None:
    path = files.file("a.csv")
    content = bytearray(path.read_bytes())
    if damage == "gone":
        path.unlink()
    elif damage == "other":
        path.write_bytes(files.file("b.csv").read_bytes())
    else:
        content[content.index("乙".encode())] ^= 0x01
        path.write_bytes({"cut": content[:-20], "empty": b"", "flipped": content}[damage])
    assert files.verify() == [("a.csv", "equal", "damaged"), ("b.csv", "equal", "equal")]
    assert set(files.findings()) == {"collect.lake.damaged"}
    assert files.verify(is_source_read=False)[0] == ("a.csv", "unasked", "damaged")
    assert files.replay() == [("a.csv", "restored"), ("b.csv", "equal")]
    assert files.findings() == {}
    assert files.rows() == [("1", "甲"), ("2", "乙"), ("3", "丙")]
    assert files.collect()["landed"] == 0


def test_what_is_damaged_and_gone_from_the_source_is_said_to_be_lost(files) -> None:
    (files.folder / "a.csv").unlink()
    files.file("a.csv").unlink()
    result = files.do(again.run)
    assert [(r["origin"], r["outcome"]) for r in result.summary["batches"]] == [("a.csv", "failed"), ("b.csv", "equal")]
    assert result.rejected == 1
    assert set(files.findings()) == {"collect.lake.damaged", "collect.source.gone"}


def test_what_is_gone_from_the_source_and_whole_in_the_lake_stays(files) -> None:
    (files.folder / "a.csv").unlink()
    assert files.verify()[0] == ("a.csv", "gone", "equal")
    assert files.replay()[0] == ("a.csv", "passed")
    assert len(files.rows()) == 3


def test_what_cannot_be_read_again_is_told_with_its_reason(files) -> None:
    (files.folder / "a.csv").write_text("other,columns\n1,2\n", encoding="utf-8")
    result = files.do(verify.run)
    assert (result.summary["checks"][0]["source"], result.rejected) == ("unreadable", 1)
    assert "collect.source.unreadable" in files.findings()
    assert files.replay()[0] == ("a.csv", "failed")
    assert len(files.rows()) == 3


def test_one_batch_is_looked_at_by_itself(files) -> None:
    files.write("a.csv", "1,x")
    files.write("b.csv", "3,x")
    second = files.ids()[1]
    assert files.verify(batch=second) == [("b.csv", "changed", "equal")]
    assert files.replay(batch=second) == [("b.csv", "replaced")]
    assert files.rows() == [("1", "甲"), ("2", "乙"), ("3", "x")]


def test_the_same_bytes_read_by_another_definition_land_anew(bench) -> None:
    bench.options = {"folder": ".", "encoding": "gb18030"}
    (bench.folder / "a.csv").write_bytes("id,text\n1,é\n".encode())
    bench.collect()
    wrong = bench.rows()
    bench.options = {"folder": ".", "encoding": "utf-8"}
    assert bench.verify() == [("a.csv", "changed", "equal")]
    assert bench.replay() == [("a.csv", "replaced")]
    assert (bench.rows(), wrong != bench.rows()) == ([("1", "é")], True)


@pytest.fixture
def table(bench):
    with sqlite3.connect(bench.folder / "t.db") as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, at TEXT)")
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, f"v{n}", f"2026-01-{n:02}") for n in range(1, 10)])
    database.close()
    bench.connector, bench.options = "sqlite", {"path": "t.db", "table": "t"}
    return bench


def change(bench, statement: str) -> None:
    with sqlite3.connect(bench.folder / "t.db") as database:
        database.execute(statement)
    database.close()


def test_a_table_is_compared_as_it_is_now(table) -> None:
    table.collect()
    assert table.verify() == [("t", "equal", "equal")]
    change(table, "UPDATE t SET text = 'V5' WHERE id = 5")
    assert table.verify() == [("t", "changed", "equal")]
    assert table.findings()["collect.source.changed"]["columns"] == "text, [id, text]"
    assert table.replay() == [("t", "replaced")]
    assert table.verify() == [("t", "equal", "equal")]


def test_batches_that_went_on_from_each_other_are_checked_in_the_lake_also_when_laid_together(table) -> None:
    table.task = {"mode": "incremental"}
    table.options = {**table.options, "marker": "id"}
    for n in range(20, 24):
        table.collect()
        change(table, f"INSERT INTO t VALUES ({n}, 'x', '2026-02-01')")
    assert table.verify() == [("t", "passed", "equal")] * 4
    assert table.lake.pack("raw_ga__things", at_least=2) == 4
    assert table.verify() == [("t", "passed", "equal")] * 4
    third = table.ids()[2]
    assert table.verify(batch=third) == [("t", "passed", "equal")]
    assert table.replay() == [("t", "passed")] * 4
    relation = table.lake.relation("raw_ga__things")
    lost = sql("SELECT * FROM :t AS t WHERE id <> '21'", t=relation)
    table.lake.replace("raw_ga__things", [lost])
    assert sorted(lake for _, _, lake in table.verify()) == ["damaged", "equal", "equal", "equal"]
    assert table.do(again.run).rejected == 1


def test_a_span_of_days_is_asked_for_once_more(table) -> None:
    from datetime import date

    from cityloom.collect.periods import Span

    table.task = {"mode": "incremental"}
    table.options = {**table.options, "marker": "at"}
    span = Span(date(2026, 1, 2), date(2026, 1, 4))
    table.collect(span=span)
    assert table.verify() == [("t@2026-01-02/2026-01-04", "equal", "equal")]
    change(table, "UPDATE t SET text = 'later' WHERE id = 3")
    assert table.verify() == [("t@2026-01-02/2026-01-04", "changed", "equal")]
    assert table.replay() == [("t@2026-01-02/2026-01-04", "replaced")]
    assert ("3", "later") in table.rows()


def test_names_of_columns_with_commas_and_brackets_are_told_apart() -> None:
    assert verify._parts_of("[a, b, c]", ["a", "b, c", "b", "c", "d"]) == ["a", "b, c"]
    assert verify._parts_of("[x]", ["x"]) == ["x"]
    assert verify._parts_of("", ["x"]) == []
