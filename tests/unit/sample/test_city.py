"""A city comes out whole, the same for the same seed, or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.errors import UserError
from cityloom.sample import CityManifest, generate, read_manifest
from cityloom.sample.dirt import KINDS


def _content(folder: Path) -> dict[str, str]:
    files = (p for p in sorted((folder / "sources").rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_city(
    tmp_path: Path, engine: DuckDBEngine
) -> None:
    first = generate(tmp_path / "a", people=500, seed=7, engine=engine)
    second = generate(tmp_path / "b", people=500, seed=7, engine=engine)
    other = generate(tmp_path / "c", people=500, seed=8, engine=engine)
    assert first == second
    assert _content(tmp_path / "a") == _content(tmp_path / "b")
    assert first.digest != other.digest


def test_a_city_that_is_there_is_left_alone(city: CityManifest, folder: Path, engine: DuckDBEngine) -> None:
    before = (folder / "city.json").stat().st_mtime_ns
    assert generate(folder, people=city.people, engine=engine) == city
    assert (folder / "city.json").stat().st_mtime_ns == before


def test_other_parameters_or_a_missing_file_build_anew(tmp_path: Path, engine: DuckDBEngine) -> None:
    generate(tmp_path, people=300, engine=engine)
    assert generate(tmp_path, people=200, engine=engine).people == 200
    (tmp_path / "sources" / "zj" / "fangwu_001.csv").unlink()
    generate(tmp_path, people=200, engine=engine)
    assert (tmp_path / "sources" / "zj" / "fangwu_001.csv").is_file()


def test_a_killed_build_leaves_no_half_city(tmp_path: Path, engine: DuckDBEngine) -> None:
    class KilledError(Exception):
        pass

    def kill(step: str, share: float) -> None:
        if step == "firms":
            raise KilledError

    generate(tmp_path, people=200, engine=engine)
    with pytest.raises(KilledError):
        generate(tmp_path, people=300, engine=engine, progress=kill)
    assert read_manifest(tmp_path) is None
    assert not (tmp_path / "sources").exists() and not (tmp_path / "truth").exists()
    assert generate(tmp_path, people=300, engine=engine).people == 300
    assert sorted(p.name for p in tmp_path.iterdir()) == ["city.json", "sources", "truth"]


def test_between_15_and_20_percent_of_the_records_carry_dirt_of_known_kinds(city: CityManifest) -> None:
    assert 0.15 <= city.dirt_share <= 0.20
    assert set(city.dirt) <= set(KINDS)
    assert len(city.dirt) >= 20
    assert sum(sum(kinds.values()) for kinds in city.dirt_by_feed.values()) == sum(city.dirt.values())


def test_the_manifest_on_disk_is_the_one_returned(city: CityManifest, folder: Path) -> None:
    assert read_manifest(folder) == city
    assert json.loads((folder / "city.json").read_text(encoding="utf-8"))["seed"] == 20260101


def test_progress_goes_from_0_to_1(tmp_path: Path, engine: DuckDBEngine) -> None:
    shares: list[float] = []
    generate(tmp_path, people=100, engine=engine, progress=lambda step, share: shares.append(share))
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0


def test_a_city_of_almost_no_one_is_refused(tmp_path: Path, engine: DuckDBEngine) -> None:
    with pytest.raises(UserError, match="100"):
        generate(tmp_path, people=99, engine=engine)
    assert not list(tmp_path.iterdir())


def test_a_number_of_people_that_fills_no_last_clan_is_met(tmp_path: Path, engine: DuckDBEngine) -> None:
    assert generate(tmp_path, people=103, engine=engine).rows["truth/population.parquet"] == 103


def test_what_someone_else_keeps_in_the_folder_is_not_cleared(tmp_path: Path, engine: DuckDBEngine) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError):
        generate(tmp_path, people=100, engine=engine)
    assert (tmp_path / "sources" / "thesis.txt").read_text() == "mine"
