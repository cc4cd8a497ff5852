"""Files that commands write where people name them."""

from __future__ import annotations

from pathlib import Path

from cityloom.kernel.errors import UserError


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
