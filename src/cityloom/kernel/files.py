"""Files that are there whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from cityloom.kernel.ids import new_id


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """What is written to takes the place of the file when the block ends; until then, and when it fails, the file stays.

    Links are followed and permissions stay. What is no plain file (a pipe, a terminal) is written to itself. Several may
    write at once: the last one's file stands.

    Raises:
        OSError: there can be no such file, or it may not be written.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    draft = target.with_name(f".{new_id('f')}.draft")
    try:
        with draft.open("xb") as file:
            if target.exists():
                with target.open("ab"):  # one that may not be written is not replaced either
                    shutil.copymode(target, draft)
            yield file
        draft.replace(target)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: str) -> None:
    """Write a text as UTF-8, whole or not at all, with its line ends as they are.

    Raises:
        OSError: as :func:`written_whole`.
    """
    with written_whole(path) as file:
        file.write(content.encode())
