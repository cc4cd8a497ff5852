"""Past spans of days taken in again: files by the date in their names, tables by their marker, interfaces by parameters."""

import json
import sqlite3
import threading
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from cityloom.collect import run as collect_stage
from cityloom.collect.periods import Span, days_of, glob_of, is_span
from cityloom.collect.run import Watch
from cityloom.kernel.errors import ConfigError
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store import batches, findings

ANY = Title("例", "example")
JANUARY = Span(date(2026, 1, 1), date(2026, 2, 1))


@pytest.mark.parametrize(
    ("pattern", "glob", "origin", "days"),
    [
        ("a_{date}.csv", "a_" + "[0-9]" * 8 + ".csv", "a_20260131.csv", ("2026-01-31", "2026-02-01")),
        ("{date:%Y-%m}/*.csv", "[0-9][0-9][0-9][0-9]-[0-9][0-9]/*.csv", "2025-12/x.csv", ("2025-12-01", "2026-01-01")),
        ("**/y{date:%Y}.csv", "**/y[0-9][0-9][0-9][0-9].csv", "y2026.csv", ("2026-01-01", "2027-01-01")),
        ("**/y{date:%Y}.csv", "**/y[0-9][0-9][0-9][0-9].csv", "a/b/y2026.csv", ("2026-01-01", "2027-01-01")),
        ("z_{date}.zip!*.csv", "z_" + "[0-9]" * 8 + ".zip!*.csv", "z_20260101.zip!in/a.csv", ("2026-01-01", "2026-01-02")),
        ("?_{date}*.csv", "?_" + "[0-9]" * 8 + "*.csv", "a_20261301.csv", None),
        ("a_{date}.csv", "a_" + "[0-9]" * 8 + ".csv", "b_20260101.csv", None),
        ("a.csv", "a.csv", "a.csv", None),
    ],
)
def test_the_days_of_a_file_stand_in_its_name(pattern: str, glob: str, origin: str, days: tuple[str, str] | None) -> None:
    assert glob_of(pattern) == glob
    found = days_of(pattern, origin)
    assert (found and (str(found.start), str(found.end))) == days


@pytest.mark.parametrize("form", ["%m-%d", "%Y%Y", "%x", ""])
def test_a_form_of_date_that_cannot_be_read_back_is_refused(form: str) -> None:
    if not form:
        assert glob_of("{date:}") == "[0-9]" * 8
        return
    with pytest.raises(ConfigError) as caught:
        glob_of(f"a_{{date:{form}}}.csv")
    assert caught.value.code == "collect.pattern.date"


def test_a_span_is_cut_where_months_begin() -> None:
    found = [str(s.start) for s in Span(date(2025, 11, 15), date(2026, 2, 1)).months()]
    assert found == ["2025-11-15", "2025-12-01", "2026-01-01"]
    assert is_span(JANUARY.origin("a.b/c"))
    assert not is_span("a@b_20260101.csv")


@pytest.fixture
def bench(tmp_path, lake, store, clock):
    def run(connector: str, options, *, key=("id",), span=None, mode="full", **task):
        items = tuple(Item(name=n, column=n, title=ANY) for n in ("id", "text"))
        resource = Resource(
            name="things", department="ga", title=ANY, abstract=ANY, category="x", items=items, key=key,
            collect=CollectionTask(source="s", mode=mode, **task),
        )  # fmt: skip
        source = Source(name="s", title=ANY, department="ga", connector=connector, options=options)
        return collect_stage.run(
            resource, source, lake=lake, store=store, clock=clock, base=tmp_path, watch=Watch(span=span)
        ).summary

    run.lake, run.store, run.folder = lake, store, tmp_path
    return run


def origins(bench) -> list[tuple[str, str]]:
    with bench.store.read() as connection:
        return [(b.origin, b.state) for b in batches.list_batches(connection, "things")]


def count(bench) -> int:
    return bench.lake.count("raw_ga__things")


def test_files_of_a_span_are_taken_and_no_others(bench) -> None:
    for day in ("20251231", "20260101", "20260131", "20260201"):
        (bench.folder / f"x_{day}.csv").write_text(f"id,text\n{day},甲\n", encoding="utf-8")
    (bench.folder / "x_other.csv").write_text("id,text\n0,甲\n", encoding="utf-8")
    options = {"folder": ".", "pattern": "x_{date}.csv"}
    assert bench("csv_files", options, span=JANUARY, key=())["landed"] == 2
    assert [o for o, _ in origins(bench)] == ["x_20260101.csv", "x_20260131.csv"]
    with bench.store.read() as connection:
        assert findings.list_findings(connection, "collect") == []
    assert bench("csv_files", options, key=())["landed"] == 2
    (bench.folder / "x_20260131.csv").write_text("id,text\n20260131,乙\n20260131,丙\n", encoding="utf-8")
    assert bench("csv_files", options, span=JANUARY, key=())["landed"] == 1
    assert count(bench) == 5


def test_rows_of_a_span_are_taken_by_their_marker_again_when_they_changed(bench) -> None:
    with sqlite3.connect(bench.folder / "t.db") as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT, at DATETIME)")
        rows = [(1, "a", "2025-12-31 23:59:59"), (2, "b", "2026-01-01"), (3, "c", "2026-01-31 23:59:59"), (4, "d", "2026-02-01")]
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    options = {"path": "t.db", "table": "t", "marker": "at"}
    assert bench("sqlite", options, mode="incremental")["landed"] == 1
    assert bench("sqlite", options, mode="incremental", span=JANUARY)["landed"] == 1
    assert bench("sqlite", options, mode="incremental", span=JANUARY)["landed"] == 0
    with sqlite3.connect(bench.folder / "t.db") as database:
        database.execute("UPDATE t SET text = 'B' WHERE id = 2")
    database.close()
    assert bench("sqlite", options, mode="incremental", span=JANUARY)["landed"] == 1
    assert origins(bench) == [("t", "reconciled"), ("t@2026-01-01/2026-02-01", "superseded"), ("t@2026-01-01/2026-02-01", "reconciled")]
    assert count(bench) == 6
    assert bench("sqlite", options, mode="incremental")["landed"] == 0


def test_a_marker_that_is_no_date_tells_no_days(bench) -> None:
    with sqlite3.connect(bench.folder / "t.db") as database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        database.execute("INSERT INTO t VALUES (1, 'a')")
    database.close()
    for marker in ("id", ""):
        with pytest.raises(ConfigError) as caught:
            bench("sqlite", {"path": "t.db", "table": "t", "marker": marker}, mode="incremental", span=JANUARY)
        assert caught.value.code == "collect.period.marker"


def test_rows_that_could_not_be_told_from_those_in_the_lake_are_not_taken(bench) -> None:
    with pytest.raises(ConfigError) as caught:
        bench("sqlite", {"path": "t.db", "table": "t", "marker": "at"}, mode="incremental", span=JANUARY, key=())
    assert caught.value.code == "collect.period.keyless"


def test_a_source_that_knows_no_days_says_so(bench) -> None:
    (bench.folder / "x.csv").write_text("id,text\n1,甲\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        bench("csv_files", {"folder": "."}, span=JANUARY)
    assert caught.value.code == "collect.period.unsupported"


@contextmanager
def interface(records):
    """An interface that gives the records from the first to the last day asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            asked.append((query.get("from", ""), query.get("to", "")))
            found = [r for r in records if query.get("from", "") <= r["at"] <= query.get("to", "9")]
            body = json.dumps({"data": {"list": found, "total": str(len(found))}}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_an_interface_is_asked_for_a_span_month_by_month(bench) -> None:
    records = [{"id": d, "text": "x", "at": d} for d in ("2025-12-31", "2026-01-01", "2026-01-31", "2026-02-28")]
    with interface(records) as (url, asked):
        options = {"url": url, "total": "data.total", "days": {"first": "from", "last": "to"}}
        span = Span(date(2026, 1, 1), date(2026, 3, 1))
        assert bench("http_json", options, span=span)["landed"] == 2
        assert asked == [("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-02-28")]
        assert [o.partition("@")[2] for o, _ in origins(bench)] == ["2026-01-01/2026-02-01", "2026-02-01/2026-03-01"]
        assert count(bench) == 3
        records.append({"id": "9", "text": "y", "at": "2026-01-15"})
        assert bench("http_json", options, span=span)["landed"] == 1
        assert count(bench) == 4
        asked.clear()
        days = {**options["days"], "form": "%Y%m%d", "is_last_included": False}
        bench("http_json", {**options, "days": days}, span=JANUARY)
        assert asked == [("20260101", "20260201")]
        with pytest.raises(ConfigError) as caught:
            bench("http_json", {"url": url}, span=span)
        assert caught.value.code == "collect.http.days"


def write(bench, rows: int, name: str = "x.csv") -> None:
    lines = [f"{n},{rows}" for n in range(rows)]
    (bench.folder / name).write_text("\n".join(["id,text", *lines, ""]), encoding="utf-8")


def unusual(bench) -> list[tuple[int, int]]:
    with bench.store.read() as connection:
        found = findings.list_findings(connection, "collect")
    return [(f.details["rows"], f.details["usual"]) for f in found if f.code == "collect.rows.unusual"]


def test_a_number_of_rows_far_from_usual_is_told_as_long_as_the_batch_stands(bench) -> None:
    for rows in (100, 110, 105):
        write(bench, rows)
        bench("csv_files", {"folder": "."})
        assert unusual(bench) == []
    write(bench, 40)
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == [(40, 105)]
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == [(40, 105)]
    write(bench, 120)
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == []
    write(bench, 10_000)
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == [(10_000, 105)]


def test_files_that_come_at_once_are_not_compared_with_each_other_and_later_ones_are(bench) -> None:
    for n, rows in enumerate((100, 5000, 100, 100, 100, 100)):
        write(bench, rows, f"a{n}.csv")
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == []
    write(bench, 99, "b.csv")
    write(bench, 1000, "c.csv")
    bench("csv_files", {"folder": "."})
    assert unusual(bench) == [(1000, 100)]


def test_what_is_far_the_task_says(bench) -> None:
    for rows in (100, 101, 102, 140):
        write(bench, rows)
        bench("csv_files", {"folder": "."}, rows_within=0.0)
    assert unusual(bench) == []
    write(bench, 150)
    bench("csv_files", {"folder": "."}, rows_within=0.2)
    assert unusual(bench) == [(150, 102)]


def test_a_correction_that_is_added_and_taken_back_lands_each_time(bench) -> None:
    for text in ("甲", "乙", "甲", "甲"):
        (bench.folder / "x.csv").write_text(f"id,text\n1,{text}\n", encoding="utf-8")
        bench("csv_files", {"folder": "."}, retransmission="append")
    assert origins(bench) == [("x.csv", "reconciled")] * 3
    assert count(bench) == 3
