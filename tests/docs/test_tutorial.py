"""The tutorial is true: its commands run as they stand, and show what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

PAGES = ("first-city.md", "first-city.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_the_tutorial_run_and_show_what_it_says(name, documents, tmp_path: Path) -> None:
    blocks = [b for b in documents.blocks(documents.root / "docs/tutorial" / name) if b.language in ("sh", "text")]
    outputs = iter(documents.session([b.text for b in blocks if b.language == "sh"], tmp_path))
    said, missing = "", {}
    for block in blocks:
        if block.language == "sh":
            said = next(outputs)
        elif unseen := documents.unseen(block.text, said):
            missing["\n".join(unseen)] = said
    assert not missing, "\n".join(f"NOT SEEN:\n{lines}\nPRINTED:\n{said}" for lines, said in missing.items())


def test_both_languages_give_the_same_commands(documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/tutorial" / name) if b.language == "sh"] for name in PAGES
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
