"""Which files of a place are to be taken: those that match, are complete, and are no longer being written."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from cityloom.collect.link import Link
from cityloom.collect.place import Entry, Place, Session
from cityloom.kernel.errors import ConfigError, DataError

UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
SIDECARS = (".md5", ".sha1", ".sha256", ".sha512", ".sm3")
_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}
_HEX = re.compile(r"\b(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})\b")
_DEPTH = 32
_LARGEST = 64 << 20
"""A list of digests is no larger than this, bytes."""


@dataclass
class Found:
    """What a listing brought.

    ``files`` to be taken, by name; ``seen`` all that is there; ``claims`` by name what the deliverer's list says of the content
    (``sha256:…``); ``sidecars`` by name the small file that says it; ``missing`` names that the list holds and
    the place has not.
    """

    files: list[Entry] = field(default_factory=list)
    seen: dict[str, Entry] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    sidecars: dict[str, Entry] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


@dataclass
class Walk:
    """All files in the folders that a pattern leads to; ``seen`` by name, ``matched`` in order of their names."""

    session: Session
    seen: dict[str, Entry] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    _folders: dict[str, list[Entry]] = field(default_factory=dict)

    def go(self, parts: Sequence[str], folder: str = "", depth: int = 0) -> None:
        """Follow the parts of a pattern from a folder on."""
        head, rest = parts[0], parts[1:]
        if depth > _DEPTH:
            return
        if head == "**":
            self.go(rest or ("*",), folder, depth)
            for entry in self._list(folder):
                if entry.is_folder:
                    self.go(parts, entry.name, depth + 1)
        elif rest and not any(c in head for c in "*?["):
            self.go(rest, f"{folder}/{head}" if folder else head, depth + 1)
        else:
            self._match(head, rest, folder, depth)

    @property
    def matched(self) -> list[Entry]:
        """The files that match."""
        return [self.seen[name] for name in sorted(self.names)]

    def _match(self, head: str, rest: Sequence[str], folder: str, depth: int) -> None:
        for entry in self._list(folder):
            if not fnmatchcase(PurePosixPath(entry.name).name, head):
                continue
            if rest and entry.is_folder:
                self.go(rest, entry.name, depth + 1)
            elif not rest and not entry.is_folder and not is_left_alone(entry.name):
                self.names.add(entry.name)

    def _list(self, folder: str) -> list[Entry]:
        if folder not in self._folders:
            entries = [e for e in self.session.entries(folder) if _is_plain(e.name, folder)]
            self._folders[folder] = entries
            self.seen.update((e.name, e) for e in entries if not e.is_folder)
        return self._folders[folder]


def check_pattern(pattern: str) -> tuple[str, ...]:
    """The parts of a pattern.

    Raises:
        ConfigError: ``collect.pattern.outside`` for a pattern that leaves the folder.
    """
    parts = PurePosixPath(pattern).parts
    if not parts or PurePosixPath(pattern).is_absolute() or ".." in parts:
        raise ConfigError(
            "collect.pattern.outside",
            "The pattern {pattern} leaves the source's folder.",
            hint="Write it relative to the folder, without '..'.",
            pattern=pattern,
        )
    return parts


def find(link: Link, pattern: str, is_known: Callable[[Entry], bool]) -> Found:
    """The files of a place that a pattern names and that are complete.

    Args:
        link: to the place, whose rules hold (``ready``, ``sums``, ``settle_seconds``).
        pattern: as a glob; ``**`` stands for folders of any depth.
        is_known: whether a file has been fetched before as it is; such a one has settled.
    """
    parts, place = check_pattern(pattern), link.place
    walk = _walk(link, parts)
    files = [e for e in walk.matched if not _is_beside(e.name, walk, place)]
    files = _ready(files, walk, place.ready)
    found = Found(files)
    if place.sums:
        found = _listed(link, place.sums, parts, files, walk)
    found.seen = walk.seen
    found.sidecars = {e.name: s for e in found.files if (s := _sidecar(e.name, walk))}
    if place.settle_seconds and any(not is_known(e) for e in found.files):
        time.sleep(place.settle_seconds)
        again = {e.name: e for e in _walk(link, parts).matched}
        found.files = [e for e in found.files if is_known(e) or again.get(e.name) == e]
    return found


def claim_of(text: bytes, name: str) -> str:
    """What a sidecar file says: its first digest, as ``sha256:…``; empty where it holds none."""
    match = _HEX.search(_decode(text))
    return _claim(match.group(), name) if match else ""


def is_left_alone(name: str) -> bool:
    """Whether a file is hidden, another program's lock, or still being written by its name."""
    path = PurePosixPath(name)
    return any(part.startswith((".", "~$")) for part in path.parts) or path.suffix.lower() in UNFINISHED


def _walk(link: Link, parts: tuple[str, ...]) -> Walk:
    def go(session: Session) -> Walk:
        walk = Walk(session)
        walk.go(parts)
        if not session.is_exact:
            for name in sorted(walk.names):
                state = session.state(name)
                if state is None:
                    walk.names.discard(name)
                else:
                    walk.seen[name] = state
        return walk

    return link.ask(go)


def _is_plain(name: str, folder: str) -> bool:
    """Whether a name that a place tells is one of a thing in that folder, and no way out of it."""
    last = name[len(folder) + 1 :] if folder else name
    return bool(last) and last not in (".", "..") and not any(c in last for c in "/\0")


def _is_beside(name: str, walk: Walk, place: Place) -> bool:
    """Whether a file only says something of another one, or of all."""
    stem, dot, ending = name.rpartition(".")
    if dot and f".{ending}" in SIDECARS and stem in walk.seen:
        return True
    return bool(place.ready and name.endswith(place.ready)) or PurePosixPath(name).name == (place.sums or None)


def _ready(files: list[Entry], walk: Walk, ending: str) -> list[Entry]:
    if not ending:
        return files
    return [e for e in files if e.name + ending in walk.seen or str(PurePosixPath(e.name).with_suffix("")) + ending in walk.seen]


def _sidecar(name: str, walk: Walk) -> Entry | None:
    """The file beside another that holds its digest."""
    return next((walk.seen[name + s] for s in reversed(SIDECARS) if name + s in walk.seen), None)


def _listed(link: Link, sums: str, parts: tuple[str, ...], files: list[Entry], walk: Walk) -> Found:
    found = Found()
    by_name = {e.name: e for e in files}
    for folder in sorted({str(PurePosixPath(n).parent) for n in walk.seen if PurePosixPath(n).name == sums}):
        prefix = "" if folder == "." else f"{folder}/"
        entry = walk.seen[prefix + sums]
        for name, claim in _read_sums(read_small(link, entry), entry.name):
            full = prefix + name
            if full in by_name:
                found.files.append(by_name[full])
                found.claims[full] = claim
            elif _matches(full, parts) and not is_left_alone(full) and full not in walk.seen:
                found.missing.append(full)
    found.files.sort(key=lambda e: e.name)
    return found


def read_small(link: Link, entry: Entry) -> bytes:
    """The bytes of a small file.

    Raises:
        DataError: ``collect.sums.large``.
    """
    if entry.size > _LARGEST:
        raise DataError(
            "collect.sums.large",
            "{file} is no list of digests: it is larger than {limit} MiB.",
            hint="Correct the option sums, or remove the file.",
            file=entry.name,
            limit=_LARGEST >> 20,
        )
    return link.ask(lambda session: b"".join(session.blocks(entry, 0)))


def _read_sums(text: bytes, name: str) -> Iterator[tuple[str, str]]:
    """Names and claims of the lines ``<digest>  <name>``."""
    for line in _decode(text).splitlines():
        digest, _, rest = line.strip().lstrip("\\").partition(" ")
        target = rest.lstrip(" *").removeprefix("./")
        if target and _HEX.fullmatch(digest):
            yield target, _claim(digest, name)


def _claim(digest: str, name: str) -> str:
    kind = "sm3" if "sm3" in PurePosixPath(name).name.lower() and len(digest) == 64 else _LENGTHS[len(digest)]
    return f"{kind}:{digest.lower()}"


def _decode(text: bytes) -> str:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text.decode("gb18030", "replace")


def _matches(name: str, parts: Sequence[str]) -> bool:
    names = PurePosixPath(name).parts
    if not parts or not names:
        return not parts and not names
    if parts[0] == "**":
        return _matches(name, parts[1:] or ("*",)) or _matches("/".join(names[1:]), parts)
    return fnmatchcase(names[0], parts[0]) and _matches("/".join(names[1:]), parts[1:])
