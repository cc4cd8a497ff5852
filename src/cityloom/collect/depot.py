"""Where fetched files and their manifests lie on this machine until they are in the lake."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from cityloom.collect.place import Entry
from cityloom.kernel.errors import SourceError

FOLDER = ".transfers"
_RESERVE = 64 << 20
"""So many bytes of the disk are left to others."""
_SLOTS = 64
COMPANIONS = {".dbf": (".dbt", ".fpt")}
"""By ending, the endings of files that belong to one and are read with it."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What is known of a file of a place.

    ``size``, ``modified`` and ``version`` as the place told when it was fetched; ``done`` bytes are on this
    machine for good; ``sha256`` of all of them once it is complete; ``proof`` what it was compared with (the kind
    of a digest from the deliverer or the place), empty where there was nothing.
    """

    name: str
    size: int
    modified: str = ""
    version: str = ""
    done: int = 0
    sha256: str = ""
    proof: str = ""

    @classmethod
    def of(cls, entry: Entry) -> Manifest:
        """The manifest of a file of which nothing is fetched yet."""
        return cls(name=entry.name, size=entry.size, modified=entry.modified, version=entry.version)

    @property
    def entry(self) -> Entry:
        """The file as it was when it was fetched."""
        return Entry(self.name, self.size, self.modified, self.version)

    def is_of(self, entry: Entry) -> bool:
        """Whether the file is still the one that this tells of."""
        return replace(self, done=0, sha256="", proof="") == Manifest.of(entry)


@dataclass
class Depot:
    """A folder of one source's files: ``<id>.json`` and ``<id><ending>`` each; names of the place are never paths."""

    folder: Path
    _used: set[str] = field(default_factory=set)

    def manifest(self, name: str) -> Manifest | None:
        """What is known of a file; ``None`` when that is nothing, or cannot be read."""
        found = self._load(f"{self._id(name)}.json")
        known = {f.name for f in fields(Manifest)}
        try:
            manifest = Manifest(**{k: v for k, v in found.items() if k in known})
        except (TypeError, AttributeError):
            return None
        return manifest if manifest.name == name else None

    def keep(self, manifest: Manifest) -> None:
        """Write what is known of a file."""
        self._save(f"{self._id(manifest.name)}.json", asdict(manifest))

    def forget(self, name: str) -> None:
        """Remove a file and what is known of it."""
        self.remove(name)
        (self.folder / f"{self._id(name)}.json").unlink(missing_ok=True)

    def notes(self, key: str) -> Any:
        """What was noted under a key; ``None`` when nothing was."""
        return self._load(f"{self._id(key)}.note")

    def note(self, key: str, value: Any) -> None:
        """Note something that can be computed again."""
        self._save(f"{self._id(key)}.note", value)

    def path(self, name: str) -> Path:
        """Where the bytes of a file are, or are to be; it ends as the name does."""
        ending = re.sub(r"[^A-Za-z0-9.]", "", "".join(PurePosixPath(name).suffixes[-1:]))[:16]
        return self.folder / f"{self._id(name)}.data{ending}"

    def remove(self, name: str) -> None:
        """Remove the bytes of a file, and of its companions."""
        path = self.path(name)
        for one in (path, *(path.with_suffix(e) for e in COMPANIONS.get(path.suffix.lower(), ()))):
            one.unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove all that nobody asked for since this was opened."""
        for path in self.folder.iterdir():
            if path.name.partition(".")[0] not in self._used and path.name != "lock":
                path.unlink(missing_ok=True)

    def require_room(self, size: int, name: str) -> None:
        """Check that the disk takes so many bytes more.

        Raises:
            SourceError: ``collect.transfer.space``.
        """
        free = shutil.disk_usage(self.folder).free
        if free - _RESERVE < size:
            raise SourceError(
                "collect.transfer.space",
                "{file} needs {needed} MiB, and the disk has {free} MiB free.",
                hint="Free some space in the workspace, and run the task again.",
                file=name,
                needed=-(-size >> 20),
                free=free >> 20,
            )

    def _id(self, name: str) -> str:
        found = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._used.add(found)
        return found

    def _load(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def _save(self, name: str, value: Any) -> None:
        path = self.folder / name
        fresh = path.with_name(f"{name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=True)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


@contextmanager
def open_depot(base: Path, key: Mapping[str, Any]) -> Iterator[Depot]:
    """The depot of a source, used by one at a time; whoever comes while it is in use gets one more.

    Args:
        base: the workspace.
        key: what tells the source from others; holds no secret.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()[:16]
    for slot in range(_SLOTS):
        folder = base / FOLDER / (f"{digest}-{slot}" if slot else digest)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / "lock").open("a+b") as handle:
            if _lock(handle.fileno()):
                yield Depot(folder)
                if slot == 0:
                    _sweep(base / FOLDER, digest)
                return
    raise SourceError(
        "collect.transfer.busy",
        "The same files are being fetched by {count} others.",
        hint="Wait until they have finished.",
        count=_SLOTS,
    )


def _sweep(folder: Path, digest: str) -> None:
    """Empty the further depots of a source that nobody uses now."""
    for other in folder.glob(f"{digest}-*"):
        with (other / "lock").open("a+b") as handle:
            if _lock(handle.fileno()):
                Depot(other).prune()


def _lock(handle: int) -> bool:
    """Lock a file until it is closed, or its process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def companions(name: str) -> dict[str, str]:
    """Names that a file's companions may have, and the ending of each."""
    stem, dot, ending = name.rpartition(".")
    wanted = COMPANIONS.get(f"{dot}{ending}".lower(), ())
    return {stem + written: e for e in wanted for written in (e, e.upper())}
