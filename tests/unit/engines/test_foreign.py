"""A foreign database file: what a closing does to a query that another thread runs."""

import threading
from pathlib import Path

import duckdb
import pytest

from cityloom.engines.foreign import DuckDBFile
from cityloom.kernel.errors import SourceError

ENDLESS = "SELECT sum(sin(a.range) * b.range) FROM range(1000000000) a, range(1000) b"


@pytest.fixture
def file(tmp_path: Path) -> DuckDBFile:
    path = tmp_path / "f.duckdb"
    with duckdb.connect(str(path)) as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS a")
    return DuckDBFile(path, "f")


def test_closing_ends_what_another_thread_runs(file: DuckDBFile) -> None:
    caught: list[SourceError] = []
    begun = threading.Event()

    def ask() -> None:
        begun.set()
        try:
            while True:  # so that no closing can fall between two queries and find nothing to end
                file.rows(ENDLESS)
        except SourceError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(30)
    file.close()
    thread.join(60)
    assert not thread.is_alive()
    assert [e.code for e in caught] == ["engine.file.closed"]
    with pytest.raises(SourceError):
        file.rows("SELECT 1")


def test_closing_ends_a_stream_that_nobody_reads_on(file: DuckDBFile) -> None:
    stream = file.batches("SELECT range AS a FROM range(1000000)", 1000)
    assert next(stream).num_rows == 1000
    file.close()
    file.close()
