"""Deliveries that departments bring: kept on this machine until they are in the lake, whole or not at all.

A delivery is a folder ``intake/<resource>/<attempt>``: the file as it came, and ``delivery.json``, written last,
that says what it is and which of its rows were found wrong. Without that file it is unfinished.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from cityloom.collect.base import PACKAGE, Connector, Slice
from cityloom.kernel.ids import new_id
from cityloom.kernel.registry import plugin

FOLDER = "intake"
_SEAL = "delivery.json"
_ORIGINS = ("push:", "upload:", "form:", "correction of ")
_ODD = re.compile(r"[^\w.()\- ]+")


@dataclass(frozen=True)
class Flaw:
    """Why a row is set apart: the column, a code, and the reason without any value."""

    column: str
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A file that was brought for a resource.

    ``attempt`` names its folder; ``origin`` what it is called in the lake; ``digest`` of its bytes; ``reader`` the
    connector that reads it with ``options``; ``renames`` headers that stand for a column; ``flaws`` by row those
    that do not land; ``is_held`` while it waits for somebody's word, so that no run of the resource takes it in.
    """

    resource: str
    attempt: str
    origin: str
    file: str
    digest: str
    size: int
    reader: str
    options: Mapping[str, Any] = field(default_factory=dict)
    renames: Mapping[str, str] = field(default_factory=dict)
    flaws: Mapping[int, Flaw] = field(default_factory=dict)
    is_held: bool = False

    @property
    def piece(self) -> Slice:
        """The delivery as a slice of the push connector."""
        return Slice(origin=self.origin, digest=self.digest, size=self.size, held=self)


@dataclass(frozen=True)
class Inbox:
    """The deliveries of one workspace.

    Args:
        base: folder of the workspace.
    """

    base: Path

    def draft(self, resource: str, name: str) -> Draft:
        """A place for a delivery that begins to come in; ``name`` is what the sender calls the file."""
        attempt = new_id("i")
        folder = self._folder(resource, attempt)
        folder.mkdir(mode=0o700, parents=True)
        return Draft(resource, attempt, folder / plain_name(name))

    def seal(self, delivery: Delivery) -> None:
        """Keep what a delivery is: from now on it can be landed, whatever happens to this process."""
        path = self._folder(delivery.resource, delivery.attempt) / _SEAL
        text = json.dumps(asdict(delivery), ensure_ascii=False)
        draft = path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)

    def find(self, resource: str, attempt: str) -> Delivery | None:
        """A sealed delivery."""
        path = self._folder(resource, attempt) / _SEAL
        if not path.is_file():
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
        flaws = {int(row): Flaw(**flaw) for row, flaw in values.pop("flaws").items()}
        return Delivery(**values, flaws=flaws)

    def sealed(self, resource: str) -> Iterator[Delivery]:
        """Deliveries of a resource that only wait to be landed."""
        for path in sorted((self.base / FOLDER / resource).glob(f"*/{_SEAL}")):
            found = self.find(resource, path.parent.name)
            if found is not None and not found.is_held:
                yield found

    def drop(self, resource: str, attempt: str) -> None:
        """Remove a delivery with all that it holds."""
        shutil.rmtree(self._folder(resource, attempt), ignore_errors=True)

    def attempts(self, resource: str) -> list[str]:
        """Folders of deliveries, finished or not."""
        root = self.base / FOLDER / resource
        return sorted(p.name for p in root.iterdir()) if root.is_dir() else []

    def changed(self, resource: str, attempt: str) -> float:
        """When a delivery's folder changed last, seconds since 1970."""
        folder = self._folder(resource, attempt)
        return folder.stat().st_mtime if folder.is_dir() else 0.0

    def path(self, delivery: Delivery) -> Path:
        """Its file."""
        return self._folder(delivery.resource, delivery.attempt) / delivery.file

    def reader(self, delivery: Delivery) -> Connector:
        """The connector that reads it."""
        cls = plugin(PACKAGE, delivery.reader)
        folder = self._folder(delivery.resource, delivery.attempt)
        made = cls(folder=str(folder), pattern=glob.escape(delivery.file), base=self.base, **delivery.options)
        return cast(Connector, made)

    def _folder(self, resource: str, attempt: str) -> Path:
        return self.base / FOLDER / resource / attempt


class Draft:
    """A delivery on its way in: bytes are written, digested and counted."""

    def __init__(self, resource: str, attempt: str, path: Path) -> None:
        self.resource = resource
        self.attempt = attempt
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] = path.open("xb")

    def write(self, block: bytes) -> None:
        """Take in some bytes."""
        self._file.write(block)
        self._digest.update(block)
        self.size += len(block)

    def close(self) -> None:
        """All bytes are in: have them on the disk."""
        if not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    @property
    def digest(self) -> str:
        """sha256 of the bytes so far."""
        return self._digest.hexdigest()

    def discard(self) -> None:
        """Give it up."""
        self._file.close()
        shutil.rmtree(self.path.parent, ignore_errors=True)


def plain_name(name: str) -> str:
    """A file name that is safe in any folder: no path, nothing hidden, no sign with a meaning of its own."""
    last = re.split(r"[/\\]", name)[-1]
    stem, dot, ending = _ODD.sub("_", last).strip(". ").rpartition(".")
    text = f"{stem[:80]}{dot}{ending[:10]}" if stem else ending[:80]
    return text if text and text != _SEAL and not text.endswith((".draft", ".parquet")) else f"rows_{text}"


def is_delivered(origin: str) -> bool:
    """Whether a batch was brought by its department, and not fetched from the resource's source."""
    return origin.startswith(_ORIGINS)
