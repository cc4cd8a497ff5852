"""The tutorial is true: its commands run as they stand, and show what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGES = ("first-city.md", "first-city.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_tutorial_run_and_show_what_it_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/tutorial" / name)
    assert documents.missing(blocks, tmp_path) == ""


def test_both_languages_give_the_same_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/tutorial" / name) if b.language == "sh"] for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
