"""A folder of this machine, or one that is mounted on it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from cityloom.collect.place import Entry, Place
from cityloom.kernel.config import reference
from cityloom.kernel.errors import SourceError
from cityloom.model.text import STRICT, Title

_BLOCK = 1 << 20


@dataclass(frozen=True)
class _Folder:
    """A folder that is there."""

    root: Path
    is_exact: bool = True

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands directly in a folder; what cannot be asked about is a file of size 0."""
        place = self.root / folder
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            name = path.relative_to(self.root).as_posix()
            try:
                yield self._entry(path, name)
            except OSError:
                yield Entry(name)

    def state(self, name: str) -> Entry | None:
        """A file as it is now."""
        try:
            return self._entry(self.root / name, name)
        except OSError:
            return None

    def blocks(self, entry: Entry, start: int) -> Generator[bytes]:
        """The bytes from a position on."""
        with (self.root / entry.name).open("rb") as file:
            file.seek(start)
            while block := file.read(_BLOCK):
                yield block

    def checksum(self, entry: Entry) -> str:
        """Nothing: a folder keeps none."""
        return ""

    def _entry(self, path: Path, name: str) -> Entry:
        state = path.stat()
        is_folder = path.is_dir()
        return Entry(name, 0 if is_folder else state.st_size, str(state.st_mtime_ns), is_folder=is_folder)


@dataclass(frozen=True, kw_only=True)
class Local(Place):
    """This machine: files are read where they are, and nothing is copied.

    Args:
        settle_seconds: as everywhere; 0 unless given, for a file that changes while it is read is seen.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "local"
    title: ClassVar[Title] = Title("本机文件夹", "Folder of this machine")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"ready": ".ok"},)

    settle_seconds: float = 0.0

    @property
    def address(self) -> str:
        """This machine."""
        return "local"

    @contextmanager
    def connect(self, folder: str) -> Iterator[_Folder]:
        """The folder, on the workspace when relative.

        Raises:
            SourceError: ``collect.source.unreachable`` when it is not there.
        """
        root = self.base / reference(folder, base=self.base)
        if not root.is_dir():
            raise SourceError(
                "collect.source.unreachable",
                "The folder {folder} is not there.",
                hint="Make it, or correct the source's option folder.",
                folder=folder,
            )
        yield _Folder(root)

    def path(self, folder: str, name: str) -> Path | None:
        """The file itself."""
        return self.base / reference(folder, base=self.base) / name
