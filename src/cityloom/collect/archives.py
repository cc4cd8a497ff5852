"""Members of archives: found under their names, unpacked no further than their size can mean."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from cityloom.kernel.errors import ConfigError, DataError

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, gzip.BadGzipFile)
_BLOCK = 1 << 18
_SMALL = 10 << 20
"""Unpacked members up to this size are not suspected, whatever their ratio."""
_UTF8 = 0x800


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Args:
        total_mb: all members together, MiB.
        ratio: how many times its packed size a member of more than 10 MiB may unpack to.
    """

    total_mb: int
    ratio: int


@dataclass
class Guarded:
    """An unpacked member that stops when it grows beyond what its packed size can mean."""

    file: IO[bytes]
    name: str
    limit: int

    def read(self, size: int = -1) -> bytes:
        """The next bytes.

        Raises:
            DataError: ``collect.zip.bomb`` or ``collect.zip.damaged``.
        """
        try:
            block = self.file.read(_BLOCK if size < 0 else size)
        except BROKEN as error:
            raise damaged(self.name, error) from None
        self.limit -= len(block)
        if self.limit < 0:
            raise _bomb(self.name)
        return block

    def copy(self, target: IO[bytes] | None = None) -> tuple[int, str]:
        """Size and sha256 of all that follows; written to a file where one is given."""
        digest, size = hashlib.sha256(), 0
        while block := self.read(_BLOCK):
            digest.update(block)
            size += len(block)
            if target:
                target.write(block)
        return size, digest.hexdigest()


def members(path: Path, name: str, limits: Limits, matches: Callable[[str], bool]) -> Iterator[tuple[str, Guarded]]:
    """The members of a ``.zip`` or ``.gz`` file that are asked for, in order of their names, each open for reading.

    Names that are not marked as UTF-8 are read as GB18030. The one member of a ``.gz`` has its name without
    the ending. Hidden files and those that only some systems add are left out.

    Args:
        path: the archive.
        name: what to call it in errors; its ending says what it is.
        limits: what it may unpack to.
        matches: whether a member of this name is asked for.

    Raises:
        DataError: ``collect.zip.damaged``, ``collect.zip.bomb``, ``collect.zip.repeated``.
    """
    if name.lower().endswith(".gz"):
        yield from _single(path, name, limits, matches)
        return
    left = limits.total_mb << 20
    with _damage(name), zipfile.ZipFile(path) as archive:
        for member, info in _matching(archive, name, matches):
            shown = f"{name}, {member}"
            limit = min(left, max(_SMALL, info.compress_size * limits.ratio))
            with archive.open(info) as packed:
                guarded = Guarded(packed, shown, limit)
                yield member, guarded
            left -= limit - guarded.limit


def check_archive(name: str) -> None:
    """Check that a file is one that can be looked into.

    Raises:
        ConfigError: ``collect.archive.unknown``.
    """
    if not name.lower().endswith((".zip", ".gz")):
        raise ConfigError(
            "collect.archive.unknown",
            "{file} is no archive that can be looked into.",
            hint="Before the ! of a pattern stand names that end in .zip or .gz.",
            file=name,
        )


def damaged(name: str, error: Exception) -> DataError:
    """The error for an archive that cannot be read."""
    is_locked = isinstance(error, RuntimeError) and not isinstance(error, NotImplementedError)
    return DataError(
        "collect.zip.damaged",
        "{file} is no readable archive: {problem}.",
        hint="Have the file delivered anew, complete and without password.",
        file=name,
        problem="it is encrypted" if is_locked else "it is damaged or cut off",
    )


def _single(path: Path, name: str, limits: Limits, matches: Callable[[str], bool]) -> Iterator[tuple[str, Guarded]]:
    inner = PurePosixPath(name).name[:-3]
    if not matches(inner):
        return
    limit = min(limits.total_mb << 20, max(_SMALL, path.stat().st_size * limits.ratio))
    with _damage(name), gzip.open(path) as file:
        yield inner, Guarded(file, name, limit)  # type: ignore[arg-type]


def _matching(archive: zipfile.ZipFile, name: str, matches: Callable[[str], bool]) -> list[tuple[str, zipfile.ZipInfo]]:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        member = _name(info)
        path = PurePosixPath(member)
        is_hidden = any(p.startswith((".", "~$")) or p == "__MACOSX" for p in path.parts)
        if info.is_dir() or is_hidden or not matches(member):
            continue
        if member in found:
            raise DataError(
                "collect.zip.repeated",
                "{file} holds two members of the name {member}.",
                hint="Have it delivered anew.",
                file=name,
                member=member,
            )
        found[member] = info
    return sorted(found.items())


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name; one that is not marked as UTF-8 is read as UTF-8 where that goes, else as GB18030."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        try:
            raw = name.encode("cp437")
        except UnicodeEncodeError:
            return name
        for encoding in ("utf-8", "gb18030"):
            try:
                return raw.decode(encoding).replace("\\", "/")
            except UnicodeDecodeError:
                continue
    return name


@contextmanager
def _damage(name: str) -> Iterator[None]:
    try:
        yield
    except BROKEN as error:
        raise damaged(name, error) from None
    except RuntimeError as error:
        if "encrypted" not in str(error):
            raise
        raise damaged(name, error) from None


def _bomb(name: str) -> DataError:
    return DataError(
        "collect.zip.bomb",
        "{file} unpacks to more than its packed size, or the limit of one file, allows.",
        hint="If the file is sound, raise the options total_limit_mb or ratio_limit.",
        file=name,
    )
