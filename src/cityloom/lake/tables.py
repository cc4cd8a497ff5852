"""Delta tables: files written by the engine, committed in one step, read as the file list of a version.

A write first lays complete Parquet files beside the table, then commits them with one log entry. A process
that dies before the commit leaves files that no version names: readers never see them, ``sweep`` removes
them. Readers take the file list of one version and are never disturbed by a writer.

Table names are ``{layer}_{rest}``; the folder is ``{layer}/{rest}``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import (
    CommitProperties,
    PostCommitHookProperties,
    create_table_with_add_actions,
)
from sqlglot import exp

from cityloom.engines.base import Engine, Query, WrittenFile, sql
from cityloom.kernel.errors import ConfigError, DataError, UserError
from cityloom.kernel.ids import new_id
from cityloom.lake.files import add_action, ever_named, remove_action, write_batches

LAYERS = ("raw", "std", "base", "theme")
_ATTEMPTS = 20
_KEEP_LOGS = PostCommitHookProperties(cleanup_expired_logs=False)
"""Every version stays readable: the table format by itself forgets those older than a month."""


@dataclass(frozen=True)
class Commit:
    """A written version of a table: its number, the rows written, and whether it stood already."""

    table: str
    version: int
    rows: int
    is_repeated: bool = False


@dataclass(frozen=True)
class TableVersion:
    """One version in a table's history: number, time (ms since 1970, UTC), operation and notes."""

    version: int
    at_ms: int
    operation: str
    notes: Mapping[str, Any]


class Lake:
    """The lake of one workspace.

    Args:
        root: its folder.
        engine: what writes and reads the files.
    """

    def __init__(self, root: Path, engine: Engine) -> None:
        self.root = root
        self.engine = engine

    # -- reading ---------------------------------------------------------------------------------------

    def names(self, layer: str | None = None) -> list[str]:
        """Names of all tables, or of one layer's, sorted."""
        layers = (layer,) if layer else LAYERS
        return sorted(
            f"{part}_{folder.name}"
            for part in layers
            for folder in (self.root / part).glob("*")
            if (folder / "_delta_log").is_dir()
        )

    def exists(self, table: str) -> bool:
        """Whether the table has at least one version."""
        return self._open(table) is not None

    def version(self, table: str) -> int:
        """Number of its newest version; -1 when there is no such table yet."""
        found = self._open(table)
        return -1 if found is None else int(found.version())

    def relation(
        self, table: str, version: int | None = None, *, parts: Sequence[str] | None = None
    ) -> exp.Expression:
        """The table, as of a version, as a relation for the FROM of a query; only some parts when given.

        Raises:
            UserError: ``lake.table.unknown`` or ``lake.version.unknown``.
        """
        delta = self._required(table, version)
        paths = [p for p in self._paths(table, delta) if parts is None or p.stem in parts]
        return self.engine.files(paths) if paths else _empty(_arrow_schema(delta))

    def columns(self, table: str, version: int | None = None) -> list[str]:
        """Its column names in order."""
        return list(_arrow_schema(self._required(table, version)).names)

    def count(self, table: str, version: int | None = None) -> int:
        """Its number of rows, from the log and without reading data."""
        actions = pa.table(self._required(table, version).get_add_actions(flatten=True))
        counts = actions.column("num_records").to_pylist() if actions.num_rows else []
        return sum(int(n) for n in counts)

    def size(self, table: str) -> int:
        """Bytes of its newest version."""
        return sum(p.stat().st_size for p in self._paths(table, self._required(table)))

    def parts(self, table: str, version: int | None = None) -> list[str]:
        """Names of the parts (files without ending) of a version: in the raw layer one a batch."""
        if not self.exists(table):
            return []
        return sorted(p.stem for p in self._paths(table, self._required(table, version)))

    def history(self, table: str) -> list[TableVersion]:
        """Its versions, newest first."""
        entries = []
        for number, entry in enumerate(self._required(table).history()):
            notes = json.loads(entry["notes"]) if "notes" in entry else {}
            version = entry.get("version", number)
            entries.append(TableVersion(int(version), int(entry["timestamp"]), str(entry.get("operation", "")), notes))
        return entries

    def notes(self, table: str) -> Mapping[str, Any]:
        """What was noted with its newest version."""
        entry = self._required(table).history(1)[0]
        return dict(json.loads(entry["notes"])) if "notes" in entry else {}

    # -- writing ---------------------------------------------------------------------------------------

    def append(
        self,
        table: str,
        rows: Query | Iterable[pa.RecordBatch],
        *,
        part: str,
        replaces: Sequence[str] = (),
        notes: Mapping[str, Any] | None = None,
        schema: pa.Schema | None = None,
        verify: Callable[[exp.Expression], None] | None = None,
    ) -> Commit:
        """Add one part; the parts it replaces leave in the same commit. The same part again changes nothing.

        Args:
            table: its name; made when it is not there.
            rows: a query, or Arrow batches of ``schema`` (needed for batches, for there may be none).
            part: name of the part, unique in the table: the batch's id.
            replaces: parts that this one supersedes.
            notes: kept with the version.
            schema: of the batches.
            verify: looks at the finished file (as a relation) before it is committed; when it raises, nothing
                is committed and the file goes.
        """
        if part in self.parts(table):
            return Commit(table, self.version(table), 0, is_repeated=True)
        target = self._folder(table) / f"{part}.parquet"
        try:
            file = self._write(rows, target, schema)
            if verify is not None:
                verify(self.engine.files([target]))
        except BaseException:
            target.with_suffix(".parquet.draft").unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            raise
        return self._commit(table, [file], remove=set(replaces), notes=notes)

    def revise(
        self, table: str, parts: Mapping[str, Query], *, replaces: Sequence[str] = (), notes: Mapping[str, Any] | None = None
    ) -> Commit:
        """Add some parts, by name, and let others leave, all in one commit.

        Args:
            table: its name; made when it is not there.
            parts: at least one; a query for each.
            replaces: parts that leave.
            notes: kept with the version.
        """
        files: list[WrittenFile] = []
        try:
            for part, query in parts.items():
                files.append(self._write(query, self._folder(table) / f"{part}.parquet", None))
        except BaseException:
            for file in files:
                file.path.unlink(missing_ok=True)
            raise
        return self._commit(table, files, remove=set(replaces), notes=notes)

    def replace(self, table: str, rows: Sequence[Query], *, notes: Mapping[str, Any] | None = None) -> Commit:
        """Make the whole table anew, one file a query, in one commit; older versions stay readable."""
        files = [self._write(query, self._folder(table) / f"{new_id('p')}.parquet", None) for query in rows]
        return self._commit(table, files, remove=None, notes=notes)

    def pack(self, table: str, *, keep: Sequence[str] = (), below: int = 8 << 20, at_least: int = 64) -> int:
        """Lay the small files of a table together in one commit; returns how many became one.

        A source that is followed leaves a file every second or so; readers and the log grow slow with them. The
        rows stay what they are, and older versions keep their own files. What was laid together is a part of
        its own: the parts are no longer found by their names, only by the rows' ``_batch``.

        Args:
            table: its name.
            keep: parts that stay by themselves.
            below: bytes under which a file is small.
            at_least: so many small files, or nothing is done.
        """
        delta = self._open(table)
        loose = [p for p in self._paths(table, delta) if p.stem not in keep] if delta else []
        small = [p for p in loose if p.stat().st_size < below]
        if len(small) < at_least:
            return 0
        target = self._folder(table) / f"{new_id('k')}.parquet"
        file = self._write(sql("SELECT * FROM :files", files=self.engine.files(small)), target, None)
        notes = {"packed": len(small)}
        try:
            self._commit(table, [file], remove={p.stem for p in small}, notes=notes)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return len(small)

    def sweep(self, table: str) -> int:
        """Remove files that no version names (left by a process that died); returns how many.

        They are younger than the newest version, for whoever writes a table sweeps it first.
        """
        if not self.exists(table):
            return 0
        folder = self._folder(table)
        logs = list((folder / "_delta_log").glob("*.json"))
        newest = max((p.stat().st_mtime_ns for p in logs), default=0)
        orphans = [p for p in folder.glob("*.parquet*") if p.suffix == ".draft" or p.stat().st_mtime_ns > newest]
        if orphans:
            named = ever_named(logs)
            orphans = [p for p in orphans if p.name not in named]
        for path in orphans:
            path.unlink()
        return len(orphans)

    # -- inside ----------------------------------------------------------------------------------------

    def _folder(self, table: str) -> Path:
        layer, _, rest = table.partition("_")
        if layer not in LAYERS or not rest or not all(c.isalnum() or c == "_" for c in rest):
            raise ConfigError(
                "lake.table.misnamed",
                "{table} is no name of a lake table.",
                hint="A table is named layer_rest, with one of the layers {layers}.",
                table=table,
                layers=", ".join(LAYERS),
            )
        return self.root / layer / rest

    def _open(self, table: str, version: int | None = None) -> DeltaTable | None:
        try:
            return DeltaTable(str(self._folder(table)), version=version)
        except TableNotFoundError:
            return None

    def _required(self, table: str, version: int | None = None) -> DeltaTable:
        try:
            found = self._open(table, version)
        except Exception as error:
            if version is None:
                raise
            raise UserError(
                "lake.version.unknown",
                "{table} has no version {version}.",
                hint="See its history for the versions there are.",
                table=table,
                version=version,
            ) from error
        if found is None:
            raise UserError(
                "lake.table.unknown",
                "There is no table {table} in the lake yet.",
                hint="Run the step that writes it first.",
                table=table,
            )
        return found

    def _paths(self, table: str, delta: DeltaTable) -> list[Path]:
        actions = pa.table(delta.get_add_actions(flatten=True))
        folder = self._folder(table)
        return sorted(folder / unquote(p) for p in (actions.column("path").to_pylist() if actions.num_rows else []))

    def _write(self, rows: Query | Iterable[pa.RecordBatch], target: Path, schema: pa.Schema | None) -> WrittenFile:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(".parquet.draft")
        if isinstance(rows, (str, exp.Expression)):
            file = self.engine.write_parquet(rows, draft)
            count = file.rows
        elif schema is None:
            raise ValueError("batches need their schema")
        else:
            count = write_batches(rows, draft, schema)
        with draft.open("rb+") as handle:
            os.fsync(handle.fileno())
        draft.replace(target)
        return WrittenFile(path=target, rows=count, size=target.stat().st_size)

    def _commit(
        self, table: str, files: Sequence[WrittenFile], *, remove: set[str] | None, notes: Mapping[str, Any] | None
    ) -> Commit:
        rows = sum(f.rows for f in files)
        properties = CommitProperties(custom_metadata={"notes": json.dumps(dict(notes or {}), ensure_ascii=False)})
        schema = pa.unify_schemas([pq.read_schema(f.path) for f in files]).remove_metadata()
        for _ in range(_ATTEMPTS):
            try:
                self._commit_once(table, files, schema, remove, properties)
                return Commit(table, self.version(table), rows)
            except CommitFailedError:
                continue
        raise DataError(
            "lake.table.contended",
            "{table} could not be committed: other writers were faster {attempts} times.",
            hint="Run the step again; nothing was lost.",
            table=table,
            attempts=_ATTEMPTS,
        )

    def _commit_once(
        self,
        table: str,
        files: Sequence[WrittenFile],
        schema: pa.Schema,
        remove: set[str] | None,
        properties: CommitProperties,
    ) -> None:
        adds = [add_action(f) for f in files]
        delta = self._open(table)
        if delta is None:
            create_table_with_add_actions(
                str(self._folder(table)),
                DeltaSchema.from_arrow(schema),
                adds,
                mode="error",
                partition_by=[],
                commit_properties=properties,
                post_commithook_properties=_KEEP_LOGS,
            )
            return
        if remove is None:
            self._transact(delta, adds, "overwrite", DeltaSchema.from_arrow(schema), properties)
            return
        delta = self._widen(table, delta, schema)
        gone = [remove_action(p) for p in self._paths(table, delta) if p.stem in remove]
        self._transact(delta, [*adds, *gone], "append", delta.schema(), properties)

    def _transact(
        self, delta: DeltaTable, actions: list[Any], mode: str, schema: DeltaSchema, properties: CommitProperties
    ) -> None:
        delta.create_write_transaction(
            actions, mode, schema, partition_by=[], commit_properties=properties, post_commithook_properties=_KEEP_LOGS
        )

    def _widen(self, table: str, delta: DeltaTable, schema: pa.Schema) -> DeltaTable:
        known = set(_arrow_schema(delta).names)
        fresh = [f for f in DeltaSchema.from_arrow(schema).fields if f.name not in known]
        if not fresh:
            return delta
        delta.alter.add_columns(fresh, post_commithook_properties=_KEEP_LOGS)
        return self._required(table)


def _arrow_schema(delta: DeltaTable) -> pa.Schema:
    return pa.schema(delta.schema())


def _empty(schema: pa.Schema) -> exp.Expression:
    nothing = [exp.alias_(exp.cast(exp.null(), _sql_type(f.type)), f.name, quoted=True) for f in schema]
    query = exp.select(*nothing).where(exp.false())
    return exp.Subquery(this=query)


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_integer(kind):
        return "BIGINT"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "DOUBLE"
    return "BOOLEAN" if pa.types.is_boolean(kind) else "VARCHAR"
