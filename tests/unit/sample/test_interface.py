"""The births interface gives every row, page by page, and fails now and then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from cityloom.sample import CityManifest, serve_interface

KEY = {"X-App-Key": "demo-wj-key"}


def _get(url: str, **query: Any) -> httpx.Response:
    return httpx.get(url, params=query, headers=KEY, trust_env=False)


def test_all_pages_together_are_all_rows(city: CityManifest, folder: Path) -> None:
    with serve_interface(folder, fault_every=0) as url:
        first = _get(url, page=1, size=50).json()
        assert first["code"] == 0
        data = first["data"]
        assert data["total"] == city.records["wj.births"] and data["pages"] == -(-data["total"] // 50)
        rows = [
            r for n in range(1, data["pages"] + 1) for r in _get(url, page=n, size=50).json()["data"]["list"]
        ]
        assert len(rows) == data["total"]
        assert {len(_get(url, page=data["pages"] + 1, size=50).json()["data"]["list"])} == {0}
        assert set(rows[0]) == {
            "cert_no", "child_id", "child_name", "sex", "birth_time", "mother_id", "father_id", "hospital", "updated_at"
        }  # fmt: skip


def test_since_gives_what_was_updated_from_then_on_in_that_order(city: CityManifest, folder: Path) -> None:
    with serve_interface(folder, fault_every=0) as url:
        everything = _get(url, size=1000).json()["data"]["list"]
        moment = sorted(r["updated_at"] for r in everything)[len(everything) // 2]
        data = _get(url, size=1000, since=moment).json()["data"]
        times = [r["updated_at"] for r in data["list"]]
        assert times == sorted(times) and times[0] == moment
        assert data["total"] == len(times) == sum(r["updated_at"] >= moment for r in everything)


def test_every_seventh_request_fails_and_the_next_one_does_not(city: CityManifest, folder: Path) -> None:
    with serve_interface(folder) as url:
        codes = [_get(url).status_code for _ in range(15)]
    assert [n for n, code in enumerate(codes, 1) if code == 500] == [7, 14]
    assert set(codes) == {200, 500}


@pytest.mark.parametrize("headers", [{}, {"X-App-Key": "other"}])
def test_without_the_key_there_is_nothing(city: CityManifest, folder: Path, headers: dict[str, str]) -> None:
    with serve_interface(folder, fault_every=0) as url:
        assert httpx.get(url, headers=headers, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    "query", [{"page": 0}, {"size": 0}, {"size": 1001}, {"page": "x"}, {"since": "gestern"}]
)
def test_wrong_pages_sizes_and_moments_are_refused(
    city: CityManifest, folder: Path, query: dict[str, Any]
) -> None:
    with serve_interface(folder, fault_every=0) as url:
        assert _get(url, **query).status_code == 400
        assert _get(url.replace("births", "deaths")).status_code == 404


def test_the_url_is_written_down_while_it_is_served(city: CityManifest, folder: Path) -> None:
    note = folder / "sources" / "wj" / "interface.url"
    with serve_interface(folder) as url:
        assert note.read_text(encoding="utf-8") == url
    assert not note.exists()
    assert (folder / "sources" / "wj" / "interface.key").read_text(encoding="utf-8") == "demo-wj-key"
