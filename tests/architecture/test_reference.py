"""The generated pages of the reference say what the code says."""

from __future__ import annotations

import pytest
import reference


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return reference.pages()


@pytest.mark.parametrize("name", ["audit-events.md", "cli.md", "errors.md", "plugins.md", "settings.md", "sources.md"])
def test_a_page_is_what_the_code_says(pages: dict[str, str], name: str) -> None:
    assert (reference.PAGES / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_every_generated_page_is_compared(pages: dict[str, str]) -> None:
    assert set(pages) == {"audit-events.md", "cli.md", "errors.md", "plugins.md", "settings.md", "sources.md"}


def test_every_declared_audit_event_is_written_somewhere(pages: dict[str, str]) -> None:
    assert "not yet" not in pages["audit-events.md"]
