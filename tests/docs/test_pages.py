"""All pages: links lead somewhere, rooms and files named are there, the step shown is one."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("README*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8")))
    paths = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith(("#", "mailto:"))]
    assert [path for path in paths if not (page.parent / path).exists()] == []


def test_every_page_of_the_documentation_can_be_reached_from_its_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs/README.md", ROOT / "docs/README.zh.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(page.read_text("utf-8"))]
    assert [str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md") if page not in seen] == []


def test_the_house_names_every_room_and_no_file_that_is_not_there() -> None:
    text = (ROOT / "docs/explanation/house.md").read_text(encoding="utf-8")
    source = ROOT / "src/cityloom"
    rooms = {path.parent.name for path in source.glob("*/__init__.py")}
    named = set(re.findall(r"^\| `([a-z]+/[a-z_]+\.py)` \|", text, re.MULTILINE))
    assert {room for room in rooms if f"**{room}** —" not in text} == set()
    assert {name for name in named if not (source / name).exists()} == set()


def test_the_step_shown_to_developers_does_what_its_cases_say(
    documents, engine: DuckDBEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = documents.blocks(ROOT / "docs/howto/develop.md")
    (tmp_path / "lower.py").write_text(next(b.text for b in blocks if b.language == "python"), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    step = importlib.import_module("lower").Lower()
    for case in step.cases:
        assert step.value(case.given) == case.expected
        assert engine.rows(sql("SELECT :x AS x", x=step.sql(sql("CAST(:g AS VARCHAR)", g=case.given))))[0][0] == case.expected


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named - targets == set()
