"""Files of a folder as slices: listed in order, digested, and seen to stay as they are while being read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cityloom.collect.base import Slice
from cityloom.collect.place import Place, build_place
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError, SourceError

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Held:
    """A file as it was when it was listed."""

    path: Path
    name: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Folder:
    """A folder of a place, seen to be there."""

    place: Place
    name: str


def open_folder(base: Path, folder: str, place: Mapping[str, Any] | None = None) -> Folder:
    """The folder that an option names: of this machine (on ``base`` when relative), or of another place.

    Raises:
        SourceError: ``collect.source.unreachable`` when it is not there.
    """
    opened = Folder(build_place(place or {}, base), reference(folder, base=base))
    with opened.place.connect(opened.name):
        return opened


def file_slices(folder: Folder, pattern: str) -> Iterator[Slice]:
    """One slice a file, by name. Hidden files and files still being written are left alone."""
    root = folder.place.path(folder.name, "")
    assert root is not None
    for path in list_files(root, pattern):
        origin = path.relative_to(root).as_posix()
        try:
            held = _held(path, origin)
            yield Slice(origin=origin, digest=sha256(path), size=held.size, held=held)
        except OSError as error:
            yield Slice(origin=origin, digest="", error=unreadable(origin, error))


def list_files(root: Path, pattern: str) -> list[Path]:
    """The files that match, sorted by their path.

    Raises:
        ConfigError: ``collect.pattern.outside`` for a pattern that leaves the folder.
    """
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise ConfigError(
            "collect.pattern.outside",
            "The pattern {pattern} leaves the source's folder.",
            hint="Write it relative to the folder, without '..'.",
            pattern=pattern,
        )
    found = [p for p in root.glob(pattern) if p.is_file() and not _is_left_alone(p.relative_to(root))]
    return sorted(found, key=lambda p: p.relative_to(root).as_posix())


def sha256(path: Path) -> str:
    """Digest of a file's bytes, read block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def held_file(piece: Slice) -> Held:
    """The file of a slice."""
    held = piece.held
    if not isinstance(held, Held):
        raise TypeError("not a slice of a file")
    return held


def require_unchanged(piece: Slice) -> None:
    """Check, after reading, that the file is the one that was listed.

    Raises:
        SourceError: ``collect.file.changed``.
    """
    held = held_file(piece)
    try:
        is_same = _held(held.path, held.name) == held
    except OSError:
        is_same = False
    if not is_same:
        raise SourceError(
            "collect.file.changed",
            "{file} changed while it was read.",
            hint="Run the task again when the file is complete; deliver files under a name ending in .part first.",
            file=held.name,
        )


def unreadable(origin: str, error: OSError) -> SourceError:
    """The error for a file that the system does not give."""
    return SourceError(
        "collect.file.unreadable",
        "{file} cannot be read: {problem}.",
        hint="Check the file's permissions and the disk.",
        file=origin,
        problem=error.strerror or type(error).__name__,
    )


def _held(path: Path, name: str) -> Held:
    state = path.stat()
    return Held(path, name, state.st_size, state.st_mtime_ns)


def _is_left_alone(path: Path) -> bool:
    hidden = any(part.startswith((".", "~$")) for part in path.parts)
    return hidden or path.suffix.lower() in _UNFINISHED
