"""The how-to on bringing data is true: its file and its commands work as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PAGES = ("bring-data.md", "bring-data.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_data_are_brought_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    (tmp_path / "welfare.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


def test_both_languages_give_the_same_file_and_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language in ("sh", "yaml")]
        for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
