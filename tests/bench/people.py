"""A table of people, the same in every source: text, numbers with a scale, dates, moments, nothing and empty."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import sqlalchemy as sa

COLUMNS = {
    "id": "BIGINT",
    "id_number": "VARCHAR(18)",
    "name": "VARCHAR(50)",
    "sex": "SMALLINT",
    "birth": "DATE",
    "address": "VARCHAR(200)",
    "phone": "VARCHAR(20)",
    "pay": "DECIMAL(12,2)",
    "score": "DECIMAL(10,6)",
    "insured": "SMALLINT",
    "updated": "TIMESTAMP",
    "note": "VARCHAR(50)",
    "remark": "VARCHAR(100)",
}
TABLE = "person"
DATABASE = "cityloom_bench"
SERVERS = {"postgresql": "TEST_POSTGRESQL_URL", "mariadb": "TEST_MARIADB_URL"}
_ROWS = """
SELECT i AS id, '440301' || strftime(DATE '1950-01-01' + (i % 25000)::INTEGER, '%Y%m%d') || printf('%04d', i % 10000) AS id_number,
  (['王', '李', '张', '刘', '陈'])[1 + i % 5] || (['伟', '芳', '娜', '敏', '静', '秀英'])[1 + i % 6] || (i % 997) AS name,
  1 + i % 2 AS sex, DATE '1950-01-01' + (i % 25000)::INTEGER AS birth,
  '广东省深圳市南山区粤海街道' || (i % 5000) || '号' AS address, '1' || (3000000000 + i * 7) AS phone,
  ((hash(i) % 10000000) / 100)::DECIMAL(12,2) AS pay, ((hash(i + 1) % 10000000) / 1000000)::DECIMAL(10,6) AS score,
  (i % 3 = 0)::INTEGER AS insured, TIMESTAMP '2020-01-01 00:00:00.000123' + to_seconds(i) AS updated,
  CASE WHEN i % 7 <> 0 THEN md5(i::VARCHAR) END AS note, CASE WHEN i % 11 = 0 THEN '' ELSE 'x"y,' || i END AS remark
FROM range(1, {rows} + 1) t(i)
"""


def address(kind: str, database: str = DATABASE) -> sa.URL | None:
    """Where the database of a server is; ``None`` when no such server was started (``make servers``)."""
    path = Path(__file__).parents[2] / ".servers" / "env"
    lines = path.read_text().splitlines() if path.is_file() else []
    found = os.environ.get(SERVERS[kind]) or dict(line.split("=", 1) for line in lines).get(SERVERS[kind])
    return sa.make_url(found).set(database=database) if found else None


def load_postgresql(folder: Path, rows: int) -> None:
    """Into a database of its own, which replaces that of the last run."""
    url = address("postgresql", "postgres")
    assert url is not None
    with _admin(url) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {DATABASE}")
    write_text(folder / "rows.csv", rows, "NULL '', HEADER false")
    with _admin(url.set(database=DATABASE)) as connection:
        connection.exec_driver_sql(_create("TIMESTAMP"))
        driver = connection.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {TABLE} FROM STDIN (FORMAT csv)") as copy:
            for block in _blocks(folder / "rows.csv"):
                copy.write(block)
        connection.exec_driver_sql(f"VACUUM ANALYZE {TABLE}")


def load_mariadb(folder: Path, rows: int) -> None:
    """Into a database of its own, which replaces that of the last run."""
    url = address("mariadb")
    assert url is not None
    with _admin(url.set(database="mysql")) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {DATABASE}")
        connection.exec_driver_sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    write_text(folder / "rows.csv", rows, "NULL 'NULL', HEADER false")
    with _admin(url.update_query_dict({"local_infile": "1"})) as connection:
        connection.exec_driver_sql(_create("DATETIME(6)"))
        connection.exec_driver_sql(
            f"LOAD DATA LOCAL INFILE '{folder / 'rows.csv'}' INTO TABLE {TABLE} CHARACTER SET utf8mb4 "
            "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY ''"
        )
        connection.exec_driver_sql(f"ANALYZE TABLE {TABLE}")


def load_sqlite(folder: Path, rows: int) -> None:
    """Into a file."""
    with closing(sqlite3.connect(folder / "people.db")) as connection, connection:
        connection.execute(_create("TEXT"))
        picks = ", ".join(f"{n}::DOUBLE" if t.startswith("DEC") else f"{n}::VARCHAR" if t in ("DATE", "TIMESTAMP") else n for n, t in COLUMNS.items())
        found = duckdb.connect().execute(f"SELECT {picks} FROM ({_ROWS.format(rows=rows)})")
        while some := found.fetchmany(20_000):
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({', '.join('?' * len(COLUMNS))})", some)


def load_duckdb(folder: Path, rows: int) -> None:
    """Into a file."""
    with duckdb.connect(str(folder / "people.duckdb")) as connection:
        connection.execute(_create("TIMESTAMP"))
        connection.execute(f"INSERT INTO {TABLE} {_ROWS.format(rows=rows)}")


def write_text(path: Path, rows: int, options: str = "HEADER true") -> None:
    """As delimited text in UTF-8."""
    duckdb.sql(f"COPY ({_ROWS.format(rows=rows)}) TO '{path}' (FORMAT csv, {options})")


def read(rows: int) -> Callable[[int], list[tuple[object, ...]]]:
    """Some more rows at each call."""
    return duckdb.connect().execute(_ROWS.format(rows=rows)).fetchmany


def _create(moment: str) -> str:
    kinds = {**COLUMNS, "updated": moment}
    return f"CREATE TABLE {TABLE} ({', '.join(f'{n} {t}' for n, t in kinds.items())}, PRIMARY KEY (id))"


def _admin(url: sa.URL) -> sa.Connection:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block
