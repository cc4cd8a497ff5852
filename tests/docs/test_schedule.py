"""The page on tasks that run by themselves is true: its file and its commands work as they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGES = ("schedule.md", "schedule.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_tasks_run_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    (tmp_path / "visit.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


def test_both_languages_give_the_same_file_and_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language in ("sh", "yaml", "ini")]
        for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
