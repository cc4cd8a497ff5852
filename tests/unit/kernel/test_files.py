"""A file takes the place of another when it is whole, and not before."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from cityloom.kernel.files import write_whole, written_whole


def test_what_stood_there_stays_until_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_whole(path, "old\r\n")
    with pytest.raises(RuntimeError), written_whole(path) as file:
        file.write(b"half")
        assert path.read_bytes() == b"old\r\n"
        raise RuntimeError
    assert path.read_bytes() == b"old\r\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


def test_links_are_followed_and_permissions_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link"
    write_whole(path, "old")
    path.chmod(0o600)
    link.symlink_to(path)
    write_whole(link, "new")
    assert link.is_symlink()
    assert (path.read_text(encoding="utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_what_is_no_plain_file_is_written_to_itself(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, "through")
    reader.join(30)
    assert read == [b"through"]
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, "x")


def test_two_that_write_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with written_whole(path) as one, written_whole(path) as other:
        one.write(b"1" * 100_000)
        other.write(b"2" * 100_000)
    assert path.read_bytes() == b"1" * 100_000
    assert len(list(tmp_path.iterdir())) == 1
