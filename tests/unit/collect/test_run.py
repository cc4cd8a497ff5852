"""The stage: once and whole, whatever breaks; re-sent and vanished deliveries; drift; the proof."""

from __future__ import annotations

import sqlite3

import pyarrow as pa
import pytest

from cityloom.collect.connectors.csv_files import CsvFiles
from cityloom.collect.delimited import blocks
from cityloom.collect.landing import Landing
from cityloom.kernel.errors import ConfigError, DataError, SourceError
from cityloom.model.audit import EventKind
from cityloom.store import audit, batches, findings

RAW = "raw_ga__things"


def states(bench):
    with bench.store.read() as connection:
        return sorted((b.origin, b.state) for b in batches.list_batches(connection, "things"))


def found(bench, kind):
    with bench.store.read() as connection:
        return [(f.code, f.details.get("origin"), f.count) for f in findings.list_findings(connection, kind, "things")]


def events(bench):
    with bench.store.read() as connection:
        rows = connection.execute(audit.event_table.select().order_by(audit.event_table.c.index)).mappings()
        return [(r["kind"], r["subject"]) for r in rows]


def later(bench):
    bench.clock.at = bench.clock.at.replace(hour=bench.clock.at.hour + 1)


def test_a_batch_lands_with_its_proof(bench):
    bench.write("a.csv", "a,b\n1,x\n2,\n")
    result = bench.csv(["a", "b"])
    assert result.read == result.written + result.rejected == 2
    with bench.store.read() as connection:
        (batch,) = batches.list_batches(connection, "things")
    assert (batch.state, batch.version, batch.origin) == ("reconciled", 0, "a.csv")
    assert batch.receipt.is_equal
    assert [(c.column, c.filled, c.characters) for c in batch.receipt.landed_columns] == [("a", 2, 2), ("b", 2, 1)]
    assert {r[0] for r in bench.rows("_batch")} == {batch.id}
    assert {r[0] for r in bench.rows("_at")} == {batch.started_at}
    hashes = [r[0] for r in bench.rows("_hash")]
    assert len(set(hashes)) == 2
    assert all(len(h) == 16 and int(h, 16) >= 0 for h in hashes)
    assert events(bench) == [(EventKind.BATCH_LANDED, "things")]


def test_the_same_delivery_again_changes_nothing(bench):
    bench.write("a.csv", "a\n1\n")
    bench.csv(["a"])
    later(bench)
    result = bench.csv(["a"])
    assert (result.read, result.summary["skipped"], bench.lake.version(RAW)) == (0, 1, 0)
    assert len(events(bench)) == 1


def test_a_re_sent_delivery_replaces_its_batch_and_the_old_one_stays_readable(bench):
    bench.write("a.csv", "a\n1\n")
    bench.write("b.csv", "a\n2\n")
    bench.csv(["a"])
    old = bench.lake.version(RAW)
    later(bench)
    bench.write("a.csv", "a\n3\n")
    assert bench.csv(["a"]).written == 1
    assert sorted(bench.rows("a")) == [("2",), ("3",)]
    assert states(bench) == [("a.csv", "reconciled"), ("a.csv", "superseded"), ("b.csv", "reconciled")]
    relation = bench.lake.relation(RAW, old).sql(dialect="duckdb")
    assert sorted(bench.lake.engine.rows(f"SELECT a FROM {relation}")) == [("1",), ("2",)]


def test_content_that_comes_back_lands_again_without_touching_history(bench):
    for text in ("1", "2", "1", "2"):
        bench.write("a.csv", f"a\n{text}\n")
        bench.csv(["a"])
        assert bench.rows("a") == [(text,)]
        assert bench.csv(["a"]).summary["skipped"] == 1
        later(bench)
    assert [s for _, s in states(bench)].count("reconciled") == 1


def test_a_correction_is_appended_where_the_task_says_so(bench):
    for text in ("1", "2"):
        bench.write("a.csv", f"a\n{text}\n")
        bench.csv(["a"], retransmission="append")
        later(bench)
    assert sorted(bench.rows("a")) == [("1",), ("2",)]


def broken_read(monkeypatch, error):
    whole = CsvFiles.read

    def read(self, piece, sink):
        for number, batch in enumerate(whole(self, piece, sink)):
            if number == 2:
                raise error
            yield batch

    monkeypatch.setattr(CsvFiles, "read", read)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), OSError(28, "No space left on device")])
def test_what_stops_in_the_middle_leaves_nothing_and_the_next_run_all(bench, monkeypatch, error):
    bench.write("a.csv", "a,b\n" + "".join(f"{n},x\n" for n in range(1000)))
    monkeypatch.setattr(blocks, "STRETCH", 1024)
    with monkeypatch.context() as patch:
        broken_read(patch, error)
        with pytest.raises((type(error), SourceError)):
            bench.csv(["a", "b"])
    assert not bench.lake.exists(RAW)
    assert list((bench.lake.root / "raw").rglob("*.parquet*")) == []
    assert states(bench)[0][1] in {"running", "failed"}
    assert bench.csv(["a", "b"]).written == 1000
    assert [int(r[0]) for r in bench.rows("a")] == list(range(1000))
    assert states(bench) == [("a.csv", "reconciled")]


def test_a_process_that_dies_between_lake_and_record_is_made_good(bench, monkeypatch):
    bench.write("a.csv", "a,b\n1,2\n3\n")

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Landing, "_close", die)
        with pytest.raises(KeyboardInterrupt):
            bench.csv(["a", "b"])
    assert (bench.lake.count(RAW), states(bench)) == (1, [("a.csv", "running")])
    result = bench.csv(["a", "b"])
    assert (result.written, result.rejected, bench.lake.count(RAW)) == (1, 1, 1)
    assert states(bench) == [("a.csv", "reconciled")]


def test_a_value_changed_on_the_way_is_found_and_nothing_lands(bench, monkeypatch):
    import cityloom.lake.tables as tables

    bench.write("a.csv", "a,b\n1,x\n")
    write = tables.write_batches

    def spoil(rows, path, schema):
        return write([r.set_column(1, "b", pa.array(["y"])) for r in rows if r.num_rows], path, schema)

    monkeypatch.setattr(tables, "write_batches", spoil)
    with pytest.raises(DataError, match="differ: b") as caught:
        bench.csv(["a", "b"])
    assert caught.value.code == "collect.batch.unequal"
    assert not bench.lake.exists(RAW)
    assert states(bench) == [("a.csv", "failed")]


def test_a_lost_row_is_found(bench, monkeypatch):
    bench.write("a.csv", "a\n1\n")
    count = CsvFiles.count
    monkeypatch.setattr(CsvFiles, "count", lambda self, piece: count(self, piece) + 1)
    with pytest.raises(DataError, match="counts 2 rows; 1 would land"):
        bench.csv(["a"])


def test_an_unequal_correction_leaves_the_old_batch_in_force(bench, monkeypatch):
    bench.write("a.csv", "a\n1\n")
    bench.csv(["a"])
    later(bench)
    bench.write("a.csv", "a\n2\n")
    monkeypatch.setattr(CsvFiles, "count", lambda *_: 5)
    with pytest.raises(DataError):
        bench.csv(["a"])
    assert bench.rows("a") == [("1",)]
    assert states(bench) == [("a.csv", "failed"), ("a.csv", "reconciled")]


def test_a_broken_file_holds_up_no_other_and_is_taken_when_mended(bench):
    bench.write("a.csv", "a,A\n1,1\n")
    bench.write("b.csv", "a\n2\n")
    result = bench.csv(["a"])
    assert (result.written, result.summary["reconciled"]) == (1, False)
    (error,) = result.summary["errors"]
    assert error["code"] == "collect.header.repeated"
    assert error["message"]
    assert error["hint"]
    assert found(bench, "collect") == [("collect.header.repeated", "a.csv", 1)]
    assert (EventKind.BATCH_FAILED, "things") in events(bench)
    bench.write("a.csv", "a\n1\n")
    assert bench.csv(["a"]).summary["reconciled"]
    assert found(bench, "collect") == []


def test_unknown_columns_are_kept_and_told_as_drift(bench):
    bench.write("a.csv", "a,z\n1,9\n")
    bench.csv(["a"])
    assert bench.rows("a", "z") == [("1", "9")]
    assert found(bench, "drift") == [("collect.column.unknown", "a.csv", 1)]
    bench.csv(["a"])
    assert found(bench, "drift") == [("collect.column.unknown", "a.csv", 1)]


def test_unknown_columns_stop_where_the_policy_says_so(bench):
    bench.write("a.csv", "a,z\n1,9\n")
    with pytest.raises(DataError, match="z"):
        bench.csv(["a"], drift="stop")


@pytest.mark.parametrize("header", ["_batch", "_ROW"])
def test_the_platforms_own_columns_cannot_be_delivered(bench, header):
    bench.write("a.csv", f"a,{header}\n1,9\n")
    with pytest.raises(DataError) as caught:
        bench.csv(["a"])
    assert caught.value.code == "collect.column.ambiguous"


def test_what_vanished_is_told_and_kept(bench):
    bench.write("a.csv", "a\n1\n")
    bench.write("b.csv", "a\n2\n")
    bench.csv(["a"])
    (bench.folder / "a.csv").unlink()
    bench.csv(["a"])
    assert found(bench, "collect") == [("collect.source.vanished", "a.csv", 1)]
    assert sorted(bench.rows("a")) == [("1",), ("2",)]


def test_a_source_without_any_delivery_is_told(bench):
    assert bench.csv(["a"]).read == 0
    assert found(bench, "collect") == [("collect.source.empty", None, 1)]


def test_a_missing_folder_is_an_error(bench):
    with pytest.raises(SourceError) as caught:
        bench.csv(["a"], {"folder": "nowhere"})
    assert caught.value.code == "collect.source.unreachable"
    assert str(bench.folder) not in str(caught.value)


def test_a_mode_that_the_connector_has_not_is_refused(bench):
    with pytest.raises(ConfigError) as caught:
        bench.csv(["a"], mode="cdc")
    assert caught.value.code == "collect.mode.unsupported"


def test_a_file_that_changes_while_it_is_read_lands_nothing(bench, monkeypatch):
    path = bench.write("a.csv", "a\n1\n")
    count = CsvFiles.count

    def grow(self, piece):
        number = count(self, piece)
        with path.open("a") as file:
            file.write("2\n")
        return number

    with monkeypatch.context() as patch:
        patch.setattr(CsvFiles, "count", grow)
        with pytest.raises((SourceError, DataError)):
            bench.csv(["a"])
    assert not bench.lake.exists(RAW)
    assert bench.csv(["a"]).written == 2


def test_progress_is_told(bench, monkeypatch):
    from cityloom.collect import run as stage

    told = []
    told_by = stage.Watch(progress=lambda *p: told.append(p))
    monkeypatch.setattr(stage, "run", lambda *a, run=stage.run, **k: run(*a, **k, watch=told_by))
    bench.write("a.csv", "a\n1\n2\n")
    bench.csv(["a"])
    assert told[-1] == ("a.csv", 2)


def test_wide_deliveries_widen_the_raw_table(bench):
    bench.write("a.csv", "a\n1\n")
    bench.csv(["a"], mode="incremental")
    later(bench)
    bench.write("b.csv", "a,b\n2,x\n")
    bench.csv(["a"], mode="incremental")
    assert sorted(bench.rows("a", "b")) == [("1", None), ("2", "x")]


def test_the_database_of_a_source_may_be_busy_elsewhere(bench):
    path = bench.folder / "a.db"
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t (a)")
    writer.execute("INSERT INTO t VALUES (1)")
    writer.commit()
    writer.execute("INSERT INTO t VALUES (2)")
    assert bench.run("sqlite", ["a"], {"path": "a.db", "table": "t"}).written == 1
    writer.commit()
    writer.close()


def test_a_delivery_without_rows_and_one_that_came_under_another_name_are_noticed(bench):
    bench.write("a.csv", "a\n1\n")
    bench.write("b.csv", "a\n")
    bench.write("c.csv", "a\n1\n")
    for _ in range(2):
        assert bench.csv(["a"]).summary["reconciled"]
        assert found(bench, "collect") == [
            ("collect.delivery.empty", "b.csv", 1),
            ("collect.delivery.repeated", "c.csv", 1),
        ]
    bench.write("b.csv", "a\n2\n")
    bench.write("c.csv", "a\n3\n")
    bench.csv(["a"])
    assert found(bench, "collect") == []


def test_what_was_committed_and_not_recorded_decides_where_it_goes_on(bench, monkeypatch):
    """A process that dies between the lake's commit and the record must not bring rows in twice."""
    path = bench.folder / "in.db"
    with sqlite3.connect(path) as source:
        source.execute("CREATE TABLE t (id INTEGER, a TEXT)")
        source.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (2, "y")])
    given = ("sqlite", ["id", "a"], {"path": "in.db", "table": "t", "marker": "id"})

    def die(*_given):
        raise KeyboardInterrupt

    monkeypatch.setattr(Landing, "_close", die)
    with pytest.raises(KeyboardInterrupt):
        bench.run(*given, mode="incremental")
    monkeypatch.undo()
    with sqlite3.connect(path) as source:
        source.execute("INSERT INTO t VALUES (3, 'z')")
    bench.run(*given, mode="incremental")
    assert sorted(r[0] for r in bench.rows("id")) == ["1", "2", "3"]
    assert [state for _, state in states(bench)] == ["reconciled", "reconciled"]
