"""States of devices that are asked over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ClassVar

import httpx

from cityloom.collect.messages import faults
from cityloom.collect.messages.base import MessageSource, Plain, Session
from cityloom.collect.messages.message import Message, china
from cityloom.collect.messages.patience import Patience
from cityloom.collect.messages.repeats import identity
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class HttpDevice(MessageSource):
    """States of devices, each of which is asked at its address again and again; an answer is a message.

    A device tells its present state, and no earlier one. An answer that is the same as the last one of the device is
    not taken again. A device that does not answer holds up no other; when none answers for ``patience_seconds``, the run
    fails. Redirects are not followed. Fields ``message`` may name: received, address. The topic is the path.

    Args:
        addresses: of the devices, http or https, or references.
        headers: sent with each request; values may be references.
        topic: pattern of paths, to name their parts: ``lamp/{id}/state``.
        poll_seconds: how often a device is asked while the source is followed; a run that does not follow asks once.
        timeout_seconds: how long one answer may take.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "http_device"
    title: ClassVar[Title] = Title("HTTP 设备轮询", "Devices asked over HTTP")
    standard: ClassVar[str] = "RFC 9110"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("received", "address")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"addresses": ["http://lamp-17.city/state"], "headers": {"X-Key": "env:LAMP_KEY"}},
    )

    addresses: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    topic: str = "#"
    poll_seconds: float = 10.0
    timeout_seconds: float = 5.0

    @property
    def topics(self) -> Topics:
        """The pattern of paths."""
        return Topics(self.topic)

    def check(self) -> None:
        """Show that each device answers."""
        with self.open({}) as session:
            session.fetch(0, len(self.addresses))
            silent = getattr(session, "silent", {})
            if silent:
                raise faults.unreachable(", ".join(silent), ", ".join(sorted(set(silent.values()))))

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """A client that asks in turn."""
        headers = {k: reference(v, base=self.base) for k, v in self.headers.items()}
        with httpx.Client(headers=headers, timeout=self.timeout_seconds, trust_env=False) as client:
            yield _Session(self, client, last.get("http", ""))


class _Session(Plain):
    """Devices, and when each is to be asked again."""

    origin = "http"

    def __init__(self, source: HttpDevice, client: httpx.Client, last: str) -> None:
        found = json.loads(last) if last else {}
        self._source, self._client = source, client
        self._seen: dict[str, str] = found.get("seen", {})
        self._count: int = found.get("taken", 0)
        self._clock = SystemClock()
        self._patience = Patience("HTTP", source.patience_seconds)
        addresses = [reference(one, base=source.base) for one in source.addresses]
        if not addresses or not all(one.startswith(("http://", "https://")) for one in addresses):
            raise ConfigError(
                "collect.http.scheme",
                "The address of an interface begins with http:// or https://.",
                hint="Correct the source's option addresses.",
            )
        self._due = dict.fromkeys(addresses, self._clock.tick())
        self._asked: set[str] = set()
        self.silent: dict[str, str] = {}

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """The answers of the devices that are to be asked now."""
        now = self._clock.tick()
        due = [address for address, at in self._due.items() if at <= now][:most]
        if not due:
            self._patience.pause(seconds)
        found = [one for one in map(self._ask, due) if one is not None]
        if len(self.silent) == len(self._due):
            self._patience.failed("no device answers", 0)
        elif due:
            self._patience.answered()
        return found

    def position(self) -> str:
        """The last state of each device."""
        return json.dumps({"seen": self._seen, "taken": self._count}, sort_keys=True)

    def is_caught_up(self) -> bool:
        """Whether each device was asked."""
        return len(self._asked) == len(self._due)

    def settle(self, messages: list[Message], position: str) -> None:
        """Nothing to tell."""

    def _ask(self, address: str) -> Message | None:
        self._due[address] = self._clock.tick() + self._source.poll_seconds
        self._asked.add(address)
        url = httpx.URL(address)
        shown, name = f"{url.scheme}://{_bare(url)}{url.path}", identity(address.encode()).hex()
        try:
            answer = self._client.get(url)
            answer.raise_for_status()
        except httpx.HTTPStatusError:
            self.silent[shown] = str(answer.status_code)
            return None
        except httpx.HTTPError as error:
            self.silent[shown] = type(error).__name__
            return None
        self.silent.pop(shown, None)
        digest = identity(answer.content).hex()
        if self._seen.get(name) == digest:
            return None
        self._seen[name] = digest
        self._count += 1
        known = {"received": china(self._clock.now()), "address": shown}
        path = "/".join(PurePosixPath(url.path).parts[1:])
        return Message(answer.content, path, shown, known)


def _bare(url: httpx.URL) -> str:
    """Host and port, without user and password."""
    return f"{url.host}:{url.port}" if url.port else url.host
