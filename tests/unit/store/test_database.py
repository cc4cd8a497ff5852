"""A control store is opened by many, and written wholly or not at all."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from cityloom.store.database import Store


def test_whoever_opens_a_new_file_waits_for_another_who_does(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "control.db", isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE t (x INTEGER)")
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    with store.write() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    store.close()
    release.join()
    other.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    try:
        with store.write() as connection:
            connection.exec_driver_sql("CREATE TABLE t (x INTEGER)")
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar() == 0
    store.close()
