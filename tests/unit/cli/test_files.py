"""Files that people name: what cannot be read, or has no end, is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from cityloom.cli import files
from cityloom.kernel.errors import UserError


def test_a_file_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_MB", 1)
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * (1 << 20))
    assert len(files.load(path)) == 1 << 20
    for endless in (Path("/dev/zero"), path):
        path.write_bytes(b"x" * ((1 << 20) + 1))
        with pytest.raises(UserError) as large:
            files.load(endless)
        assert large.value.code == "cli.file.large"


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    for work, code in ((lambda: files.load(tmp_path), "unreadable"), (lambda: files.save_lines(tmp_path / "no" / "a.csv", ["a"]), "unwritable")):
        with pytest.raises(UserError) as wrong:
            work()
        assert wrong.value.code == f"cli.file.{code}"
