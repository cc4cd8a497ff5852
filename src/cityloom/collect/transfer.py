"""One file from a place to this machine: block by block, going on where it broke, and proven at the end."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from cityloom.collect.depot import Depot, Manifest
from cityloom.collect.link import Link
from cityloom.collect.place import Entry, LinkError, gone
from cityloom.kernel.errors import SourceError

_BLOCK = 1 << 20
_DURABLE = 8 << 20
"""So many bytes may be fetched again after the machine lost its power."""
_OVERLAP = 64 << 10
"""So many bytes before the break are fetched again, and must be the same as those that are here."""
_CHANGES = 3


class _Changed(Exception):  # noqa: N818 - tells what happened, not what went wrong
    """The file at the place is not the one that was begun."""


@dataclass
class Pace:
    """Lets so many bytes a second pass, 0 all of them."""

    per_second: int
    _since: float = 0.0
    _passed: int = 0

    def spend(self, count: int) -> None:
        """Take note of so many more, and wait until they might have passed."""
        if not self.per_second:
            return
        now = time.monotonic()
        if self._since + self._passed / self.per_second < now - 1:
            self._since, self._passed = now, 0
        self._passed += count
        time.sleep(max(0.0, self._since + self._passed / self.per_second - now))


@dataclass
class Transfer:
    """Fetches files of one place into a depot.

    Args:
        link: to the place.
        depot: takes the files and their manifests.
    """

    link: Link
    depot: Depot

    def __post_init__(self) -> None:
        self._pace = Pace(self.link.place.bytes_per_second)

    def fetch(self, entry: Entry, claim: str = "") -> Manifest:
        """Fetch a file, or what of it is not here yet; nothing where it is here as it is at the place.

        Args:
            entry: the file as it was listed.
            claim: digest that the deliverer gave for it, ``sha256:…``; empty where there is none.

        Returns:
            The manifest, with ``sha256``.

        Raises:
            SourceError: ``collect.source.unreachable``, ``collect.file.changed``, ``collect.file.digest``,
                ``collect.transfer.space``, or what the place refuses with.
        """
        before = self._complete(entry)
        if before:
            return before
        wrong = None
        for _ in range(_CHANGES):
            try:
                manifest = self._fetch(entry)
                wrong = self._wrong(entry, claim)
            except _Changed:
                entry = self._again(entry)
                continue
            if wrong is None:
                done = replace(manifest, proof=self._proof)
                self.depot.keep(done)
                return done
            self.depot.forget(entry.name)
        self.depot.forget(entry.name)
        raise wrong or changed(entry.name)

    def _complete(self, entry: Entry) -> Manifest | None:
        known = self.depot.manifest(entry.name)
        path = self.depot.path(entry.name)
        is_whole = known and known.sha256 and known.is_of(entry) and path.is_file()
        return known if is_whole and path.stat().st_size == entry.size else None

    def _fetch(self, entry: Entry) -> Manifest:
        """The file whole and flushed; it is as it was listed."""
        with self._opened(entry) as part:
            attempt = 0
            while True:
                begun = part.done
                try:
                    self._pull(part)
                    self._require_same(entry)
                    return part.finish()
                except LinkError as error:
                    part.flush()
                    attempt = 1 if part.done > begun else attempt + 1
                    if attempt > self.link.place.retries:
                        self._require_link(entry, error)
                    self.link.recover(attempt, error)

    def _require_link(self, entry: Entry, error: LinkError) -> None:
        """Tell a place that is gone, which goes on to be an error of the link, from one file that it does not give."""
        self.link.close()
        if self.link.is_up():
            raise SourceError(
                "collect.transfer.broken",
                "{file} broke off again and again at the same byte ({problem}), while {url} answers.",
                hint="What came is kept, and the next run goes on from there. Ask the department to check the file.",
                file=entry.name,
                problem=str(error),
                url=self.link.place.address,
            )

    def _opened(self, entry: Entry) -> _Part:
        known = self.depot.manifest(entry.name)
        if known is None or known.sha256 or not known.is_of(entry):
            self.depot.forget(entry.name)
            known = Manifest.of(entry)
        self.depot.require_room(entry.size - known.done, entry.name)
        return _Part(self.depot, entry, known)

    def _pull(self, part: _Part) -> None:
        start = max(0, part.done - _OVERLAP)
        seen = part.tail(start)
        with closing(self.link.session.blocks(part.entry, start)) as blocks:
            for block in blocks:
                self._pace.spend(len(block))
                if seen:
                    if block[: len(seen)] != seen[: len(block)]:
                        raise _Changed
                    seen, block = seen[len(block) :], block[len(seen) :]  # noqa: PLW2901
                part.add(block)
                if part.done > part.entry.size:
                    raise _Changed
        if part.done < part.entry.size:
            self._require_same(part.entry)
            raise LinkError("the file ended early")

    def _require_same(self, entry: Entry) -> None:
        if self.link.session.state(entry.name) != entry:
            raise _Changed

    def _again(self, entry: Entry) -> Entry:
        """The file as it is now, to be fetched from its beginning."""
        self.depot.forget(entry.name)
        state = self.link.ask(lambda session: session.state(entry.name))
        if state is None:
            raise gone(entry.name)
        return state

    def _wrong(self, entry: Entry, claim: str) -> SourceError | None:
        """Compare the digest with that of the deliverer or of the place."""
        path = self.depot.path(entry.name)
        given = claim or self.link.ask(lambda session: session.checksum(entry))
        kind, _, wanted = given.partition(":")
        self._proof = kind
        if not kind or digest_of(path, kind) == wanted.lower():
            return None
        return SourceError(
            "collect.file.digest",
            "{file} arrived with another {kind} digest than the deliverer gives.",
            hint="It was fetched {count} times. Have it delivered anew, together with its digest.",
            file=entry.name,
            kind=kind,
            count=_CHANGES,
        )


class _Part:
    """A file that is being fetched: its bytes so far, what of them is on disk for good, and their digest."""

    def __init__(self, depot: Depot, entry: Entry, known: Manifest) -> None:
        self.entry = entry
        self._depot, self._manifest = depot, known
        self._digest = hashlib.sha256()
        self._file: IO[bytes] = depot.path(entry.name).open("a+b")
        self.done = self._resume(known.done)

    def __enter__(self) -> _Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def tail(self, start: int) -> bytes:
        """The bytes that are here from a position on."""
        self._file.flush()
        self._file.seek(start)
        return self._file.read(self.done - start)

    def add(self, block: bytes) -> None:
        """Take the next bytes."""
        self._file.write(block)
        self._digest.update(block)
        self.done += len(block)
        if self.done - self._manifest.done >= _DURABLE:
            self.flush()

    def flush(self) -> None:
        """Make what is here last, and write down how much that is."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._manifest = replace(self._manifest, done=self.done)
        self._depot.keep(self._manifest)

    def finish(self) -> Manifest:
        """The manifest of the whole file; it is not written yet."""
        self.flush()
        return replace(self._manifest, sha256=self._digest.hexdigest())

    def _resume(self, durable: int) -> int:
        """Keep what is on disk for good, and take its digest."""
        size = self._file.seek(0, os.SEEK_END)
        kept = min(size, durable)
        self._file.truncate(kept)
        self._file.seek(0)
        for block in iter(lambda: self._file.read(_BLOCK), b""):
            self._digest.update(block)
        return kept


def digest_of(path: Path, kind: str) -> str:
    """The digest of a file, hex: ``md5``, ``sha1``, ``sha256``, ``sha512``, ``sm3``, or ``md5/<bytes>`` of the digests of parts."""
    name, _, size = kind.partition("/")
    whole = hashlib.new(name, usedforsecurity=False)
    for part in _parts(path, name, int(size)) if size else _blocks(path):
        whole.update(part)
    return whole.hexdigest()


def _parts(path: Path, name: str, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        left: Any = size
        digest, is_begun = hashlib.new(name, usedforsecurity=False), False
        while block := file.read(min(left, _BLOCK)):
            digest.update(block)
            is_begun, left = True, left - len(block)
            if not left:
                yield digest.digest()
                digest, is_begun, left = hashlib.new(name, usedforsecurity=False), False, size
        if is_begun:
            yield digest.digest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(lambda: file.read(_BLOCK), b"")


def changed(name: str) -> SourceError:
    """The error for a file that is another than when it was listed."""
    return SourceError(
        "collect.file.changed",
        "{file} changed while it was read.",
        hint="Run the task again when the file is complete; deliver files under a name ending in .part first.",
        file=name,
    )
