"""Broken rows are handed out with key, values and reason to who may see them, on record."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cityloom.flows import chain
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.broken_rows import Asked, asked_of, lines, write, write_file
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.order import Order
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.store import audit

ANY = Title("例", "example")


@pytest.fixture
def workspace(tmp_path, engine, lake, store, clock):
    made = Workspace(Settings(), tmp_path, engine, lake, store, clock, keys=None)
    resource = Resource(
        name="things", department="ga", title=ANY, abstract=ANY, category="c", key=("id",), grade="internal",
        items=(Item(name="id", column="id", title=ANY), Item(name="secret", column="text", title=ANY, grade="core")),
        rules=(
            RuleUse(rule="format", dimension="conformity", columns=("secret",), options={"pattern": "[a-z]+"}),
            RuleUse(rule="duplicate", dimension="accuracy", columns=("id",)),
        ),
        collect=CollectionTask(source="s"),
    )  # fmt: skip
    people = [("ga.officer", "ga", "officer"), ("mz.officer", "mz", "officer"), ("dsj.steward", "dsj", "steward")]
    made.__dict__["city"] = City(
        resources={"things": resource},
        sources={"s": Source(name="s", title=ANY, department="ga", connector="csv_files", options={"folder": "."})},
        accounts={name: Account(name=name, title=ANY, department=d, roles=(role,)) for name, d, role in people},
    )
    (tmp_path / "a.csv").write_text("id,text\n1,=1+1\n2,x\n2,y\n", encoding="utf-8")
    runner = Runner(made)
    assert not chain.collect(made, runner)[0].error_code
    assert not chain.assess_raw(made, runner)[0].error_code
    return made


def test_the_department_sees_its_values_others_where_they_stand(workspace) -> None:
    own = [(line.rule, line.row, line.key["id"], dict(line.values)) for line in lines(workspace, Asked(resource="things"), actor="ga.officer")]
    assert own == [("secret.format", 2, "1", {"secret": "=1+1"}), ("id.duplicate", 4, "2", {"id": "2"})]
    asked = Asked(resource="things", rules=("secret.format",))
    (foreign,) = lines(workspace, asked, actor="dsj.steward")
    assert (foreign.values, foreign.key, "pattern [a-z]+" in foreign.reason) == ({"secret": "***"}, {"id": "1"}, True)
    with workspace.store.read() as connection:
        assert {e.event.actor for e in audit.list_events(connection, kind=EventKind.BROKEN_SHOWN)} == {"ga.officer", "dsj.steward"}


def test_an_order_is_a_file_in_which_no_value_is_a_formula(workspace, tmp_path: Path) -> None:
    order = Order(id="o", kind="quality", department="ga", resource="things", cause="secret.format")
    target = tmp_path / "rows.csv"
    assert write_file(workspace, asked_of(order), target, actor="ga.officer") == 1
    assert target.read_text(encoding="utf-8-sig").splitlines()[1].endswith(",secret,'=1+1")
    book = io.BytesIO()
    assert write(workspace, asked_of(order), book, "xlsx", actor="ga.officer") == 1
    assert book.getvalue()[:2] == b"PK"


def test_what_cannot_be_is_named(workspace, tmp_path: Path) -> None:
    with pytest.raises(DeniedError):
        lines(workspace, Asked(resource="things"), actor="mz.officer")
    for asked, code in (
        (Asked(resource="things", rules=("x",)), "quality.rule.unknown"),
        (Asked(resource="things", phase="after"), "quality.broken.unknown"),
        (Asked(resource="things", phase="during"), "quality.phase.unknown"),
    ):
        with pytest.raises(UserError) as wrong:
            lines(workspace, asked, actor="ga.officer")
        assert wrong.value.code == code
    with pytest.raises(UserError) as form:
        write_file(workspace, Asked(resource="things"), tmp_path / "rows.pdf", actor="ga.officer")
    assert form.value.code == "flows.broken.form"
    assert not list(tmp_path.glob(".rows*"))
    with pytest.raises(UserError):
        asked_of(Order(id="o", kind="report", department="ga", resource="things", cause="x"))


def test_long_and_hostile_values_leave_as_texts(workspace, tmp_path: Path) -> None:
    values = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "＝1＋1", "\t=1", "{=1}", "'=1", "X" * 1_000_000, "a\x0bb", "http://x.invalid", "\U0001f600"]
    with (tmp_path / "b.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows([str(n), value] for n, value in enumerate(values, start=10))
    runner = Runner(workspace)
    chain.collect(workspace, runner)
    chain.assess_raw(workspace, runner)
    asked = Asked(resource="things", rules=("secret.format",))
    text, book = io.BytesIO(), io.BytesIO()
    assert write(workspace, asked, text, "csv", actor="ga.officer") == write(workspace, asked, book, "xlsx", actor="ga.officer")
    before = csv.field_size_limit(1 << 21)
    cells = [row[-1] for row in csv.reader(io.StringIO(text.getvalue().decode("utf-8-sig")))]
    csv.field_size_limit(before)
    assert max(map(len, cells)) == 1_000_000
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "＝", "＋", "\t"))]
    with zipfile.ZipFile(book) as opened:
        sheet = opened.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    found = re.findall(r"<t[^>]*>(.*?)</t>", sheet, re.DOTALL)
    assert "=cmd|' /C calc'!A0" in found
    assert max(map(len, found)) == 32_767


def test_a_rule_with_long_options_does_not_swell_every_row(workspace) -> None:
    secret = workspace.city.resource("things").rules[0]
    options = {"values": tuple(["y" * 100_000, *map(str, range(50_000))])}
    long = replace(workspace.city.resource("things"), rules=(replace(secret, rule="domain", options=options),))
    workspace.__dict__["city"] = replace(workspace.city, resources={"things": long})
    chain.assess_raw(workspace, Runner(workspace))
    found = list(lines(workspace, Asked(resource="things"), actor="ga.officer"))
    assert len(found) == 3
    assert max(len(one.reason) for one in found) < 300
