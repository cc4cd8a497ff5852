"""What a person gets wrong on the command line: said in one line, with a cure and an exit code, no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cityloom.cli.main import main
from cityloom.flows.accounts import make_accounts
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import example_content, open_workspace
from cityloom.flows.use import obtain, principal
from cityloom.kernel.config import load_settings
from cityloom.share import requests
from cityloom.share.publish import run as publish

OTHER_CITY = """\
kind: department
name: ga
title: {zh: 公安, en: Police}
---
kind: source
name: files
title: {zh: 文件, en: Files}
department: ga
connector: csv_files
options: {folder: in}
---
kind: resource
name: hukou
department: ga
title: {zh: 户籍, en: Register}
abstract: {zh: 户籍, en: Register}
category: 人口
sharing: {attribute: unconditional}
key: [id]
items:
  - {name: id, column: 编号, title: {zh: 编号, en: Number}}
collect: {source: files}
"""
Said = tuple[int, str]
Run = Callable[..., Said]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the example's definitions, and nothing collected."""
    folder = tmp_path_factory.mktemp("mistakes") / "ws"
    at = open_workspace(load_settings(workspace=folder))
    apply(at, example_content(), actor="dsj.steward")
    make_accounts(at)
    at.close()
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in English as the shell does; gives its exit code and what it said on standard error."""

    def command(*words: str, **environ: str) -> Said:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["cityloom", "--lang", "en", *words])
        code = 0
        try:
            main()
        except SystemExit as done:
            code = int(done.code or 0)
        return code, capsys.readouterr().err

    return command


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (["fuse", "run", "nosuch"], 2, "legal_person, population"),
        (["collect", "run", "nosuch"], 2, "model.resource.unknown"),
        (["catalog", "lineage", "base_population.nosuch"], 2, "cli.column.unknown"),
        (["audit", "list", "--as", "nobody"], 3, "dsj.audit"),
        (["audit", "list", "--as", "dsj.steward"], 3, "flows.role.missing"),
        (["apply", "--as", "nobody"], 3, "dsj.steward"),
        (["apply", "--as", "zj.officer"], 3, "flows.role.missing"),
        (["audit", "list", "--limit", "-1"], 2, "--limit"),
        (["runs", "--limit", "0"], 2, "--limit"),
        (["collect", "rejects", "hukou", "--limit", "-1"], 2, "--limit"),
        (["serve", "--port", "99999"], 2, "--port"),
        (["serve", "--port", "0", "--host", "192.0.2.1"], 2, "cli.host.unknown"),
    ],
)
def test_a_wrong_word_is_named(run: Run, workspace: Path, words: list[str], exit_code: int, said: str) -> None:
    code, text = run(*words, "--workspace", str(workspace))
    assert (code, said in text) == (exit_code, True), text


@pytest.mark.parametrize(
    ("name", "value", "exit_code", "said"),
    [
        ("CITYLOOM_THREADS", "-1", 6, "CITYLOOM_THREADS"),
        ("CITYLOOM_LOG_LEVEL", "loud", 6, "debug, info, warning, error"),
        ("CITYLOOM_DATABASE", "nonsense", 6, "store.database.invalid"),
        ("CITYLOOM_DATABASE", "mysql://u:secret@127.0.0.1/x", 6, "store.database.invalid"),
        ("CITYLOOM_DATABASE", "postgresql+psycopg://u:secret@127.0.0.1:1/x", 4, "store.database.unreachable"),
    ],
)
def test_a_wrong_setting_is_named(
    run: Run, workspace: Path, name: str, value: str, exit_code: int, said: str
) -> None:
    code, text = run("runs", "--workspace", str(workspace), **{name: value})
    assert (code, said in text) == (exit_code, True), text
    assert "secret" not in text


def test_a_control_store_that_is_no_database_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "control.db").write_bytes(b"not a database" * 100)
    code, text = run("runs", "--workspace", str(tmp_path))
    assert (code, "store.database.unreachable" in text) == (4, True), text


def test_a_workspace_that_is_a_file_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, text = run("apply", "--workspace", str(tmp_path / "file"))
    assert (code, "flows.workspace.unusable" in text) == (2, True), text


def test_the_interface_of_a_city_that_is_not_there_is_not_served(run: Run, tmp_path: Path) -> None:
    code, text = run("city", "serve", str(tmp_path / "nowhere"))
    assert (code, "cli.city.missing" in text) == (2, True), text


@pytest.mark.parametrize("content", [b"\xba\xba", b"not a key"], ids=["bytes", "text"])
def test_a_public_key_that_is_none_is_said(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "log").write_text("{}\n")
    code, text = run("audit", "verify", str(tmp_path / "log"), "--key", str(tmp_path / "key"))
    assert (code, "kernel.note.key" in text) == (5, True), text
    code, text = run("audit", "verify", str(tmp_path / "log"), "--key", str(tmp_path / "none"))
    assert (code, "--key" in text) == (2, True), text


def test_the_example_keeps_out_of_another_citys_workspace(run: Run, tmp_path: Path) -> None:
    definitions, folder = tmp_path / "definitions", tmp_path / "ws"
    definitions.mkdir()
    (definitions / "all.yml").write_text(OTHER_CITY, encoding="utf-8")
    assert run("apply", str(definitions), "--workspace", str(folder))[0] == 0
    code, text = run("demo", "--no-serve", "--people", "1000", "--workspace", str(folder))
    assert (code, "flows.demo.foreign" in text) == (2, True), text
    assert run("apply", str(definitions), "--workspace", str(folder))[0] == 0
    assert not (folder / "city").exists()


def test_no_key_is_made_for_a_grant_that_has_ended(run: Run, workspace: Path) -> None:
    at = open_workspace(load_settings(workspace=workspace))
    publish(at.city, store=at.store, clock=at.clock, actor="dsj.steward")
    steward = principal(at.city.accounts["dsj.steward"])
    use = obtain(at, at.city.demands["housing_eligibility"])
    requests.revoke(use.grant.id, steward, "over", store=at.store, clock=at.clock)
    at.close()
    code, text = run("share", "key", use.grant.id, "--as", "zj.officer", "--workspace", str(workspace))
    assert (code, "cli.grant.ended" in text) == (2, True), text
