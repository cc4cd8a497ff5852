"""The wheel holds the whole product: code, catalogs, pages, migrations and the example city."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "cityloom"
pytestmark = pytest.mark.slow

WORKS = """
import sys
from pathlib import Path
import cityloom
from cityloom.store.database import Store
from cityloom.store.migrate import head_revision, stored_revision, upgrade

assert Path(cityloom.__file__).is_relative_to(sys.argv[1]), cityloom.__file__
store = Store("sqlite:///control.db")
upgrade(store)
with store.read() as connection:
    assert stored_revision(connection) == head_revision()
store.close()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (made,) = folder.glob("cityloom-*.whl")
    return made


def pip(command: str, *options: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check", "--no-deps", *options],
        check=True,
    )


def test_the_wheel_holds_every_file_of_the_product(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    wanted = {f"cityloom/{path.relative_to(SOURCE)}" for path in files(SOURCE)}
    wanted |= {f"cityloom/_city/{path.relative_to(ROOT / 'city')}" for path in files(ROOT / "city")}
    assert wanted - names == set()
    inside = {name for name in names if not name.startswith("cityloom/")}
    assert all(".dist-info/" in name for name in inside), inside


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


def test_an_installed_wheel_works_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    home, empty = tmp_path / "home", tmp_path / "empty"
    empty.mkdir()
    pip("install", "--target", str(home), str(wheel))
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CITYLOOM_")}
    subprocess.run(
        [sys.executable, "-c", WORKS, str(home)], cwd=empty, env={**environment, "PYTHONPATH": str(home)}, check=True
    )


def test_the_demo_runs_from_an_installed_wheel_in_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    home, empty = tmp_path / "home", tmp_path / "empty"
    empty.mkdir()
    pip("install", "--target", str(home), str(wheel))
    environment = {name: text for name, text in os.environ.items() if not name.startswith("CITYLOOM_")}
    done = subprocess.run(
        [sys.executable, "-m", "cityloom", "demo", "--json", "--no-serve", "--people", "1000"],
        cwd=empty,
        env={**environment, "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["audit"]["verified"]
    assert all(source["reconciled"] for source in facts["sources"])
    assert [path.name for path in empty.iterdir()] == ["cityloom-demo"]
