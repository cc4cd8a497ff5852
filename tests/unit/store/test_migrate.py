"""Migrations bring any store to the form the program needs, once, and whole."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cityloom.kernel.errors import ConfigError
from cityloom.store import migrate
from cityloom.store.database import Store, metadata

DIES = """
import sys, time
from alembic import command
from cityloom.store.database import Store
from cityloom.store.migrate import upgrade

def upgrade_and_hang(config, revision, upgrade=command.upgrade):
    upgrade(config, revision)
    print("all tables made, nothing committed", flush=True)
    time.sleep(60)

command.upgrade = upgrade_and_hang
upgrade(Store(sys.argv[1]))
"""


def tables(store: Store) -> set[str]:
    with store.read() as connection:
        return set(sa.inspect(connection).get_table_names())


def test_a_migrated_store_has_the_tables_of_the_program(empty_store: Store) -> None:
    migrate.load_tables()
    migrate.upgrade(empty_store)
    with empty_store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == [], "run `make migration`"
        assert migrate.stored_revision(connection) == migrate.head_revision()


def test_a_second_upgrade_writes_nothing(empty_store: Store) -> None:
    migrate.upgrade(empty_store)
    statements: list[str] = []
    sa.event.listen(empty_store.engine, "before_cursor_execute", lambda *a: statements.append(a[2].split()[0]))
    migrate.upgrade(empty_store)
    assert set(statements) <= {"SELECT", "PRAGMA", "BEGIN", "SHOW"}


def test_upgrades_at_the_same_time_do_the_work_once(empty_store: Store) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        store = Store(empty_store.url)
        try:
            migrate.upgrade(store)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert "run" in tables(empty_store)


def test_an_upgrade_that_is_killed_leaves_the_store_as_it_was(empty_store: Store) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DIES, empty_store.url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "all tables made, nothing committed\n"
        process.kill()
    assert tables(empty_store) == set()
    migrate.upgrade(empty_store)
    assert "run" in tables(empty_store)


def test_a_store_of_a_newer_program_is_refused(empty_store: Store) -> None:
    migrate.upgrade(empty_store)
    with empty_store.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError) as caught:
        migrate.upgrade(empty_store)
    assert caught.value.code == "store.schema.newer"


def test_migrations_are_numbered_without_gaps_and_named_after_their_number() -> None:
    names = sorted(path.name for path in Path(migrate.SCRIPTS, "versions").glob("*.py"))
    assert names
    assert [name[:6] for name in names] == [f"m{number:04}_" for number in range(1, len(names) + 1)]
