"""The borders between rooms are kept, and a breach would be seen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    ["cli", "api", "web", "gateway", "flows"]
    + ["collect", "standard", "quality", "fuse", "catalog", "share", "assess", "sample"]
    + ["protect", "lake", "store", "content", "library", "engines", "model", "kernel"]
)
BREACHES = {
    "kernel/wrong.py": "from cityloom.model import thing",
    "model/wrong.py": "import cityloom.store.thing",
    "engines/wrong.py": "import cityloom.lake.thing",
    "lake/wrong.py": "import cityloom.store.thing",
    "protect/wrong.py": "import cityloom.share.thing",
    "collect/wrong.py": "def late():\n    import cityloom.standard.thing",
    "fuse/wrong.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import cityloom.quality.thing",
    "share/wrong.py": "import cityloom.flows.thing",
    "flows/wrong.py": "import cityloom.web.thing",
    "quality/wrong.py": "import duckdb",
    "lake/also_wrong.py": "import pyspark.sql",
    "catalog/wrong.py": "import fastapi",
    "flows/also_wrong.py": "import starlette.routing",
    "protect/also_wrong.py": "import granian",
    "share/also_wrong.py": "import alembic",
    "model/also_wrong.py": "import rich.table",
    "collect/connectors/wrong.py": "import cityloom.collect.connectors.thing",
    "standard/steps/wrong.py": "import cityloom.standard.steps.thing",
    "quality/rules/wrong.py": "import cityloom.quality.rules.thing",
    "fuse/rules/wrong.py": "import cityloom.fuse.rules.thing",
    "protect/masks/wrong.py": "import cityloom.protect.masks.thing",
    "assess/measures/wrong.py": "import cityloom.assess.measures.thing",
    "share/exporters/wrong.py": "import cityloom.share.exporters.thing",
}


def lint(source: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts on the package under ``source``."""
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", ROOT / ".importlinter"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(source), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_rooms_keep_their_borders() -> None:
    result = lint(ROOT / "src", ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the contracts say about a package that breaks them all."""
    home = tmp_path_factory.mktemp("breached")
    package = home / "cityloom"
    for folder in [*ROOMS, *{str(Path(path).parent) for path in BREACHES}]:
        (package / folder).mkdir(parents=True, exist_ok=True)
        (package / folder / "__init__.py").touch()
        (package / folder / "thing.py").touch()
    (package / "__init__.py").touch()
    for path, text in BREACHES.items():
        (package / path).write_text(text + "\n")
    result = lint(home, home)
    shutil.rmtree(home)
    assert result.returncode == 1, result.stderr
    return " ".join(result.stdout.split())


@pytest.mark.parametrize("path", BREACHES)
def test_a_breach_is_seen(breached: str, path: str) -> None:
    importer = "cityloom." + path.removesuffix(".py").replace("/", ".")
    assert f"{importer} -> " in breached


def test_every_room_is_in_the_layers(breached: str) -> None:
    rooms = {p.name for p in (ROOT / "src" / "cityloom").iterdir() if (p / "__init__.py").is_file()}
    assert rooms <= set(ROOMS)


def test_rooms_that_import_each_other_in_a_circle_are_seen(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / "cityloom" / room).mkdir(parents=True)
        (tmp_path / "cityloom" / room / "__init__.py").touch()
    (tmp_path / "cityloom" / "__init__.py").touch()
    (tmp_path / "cityloom" / "model" / "one.py").write_text("import cityloom.model.two\n")
    (tmp_path / "cityloom" / "model" / "two.py").write_text("import cityloom.model.one\n")
    result = lint(tmp_path, tmp_path)
    assert result.returncode == 1
    assert "No room's modules import each other in a circle BROKEN" in result.stdout
