"""Buckets of an object store."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

from cityloom.collect.place import Entry, LinkError, Place, absent, denied, gone
from cityloom.collect.secret import secret
from cityloom.kernel.config import reference
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_BLOCK = 256 << 10
_ABSENT = ("NoSuchBucket", "NoSuchKey", "404", "NotFound")
_DENIED = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "401", "403")
_MD5 = re.compile(r'"?([0-9a-f]{32})(?:-(\d+))?"?')


@dataclass(frozen=True, kw_only=True)
class S3(Place):
    """An object store that speaks the S3 protocol. The source's ``folder`` is the beginning of the keys.

    Args:
        endpoint: address of the store (``https://oss.example``), or a reference; empty for that of the region.
        bucket: its name, or a reference.
        access_key: a reference; empty where the bucket is open to all.
        secret_key: a reference.
        region: as the store names it.
        path_style: whether the bucket stands in the path of the address, not in its host.
        ca: file with the certificates that are trusted; empty for the system's.
        settle_seconds: as everywhere; 0 unless given, for an object appears only when it is whole.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "s3"
    title: ClassVar[Title] = Title("对象存储（S3）", "Object store (S3)")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"endpoint": "https://oss.example", "bucket": "ga", "access_key": "env:GA_KEY", "secret_key": "env:GA_SECRET"},
    )

    endpoint: str = ""
    bucket: str
    access_key: str = ""
    secret_key: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    ca: str = ""
    settle_seconds: float = 0.0

    @property
    def address(self) -> str:
        """Endpoint and bucket."""
        endpoint = reference(self.endpoint, base=self.base) or f"https://s3.{self.region}.amazonaws.com"
        return f"{endpoint.rstrip('/')}/{reference(self.bucket, base=self.base)}"

    @contextmanager
    def connect(self, folder: str) -> Iterator[_Session]:
        """A session below a beginning of keys."""
        require("botocore.session", extra="transfer")
        prefix = folder.strip("/")
        session = _Session(self._client(), reference(self.bucket, base=self.base), "" if prefix == "." else prefix, self)
        try:
            session.require_bucket()
            yield session
        finally:
            session.client.close()

    def _client(self) -> Any:
        config = require("botocore.config", extra="transfer").Config(
            connect_timeout=self.timeout_seconds,
            read_timeout=self.timeout_seconds,
            retries={"total_max_attempts": 1},
            proxies={},
            s3={"addressing_style": "path" if self.path_style else "virtual"},
            signature_version=None if self.access_key else require("botocore", extra="transfer").UNSIGNED,
        )
        session = require("botocore.session", extra="transfer").Session()
        session.register_component("data_loader", _loader())
        with _mapped(self):
            return session.create_client(
                "s3",
                endpoint_url=reference(self.endpoint, base=self.base) or None,
                aws_access_key_id=reference(self.access_key, base=self.base) or None,
                aws_secret_access_key=secret(self.secret_key, "secret_key", self.base) or None,
                region_name=self.region,
                verify=str(self.base / self.ca) if self.ca else None,
                config=config,
            )


@dataclass(frozen=True)
class _Session:
    """A client of a bucket, below a beginning of keys."""

    client: Any
    bucket: str
    prefix: str
    place: S3
    is_exact: bool = True

    def require_bucket(self) -> None:
        """Check that the bucket can be listed."""
        with _mapped(self.place, absent(self.place.address, self.bucket)):
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=self._key(""), MaxKeys=1)

    def entries(self, folder: str) -> Iterator[Entry]:
        """Objects, and beginnings that end in ``/``, below a beginning."""
        prefix = self._key(f"{folder}/" if folder else "")
        skipped = len(self._key(""))
        pages = self.client.get_paginator("list_objects_v2")
        with _mapped(self.place):
            listed = list(pages.paginate(Bucket=self.bucket, Prefix=prefix, Delimiter="/"))
        for page in listed:
            for one in page.get("CommonPrefixes", ()):
                yield Entry(one["Prefix"][skipped:-1], is_folder=True)
            for one in page.get("Contents", ()):
                if not one["Key"].endswith("/"):
                    yield _entry(one["Key"][skipped:], one["Size"], one)

    def state(self, name: str) -> Entry | None:
        """An object as it is now."""
        with _mapped(self.place):
            head = self._head(name)
        return _entry(name, head["ContentLength"], head) if head else None

    def blocks(self, entry: Entry, start: int) -> Generator[bytes]:
        """The bytes from a position on, of this version of the object alone."""
        if start >= entry.size:
            return
        errors = require("botocore.exceptions", extra="transfer")
        with _mapped(self.place, gone(entry.name)):
            try:
                unchanged = {"IfMatch": entry.version} if entry.version else {}
                answer = self.client.get_object(
                    Bucket=self.bucket, Key=self._key(entry.name), Range=f"bytes={start}-", **unchanged
                )
            except errors.ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 412:
                    return
                raise
        with closing(answer["Body"]) as body:
            while True:
                with _mapped(self.place):
                    block = body.read(_BLOCK)
                if not block:
                    return
                yield block

    def checksum(self, entry: Entry) -> str:
        """The MD5 that an entity tag is, or the one over the parts in which the object was delivered."""
        match = _MD5.fullmatch(entry.version)
        if not match:
            return ""
        with _mapped(self.place):
            head = self._head(entry.name) or {}
            if head.get("ServerSideEncryption", "AES256") != "AES256" or head.get("SSECustomerAlgorithm"):
                return ""
            if not match[2]:
                return f"md5:{match[1]}"
            first = self._part(entry.name)
        return f"md5/{first}:{match[1]}" if first else ""

    def _part(self, name: str) -> int:
        """Size of an object's first part; 0 where the store does not tell."""
        errors = require("botocore.exceptions", extra="transfer")
        try:
            head = self.client.head_object(Bucket=self.bucket, Key=self._key(name), PartNumber=1)
        except errors.ClientError:
            return 0
        return int(head["ContentLength"]) if head.get("PartsCount") else 0

    def _head(self, name: str) -> Mapping[str, Any] | None:
        errors = require("botocore.exceptions", extra="transfer")
        try:
            head: Mapping[str, Any] = self.client.head_object(Bucket=self.bucket, Key=self._key(name))
        except errors.ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return head

    def _key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name


def _entry(name: str, size: int, facts: Mapping[str, Any]) -> Entry:
    return Entry(name, int(size), str(int(facts["LastModified"].timestamp())), facts.get("ETag", ""))


@cache
def _loader() -> Any:
    """The library's description of the protocol, read once: it is large."""
    return require("botocore.loaders", extra="transfer").create_loader()


@contextmanager
def _mapped(place: S3, missing: Exception | None = None) -> Iterator[None]:
    errors = require("botocore.exceptions", extra="transfer")
    try:
        yield
    except errors.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _DENIED:
            raise denied(place.address) from None
        if code in _ABSENT and missing:
            raise missing from None
        raise LinkError(code) from None
    except (errors.BotoCoreError, OSError) as error:
        raise LinkError(type(error).__name__) from None
