"""The main job with its control store on PostgreSQL: the same end as on SQLite, and nothing done twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import postgresql_schema

PEOPLE = "1000"


def _demo(workspace: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    words = [sys.executable, "-m", "cityloom", "demo", "--json", "--no-serve", "--people", PEOPLE]
    command = [*words, "--workspace", str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, **environ})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_the_main_job_ends_the_same_on_postgresql_as_on_sqlite(tmp_path: Path) -> None:
    with postgresql_schema() as url:
        served = {"CITYLOOM_DATABASE": url}
        first = _demo(tmp_path / "served", served)
        again = _demo(tmp_path / "served", served)
    embedded = _demo(tmp_path / "embedded", {})
    assert not (tmp_path / "served" / "control.db").exists()
    for facts in (first, again):
        assert facts["digest"] == embedded["digest"]
        assert facts["failed"] == []
        assert facts["audit"]["verified"]
        assert facts["service"]["answer"] == embedded["service"]["answer"]
    batches = [[b["batch"] for b in facts["person"]["values"]] for facts in (first, again, embedded)]
    assert batches[0] == batches[1] == batches[2]
