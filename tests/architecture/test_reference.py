"""The generated pages of the reference say what the code says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import reference


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Made by a process of its own: help texts take the language of the moment when their module is first imported."""
    script = "import json, reference; print(json.dumps(reference.pages()))"
    folder = str(Path(reference.__file__).parent)
    made = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(made.stdout)
    return found


@pytest.mark.parametrize("name", ["audit-events.md", "cli.md", "errors.md", "plugins.md", "settings.md", "sources.md"])
def test_a_page_is_what_the_code_says(pages: dict[str, str], name: str) -> None:
    assert (reference.PAGES / name).read_text(encoding="utf-8") == pages[name], "run `make docs`"


def test_every_generated_page_is_compared(pages: dict[str, str]) -> None:
    assert set(pages) == {"audit-events.md", "cli.md", "errors.md", "plugins.md", "settings.md", "sources.md"}


def test_every_declared_audit_event_is_written_somewhere(pages: dict[str, str]) -> None:
    assert "not yet" not in pages["audit-events.md"]
