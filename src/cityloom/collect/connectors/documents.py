"""Documents of any kind: features and text as rows, originals kept by their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice, text_batch
from cityloom.collect.documents.features import COLUMNS, VERSION, Features, features_of
from cityloom.collect.documents.worker import Parser
from cityloom.collect.files import file_slices, held_file, open_folder, require_unchanged
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, ConfigError
from cityloom.lake.objects import ObjectStore
from cityloom.model.text import STRICT, Title

_CHUNK = 64


@dataclass(frozen=True)
class _Kept:
    path: str
    size: int
    digest: str
    modified_at: str


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Files of a folder and its subfolders: one row a file, one batch a folder.

    Originals are kept in the workspace's ``lake/objects`` by the digest of their bytes, so the same content is
    kept once. Each is parsed once, in a process of its own with limits; a file that cannot be parsed has a row too,
    whose ``problem`` says why.

    Args:
        folder: of the files; relative to the workspace, or of the place.
        pattern: which files.
        fields: which features become columns; all when empty.
        seconds: limit for parsing one file.
        memory_mb: limit of the parsing process, MiB.
        place: where the folder is, when it is not on this machine.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "documents"
    title: ClassVar[Title] = Title("非结构化文档", "Documents")
    standard: ClassVar[str] = "GB/T 18894-2016"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full"})
    is_sparse: ClassVar[bool] = False
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = ({"folder": "sources/da", "pattern": "**/*"},)

    folder: str
    pattern: str = "**/*"
    fields: tuple[str, ...] = ()
    seconds: float = 60.0
    memory_mb: int = 4096
    place: Mapping[str, Any] = field(default_factory=dict)
    base: Path = Path()

    def check(self) -> None:
        """Show that the folder is there."""
        open_folder(self.base, self.folder, self.place)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice a folder that holds files; all originals are kept before the first slice is given."""
        self._require_fields()
        folders: dict[str, list[_Kept]] = {}
        broken: dict[str, CityLoomError] = {}
        for piece in file_slices(open_folder(self.base, self.folder, self.place), self.pattern):
            origin = PurePosixPath(piece.origin).parent.as_posix()
            kept = folders.setdefault(origin, [])
            if piece.error:
                broken.setdefault(origin, piece.error)
            else:
                kept.append(self._keep(piece))
        for origin in sorted(folders):
            yield self._slice(origin, folders[origin], broken.get(origin))

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The rows, some dozens at a time."""
        kept: list[_Kept] = piece.held
        with closing(Parser(self.seconds, self.memory_mb)) as parser:
            for start in range(0, max(len(kept), 1), _CHUNK):
                rows = [self._row(one, parser) for one in kept[start : start + _CHUNK]]
                columns = self.fields or COLUMNS
                values = {name: [row[name] for row in rows] for name in columns}
                yield text_batch(values, range(start + 1, start + 1 + len(rows)))

    def count(self, piece: Slice) -> int:
        """How many files the folder lists."""
        return len(piece.held)

    @property
    def _objects(self) -> ObjectStore:
        return ObjectStore(self.base / "lake" / "objects")

    def _slice(self, origin: str, kept: list[_Kept], error: CityLoomError | None) -> Slice:
        digest = hashlib.sha256(json.dumps([VERSION, self.fields, *([k.path, k.digest] for k in kept)]).encode())
        size = sum(k.size for k in kept)
        return Slice(origin=origin, digest=digest.hexdigest(), size=size, held=kept, error=error)

    def _keep(self, piece: Slice) -> _Kept:
        held = held_file(piece)
        digest = self._objects.put(held.path)
        require_unchanged(piece)
        modified = datetime.fromtimestamp(held.modified_ns / 1e9, UTC).replace(microsecond=0)
        return _Kept(piece.origin, held.size, digest, iso(modified))

    def _row(self, one: _Kept, parser: Parser) -> dict[str, str | None]:
        features = self._features(one, parser)
        return {
            "path": one.path,
            "name": PurePosixPath(one.path).name,
            "bytes": str(one.size),
            "sha256": one.digest,
            "modified_at": one.modified_at,
            **asdict(features),
        }

    def _features(self, one: _Kept, parser: Parser) -> Features:
        """What was found out before about this content under this ending, or now."""
        ending = PurePosixPath(one.path).suffix.lower().removeprefix(".") or "none"
        known = self._objects.beside(one.digest, f"{ending}.v{VERSION}.json")
        if known.is_file():
            return features_of(json.loads(known.read_text(encoding="utf-8")))
        found = parser.parse(self._objects.path(one.digest), PurePosixPath(one.path).name)
        draft = known.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(found), ensure_ascii=False), encoding="utf-8", errors="surrogatepass")
        draft.replace(known)
        return found

    def _require_fields(self) -> None:
        unknown = [name for name in self.fields if name not in COLUMNS]
        if unknown:
            raise ConfigError(
                "collect.documents.field",
                "There is no feature {name} of documents.",
                hint="There are: {known}.",
                name=unknown[0],
                known=", ".join(COLUMNS),
            )
