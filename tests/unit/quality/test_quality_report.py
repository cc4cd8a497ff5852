"""The quality report: figures at the end of a period, and the same in every form."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from lxml import html

from cityloom.kernel.clock import iso
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import use_language
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.cause import Cause, Condition
from cityloom.model.city import City, CityName
from cityloom.model.department import Department
from cityloom.model.order import Order, OrderMove
from cityloom.model.quality import Assessment, RuleResult
from cityloom.model.report import QualityReport
from cityloom.model.resource import Item, Resource
from cityloom.model.scoring import Scoring
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.quality.report.build import WHOLE_TABLE, Wish, build, column_titles
from cityloom.quality.report.evidence import evidence_of
from cityloom.quality.report.html import profiles_to_html, to_html
from cityloom.quality.report.pdf import to_pdf
from cityloom.quality.report.period import earlier, month_of, period_of
from cityloom.quality.report.standing import Records
from cityloom.quality.report.xlsx import to_xlsx
from cityloom.quality.score import scores_of
from cityloom.store.batches import put_batch
from cityloom.store.database import Store, metadata
from cityloom.store.orders import add_order_move, put_order
from cityloom.store.quality import put_assessment

NOW = "2026-03-20T00:00:00.000000Z"
WHERE = (Condition(column="district", kind="value", values=("朝阳 & <b>",)),)
CAUSE = Cause(conditions=WHERE, rows=50, broken=40, all_rows=1000, all_broken=60, chance=1e-9)


def resource(name: str, department: str, importance: float = 1.0) -> Resource:
    items = (Item(name="phone", column="p", title=Title("联系电话", "Telephone")), Item(name="district", column="d", title=Title("区划", "District")))
    title = Title(f"{name}登记信息", f"Register {name}")
    task = CollectionTask(source="files")
    return Resource(
        name=name, department=department, title=title, abstract=title, category="x", items=items, collect=task, importance=importance
    )


CITY = City(
    cities={"c": CityName(name="c", title=Title("云澜市", "Yunlan"), scoring=Scoring(green=0.95, yellow=0.8))},
    departments={d: Department(name=d, title=Title(f"{d}局", f"Bureau {d}")) for d in ("ga", "mz", "sj")},
    resources={r.name: r for r in (resource("a", "ga", 3), resource("b", "ga"), resource("c", "mz"), resource("d", "ga"))},
)


def assessment(name: str, version: int, at: str, broken: int, phase: str = "before") -> Assessment:
    results = (
        RuleResult(
            rule="phone.missing", plugin="missing", dimension="completeness", columns=("phone",), weight=2, severity="high",
            checked=1000, broken=broken, score=1 - broken / 1000,
        ),
        RuleResult(
            rule="phone.format", plugin="format", dimension="conformity", columns=("phone",), weight=1, severity="low",
            checked=1000, broken=0, score=1.0,
        ),
    )  # fmt: skip
    return Assessment(
        resource=name, phase=phase, table=f"raw_ga__{name}", version=version, rows=1000, at=at, results=results, scores=scores_of(results)
    )


def order(name: str, opened: str, deadline: str, *moves: tuple[str, str, str]) -> tuple[Order, list[OrderMove]]:
    state = moves[-1][1] if moves else "sent"
    made = Order(
        id=name, kind="quality", department="ga", resource="a", cause="phone.missing", opened_at=opened, changed_at=opened, deadline=deadline,
        state=state, broken=60, closed_at=moves[-1][2] if state == "closed" else None,
    )  # fmt: skip
    told = [OrderMove(order=name, verb="send", source="", target="sent", actor="rule", at=opened)]
    return made, [*told, *(OrderMove(order=name, verb=v, source="", target=t, actor="x", at=at) for v, t, at in moves)]


ORDERS = (
    order("o_closed", "2026-03-02T00:00:00.000000Z", "2026-03-09T00:00:00.000000Z", ("fix", "fixed", "2026-03-04T00:00:00.000000Z"), ("close", "closed", "2026-03-10T00:00:00.000000Z")),
    order("o_late", "2026-03-05T00:00:00.000000Z", "2026-03-12T00:00:00.000000Z"),
    order("o_later", "2026-02-05T00:00:00.000000Z", "2026-12-12T00:00:00.000000Z", ("close", "closed", "2026-04-02T00:00:00.000000Z")),
    order("o_next", "2026-04-05T00:00:00.000000Z", "2026-04-12T00:00:00.000000Z"),
)


@pytest.fixture
def records(tmp_path: Path, lake: Lake) -> Any:
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
        put_assessment(connection, assessment("a", 1, "2026-02-10T00:00:00.000000Z", 200))
        put_assessment(connection, assessment("a", 2, "2026-03-10T00:00:00.000000Z", 60))
        put_assessment(connection, assessment("a", 3, "2026-04-10T00:00:00.000000Z", 900))
        put_assessment(connection, assessment("a", 2, "2026-03-10T01:00:00.000000Z", 1, "after"))
        put_assessment(connection, assessment("b", 1, "2026-01-10T00:00:00.000000Z", 0))
        put_assessment(connection, assessment("c", 1, "2026-03-11T00:00:00.000000Z", 0))
        for made, moves in ORDERS:
            put_order(connection, made)
            for move in moves:
                add_order_move(connection, move)
    with store.read() as connection:
        yield Records(CITY, connection, lake, NOW)
    store.close()


def made(records: Records, department: str = "ga", period: str = "2026-03") -> QualityReport:
    def look(name: str, rule: str) -> Any:
        return ((("b_1", 7), ("b_1", 9)), (CAUSE,))

    return build(Wish(department=department, period=period_of(period), look=look), records)


def test_periods_are_months_quarters_and_years_of_the_city() -> None:
    assert period_of("2026-03").start == "2026-02-28T16:00:00.000000Z"
    assert period_of("2026-03").end == "2026-03-31T16:00:00.000000Z"
    assert (period_of("2026-q4").name, period_of("2026").end) == ("2026-Q4", "2026-12-31T16:00:00.000000Z")
    assert [p.name for p in earlier(period_of("2026-02"), 3)] == ["2025-12", "2026-01", "2026-02"]
    assert [p.name for p in earlier(period_of("2026-Q1"), 2)] == ["2025-Q4", "2026-Q1"]
    assert month_of(datetime(2026, 1, 31, 20, tzinfo=UTC)).name == "2026-02"
    with pytest.raises(UserError, match="no period"):
        period_of("2026-13")


def test_scores_are_those_at_the_end_of_the_period_with_the_change(records: Records) -> None:
    report = made(records)
    tables = {t.name: t for t in report.tables}
    # completeness 0.94, conformity 1, accessibility 0 (not mounted)
    assert tables["a"].score == pytest.approx((0.94 + 1 + 0) / 3, abs=1e-4)
    assert tables["a"].before == pytest.approx((0.8 + 1 + 0) / 3, abs=1e-4)
    assert tables["a"].after is not None
    assert tables["b"].after is None
    lines = {line.name: line for line in report.lines}
    assert lines["completeness"].score == pytest.approx((3 * 0.94 + 1) / 4)
    assert lines["completeness"].change == pytest.approx((3 * 0.94 + 1) / 4 - (3 * 0.8 + 1) / 4, abs=1e-4)
    assert [str(t) for t in report.missing] == ["Register d"]


def test_lights_follow_the_citys_thresholds(records: Records) -> None:
    assert {line.name: line.light for line in made(records).lines}["completeness"] == "green"
    (rule,) = made(records).rules
    assert (rule.light, rule.broken, rule.before) == ("yellow", 60, 0.8)
    assert (rule.examples[0], rule.causes) == (("b_1", 7), (CAUSE,))


def test_the_trend_has_a_point_for_each_period_that_knew_something(records: Records) -> None:
    trend = dict(made(records).trend)
    assert list(trend)[-3:] == ["2026-01", "2026-02", "2026-03"]
    assert trend["2025-12"] is None
    assert trend["2026-03"] == made(records).lines[0].score


def test_orders_stand_as_they_did_at_the_end_of_the_period(records: Records) -> None:
    report = made(records)
    sums = report.sums
    assert (sums.opened, sums.closed, sums.open, sums.overdue, sums.mean_days) == (2, 1, 2, 1, 2.0)
    assert [o.id for o in report.orders] == ["o_late", "o_later", "o_closed"]


def test_departments_stand_beside_each_other(records: Records) -> None:
    found = made(records).departments
    assert [(d.name, d.rank, d.is_own) for d in found] == [("mz", 1, False), ("ga", 2, True)]


def test_an_unknown_department_is_named(records: Records) -> None:
    with pytest.raises(UserError, match="no department xx"):
        made(records, "xx")


def test_a_department_without_data_has_a_report_that_says_so(records: Records) -> None:
    report = made(records, "sj")
    assert report.total is None
    assert "Nothing of this department was assessed" in to_html(report, {})
    assert to_pdf(report, {}).startswith(b"%PDF")
    assert to_xlsx(report, {})


def test_the_page_needs_nothing_from_outside_and_escapes(records: Records) -> None:
    text = to_html(made(records), {"a": {"district": "区划"}})
    tree = html.fromstring(text)
    assert not tree.xpath("//script | //link | //img | //iframe")
    assert not re.search(r"(?:src|href)=\"(?!#)|url\(|@import|https?://", text)
    assert "朝阳 &amp; &lt;b&gt;" in text
    assert tree.xpath("count(//svg[@role='img'])") == 1
    assert tree.get("lang") == "en"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_paper_has_its_font_and_text_that_can_be_copied(records: Records, language: str) -> None:
    with use_language(language):
        content = to_pdf(made(records), {"a": {"district": "区划"}})
    document = pypdfium2.PdfDocument(content)
    text = "".join(page.get_textpage().get_text_range() for page in document)
    assert "phone.missing" in text
    assert "b_1 : 7" in text
    assert ("a登记信息" in text) if language == "zh" else ("Register a" in text)
    assert b"/FontFile2" in content
    assert len(content) < 200_000
    document.close()


def test_the_workbook_holds_every_table_and_no_formula(records: Records) -> None:
    report = made(records)
    named = replace(report, rules=tuple(replace(r, rule="=cmd|'/C calc'!A0") for r in report.rules))
    with zipfile.ZipFile(io.BytesIO(to_xlsx(named, {}))) as book:
        sheets = [n for n in book.namelist() if n.startswith("xl/worksheets/sheet")]
        texts = book.read("xl/sharedStrings.xml").decode()
        assert len(sheets) == 10
        assert "=cmd|" in texts
        assert all(b"<f>" not in book.read(name) for name in sheets)


def batch(number: int, at: datetime, state: str = "reconciled") -> Batch:
    moment = iso(at)
    return Batch(id=f"b_{number}", resource="a", origin="o", digest="", state=state, started_at=moment, ended_at=moment)


def test_cycles_without_data_and_failed_attempts_are_evidence() -> None:
    daily = replace(CITY.resources["a"], cycle="day")
    days = [batch(n, datetime(2026, 3, n, 3, tzinfo=UTC)) for n in (2, 3, 6)]
    failed = batch(9, datetime(2026, 3, 7, 3, tzinfo=UTC), "failed")
    found = {e.name: (e.good, e.whole) for e in evidence_of(daily, [*days, failed], period_of("2026-03"), "2026-03-08T03:00:00.000000Z", is_mounted=True)}
    assert found == {"on_time": (3, 6), "reached": (3, 4), "mounted": (1, 1)}
    monthly = replace(daily, cycle="month")
    assert {e.name: (e.good, e.whole) for e in evidence_of(monthly, days, period_of("2026-Q1"), "2026-05-08T00:00:00.000000Z", is_mounted=False)} == {
        "on_time": (1, 1),
        "reached": (3, 3),
        "mounted": (0, 1),
    }


def test_a_resource_without_batches_has_no_timeliness_yet() -> None:
    assert [e.name for e in evidence_of(CITY.resources["a"], [], period_of("2026-03"), NOW, is_mounted=False)] == ["mounted"]


def test_batches_are_read_from_the_store(records: Records, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'other.db'}")
    with store.write() as connection:
        metadata.create_all(connection)
        put_batch(connection, batch(1, datetime(2026, 3, 2, tzinfo=UTC)))
        assert [b.id for b in Records(CITY, connection, records.lake, NOW).batches("a")] == ["b_1"]
    store.close()


def test_a_rule_on_no_item_looks_at_the_whole_table() -> None:
    one = CITY.resources["a"]
    rules = assessment("a", 1, "2026-03-10T00:00:00.000000Z", 0).results
    assert column_titles(rules[0], one) == (one.items[0].title,)
    table = replace(rules[0], rule="table.row_count", plugin="row_count", columns=())
    assert [str(t) for t in column_titles(table, one)] == [str(WHOLE_TABLE)]


def test_a_page_of_no_profiles_says_how_to_make_one() -> None:
    page = profiles_to_html([], Title("全市", "All"))
    assert "cityloom quality profile" in page
    assert "<table" not in page
