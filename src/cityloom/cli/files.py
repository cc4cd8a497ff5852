"""Files that commands read and write where people name them."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cityloom.kernel.errors import UserError


def load(path: Path) -> bytes:
    """Read a file.

    Raises:
        UserError: ``cli.file.unreadable``.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            "cli.file.unreadable",
            "{file} cannot be read: {problem}.",
            hint="Check what it is, and its permissions.",
            file=str(path),
            problem=error.strerror or type(error).__name__,
        ) from None


def save(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        UserError: ``cli.file.unwritable``.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _unwritable(path, error) from None


def save_lines(path: Path, lines: Iterable[str]) -> int:
    """Write lines as they come, with the mark that spreadsheet programs want before UTF-8; returns how many.

    What stood in the file stays until all lines are there.

    Raises:
        UserError: ``cli.file.unwritable``; what the lines raise.
    """
    is_plain = not path.is_symlink() and (path.is_file() or not path.exists())
    draft = path.with_name(f".{path.name}.draft") if is_plain else path
    try:
        with draft.open("w", encoding="utf-8-sig", newline="") as file:
            count = sum(1 for line in lines if file.write(line))
        if is_plain:
            draft.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        if is_plain:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
    return count


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(
        "cli.file.unwritable",
        "{file} cannot be written: {problem}.",
        hint="Name a file in a folder that you may write to.",
        file=str(path),
        problem=error.strerror or type(error).__name__,
    )
