"""The page on migrating is true: its commands work as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PAGES = ("migrate.md", "migrate.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_legacy_database_is_migrated_as_the_page_says(name, documents, tmp_path: Path) -> None:
    shutil.copytree(documents.root / "city", tmp_path / "city")
    assert documents.missing(documents.blocks(documents.root / "docs/howto" / name), tmp_path) == ""


def test_both_languages_give_the_same_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language == "sh"] for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
