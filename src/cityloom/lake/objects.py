"""Originals kept as they came, by the digest of their bytes: the same content once, whatever its names."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cityloom.kernel.errors import DataError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class ObjectStore:
    """A folder of originals: ``root/ab/abcdef…``. A file is there whole or not at all."""

    root: Path

    def put(self, source: Path) -> str:
        """Keep a copy of a file; returns its sha256. What is there already is not written again."""
        self.root.mkdir(parents=True, exist_ok=True)
        draft = self.root / f".{uuid4().hex}.draft"
        digest = hashlib.sha256()
        try:
            with source.open("rb") as file, draft.open("wb") as copy:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    copy.write(block)
                copy.flush()
                os.fsync(copy.fileno())
            name = digest.hexdigest()
            target = self._path(name)
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                draft.replace(target)
            return name
        finally:
            draft.unlink(missing_ok=True)

    def path(self, digest: str) -> Path:
        """Where an original is.

        Raises:
            DataError: ``lake.original.missing``.
        """
        found = self._path(digest)
        if not found.is_file():
            raise DataError(
                "lake.original.missing",
                "The original with the digest {digest} is not kept here.",
                hint="Collect its documents again; if the source has lost it too, restore it from a backup.",
                digest=digest,
            )
        return found

    def beside(self, digest: str, ending: str) -> Path:
        """A path for what was found out about an original."""
        found = self._path(digest)
        return found.with_name(f"{found.name}.{ending}")

    def sweep(self) -> int:
        """Remove the drafts of processes that died; returns how many."""
        drafts = list(self.root.glob(".*.draft"))
        for draft in drafts:
            draft.unlink(missing_ok=True)
        return len(drafts)

    def _path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest
