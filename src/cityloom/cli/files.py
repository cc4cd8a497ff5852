"""Files that commands read and write where people name them."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable
from pathlib import Path

from cityloom.kernel.errors import UserError
from cityloom.kernel.files import written_whole

_MOST_MB = 256
"""What people fill in by hand is smaller; what has no end is not waited for."""


def load(path: Path) -> bytes:
    """Read a file that people filled in.

    Raises:
        UserError: ``cli.file.unreadable``; ``cli.file.large``.
    """
    try:
        with path.open("rb") as file:
            content = file.read((_MOST_MB << 20) + 1)
    except OSError as error:
        raise UserError(
            "cli.file.unreadable",
            "{file} cannot be read: {problem}.",
            hint="Check what it is, and its permissions.",
            file=str(path),
            problem=error.strerror or type(error).__name__,
        ) from None
    if len(content) > _MOST_MB << 20:
        raise UserError(
            "cli.file.large",
            "{file} is larger than {most} MB.",
            hint="Keep the lines that you filled in, and bring them in several files.",
            file=str(path),
            most=_MOST_MB,
        )
    return content


def save(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all.

    Raises:
        UserError: ``cli.file.unwritable``.
    """
    try:
        with written_whole(path) as file:
            file.write(content)
    except OSError as error:
        raise _unwritable(path, error) from None


def save_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines as they come, with the mark that spreadsheet programs want before UTF-8; returns how many.

    What stood in the file stays until all lines are there.

    Raises:
        UserError: ``cli.file.unwritable``; what the lines raise.
    """
    try:
        with written_whole(path) as file:
            file.write(BOM_UTF8)
            return sum(1 for line in lines if file.write(line.encode()))
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        "cli.file.unwritable",
        "{file} cannot be written: {problem}.",
        hint="Name a file in a folder that you may write to.",
        file=str(path),
        problem=error.strerror or type(error).__name__,
    )
