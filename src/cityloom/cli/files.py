"""Files that commands read and write where people name them."""

from __future__ import annotations

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
        raise UserError(
            "cli.file.unwritable",
            "{file} cannot be written: {problem}.",
            hint="Name a file in a folder that you may write to.",
            file=str(path),
            problem=error.strerror or type(error).__name__,
        ) from None
