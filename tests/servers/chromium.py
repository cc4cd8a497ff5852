"""A browser for the tests of pages: ``TEST_CHROMIUM`` is its program. Nothing runs between the tests."""

from __future__ import annotations

from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("chromium", "fonts-noto-cjk")


def start(home: Path) -> dict[str, str]:
    """Say where it is."""
    return {"TEST_CHROMIUM": parts.find("chromium")}


def stop(home: Path) -> None:
    """Nothing to stop: each test ends the browser that it started."""
