"""Access: every table of real databases equal to what another program reads, values exact, damage named.

The other program is ``mdb-export`` (Debian package mdbtools); where it rounds or gives up, the difference is named here.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import random
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from tests import real_data

from cityloom.collect.connectors.access import Access
from cityloom.collect.jet.catalog import entries
from cityloom.collect.jet.pages import JetFile, _arc4
from cityloom.collect.jet.table import read_definition
from cityloom.collect.jet.values import field_text
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.store import batches
from cityloom.store.database import Store

REAL = real_data.REAL / "messy_mdb"
FILES = sorted(p.relative_to(REAL).as_posix() for p in REAL.rglob("*") if p.suffix in (".mdb", ".accdb"))
NULL = "\x01"
HEX = re.compile("([0-9a-f]{2})+")
NWIND = "mdbtools/data/nwind.mdb"
pytestmark = pytest.mark.skipif(not FILES, reason=real_data.REASON)

@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Store]:
    """One kind of store is enough: what is tested here is read before anything is stored."""
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


def connector(file: str, table: str = "", **options) -> Access:
    path = REAL / file
    return Access(folder=str(path.parent), pattern=path.name, table=table, **options)


def rows(one: Access, sink) -> list[dict[str, str | None]]:
    piece = next(one.slices({}))
    return pa.Table.from_batches(list(one.read(piece, sink))).drop_columns(["_row"]).to_pylist()


def twin(file: str, table: str) -> list[dict[str, str | None]]:
    command = ["mdb-export", "-T", "%Y-%m-%d %H:%M:%S", "-b", "hex", "-0", NULL, str(REAL / file), table]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    found = csv.DictReader(io.StringIO(done.stdout.decode(), newline=""))
    return [{k: None if v == NULL else v for k, v in row.items()} for row in found]


def close(a: str | None, b: str | None) -> bool:
    """Equal, or what the other program rounds (singles to 8 digits), writes larger (hexadecimal digits) or cannot do
    (dates before 1900)."""
    if a == b or (a and b and HEX.fullmatch(a) and a == b.lower()):
        return True
    if a is not None and b is not None and b.startswith("1900-01-00"):
        return True
    single = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")
    if a is None or b is None or not single.fullmatch(a) or not single.fullmatch(b):
        return False
    return struct.pack("<f", float(a)) == struct.pack("<f", float(b))


@pytest.mark.skipif(shutil.which("mdb-export") is None, reason="mdb-export is not installed (Debian: mdbtools)")
@pytest.mark.parametrize("file", FILES)
def test_every_table_equals_what_another_program_reads(file, sink):
    shapes = list(connector(file).tables())
    named = subprocess.run(["mdb-tables", "-1", str(REAL / file)], capture_output=True, check=True).stdout.decode()
    assert sorted(s.name for s in shapes) == sorted(named.split("\n")[:-1])
    for shape in shapes:
        one = connector(file, shape.name)
        mine, other = rows(one, sink), twin(file, shape.name)
        assert one.count(next(one.slices({}))) == shape.rows == len(mine) == len(other), shape.name
        pairs = zip(sorted(mine, key=repr), sorted(other, key=repr), strict=True)
        unequal = [(shape.name, k) for a, b in pairs for k in a if not close(a[k], b[k])]
        assert unequal == []
    assert sink.rows == []


def test_values_are_exact(sink):
    details = rows(connector(NWIND, "Order Details"), sink)
    assert details[0] == {"OrderID": "10248", "ProductID": "11", "UnitPrice": "14.0000", "Quantity": "12", "Discount": "0"}
    assert {r["Discount"] for r in details} >= {"0", "0.05", "0.15", "0.25"}
    dates = rows(connector("mdbtools/data/DateTestDatabase.mdb", "DateTest"), sink)
    assert {r["DateCol"] for r in dates} >= {"9999-01-01 00:00:00", "0633-01-01 00:00:00"}
    customers = rows(connector(NWIND, "Customers"), sink)
    assert any("\r\n" in (r["Address"] or "") for r in customers)
    assert any("ó" in (r["Address"] or "") for r in customers)


def test_a_database_lists_its_tables_with_keys_captions_and_types():
    shapes = {s.name: s for s in connector(NWIND).tables()}
    assert shapes["Order Details"].key == ("OrderID", "ProductID")
    assert shapes["Umsätze"].rows == 830
    columns = {c.name: c for c in shapes["Customers"].columns}
    assert (columns["CustomerID"].kind, columns["CustomerID"].title) == ("Text(5)", "Customer ID")
    assert columns["CompanyName"].is_required
    assert shapes["Categories"].title == "Categories of Northwind products."


def test_it_is_collected_with_a_receipt(bench):
    shutil.copy(REAL / NWIND, bench.folder / "a.mdb")
    columns = ["OrderID", "ProductID", "UnitPrice", "Quantity", "Discount"]
    result = bench.run("access", columns, {"folder": ".", "table": "Order Details"})
    assert (result.read, result.written, result.summary["reconciled"]) == (2155, 2155, True)
    total = bench.lake.engine.rows(
        f'SELECT sum(CAST("Quantity" AS BIGINT)) FROM {bench.lake.relation("raw_ga__things").sql(dialect="duckdb")}'
    )
    assert total == [(51317,)]


def test_a_table_that_is_not_there_is_named_with_those_that_are(bench):
    shutil.copy(REAL / NWIND, bench.folder / "a.mdb")
    with pytest.raises(DataError, match="Shippers") as caught:
        bench.run("access", ["a"], {"folder": ".", "table": "Customer"})
    assert caught.value.code == "collect.table.missing"
    with pytest.raises(ConfigError):
        bench.run("access", ["a"], {"folder": ".", "table": "Customers", "encoding": "gb99"})


@pytest.mark.parametrize("keep", [0.0, 0.001, 0.05, 0.5, 0.9])
@pytest.mark.parametrize("file", [NWIND, "mdbtools/data/ASampleDatabase.accdb"])
def test_a_file_that_is_cut_off_is_refused_or_whole(bench, file, keep):
    raw = (REAL / file).read_bytes()
    shape = max(connector(file).tables(), key=lambda s: s.rows or 0)
    (bench.folder / "a.mdb").write_bytes(raw[: int(len(raw) * keep)])
    try:
        result = bench.run("access", [c.name for c in shape.columns], {"folder": ".", "table": shape.name})
    except DataError as error:
        assert error.code in ("collect.access.damaged", "collect.table.missing", "collect.batch.unequal")
    else:
        assert (result.written, result.rejected) == (shape.rows, 0)


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_file_never_gives_an_unforeseen_error(bench, seed):
    raw = bytearray((REAL / "mdbtools/data/ASampleDatabase.accdb").read_bytes())
    dice = random.Random(seed)
    for _ in range(400):
        raw[dice.randrange(4096, len(raw))] = dice.randrange(256)
    (bench.folder / "a.mdb").write_bytes(raw)
    with contextlib.suppress(DataError):
        bench.run("access", ["Asset No"], {"folder": ".", "table": "Asset Items"})


def test_a_row_that_cannot_be_read_is_set_apart_with_its_bytes(bench):
    path = REAL / "mdbtools/data/ASampleDatabase.accdb"
    with JetFile(path, "a") as file:
        entry = next(e for e in entries(file) if e.name == "Asset Items")
        page = next(file.marked(read_definition(file, entry.page).usage))
        first = next(row for row in file.rows(page, entry.page) if row)
    raw = path.read_bytes()
    end = raw.index(first, page * 4096) + len(first)
    (bench.folder / "a.mdb").write_bytes(raw[: end - 4] + b"\xff\x7f" + raw[end - 2 :])
    result = bench.run("access", ["Asset No"], {"folder": ".", "table": "Asset Items"})
    assert (result.read, result.rejected) == (65, 1)
    with bench.store.read() as connection:
        one = batches.list_rejects(connection, "things")[0]
    assert one.code == "collect.access.row"
    assert one.content == {"": (first[:-4] + b"\xff\x7f" + first[-2:]).hex()}


def test_a_scrambled_file_is_read_and_an_encrypted_one_refused(bench):
    source = (REAL / "jackcess/V2000/indexTestV2000.mdb").read_bytes()
    key = 0x1234ABCD
    pages = [source[n : n + 4096] for n in range(0, len(source), 4096)]
    plain = bytearray(_arc4(bytes.fromhex("c7da396b"), pages[0][0x18 : 0x18 + 128]))
    struct.pack_into("<I", plain, 0x3E - 0x18, key)
    head = pages[0][:0x18] + _arc4(bytes.fromhex("c7da396b"), bytes(plain)) + pages[0][0x18 + 128 :]
    rest = [_arc4(struct.pack("<I", key ^ n), page) for n, page in enumerate(pages[1:], 1)]
    (bench.folder / "a.mdb").write_bytes(head + b"".join(rest))
    assert bench.run("access", ["id", "data"], {"folder": ".", "table": "Table2"}).written == 3
    (bench.folder / "a.mdb").write_bytes(head[:0x14] + b"\x02" + head[0x15:] + b"".join(rest))
    with pytest.raises(DataError) as caught:
        bench.run("access", ["id", "data"], {"folder": ".", "table": "Table2"})
    assert caught.value.code == "collect.access.locked"


def test_what_is_no_database_is_refused(tmp_path):
    (tmp_path / "a.mdb").write_bytes(b"SQLite format 3\0" * 300)
    with pytest.raises(DataError) as caught:
        JetFile(tmp_path / "a.mdb", "a.mdb")
    assert caught.value.code == "collect.access.damaged"
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "raw", "text"),
    [
        (2, b"\xff", "255"),
        (3, struct.pack("<h", -5), "-5"),
        (5, struct.pack("<q", -5), "-0.0005"),
        (6, struct.pack("<f", 16777216), "16777216"),
        (6, struct.pack("<f", 1e-7), "1e-07"),
        (7, struct.pack("<d", 0.1 + 0.2), "0.30000000000000004"),
        (8, struct.pack("<d", 36526.75), "2000-01-01 18:00:00"),
        (8, struct.pack("<d", -1.25), "1899-12-29 06:00:00"),
        (8, struct.pack("<d", 0.5000000001), "1899-12-30 12:00:00"),
        (10, "㐀𠮷".encode("utf-16-le"), "㐀𠮷"),
        (10, b"\xff\xfeab\0" + "城".encode("utf-16-le") + b"\0c", "ab城c"),
        (15, bytes(range(16)), "{03020100-0504-0706-0809-0A0B0C0D0E0F}"),
        (16, b"\x80" + struct.pack("<4I", 0, 0, 0, 1050), "-10.50"),
        (16, b"\0" + struct.pack("<4I", 1, 0, 0, 0), "792281625142643375935439503.36"),
        (19, struct.pack("<q", 2**62), str(2**62)),
        (20, b"0000000000000738944:0000000000288000001:7\0", "2024-02-29 00:00:28.8000001"),
    ],
)
def test_each_type_becomes_exact_text(kind, raw, text):
    assert field_text(kind, raw, scale=2, encoding="") == text


def test_texts_of_access_97_are_in_the_encoding_that_is_declared():
    assert field_text(10, "城市".encode("gbk"), scale=0, encoding="cp936") == "城市"
