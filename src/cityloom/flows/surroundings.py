"""What the example city needs around it: the health commission's interface must be up while it is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cityloom.sample import read_manifest, serve_interface

CITY = "city"
"""Folder of the example city inside a workspace."""


@contextmanager
def example_interface(workspace: Path) -> Iterator[None]:
    """Keep the example's interface up during the block, when the workspace holds the example city."""
    folder = workspace / CITY
    if read_manifest(folder) is None:
        yield
        return
    with serve_interface(folder):
        yield
