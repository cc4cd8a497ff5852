"""Proposals for broken cells from assessment to correction, on the command line."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest
from tests.unit.flows.intake_town import GOOD, make_tables, write_content

from cityloom.cli.main import main
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import Settings
from cityloom.store import gates

RULE = "  - {rule: dependency, dimension: consistency, columns: [citizen_id, name], name: one_name}\n"
SLIP = "张山"


@pytest.fixture
def folder(tmp_path):
    """A workspace whose rules find one name that differs from the others of its person."""
    content = tmp_path / "content"
    write_content(content)
    with (content / "welfare.yml").open("a", encoding="utf-8") as file:
        file.write(RULE)
    at = open_workspace(Settings(workspace=tmp_path / "ws"))
    make_tables(at)
    apply(at, content, actor="dsj.steward")
    with at.store.write() as connection:
        gates.put_gate(connection, gates.GateState(resource="welfare", is_open=True, missing={}, checked_at="2026-01-05"))
    at.close()
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command; gives its exit code and what it printed."""

    def command(*words):
        monkeypatch.setenv("CITYLOOM_WORKSPACE", str(folder / "ws"))
        monkeypatch.setenv("CITYLOOM_LANGUAGE", "en")
        monkeypatch.setattr(sys, "argv", ["cityloom", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        said = capsys.readouterr()
        return code, said.out if words[-1] == "--json" else " ".join((said.out + said.err).split())

    rows = [{**GOOD, "ffdh": f"AAAA{n}", "xm": SLIP if n == 5 else GOOD["xm"]} for n in range(1, 7)]
    file = folder / "march.csv"
    file.write_text(",".join(GOOD) + "\n" + "".join(",".join(row.values()) + "\n" for row in rows), encoding="utf-8")
    for words in (("upload", "welfare", file, "--as", "mz.owner", "--yes"), ("quality", "assess", "welfare"), ("standard", "run", "welfare")):
        code, said = command(*words)
        assert code == 0, said
    return command


def marked(file, **changes):
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({**row, "accept": "x", **changes} for row in rows)
    file.write_text(text.getvalue(), encoding="utf-8")
    return rows


def test_a_steward_gets_proposals_marks_them_and_sees_them_in_force(run, folder):
    file = folder / "proposals.csv"
    code, said = run("quality", "repair", "welfare", "--out", file, "--as", "mz.owner")
    assert (code, "1 proposals written" in said) == (0, True)
    (one,) = marked(file)
    assert (one["item"], one["old"], one["value"], one["rules"]) == ("name", SLIP, GOOD["xm"], "one_name")
    code, said = run("quality", "accept", "welfare", "--file", file, "--dry-run", "--as", "mz.owner")
    assert (code, GOOD["xm"] in said) == (0, True)
    code, said = run("quality", "accept", "welfare", "--file", file, "--as", "mz.owner")
    assert (code, "flows.correction.why" in said) == (2, True)
    code, said = run("quality", "accept", "welfare", "--file", file, "--why", "the id card was shown", "--as", "mz.owner")
    assert (code, "1 rows (1 cells) came in again" in said, "standard: done" in said) == (0, True, True), said
    code, said = run("standard", "explain", "welfare", one["batch"], one["row"], "--as", "mz.owner")
    assert (code, "Corrected by mz.owner" in said, "the id card was shown" in said, "one_name" in said) == (0, True, True, True)
    code, said = run("standard", "history", "welfare", "AAAA5", "--as", "mz.owner", "--json")
    assert (code, [r["name"] for r in json.loads(said) if r["_to"] is None]) == (0, [GOOD["xm"]])
    assert json.loads(run("quality", "repair", "welfare", "--json", "--as", "mz.owner")[1]) == []
    code, said = run("quality", "accept", "welfare", "--file", file, "--why", "again", "--as", "mz.owner")
    assert (code, "2: mz.owner has put the row right since" in said) == (5, True)


def test_all_from_a_confidence_on(run):
    code, said = run("quality", "accept", "welfare", "--above", "0.999", "--why", "sure", "--as", "mz.owner", "--json")
    assert (code, json.loads(said)["corrected"]["rows"]) == (0, 0)
    code, said = run("quality", "accept", "welfare", "--above", "0.6", "--item", "phone", "--why", "sure", "--as", "mz.owner")
    assert (code, "0 rows" in said) == (0, True)
    code, said = run("quality", "accept", "welfare", "--above", "0.6", "--rule", "one_name", "--why", "sure", "--as", "mz.owner")
    assert (code, "1 rows (1 cells)" in said) == (0, True)


def test_a_value_is_shown_to_nobody_who_may_not_see_it(run, folder):
    code, said = run("quality", "repair", "welfare", "--out", folder / "p.csv", "--as", "ga.owner")
    assert (code, "flows.batch.denied" in said) == (3, True)
    code, said = run("quality", "accept", "welfare", "--above", "0", "--why", "sure", "--as", "ga.owner")
    assert (code, "flows.correction.denied" in said) == (3, True)
    for words in (("repair", "welfare"), ("repair", "welfare", "--json"), ("accept", "welfare", "--above", "0", "--dry-run")):
        code, said = run("quality", *words)
        assert (code, SLIP in said, GOOD["xm"] in said) == (0, False, False)


def test_mistakes_are_told_with_a_cure(run, folder):
    file = folder / "p.csv"
    run("quality", "repair", "welfare", "--out", file, "--as", "mz.owner")
    marked(file, value="李四")
    code, said = run("quality", "accept", "welfare", "--file", file, "--why", "sure", "--as", "mz.owner")
    assert (code, "Line 2: something else is proposed" in said, "李四" in said) == (5, True, False)
    file.write_bytes(b"\x00\x01")
    code, said = run("quality", "accept", "welfare", "--file", file, "--why", "sure", "--as", "mz.owner")
    assert (code, "flows.repair.file" in said) == (5, True)
    assert run("quality", "accept", "welfare", "--file", folder / "none.csv", "--why", "sure")[0] == 2
    code, said = run("quality", "repair", "welfare", "--out", folder / "none" / "p.csv", "--as", "mz.owner")
    assert (code, "cli.file.unwritable" in said) == (2, True)
    for words in ((), ("--file", file, "--above", "0.5"), ("--file", file, "--item", "name")):
        code, said = run("quality", "accept", "welfare", *words, "--why", "sure", "--as", "mz.owner")
        assert (code, "cli.accept.what" in said) == (2, True)


def test_a_file_of_decisions_stays_when_a_new_one_cannot_be_made(run, folder):
    marked = folder / "marked.csv"
    marked.write_text("decisions", encoding="utf-8")
    for wrong in (("welfare", "--as", "ga.officer"), ("nothing",), ("welfare", "--phase", "after")):
        code, _said = run("quality", "repair", *wrong, "--out", marked)
        assert code, wrong
        assert marked.read_text(encoding="utf-8") == "decisions"
    assert run("quality", "repair", "welfare", "--out", marked)[0] == 0
    assert marked.read_bytes().startswith(b"\xef\xbb\xbfbatch,row,")
    assert [one.name for one in folder.iterdir() if "marked" in one.name] == ["marked.csv"]
    code, said = run("quality", "repair", "welfare", "--out", folder / "no" / "marked.csv")
    assert code and "cannot be written" in said
