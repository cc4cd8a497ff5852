"""Each department's files open the way such a department's files do, and lead what it leads."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from python_calamine import CalamineWorkbook

from cityloom.sample import CityManifest

People = dict[str, dict[str, Any]]
SEX = {"男": "1", "男性": "1", "1": "1", "M": "1", "女": "2", "女性": "2", "2": "2", "F": "2"}


@pytest.fixture(scope="module")
def sources(city: CityManifest, folder: Path) -> Path:
    return folder / "sources"


def _hukou(sources: Path) -> Iterator[dict[str, str]]:
    for path in sorted(sources.glob("ga/hukou_*.csv")):
        yield from csv.DictReader(io.StringIO(path.read_bytes().decode("gb18030")))


def _table(path: Path, table: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as link:
        link.row_factory = sqlite3.Row
        return link.execute(f"SELECT * FROM {table}").fetchall()


def _whole_id(value: str) -> str:
    """The 18-digit number that a soiled one stands for, whatever its check character."""
    number = unicodedata.normalize("NFKC", value).strip().upper()
    if len(number) != 15:
        return number
    body = number[:6] + "19" + number[6:]
    return (
        body
        + "10X98765432"[
            sum(
                int(c) * w
                for c, w in zip(body, (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2), strict=True)
            )
            % 11
        ]
    )


def _name(value: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", value))


def _rows(city: CityManifest, start: str) -> int:
    return sum(rows for path, rows in city.rows.items() if path.startswith(start))


def test_the_population_register_is_gb18030_by_district(city: CityManifest, sources: Path) -> None:
    header = [
        "公民身份号码",
        "姓名",
        "性别",
        "民族",
        "出生日期",
        "户籍地址",
        "行政区划",
        "人员状态",
        "变更日期",
    ]
    rows = list(_hukou(sources))
    assert len(rows) == _rows(city, "ga/") == city.records["ga.hukou"]
    assert list(rows[0]) == header
    assert {p.name[6:12] for p in sources.glob("ga/*.csv")} == {"990102", "990103", "990104"}
    assert {r["人员状态"] for r in rows} == {"正常", "注销"}
    assert {r["性别"] for r in rows} == set(SEX)


def test_the_population_register_yields_the_truth_by_its_latest_records(
    sources: Path, population: People
) -> None:
    latest: dict[str, dict[str, str]] = {}
    for row in _hukou(sources):
        number = _whole_id(row["公民身份号码"])
        if number not in latest or row["变更日期"] > latest[number]["变更日期"]:
            latest[number] = row
    wrong = 0
    for number, person in population.items():
        row = latest.get(number)
        wrong += row is None or (
            _name(row["姓名"]), SEX[row["性别"]], unicodedata.normalize("NFKC", row["户籍地址"]), row["行政区划"]
        ) != (person["name"], person["sex"], person["registered_address"], person["registered_division"])  # fmt: skip
    assert 0 < wrong / len(population) < 0.01


def test_marriage_books_have_a_title_a_two_row_header_and_a_total(city: CityManifest, sources: Path) -> None:
    books = sorted(sources.glob("mz/婚姻登记_*.xlsx"))
    assert [b.name[5:14] for b in books] == ["1950-1989", "1990-2009", "2010-2025"]
    for book in books:
        rows = CalamineWorkbook.from_path(book).get_sheet_by_index(0).to_python(skip_empty_area=False)
        assert rows[0][0] == "云澜市婚姻登记台账"
        assert rows[1] == ["登记证号", "登记类型", "登记日期", "男方", "", "女方", ""]
        assert rows[2] == ["", "", "", "姓名", "证件号码", "姓名", "证件号码"]
        assert rows[-1][:2] == ["合计", len(rows) - 4]
        assert city.rows[f"mz/{book.name}"] == len(rows) - 4


def test_the_registers_of_marriages_and_deaths_yield_the_marital_state(
    sources: Path, population: People
) -> None:
    last: dict[str, tuple[str, str, str]] = {}
    dead = {}
    for row in _book(sources, "殡葬_*.xlsx", 2):
        dead[_whole_id(row[2])] = _iso(row[3])
    for row in _book(sources, "婚姻登记_*.xlsx", 3, -1):
        man, woman = _whole_id(row[4]), _whole_id(row[6])
        for own, other in ((man, woman), (woman, man)):
            last[own] = max(last.get(own, ("", "", "")), (_iso(row[2]), row[1][:2], other))
    wrong = 0
    for number, person in population.items():
        _, kind, other = last.get(number, ("", "", ""))
        is_widowed = dead.get(other, "9") < dead.get(number, "8")
        state = "10" if not kind else "40" if kind == "离婚" else "30" if is_widowed else "20"
        wrong += state != person["marital_state"] or dead.get(number) != person["death_date"]
    assert wrong / len(population) < 0.01


def _book(sources: Path, pattern: str, top: int, end: int | None = None) -> Iterator[list[str]]:
    for path in sorted(sources.glob(f"mz/{pattern}")):
        yield from (
            CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)[top:end]
        )


def _iso(value: str) -> str:
    parts = re.findall(r"\d+", value)
    if len(parts) == 1:
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    return f"{parts[0]}-{int(parts[1]):02d}-{int(parts[2]):02d}"


def test_visits_are_ten_daily_files_with_quotes(city: CityManifest, sources: Path) -> None:
    files = sorted(sources.glob("wj/visits/visit_*.csv"))
    assert [f.stem for f in files] == [f"visit_202512{d}" for d in range(22, 32)]
    rows = [r for f in files for r in csv.DictReader(io.StringIO(f.read_text(encoding="utf-8")))]
    assert list(rows[0]) == ["visit_no", "id_no", "name", "phone", "address", "visit_date", "dept"]
    assert len(rows) == city.records["wj.visits"]
    assert any("-" in r["phone"] for r in rows) and any(not r["id_no"] for r in rows)


def test_the_insured_table_yields_employer_and_state_by_its_latest_rows(
    sources: Path, population: People
) -> None:
    latest: dict[str, sqlite3.Row] = {}
    for row in sorted(
        _table(sources / "rs/shebao.db", "insured"), key=lambda r: r["aae036"].replace("/", "-")
    ):
        latest[_whole_id(row["aac002"])] = row
    insured = {k: p for k, p in population.items() if p["insured_state"]}
    wrong = 0
    for number, person in insured.items():
        found = latest.get(number)
        truth = (person["insured_state"], person["employer_uscc"] or "")
        wrong += found is None or (found["aac008"], found["aab001"]) != truth
    assert 0 < wrong / len(population) < 0.01
    assert set(latest) & set(population) <= set(insured)


def test_births_have_true_parents(sources: Path, population: People) -> None:
    rows = _table(sources / "wj/births.sqlite", "births")
    assert rows
    for row in rows:
        assert population[row["mother_id"]]["sex"] == "2"
        assert not row["father_id"] or population[row["father_id"]]["sex"] == "1"
        assert row["updated_at"][:10] >= row["birth_time"][:10].replace("/", "-")


def test_firms_are_xml_in_archives_and_yield_the_truth(
    city: CityManifest, sources: Path, firms: People
) -> None:
    states = {"存": "1", "在": "1", "开": "1", "注": "2", "已": "2", "吊": "3"}
    latest: dict[str, Any] = {}
    for path in sorted(sources.glob("sj/firms_*.zip")):
        with zipfile.ZipFile(path) as archive:
            tree = etree.fromstring(archive.read(archive.namelist()[0]))
        assert len(tree) == city.rows[f"sj/{path.name}"]
        for firm in tree.iterfind("firm"):
            key = _name(firm.findtext("uscc"))
            if key not in latest or firm.findtext("updated") > latest[key].findtext("updated"):
                latest[key] = firm
    wrong = 0
    for uscc, truth in firms.items():
        firm = latest.get(uscc)
        wrong += firm is None or (
            firm.findtext("name").strip(), unicodedata.normalize("NFKC", firm.findtext("address")), states[firm.findtext("status")[0]],
            firm.findtext("legalRep/name"), firm.findtext("legalRep/idNo"), firm.findtext("industry").replace("-", ""),
        ) != (truth["name"], truth["address"], truth["status"], truth["legal_rep_name"], truth["legal_rep_id"], truth["industry"])  # fmt: skip
    assert wrong / len(firms) < 0.015  # few firms here; below 1 % in a large city


def test_houses_are_semicolon_separated_with_a_byte_order_mark(city: CityManifest, sources: Path) -> None:
    content = (sources / "zj/fangwu_001.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))
    assert len(rows) == city.records["zj.houses"]
    assert list(rows[0]) == [
        "房屋编码",
        "产权证号",
        "权利人",
        "证件号码",
        "坐落",
        "建筑面积",
        "登记日期",
        "是否自住",
    ]
    assert any(float(r["建筑面积"]) <= 0 for r in rows)


def test_taxpayers_are_utf_16_with_tabs(city: CityManifest, sources: Path) -> None:
    content = (sources / "sw/taxpayers_001.csv").read_bytes()
    assert content.startswith(b"\xff\xfe")
    rows = list(csv.reader(io.StringIO(content.decode("utf-16")), delimiter="\t"))
    assert rows[0] == ["纳税人识别号", "纳税人名称", "注册地址", "法定代表人", "状态", "登记日期"]
    assert len(rows) - 1 == city.records["sw.taxpayers"]
    assert {len(r) for r in rows} == {6}


def test_a_full_file_is_followed_by_the_next_part(tmp_path: Path) -> None:
    import pyarrow as pa

    from cityloom.sample.writers import BookFiles, BookForm, LineFiles

    lines = LineFiles(tmp_path, "x_{target}_{part}.csv", "h", limit=2)
    lines.write("a", pa.record_batch({"line": ["1", "2", "3"]}))
    lines.write("b", pa.record_batch({"line": ["4"]}))
    lines.write("a", pa.record_batch({"line": ["5", "6"]}))
    assert lines.close() == {"x_a_001.csv": 2, "x_a_002.csv": 2, "x_b_001.csv": 1, "x_a_003.csv": 1}
    assert (tmp_path / "x_a_002.csv").read_text() == "h\n3\n5\n"
    books = BookFiles(tmp_path, "y_{part}.xlsx", BookForm("t", "s", ("p", "q")), limit=1)
    books.write("", pa.record_batch({"c1": ["1", "2"], "c2": ["3", "4"]}))
    assert books.close() == {"y_001.xlsx": 1, "y_002.xlsx": 1}
