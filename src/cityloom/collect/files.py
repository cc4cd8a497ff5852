"""Files of a folder as slices: listed in order, fetched where they are elsewhere, digested, and seen to stay as they are."""

from __future__ import annotations

import calendar
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

from cityloom.collect.archives import Limits, check_archive, members
from cityloom.collect.base import Slice
from cityloom.collect.depot import Depot, Manifest, companions, open_depot
from cityloom.collect.link import Link
from cityloom.collect.listing import Found, claim_of, find, read_small
from cityloom.collect.periods import glob_of
from cityloom.collect.place import Entry, Place, build_place
from cityloom.collect.transfer import Transfer, changed
from cityloom.kernel.config import reference
from cityloom.kernel.errors import CityLoomError, ConfigError, DataError, SourceError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Held:
    """A file as it was when it was listed."""

    path: Path
    name: str
    size: int
    modified_ns: int


@dataclass
class Pending:
    """A file that is brought to this machine when it is first asked for."""

    bring: Callable[[], Held]
    held: Held | None = None

    def take(self) -> Held:
        """The file, here."""
        if self.held is None:
            self.held = self.bring()
        return self.held


@dataclass(frozen=True)
class Folder:
    """A folder of a place, seen to be there."""

    place: Place
    name: str


def open_folder(base: Path, folder: str, place: Mapping[str, Any] | None = None) -> Folder:
    """The folder that an option names: of this machine (on ``base`` when relative), or of another place.

    Raises:
        SourceError: ``collect.source.unreachable`` when it is not there, or the place does not answer.
    """
    opened = Folder(build_place(place or {}, base), reference(folder, base=base))
    with Link(opened.place, opened.name) as link:
        link.ask(lambda session: None)
    return opened


def file_slices(folder: Folder, pattern: str) -> Iterator[Slice]:
    """One slice a file, by name. Hidden files and files still being written are left alone.

    Files of another place are fetched when they are new, and removed when the next slice is asked for. After a
    ``!`` in the pattern stands which members of an archive are meant: one slice each, ``a.zip!inner/b.csv``.
    ``{date}`` in it stands for a day, see :mod:`periods`.
    """
    outer, inner = _split(glob_of(pattern))
    is_here = folder.place.path(folder.name, "") is not None
    if is_here and not inner:
        with Link(folder.place, folder.name) as link:
            yield from _local(folder, find(link, outer, lambda entry: False))
        return
    key = {"place": folder.place.address, "folder": folder.name, "pattern": pattern}
    with open_depot(folder.place.base, key) as depot, Link(folder.place, folder.name) as link:
        whole = _Fetch(Transfer(link, depot))
        pieces = _local(folder, find(link, outer, lambda entry: False)) if is_here else whole.slices(outer)
        for piece in pieces:
            if inner and not piece.error:
                yield from _Members(depot, folder.place, inner).slices(piece)
            else:
                yield piece
        depot.prune()


def held_file(piece: Slice) -> Held:
    """The file of a slice, on this machine.

    Raises:
        SourceError: where it has to be fetched first, and cannot be.
    """
    held = piece.held
    if isinstance(held, Pending):
        return held.take()
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
        raise changed(held.name)


def sha256(path: Path) -> str:
    """Digest of a file's bytes, read block by block."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def unreadable(origin: str, error: OSError) -> SourceError:
    """The error for a file that the system does not give."""
    return SourceError(
        "collect.file.unreadable",
        "{file} cannot be read: {problem}.",
        hint="Check the file's permissions and the disk.",
        file=origin,
        problem=error.strerror or type(error).__name__,
    )


def _split(pattern: str) -> tuple[str, str]:
    """The pattern of files, and that of an archive's members; empty where the files are taken as they are."""
    outer, mark, inner = pattern.partition("!")
    if not mark and outer.lower().endswith(".gz"):
        return outer, "*"
    if mark and (not inner or "!" in inner):
        raise ConfigError(
            "collect.pattern.nested",
            "The pattern {pattern} does not say which members of the archive are meant.",
            hint="Write one ! and the members' pattern after it: *.zip!*.csv.",
            pattern=pattern,
        )
    return outer, inner


def _local(folder: Folder, found: Found) -> Iterator[Slice]:
    """Files of this machine, read where they are."""
    for entry in found.files:
        path = folder.place.path(folder.name, entry.name)
        assert path is not None
        try:
            held = _held(path, entry.name)
            yield Slice(origin=entry.name, digest=sha256(path), size=held.size, held=held)
        except OSError as error:
            yield Slice(origin=entry.name, digest="", error=unreadable(entry.name, error))
    yield from _missing(found)


@dataclass
class _Fetch:
    """Files of another place as slices."""

    transfer: Transfer

    def slices(self, pattern: str) -> Iterator[Slice]:
        """One slice a file; one that is known as it is at the place is not fetched before it is read."""
        depot, place = self.transfer.depot, self.transfer.link.place
        found = find(self.transfer.link, pattern, lambda entry: self._known(entry) is not None)
        for entry in found.files:
            depot.manifest(entry.name)
        for entry in found.files:
            yield self._slice(entry, found)
            if not place.keep:
                depot.remove(entry.name)
        yield from _missing(found)

    def _slice(self, entry: Entry, found: Found) -> Slice:
        known = self._known(entry)
        try:
            manifest = known or self._fetch(entry, found)
        except CityLoomError as error:
            if error.code == "collect.source.unreachable":
                raise
            return Slice(origin=entry.name, digest="", error=error)
        except OSError as error:
            self.transfer.depot.forget(entry.name)
            return Slice(origin=entry.name, digest="", error=unreadable(entry.name, error))
        pending = Pending(lambda: self._bring(manifest, found))
        return Slice(origin=entry.name, digest=manifest.sha256, size=manifest.size, held=pending)

    def _known(self, entry: Entry) -> Manifest | None:
        manifest = self.transfer.depot.manifest(entry.name)
        return manifest if manifest and manifest.sha256 and manifest.is_of(entry) else None

    def _fetch(self, entry: Entry, found: Found) -> Manifest:
        claim, sidecar = found.claims.get(entry.name, ""), found.sidecars.get(entry.name)
        if not claim and sidecar:
            claim = claim_of(read_small(self.transfer.link, sidecar), sidecar.name)
        return self.transfer.fetch(entry, claim)

    def _bring(self, manifest: Manifest, found: Found) -> Held:
        """The file with its companions, here; its time is the one at the place."""
        depot, name = self.transfer.depot, manifest.name
        if self._fetch(manifest.entry, found).sha256 != manifest.sha256:
            raise changed(name)
        path = depot.path(name)
        for companion, ending in companions(name).items():
            if companion in found.seen:
                self._fetch(found.seen[companion], found)
                depot.path(companion).replace(path.with_suffix(ending))
        _set_time(path, manifest.modified)
        return _held(path, name)


@dataclass(frozen=True)
class _Members:
    """Members of an archive as slices; their digests are noted, so that an archive is unpacked only once for them."""

    depot: Depot
    place: Place
    pattern: str

    def slices(self, archive: Slice) -> Iterator[Slice]:
        """One slice a member."""
        try:
            listed = self._list(archive)
        except CityLoomError as error:
            if error.code == "collect.source.unreachable":
                raise
            yield replace(archive, error=error)
            return
        for name, size, digest in listed:
            origin = f"{archive.origin}!{name}"
            with self._unpacking(archive, name, origin, digest) as pending:
                yield Slice(origin=origin, digest=digest, size=size, held=pending)

    def _list(self, archive: Slice) -> list[tuple[str, int, str]]:
        """Name, size and sha256 of each member that matches."""
        check_archive(archive.origin)
        key = f"{archive.digest}!{self.pattern}"
        listed = self.depot.notes(key)
        if listed is None:
            held = held_file(archive)
            matches = partial(_is_match, self.pattern)
            listed = [(name, *file.copy()) for name, file in members(held.path, held.name, self._limits, matches)]
            require_unchanged(archive)
            self.depot.note(key, listed)
        if not listed:
            raise DataError(
                "collect.archive.empty",
                "{file} holds no member that matches {pattern}.",
                hint="Correct the pattern after the !, or ask the department what it delivered.",
                file=archive.origin,
                pattern=self.pattern,
            )
        return [(str(name), int(size), str(digest)) for name, size, digest in listed]

    @contextmanager
    def _unpacking(self, archive: Slice, name: str, origin: str, digest: str) -> Iterator[Pending]:
        path = self.depot.path(origin)

        def bring() -> Held:
            held = held_file(archive)
            self.depot.require_room(0, origin)
            wanted = {**companions(name), name: path.suffix}
            found = {}
            for member, file in members(held.path, held.name, self._limits, wanted.__contains__):
                with path.with_suffix(wanted[member]).open("wb") as target:
                    found[member] = file.copy(target)[1]
            if found.get(name) != digest:
                raise changed(archive.origin)
            return _held(path, origin)

        try:
            yield Pending(bring)
        finally:
            self.depot.remove(origin)

    @property
    def _limits(self) -> Limits:
        return Limits(self.place.total_limit_mb, self.place.ratio_limit)


def _is_match(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern)


def _missing(found: Found) -> Iterator[Slice]:
    """Files that the deliverer's list names and that did not come."""
    for name in found.missing:
        error = SourceError(
            "collect.file.missing",
            "{file} stands on the deliverer's list, and is not there.",
            hint="Ask the department to deliver it, or to correct its list.",
            file=name,
        )
        yield Slice(origin=name, digest="", error=error)


def _held(path: Path, name: str) -> Held:
    state = path.stat()
    return Held(path, name, state.st_size, state.st_mtime_ns)


def _set_time(path: Path, modified: str) -> None:
    """Give a fetched file the time that its place tells: seconds since 1970, or YYYYMMDDHHMMSS in UTC as FTP does."""
    try:
        seconds = calendar.timegm(time.strptime(modified[:14], "%Y%m%d%H%M%S")) if len(modified) >= 14 else int(modified)
        os.utime(path, (seconds, seconds))
    except (ValueError, OverflowError):
        return
