"""Data standards live from a proposal over two reviews into force, and out of it; their tables come and go as files."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from cityloom.content.problems import ContentError
from cityloom.content.yaml import write_yaml
from cityloom.flows import conformance, exchange, mappings
from cityloom.flows import standards as flow
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.config import load_settings
from cityloom.kernel.errors import DataError, DeniedError, UserError
from cityloom.store import audit
from cityloom.store.database import metadata
from cityloom.store.migrate import load_tables
from cityloom.store.standards import list_moves

CITY = """\
kind: department
name: dsj
title: {zh: 大数据局, en: Data authority}
---
kind: department
name: ga
title: {zh: 公安, en: Police}
---
kind: department
name: jy
title: {zh: 教育, en: Education}
---
kind: account
name: dsj.steward
title: {zh: 管家, en: Steward}
department: dsj
roles: [steward]
---
kind: account
name: ga.owner
title: {zh: 公安, en: Police}
department: ga
roles: [owner]
---
kind: account
name: jy.owner
title: {zh: 教育, en: Education}
department: jy
roles: [owner]
---
kind: source
name: files
title: {zh: 文件, en: Files}
department: jy
connector: csv_files
---
kind: resource
name: pupils
department: jy
title: {zh: 学生, en: Pupils}
abstract: {zh: 学生, en: Pupils}
category: 教育
sharing: {attribute: unconditional}
data_set: pupil
key: [name]
items:
  - {name: name, column: 姓名, title: {zh: 姓名, en: Name}, element: person_name}
  - {name: sex, column: xb, title: {zh: 性别, en: Sex}, element: sex}
  - {name: house, column: 宿舍, title: {zh: 宿舍, en: House}}
collect: {source: files}
rules:
  - {rule: sex_told, columns: [sex]}
cleaning:
  - {name: sex_known, rule: missing, columns: [sex], severity: low}
---
kind: business_rule
name: sex_told
title: {zh: 性别已说明, en: Sex is told}
owner: jy
rules:
  - {rule: missing, dimension: completeness}
  - {name: known, rule: domain, dimension: conformity, options: {values: ["1", "2"]}}
---
kind: business_rule
name: sex_code
title: {zh: 性别代码, en: Code of sex}
rules:
  - {rule: code, dimension: conformity, options: {codes: sex}}
---
kind: data_set
name: pupil
identifier: DS-1
title: {zh: 学生, en: Pupil}
definition: {zh: 学生, en: Pupil}
standard: own
fields:
  - {element: person_name, name: name, is_key: true, is_mandatory: true}
  - {element: birth_date, is_mandatory: true}
---
kind: term
name: pupil
title: {zh: 学生, en: Pupil}
definition: {zh: 在校学习的人。, en: Who learns at school.}
elements: [person_name]
"""
HOUSE = """\
kind: code_table
name: house
title: {zh: 宿舍楼, en: Houses}
standard: own
codes:
  - {code: "1", title: {zh: 一号楼, en: House 1}, variants: ["a|b", " c"]}
  - {code: "2", title: {zh: 二号楼, en: House 2}, parent: "1", valid_from: "2020-01-01"}
---
kind: element
name: house
identifier: E-1
title: {zh: 宿舍楼, en: House}
definition: {zh: 宿舍楼, en: House}
representation: n1
standard: own
codes: house
steps:
  - {step: map_code, options: {codes: house, own: {"东楼": "1"}}}
"""


@pytest.fixture
def workspace(tmp_path: Path, clock: FixedClock) -> Iterator[Workspace]:
    made = open_workspace(load_settings(workspace=tmp_path / "ws"), clock=clock)
    load_tables()
    with made.store.write() as connection:
        metadata.create_all(connection)
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / "all.yml").write_text(CITY, encoding="utf-8")
    apply(made, tmp_path / "content", actor="dsj.steward")
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house.yml"
    path.write_text(HOUSE, encoding="utf-8")
    return path


def approve(workspace: Workspace, name: str, kind: str | None = None) -> None:
    flow.review(workspace, name, "technical", is_approved=True, words="", actor="dsj.steward", kind=kind)
    flow.review(workspace, name, "department", is_approved=True, words="", actor="jy.owner", kind=kind)


def published(workspace: Workspace, house: Path) -> None:
    flow.propose_file(workspace, house, actor="ga.owner")
    for kind in ("code_table", "element"):
        approve(workspace, "house", kind)
        flow.publish(workspace, "house", actor="dsj.steward", kind=kind)


def test_a_standard_comes_into_force_after_two_reviews(workspace: Workspace, house: Path) -> None:
    flow.propose_file(workspace, house, actor="ga.owner", words="new houses")
    assert "house" not in workspace.city.codes
    with pytest.raises(UserError, match="lacks a review: technical, department"):
        flow.publish(workspace, "house", actor="dsj.steward", kind="code_table")
    approve(workspace, "house", "code_table")
    flow.publish(workspace, "house", actor="dsj.steward", kind="code_table")
    assert workspace.city.codes["house"].codes[0].variants == ("a|b", " c")
    with workspace.store.read() as connection:
        moves = list_moves(connection, "code_table", "house")
        events = audit.list_events(connection, kind="standard.moved")
    assert [m.verb for m in moves] == ["write", "submit", "approve_technical", "approve_department", "publish"]
    assert (moves[0].words, moves[3].department) == ("new houses", "jy")
    assert {e.event.actor for e in events} == {"ga.owner", "dsj.steward", "jy.owner"}


def test_neither_author_nor_one_person_reviews_alone(workspace: Workspace, house: Path) -> None:
    flow.propose_file(workspace, house, actor="ga.owner")
    with pytest.raises(DeniedError, match="wrote at this version"):
        flow.review(workspace, "house", "department", is_approved=True, words="", actor="ga.owner", kind="element")
    with pytest.raises(DeniedError, match="may not"):
        flow.review(workspace, "house", "technical", is_approved=True, words="", actor="jy.owner", kind="element")
    with pytest.raises(DeniedError, match="may not publish"):
        flow.publish(workspace, "house", actor="jy.owner", kind="element")
    with pytest.raises(UserError, match="several kinds"):
        flow.review(workspace, "house", "technical", is_approved=True, words="", actor="dsj.steward")


def test_a_rejection_says_why_and_the_version_is_written_anew(workspace: Workspace, house: Path) -> None:
    flow.propose_file(workspace, house, actor="ga.owner")
    with pytest.raises(UserError, match="says why"):
        flow.review(workspace, "house", "technical", is_approved=False, words="", actor="dsj.steward", kind="element")
    one = flow.review(workspace, "house", "technical", is_approved=False, words="unit?", actor="dsj.steward", kind="element")
    assert one.state == "draft"
    with pytest.raises(UserError, match="No version of house is in_review"):
        flow.publish(workspace, "house", actor="dsj.steward", kind="element")
    again = flow.propose_file(workspace, house, actor="jy.owner")
    assert {v.number for v in again} == {1}
    assert again[1].authors == ("ga.owner", "jy.owner")
    with pytest.raises(DeniedError, match="wrote at this version"):
        flow.review(workspace, "house", "department", is_approved=True, words="", actor="jy.owner", kind="element")


def test_a_published_version_never_changes(workspace: Workspace, house: Path, tmp_path: Path) -> None:
    published(workspace, house)
    with pytest.raises(UserError, match="never changes"):
        flow.propose_file(workspace, house, actor="ga.owner")
    apply(workspace, tmp_path / "content", actor="dsj.steward")
    assert "house" in workspace.city.elements
    (tmp_path / "content" / "house.yml").write_text(HOUSE.replace("二号楼", "三号楼"), encoding="utf-8")
    with pytest.raises(ContentError, match="published as version 1.0"):
        apply(workspace, tmp_path / "content", actor="dsj.steward")


def test_a_new_version_takes_the_place_of_the_old_one(workspace: Workspace, house: Path, tmp_path: Path) -> None:
    published(workspace, house)
    kind, body = flow.revised(workspace, "house", "code_table")
    assert (kind, body["version"]) == ("code_table", "1.1")
    text = HOUSE.split("---")[0].replace("二号楼", "乙楼") + 'version: "1.1"\n'
    house.write_text(text, encoding="utf-8")
    flow.propose_file(workspace, house, actor="ga.owner")
    found = flow.compare(workspace, "house", None, None, "code_table")
    assert {(d.path, d.before, d.after) for d in found} == {
        ("codes[2 2020-01-01].title.zh", "二号楼", "乙楼"),
        ("version", None, "1.1"),
    }
    assert workspace.city.codes["house"].codes[1].title.zh == "二号楼"
    approve(workspace, "house", "code_table")
    flow.publish(workspace, "house", actor="dsj.steward", kind="code_table")
    assert workspace.city.codes["house"].codes[1].title.zh == "乙楼"
    states = [(v.version, v.state) for v in flow.versions_of(workspace, "house", "code_table")]
    assert states == [("1.0", "superseded"), ("1.1", "published")]


def test_what_is_used_is_not_retired(workspace: Workspace, house: Path) -> None:
    published(workspace, house)
    with pytest.raises(UserError, match="still used: element house"):
        flow.retire(workspace, "house", actor="dsj.steward", kind="code_table")
    flow.retire(workspace, "house", actor="dsj.steward", kind="element", words="no houses any more")
    flow.retire(workspace, "house", actor="dsj.steward", kind="code_table")
    assert "house" not in workspace.city.elements
    assert flow.versions_of(workspace, "house", "element")[0].state == "retired"


def test_impact_tells_what_hangs_on_a_standard(workspace: Workspace) -> None:
    found = {(t.kind, t.name, t.part) for t in flow.touched(workspace, "sex", kind="code_table")}
    assert {("element", "sex", ""), ("item", "pupils", "sex"), ("step", "pupils", "sex"), ("resource", "pupils", "")} <= found
    by_name = flow.touched(workspace, "person_name")
    assert {(t.kind, t.name) for t in by_name} >= {("data_set", "pupil"), ("term", "pupil"), ("item", "pupils")}
    assert flow.touched(workspace, "country") == ()
    assert {("business_rule", "sex_code", "code"), ("cleaning", "pupils", "sex"), ("rule", "pupils", "sex")} <= found
    of_code = {(t.kind, t.name, t.part) for t in flow.touched(workspace, "sex", kind="code_table", code="1")}
    assert ("business_rule", "sex_told", "known") in of_code
    assert ("business_rule", "sex_told", "known") not in found
    with pytest.raises(UserError, match="has no code 7"):
        flow.touched(workspace, "sex", kind="code_table", code="7")
    with pytest.raises(UserError, match="no data standard nothing"):
        flow.touched(workspace, "nothing")


def test_impact_counts_the_rows_that_hold_a_code_that_ends(workspace: Workspace, tmp_path: Path) -> None:
    rows = pa.table({"name": list("abcde"), "sex": ["1", "9", "9", None, "9"], "_current": [True, True, True, True, False]})
    workspace.lake.append(workspace.city.resource("pupils").std_table, rows.to_batches(), part="b", schema=rows.schema)

    def counts(code: str | None = None) -> list[tuple[str, str, int, int, int]]:
        found = flow.held(workspace, "sex", kind="code_table", code=code)
        return [(h.resource, h.item, h.rows, h.all_rows, h.codes) for h in found]

    assert counts("9") == [("pupils", "sex", 2, 4, 1)]
    assert counts("2") == []
    assert counts() == []
    assert flow.held(workspace, "person_name") == ()
    kind, body = flow.revised(workspace, "sex", "code_table")
    codes = [code for code in body["codes"] if code["code"] != "9"]
    write_yaml(tmp_path / "sex.yml", [(kind, {**body, "codes": codes})])
    flow.propose_file(workspace, tmp_path / "sex.yml", actor="ga.owner")
    assert counts() == [("pupils", "sex", 2, 4, 1)]


@pytest.mark.parametrize("suffix", ["xlsx", "json"])
def test_what_is_written_is_read_back_the_same(workspace: Workspace, house: Path, tmp_path: Path, suffix: str) -> None:
    published(workspace, house)
    target = tmp_path / f"standards.{suffix}"
    assert exchange.export(workspace, target) == len(workspace.city.elements) + len(workspace.city.codes) + 2
    done = exchange.bring_in(workspace, target, actor="ga.owner", only_plan=True)
    assert {one.action for one in done.incoming} == {"same"}
    assert not done.mistakes
    assert len(done.incoming) == len(workspace.city.elements) + len(workspace.city.codes) + 2


def test_the_whole_library_survives_a_workbook(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "library.xlsx"
    names = ["citizen_id", "sex", "people", "registered_capital", "family_relation", "aqi"]
    count = exchange.export(workspace, target, names=names, is_library=True)
    assert count == 9
    done = exchange.bring_in(workspace, target, actor="dsj.steward", is_applied=True)
    assert not done.mistakes
    again = exchange.bring_in(workspace, target, actor="dsj.steward", only_plan=True)
    assert {one.action for one in again.incoming} == {"same"}


def test_wrong_rows_are_told_with_their_place_and_the_others_stay(workspace: Workspace, tmp_path: Path) -> None:
    import xlsxwriter

    target = tmp_path / "wrong.xlsx"
    with xlsxwriter.Workbook(target) as book:
        page = book.add_worksheet("数据元")
        page.write_row(0, 0, ["标识符", "名称", "中文名称", "定义", "表示", "来源标准", "代码表", "质量规则", "颜色"])
        page.write_row(1, 0, ["E-1", "good", "好", "好", "a..10", "own", "", "", ""])
        page.write_row(2, 0, ["E-2", "", "无名", "无名", "a..10", "own", "", "", ""])
        page.write_row(3, 0, ["E-3", "lost", "迷", "迷", "a..10", "own", "nowhere", "", ""])
        page.write_row(4, 0, ["E-4", "broken", "坏", "坏", "a..10", "own", "", "{", ""])
        page = book.add_worksheet("代码")
        page.write_row(0, 0, ["所属代码表", "代码", "中文名称"])
        page.write_row(1, 0, ["nobody", "1", "一"])
    done = exchange.bring_in(workspace, target, actor="ga.owner")
    assert done.taken == 1
    assert [one.name for one in done.incoming] == ["good"]
    places = {(m.sheet, m.row, m.column) for m in done.mistakes}
    head = {"数据元", "Elements"}
    assert {(row, column) for sheet, row, column in places if sheet in head} == {(1, "颜色"), (3, "Name"), (4, "codes"), (5, "Rules")}
    assert ("Codes", 2, "Code table") in places
    assert flow.versions_of(workspace, "good")[0].state == "in_review"


def test_other_files_are_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="no JSON of standards"):
        exchange.bring_in(workspace, tmp_path / "a.json", actor="ga.owner")
    with pytest.raises(UserError, match="neither"):
        exchange.bring_in(workspace, (tmp_path / "a.json").rename(tmp_path / "a.csv"), actor="ga.owner")
    exchange.template(tmp_path / "template.xlsx")
    done = exchange.bring_in(workspace, tmp_path / "template.xlsx", actor="ga.owner")
    assert (done.incoming, done.mistakes) == ((), ())


def test_what_a_resource_lacks_of_its_data_set_standard(workspace: Workspace) -> None:
    found = conformance.compare(workspace, ["pupils"])
    assert {(g.item, g.problem) for g in found.gaps} == {
        ("name", "required"), ("birth_date", "missing"), ("sex", "other"), ("house", "other"),
    }  # fmt: skip
    city = found.shares[-1]
    assert (city.items, city.bound, city.conforming) == (3, 2, 1)
    assert [one.name for one in found.items] == [True, False, None]


def test_decisions_are_learnt_from(workspace: Workspace) -> None:
    before = mappings.suggest(workspace, "pupils")
    assert before["姓名"][0].element == "person_name"
    assert before["宿舍"] == ()
    mappings.decide(workspace, "pupils", "宿舍", "room_no", is_confirmed=True, actor="dsj.steward")
    mappings.decide(workspace, "pupils", "姓名", "person_name", is_confirmed=False, actor="dsj.steward")
    after = mappings.suggest(workspace, "pupils")
    assert after["宿舍"][0].element == "room_no"
    assert after["宿舍"][0].confidence >= 0.8
    assert all(one.element != "person_name" or one.confidence < 0.5 for one in after["姓名"])
    with pytest.raises(UserError, match="no raw column"):
        mappings.decide(workspace, "pupils", "无", "room_no", is_confirmed=True, actor="dsj.steward")
    with pytest.raises(DeniedError):
        mappings.decide(workspace, "pupils", "宿舍", "room_no", is_confirmed=True, actor="ga.owner")
