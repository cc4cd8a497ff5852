"""The how-to is true: its file and its commands work as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

PAGES = ("add-a-data-set.md", "add-a-data-set.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_data_set_is_added_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    (tmp_path / "park.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


CONNECTOR = ("add-a-connector.md", "add-a-connector.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", CONNECTOR)
def test_a_connector_is_added_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    code = next(b.text for b in blocks if b.language == "python")
    in_class = code.split("@dataclass", 1)[1].splitlines()
    assert len([line for line in in_class if line.strip()]) <= 40
    shutil.copytree(documents.root / "city", tmp_path / "city")
    (tmp_path / "own" / "connectors").mkdir(parents=True)
    (tmp_path / "own" / "connectors" / "fixed_width.py").write_text(code, encoding="utf-8")
    (tmp_path / "pension.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


MORE = ("documents-and-live.md", "documents-and-live.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_documents_are_collected_and_a_table_is_asked_live_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    (tmp_path / "more.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


TEXTS = ("text-files.md", "text-files.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_text_files_are_read_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    assert documents.missing(blocks, tmp_path) == ""


ADDRESSES = ("addresses.md", "addresses.zh.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", ADDRESSES)
def test_addresses_come_to_divisions_as_the_page_says(name, documents, tmp_path: Path) -> None:
    blocks = documents.blocks(documents.root / "docs/howto" / name)
    shutil.copytree(documents.root / "city", tmp_path / "city")
    (tmp_path / "shop.yml").write_text(next(b.text for b in blocks if b.language == "yaml"), encoding="utf-8")
    assert documents.missing(blocks, tmp_path) == ""


@pytest.mark.parametrize("pages", [ADDRESSES, PAGES, CONNECTOR, MORE, TEXTS])
def test_both_languages_give_the_same_file_and_commands(pages, documents) -> None:
    english, chinese = (
        [b.text for b in documents.blocks(documents.root / "docs/howto" / name) if b.language in ("sh", "yaml", "python")]
        for name in pages
    )
    assert [text.replace("CITYLOOM_LANGUAGE=en", "CITYLOOM_LANGUAGE=zh") for text in english] == chinese
