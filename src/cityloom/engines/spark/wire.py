"""The part of the Spark Connect protocol that the engine speaks, over gRPC and protocol buffers.

Of the protocol's messages only the fields in use are described; a reader passes over the others. Numbers are
those of ``spark/connect/{base,relations,commands}.proto`` of Spark 4, which its makers keep for good.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from cityloom.kernel.errors import CityLoomError, ConfigError, SourceError
from cityloom.kernel.extras import require

EXTRA = "distributed"
_OVERWRITE = 2
_CONNECT_SECONDS = 10
_PING_MS = 360_000
"""Servers take pings only every five minutes from a client."""
_GONE = re.compile(r"INVALID_HANDLE\.SESSION_(?:CHANGED|CLOSED|NOT_FOUND)")
_CLASS = re.compile(r"\[([A-Z][A-Z0-9_.]+)\]")
_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Pair": {"key": (1, "string"), "value": (2, "string")},
    "UserContext": {"user_id": (1, "string")},
    "SQL": {"query": (1, "string")},
    "DataSource": {"format": (1, "string"), "schema": (2, "string"), "options": (3, "Pair*"), "paths": (4, "string*")},
    "Read": {"data_source": (2, "DataSource")},
    "SubqueryAlias": {"input": (1, "Relation"), "alias": (2, "string")},
    "WithRelations": {"root": (1, "Relation"), "references": (2, "Relation*")},
    "RelationCommon": {"plan_id": (2, "int64")},
    "Relation": {
        "common": (1, "RelationCommon"),
        "read": (2, "Read"),
        "sql": (10, "SQL"),
        "subquery_alias": (16, "SubqueryAlias"),
        "with_relations": (41, "WithRelations"),
    },
    "WriteOperation": {
        "input": (1, "Relation"),
        "source": (2, "string"),
        "path": (3, "string"),
        "mode": (5, "int32"),
        "options": (9, "Pair*"),
    },
    "Command": {"write_operation": (2, "WriteOperation")},
    "Plan": {"root": (1, "Relation"), "command": (2, "Command")},
    "ExecutePlanRequest": {
        "session_id": (1, "string"),
        "user_context": (2, "UserContext"),
        "plan": (3, "Plan"),
        "client_type": (4, "string"),
        "operation_id": (6, "string"),
        "client_observed_server_side_session_id": (8, "string"),
    },
    "ArrowBatch": {"row_count": (1, "int64"), "data": (2, "bytes")},
    "ExecutePlanResponse": {"arrow_batch": (2, "ArrowBatch"), "server_side_session_id": (15, "string")},
    "ReleaseSessionRequest": {"session_id": (1, "string"), "user_context": (2, "UserContext"), "client_type": (3, "string")},
    "ReleaseSessionResponse": {"session_id": (1, "string")},
}


@dataclass(frozen=True)
class Files:
    """Parquet files that a query names: ``alias`` in its text, their paths, and their columns as Spark's DDL."""

    alias: str
    paths: tuple[str, ...]
    schema: str


class Session:
    """One session on a Spark Connect server, made anew by itself when the server has let it go.

    Args:
        url: ``sc://host:port``, with ``/;use_ssl=true`` and ``;token=…`` where the server wants them.
        settings: of Spark, that every query depends on.

    Raises:
        ConfigError: ``kernel.extra.missing``, ``engine.spark.address``.
        SourceError: ``engine.spark.unreachable``.
    """

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        self._grpc: Any = require("grpc", extra=EXTRA)
        require("google.protobuf", extra=EXTRA)
        self._settings = dict(settings)
        self._lock = threading.Lock()
        self._channel, self._metadata, self._where = self._opened(url)
        service = "/spark.connect.SparkConnectService/"
        self._execute = self._channel.unary_stream(
            service + "ExecutePlan", _bytes_of, message("ExecutePlanResponse").FromString
        )
        self._release = self._channel.unary_unary(
            service + "ReleaseSession", _bytes_of, message("ReleaseSessionResponse").FromString
        )
        self._id, self._seen = "", ""
        with self._lock:
            self._renew()

    def answer(self, text: str, files: tuple[Files, ...]) -> Iterator[bytes]:
        """The answer to a query as Arrow streams, one a message."""
        for response in self._run({"root": _query(text, files)}):
            if response.HasField("arrow_batch"):
                yield response.arrow_batch.data

    def write(self, text: str, files: tuple[Files, ...], folder: str, options: Mapping[str, str]) -> None:
        """Have the server write the answer to a query as Parquet files into a folder."""
        write = {"input": _query(text, files), "source": "parquet", "path": folder, "mode": _OVERWRITE}
        write["options"] = [{"key": key, "value": value} for key, value in options.items()]
        for _ in self._run({"command": {"write_operation": write}}):
            pass

    def close(self) -> None:
        """End the session and the connection."""
        with suppress(self._grpc.RpcError):
            request = message("ReleaseSessionRequest")(**self._who())
            self._release(request, timeout=5, metadata=self._metadata)
        self._channel.close()

    def _run(self, plan: Mapping[str, Any]) -> Iterator[Any]:
        """Responses; a session that the server no longer knows is made anew once, before anything was received."""
        for is_last in (False, True):
            seen, has_begun = self._id, False
            try:
                for response in self._call(plan):
                    has_begun = True
                    yield response
                return
            except self._grpc.RpcError as error:
                if is_last or has_begun or not _GONE.search(str(error.details())):
                    raise self._failure(error) from None
                with self._lock:
                    if self._id == seen:
                        self._renew()

    def _call(self, plan: Mapping[str, Any]) -> Iterator[Any]:
        request = message("ExecutePlanRequest")(plan=plan, operation_id=str(uuid4()), **self._who())
        if self._seen:
            request.client_observed_server_side_session_id = self._seen
        stream = self._execute(request, metadata=self._metadata)
        try:
            for response in stream:
                self._seen = response.server_side_session_id or self._seen
                yield response
        finally:
            stream.cancel()

    def _renew(self) -> None:
        self._id, self._seen = str(uuid4()), ""
        try:
            for key, value in self._settings.items():
                for _ in self._call({"root": {"sql": {"query": f"SET {key}={value}"}}}):
                    pass
        except self._grpc.RpcError as error:
            raise self._failure(error) from None

    def _who(self) -> dict[str, Any]:
        return {"session_id": self._id, "user_context": {"user_id": "cityloom"}, "client_type": "cityloom"}

    def _opened(self, url: str) -> tuple[Any, list[tuple[str, str]], str]:
        host, port, options = _address(url)
        where, token = f"{host}:{port}", options.get("token", "")
        if _is_refused(host, port):
            raise _unreachable(where)
        limits = [("grpc.max_receive_message_length", -1), ("grpc.keepalive_time_ms", _PING_MS)]
        if options.get("use_ssl", "").lower() == "true" or token:
            channel = self._grpc.secure_channel(where, self._grpc.ssl_channel_credentials(), options=limits)
        else:
            channel = self._grpc.insecure_channel(where, options=limits)
        try:
            self._grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
        except self._grpc.FutureTimeoutError:
            channel.close()
            raise _unreachable(where) from None
        return channel, [("authorization", f"Bearer {token}")] if token else [], where

    def _failure(self, error: Any) -> CityLoomError:
        if error.code() in (self._grpc.StatusCode.UNAVAILABLE, self._grpc.StatusCode.UNAUTHENTICATED):
            return _unreachable(self._where)
        kind = _CLASS.search(str(error.details()))  # the text after it may hold values of people
        return ConfigError(
            "engine.spark.failed",
            "The Spark cluster could not answer a query: {kind}.",
            hint="See the log of the Spark server; more memory for it, or the embedded engine, may help.",
            kind=kind[1] if kind else error.code().name,
        )


def _address(url: str) -> tuple[str, int, dict[str, str]]:
    try:
        parts = urlsplit(url)
        port = parts.port or 15002
        if parts.scheme != "sc" or not parts.hostname or parts.username:
            raise ValueError
    except ValueError:
        raise ConfigError(
            "engine.spark.address",
            "CITYLOOM_SPARK_URL is no address of a Spark Connect server.",
            hint="Write sc://host:15002, with /;use_ssl=true;token=... behind it where the server wants that.",
        ) from None
    options = dict(one.split("=", 1) for one in parts.path.lstrip("/").split(";") if "=" in one)
    return parts.hostname, port, options


def _is_refused(host: str, port: int) -> bool:
    """Whether nobody listens there: gRPC would try again until its time is over."""
    try:
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:  # a way that only gRPC knows, through a proxy or by another name
        return False
    return False


def _unreachable(where: str) -> SourceError:
    return SourceError(
        "engine.spark.unreachable",
        "The Spark Connect server at {where} does not answer.",
        hint="Start it (sbin/start-connect-server.sh of Spark 4), and check CITYLOOM_SPARK_URL.",
        where=where,
    )


def _query(text: str, files: tuple[Files, ...]) -> dict[str, Any]:
    root = {"sql": {"query": text}}
    if not files:
        return root
    references = [{"subquery_alias": {"input": _read(one), "alias": one.alias}} for one in files]
    return {"with_relations": {"root": root, "references": references}}


def _read(files: Files) -> dict[str, Any]:
    return {"read": {"data_source": {"format": "parquet", "schema": files.schema, "paths": list(files.paths)}}}


def _bytes_of(request: Any) -> bytes:
    return bytes(request.SerializeToString())


@lru_cache(maxsize=1)
def _pool() -> dict[str, Any]:
    """The message classes by name."""
    pb2: Any = require("google.protobuf.descriptor_pb2", extra=EXTRA)
    pools: Any = require("google.protobuf.descriptor_pool", extra=EXTRA)
    factory: Any = require("google.protobuf.message_factory", extra=EXTRA)
    field = pb2.FieldDescriptorProto
    file = pb2.FileDescriptorProto(name="cityloom_spark.proto", package="spark", syntax="proto3")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for key, (number, kind) in fields.items():
            label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            one = described.field.add(name=key, number=number, label=label)
            kind = kind.rstrip("*")
            if kind in _MESSAGES:
                one.type, one.type_name = field.TYPE_MESSAGE, f".spark.{kind}"
            else:
                one.type = getattr(field, f"TYPE_{kind.upper()}")
    pool = pools.DescriptorPool()
    pool.Add(file)
    found = pool.FindFileByName(file.name).message_types_by_name
    return {name: factory.GetMessageClass(found[name]) for name in _MESSAGES}


def message(name: str) -> Any:
    """The class of a message."""
    return _pool()[name]
