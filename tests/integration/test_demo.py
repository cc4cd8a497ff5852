"""The main job as a user runs it: one command, twice, and killed in the middle."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

KEYS = {"sources", "quality", "fusion", "conflicts", "person", "service", "audit", "scores", "seconds", "peak_mb", "digest"}
SMALL = 1500


def command(workspace: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "cityloom", "--lang", "en", *more, "--workspace", str(workspace)]


def demo(workspace: Path, people: int) -> dict[str, Any]:
    words = command(workspace, "demo", "--json", "--no-serve", "--people", str(people))
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def final_state(facts: dict[str, Any]) -> dict[str, Any]:
    """What must be the same however often the job was disturbed; ids of grants and times are not."""
    kept = {k: facts[k] for k in ("sources", "quality", "fusion", "conflicts", "person", "digest", "failed")}
    return kept | {"answer": facts["service"]["answer"], "masked": facts["service"]["masked"], "scores": facts["scores"]}


@pytest.fixture(scope="module")
def default_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    workspace = tmp_path_factory.mktemp("city") / "ws"
    return workspace, demo(workspace, 20_000)


def test_the_report_has_its_keys_and_every_source_is_reconciled(default_run) -> None:
    _, facts = default_run
    assert facts.keys() >= KEYS
    assert len({s["department"] for s in facts["sources"]}) >= 6
    for source in facts["sources"]:
        assert source["read"] == source["landed"] + source["rejected"] > 0
        assert source["reconciled"], source["name"]
    assert facts["failed"] == []


def test_attributes_with_a_lead_department_are_fused_within_one_percent(default_run) -> None:
    _, facts = default_run
    fusion = facts["fusion"]
    assert fusion["people"] == pytest.approx(20_000, rel=0.01)
    assert fusion["firms"] == pytest.approx(3_000, rel=0.01)
    assert len(fusion["led"]) >= 15
    wrong = {name: fusion["error"][name] for name in fusion["led"] if fusion["error"][name] > 0.01}
    assert wrong == {}


def test_quality_rises_and_completeness_loses_only_what_was_no_value(default_run) -> None:
    _, facts = default_run
    before, after = facts["quality"]["before"], facts["quality"]["after"]
    assert before.keys() == after.keys() >= {"conformity", "completeness", "accuracy", "consistency"}
    for name in ("conformity", "accuracy", "consistency"):
        assert after[name] > before[name], name
    assert before["completeness"] - after["completeness"] < 0.001, "impossible dates are missing afterwards, and no more"


def test_the_service_answers_under_the_grant_and_masks(default_run) -> None:
    _, facts = default_run
    service = facts["service"]
    values = {v["attribute"]: v["value"] for v in facts["person"]["values"]}
    assert service["request"]["state"] == "granted"
    assert set(service["answer"]) <= set(service["grant"]["items"])
    assert service["masked"]
    for item in service["masked"]:
        assert service["answer"][item] != values.get(item)


def test_each_value_of_the_golden_record_names_a_row_that_is_there(default_run) -> None:
    workspace, facts = default_run
    done = subprocess.run(command(workspace, "collect", "batches", "--json"), capture_output=True, text=True)
    batches = {b["id"]: b["resource"] for b in json.loads(done.stdout)}
    assert len(facts["person"]["values"]) >= 10
    for value in facts["person"]["values"]:
        if value["batch"]:
            assert batches[value["batch"]] == value["resource"]


def test_the_audit_log_verifies_offline_and_a_changed_event_is_found(default_run, tmp_path: Path) -> None:
    workspace, facts = default_run
    key = workspace / facts["audit"]["key"]
    verify = [sys.executable, "-m", "cityloom", "audit", "verify", "--key", str(key)]
    good = subprocess.run([*verify, str(workspace / facts["audit"]["bundle"])], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
    text = (workspace / facts["audit"]["bundle"]).read_text(encoding="utf-8")
    assert "zj.officer" in text
    (tmp_path / "forged.jsonl").write_text(text.replace("zj.officer", "zj.officeR", 1), encoding="utf-8")
    bad = subprocess.run([*verify, str(tmp_path / "forged.jsonl")], capture_output=True, text=True)
    assert bad.returncode == 5


def test_the_audit_log_holds_no_value_of_a_person(default_run) -> None:
    workspace, facts = default_run
    text = (workspace / facts["audit"]["bundle"]).read_text(encoding="utf-8")
    values = {v["attribute"]: v["value"] for v in facts["person"]["values"]}
    for secret in (facts["person"]["key"], values["name"], values["phone"], values["current_address"]):
        assert secret not in text


def test_the_same_again_gives_the_same_and_takes_nothing_twice(default_run) -> None:
    workspace, first = default_run
    again = demo(workspace, 20_000)
    assert final_state(again) == final_state(first)
    done = subprocess.run(command(workspace, "collect", "batches", "--json"), capture_output=True, text=True)
    assert {b["state"] for b in json.loads(done.stdout)} == {"reconciled"}
    done = subprocess.run(command(workspace, "apply", "--json"), capture_output=True, text=True)
    assert json.loads(done.stdout)["changes"] == []


def test_killed_anywhere_and_run_again_it_ends_the_same(tmp_path: Path) -> None:
    began = time.monotonic()
    undisturbed = demo(tmp_path / "calm", SMALL)
    length = time.monotonic() - began
    chance = random.Random(20260101)
    words = command(tmp_path / "killed", "demo", "--json", "--no-serve", "--people", str(SMALL))
    for share in sorted(chance.uniform(0.05, 0.95) for _ in range(8)):
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(length * share * 0.6)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert final_state(demo(tmp_path / "killed", SMALL)) == final_state(undisturbed)


@pytest.mark.parametrize("harm", ["truncated", "encoding", "not a workbook", "column"])
def test_a_damaged_source_is_named_and_the_others_go_on(tmp_path: Path, harm: str) -> None:
    workspace = tmp_path / "ws"
    made = [sys.executable, "-m", "cityloom", "city", "generate", str(workspace / "city"), "--people", str(SMALL)]
    subprocess.run(made, check=True, capture_output=True)
    sources = workspace / "city" / "sources"
    name, words = _damage(sources, harm)
    facts = demo(workspace, SMALL)
    failed = {f["subject"]: f["reason"] for f in facts["failed"]} | {
        s["name"]: " ".join(s["reasons"]) for s in facts["sources"] if s["reasons"]
    }
    assert list(failed) == [name]
    for word in words:
        assert word in failed[name]
    assert sum(s["reconciled"] for s in facts["sources"]) == len(facts["sources"]) - 1
    assert facts["audit"]["verified"]


def _damage(sources: Path, harm: str) -> tuple[str, list[str]]:
    """Damage one source; returns its resource and the words that the error must say."""
    if harm == "truncated":
        path = next((sources / "sj").glob("firms_*.zip"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return "firm", [path.name]
    if harm == "encoding":
        path = sorted((sources / "wj" / "visits").glob("visit_*.csv"))[0]
        lines = path.read_bytes().split(b"\n")
        lines[6] = lines[6].decode("utf-8").encode("gb18030")
        path.write_bytes(b"\n".join(lines))
        return "visit", [path.name, "7", "utf-8"]
    if harm == "not a workbook":
        path = sorted((sources / "mz").glob("殡葬_*.xlsx"))[0]
        path.write_bytes(b"this is not a workbook")
        return "death", [path.name]
    path = sorted((sources / "zj").glob("fangwu_*.csv"))[0]
    path.write_bytes(path.read_bytes().replace("房屋编码".encode(), "房屋编号".encode(), 1))
    return "housing", [path.name, "房屋编码", "房屋编号"]
