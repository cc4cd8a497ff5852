"""The pages on workbooks and on migrating are true: their files and commands work as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PAGES = (("collect-workbooks.md", "collect-workbooks.zh.md"), ("migrate.md", "migrate.zh.md"))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for pair in PAGES for name in pair])
def test_a_page_is_true(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    for block in blocks:
        if block.language == "yaml":
            (tmp_path / "ledger.yml").write_text(block.text, encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


@pytest.mark.parametrize("pages", PAGES)
def test_both_languages_give_the_same_files_and_commands(pages, documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language in ("sh", "yaml")] for name in pages
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
