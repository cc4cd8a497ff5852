"""Data that departments bring, and its receipts, on the command line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
import python_calamine as calamine
from tests.unit.flows.intake_town import GOOD, make_tables, write_content

from cityloom.cli.main import main
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import open_workspace
from cityloom.kernel.config import Settings

HEADER = "ffdh,sfzh,xm,xb,lxdh,ffrq\n"
BAD = {**GOOD, "ffdh": "AAAA2", "sfzh": "110105194912310021"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A workspace with the definitions in force."""
    folder = tmp_path_factory.mktemp("town")
    write_content(folder / "content")
    at = open_workspace(Settings(workspace=folder))
    make_tables(at)
    apply(at, folder / "content", actor="dsj.steward")
    at.close()
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """Run a command; gives its exit code and what it printed."""

    def command(*words, answer=""):
        monkeypatch.setenv("CITYLOOM_WORKSPACE", str(folder))
        monkeypatch.setenv("CITYLOOM_LANGUAGE", "en")
        monkeypatch.setattr(sys, "argv", ["cityloom", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        code = 0
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


def write(path: Path, *rows):
    path.write_text(HEADER + "".join(",".join(row.values()) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_file_is_checked_confirmed_corrected_and_proved(run, tmp_path):
    file = write(tmp_path / "march.csv", GOOD, BAD)
    code, said = run("upload", "welfare", file, "--as", "mz.owner", answer="n\n")
    assert code == 2
    assert "citizen_id.coding_rule" in said
    assert "Nothing landed" in said
    code, said = run("upload", "welfare", file, "--as", "mz.owner", "--yes")
    assert code == 0
    assert "source 2 = landed 1 + set apart 1" in said
    code, said = run("collect", "rejects", "welfare")
    assert "upload:march.csv" in said
    code, said = run("collect", "rejects", "welfare", "--export", tmp_path / "r.csv", "--as", "mz.owner")
    assert code == 0
    text = (tmp_path / "r.csv").read_text(encoding="utf-8-sig").replace(BAD["sfzh"], GOOD["sfzh"])
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    code, said = run("collect", "correct", "welfare", tmp_path / "r.csv", "--as", "mz.owner")
    assert "1 rows corrected, 0 still wrong" in said
    batch = json.loads(run("collect", "batches", "--json")[1])[0]["id"]
    code, said = run("collect", "receipt", batch, "--verify", "--export", tmp_path / "receipt.json")
    assert code == 0
    assert f"Verified: batch {batch}" in said
    code, said = run("collect", "countersign", batch, "--as", "mz.owner", "--key", tmp_path / "mz.pem", "--make-key")
    assert code == 0
    assert run("collect", "receipt", batch, "--export", tmp_path / "receipt.json")[0] == 0


def test_an_exported_receipt_is_verified_without_a_workspace(run, tmp_path, folder, monkeypatch):
    run("upload", "welfare", write(tmp_path / "v.csv", {**GOOD, "ffdh": "AAAA7"}), "--as", "mz.owner", "--yes")
    batch = next(one["id"] for one in json.loads(run("collect", "batches", "--json")[1]) if one["origin"] == "upload:v.csv")
    run("collect", "receipt", batch, "--export", tmp_path / "receipt.json")
    key = (folder / "keys" / "audit.vkey").read_text()
    (tmp_path / "audit.vkey").write_text(key)
    code, said = run("collect", "verify", tmp_path / "receipt.json", "--key", tmp_path / "audit.vkey")
    assert (code, f"Verified: batch {batch}" in said) == (0, True)
    code, said = run("collect", "verify", tmp_path / "receipt.json")
    assert (code, "compare it" in said) == (0, True)
    text = (tmp_path / "receipt.json").read_text(encoding="utf-8")
    (tmp_path / "bad.json").write_text(text.replace('"landed_rows": 1', '"landed_rows": 2'), encoding="utf-8")
    assert run("collect", "verify", tmp_path / "bad.json", "--key", tmp_path / "audit.vkey")[0] == 5
    (tmp_path / "none.json").write_text("{}")
    code, said = run("collect", "verify", tmp_path / "none.json")
    assert (code, "collect.receipt.malformed" in said) == (5, True)


def test_templates_and_forms_are_written(run, tmp_path):
    assert run("collect", "template", "welfare", tmp_path / "t.xlsx")[0] == 0
    assert calamine.load_workbook(tmp_path / "t.xlsx").sheet_names[0] == "Welfare payments"
    assert run("collect", "template", "welfare", tmp_path / "t.csv")[0] == 0
    assert "Payment number" in (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    code, said = run("collect", "template", "welfare", tmp_path / "t.doc")
    assert (code, "cli.file.ending" in said) == (2, True)
    assert json.loads(run("collect", "form", "welfare")[1])["required"] == ["ffdh", "sfzh", "ffrq"]


def test_only_checking_lands_nothing(run, tmp_path):
    code, said = run("upload", "welfare", write(tmp_path / "check.csv", BAD), "--as", "mz.owner", "--check", "--json")
    assert (code, json.loads(said)["wrong"]) == (0, 1)
    assert "check.csv" not in run("collect", "batches")[1]


def test_a_key_is_shown_once_and_opens_the_door(run):
    code, said = run("collect", "key", "mz.owner")
    assert code == 0
    assert said.startswith("cl_")
    assert run("collect", "key", "nobody")[0] == 2


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [(("upload", "welfare", "FILE", "--as", "ga.owner"), 3, "collect.intake.denied"),
     (("upload", "nothing", "FILE", "--as", "mz.owner"), 2, "model.resource.unknown"),
     (("upload", "welfare", "FILE", "--as", "nobody"), 2, "flows.account.unknown"),
     (("collect", "rejects", "welfare", "--export", "OUT.csv"), 2, "flows.account.unknown"),
     (("collect", "rejects", "welfare", "--export", "OUT.csv", "--as", "ga.owner"), 3, "collect.intake.denied"),
     (("collect", "correct", "welfare", "FILE", "--as", "mz.owner"), 5, "collect.correct.unmarked"),
     (("collect", "receipt", "b_none"), 2, "flows.batch.unknown"),
     (("collect", "countersign", "b_none", "--as", "mz.owner", "--key", "none.pem"), 2, "cli.key.missing")],
)  # fmt: skip
def test_mistakes_are_told_with_a_cure(run, tmp_path, words, code, error):
    file = write(tmp_path / "a.csv", GOOD)
    named = [str(file) if w == "FILE" else str(tmp_path / w) if w.startswith("OUT") else w for w in words]
    found, said = run(*named)
    assert (found, error in said) == (code, True), said
    assert "Traceback" not in said
