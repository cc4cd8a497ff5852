"""The page on scores, profiles, causes and reports is true: its commands work as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from cityloom.content.kinds import adapter

PAGES = ("quality-reports.md", "quality-reports.zh.md")


@pytest.mark.slow
def test_reports_are_made_as_the_page_says(documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto/quality-reports.zh.md")
    assert documents.missing(blocks, tmp_path) == ""
    assert (tmp_path / "ga.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "ga.xlsx").read_bytes().startswith(b"PK")
    for page in ("ga.html", "hukou.html", "all.html"):
        assert "</html>" in (tmp_path / page).read_text(encoding="utf-8")


def test_the_thresholds_stand_in_the_definition_of_a_city(documents) -> None:
    from ruamel.yaml import YAML

    text = next(b.text for b in documents.blocks(documents.root / "docs/howto" / PAGES[0]) if b.language == "yaml")
    body = YAML(typ="safe").load(text)
    body.pop("kind")
    city = adapter("city").validate_python(body)
    assert (city.scoring.green, city.scoring.weight("accuracy"), city.scoring.weight("timeliness")) == (0.95, 2, 1)


def test_both_languages_give_the_same_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language in ("sh", "yaml")] for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
