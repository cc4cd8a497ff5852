"""Messages of a Kafka topic."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, NoReturn

from cityloom.collect.messages import faults
from cityloom.collect.messages.base import MessageSource, Plain, Session, gap_of
from cityloom.collect.messages.message import Message, china_of_ms
from cityloom.collect.messages.rows import shown
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import SourceError
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_ANSWER_SECONDS = 15.0
_WATCH_SECONDS = 3.0
_LOOK_SECONDS = 5.0
_CONSUMER = {
    "group.id": "cityloom",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "queued.max.messages.kbytes": 32_768,
}


@dataclass(frozen=True, kw_only=True)
class Kafka(MessageSource):
    """Messages of all partitions of a topic, each one once.

    The position is the topic's own id and the next offset of each partition; it is part of the batch, so nothing
    is kept at the broker and no consumer group is needed. Partitions that are added later are read from their
    beginning. Only committed messages of transactions are read. Where the broker no longer holds the next offset,
    or the topic was made anew, the run stops with ``collect.log.lost``.

    Fields ``message`` may name: time, key, partition, offset.

    Args:
        servers: addresses ``host:port``, separated by commas, or a reference.
        topic: its name.
        start: where to begin the first time: at a moment with its zone (``2026-01-05T00:00:00+08:00``); empty: with
            the earliest message there is.
        user: for SASL; empty for none.
        password: a reference.
        mechanism: of SASL: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
        tls: whether the link is encrypted.
        ca_file: certificates to trust, relative to the workspace; empty for the system's.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "kafka"
    title: ClassVar[Title] = Title("Kafka 主题", "Kafka topic")
    standard: ClassVar[str] = "own"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("time", "key", "partition", "offset")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"servers": "kafka.city:9092", "topic": "lamps", "payload": {"fields": {"lamp_no": "sn"}}},
    )

    servers: str
    topic: str
    start: str = ""
    user: str = ""
    password: str = ""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-256"
    tls: bool = False
    ca_file: str = ""

    def __post_init__(self) -> None:
        """Refuse a start that is no moment."""
        if self.start:
            self.start_ms()

    def start_ms(self) -> int:
        """The start in milliseconds since 1970."""
        moment = datetime.fromisoformat(self.start)
        if moment.tzinfo is None:
            raise ValueError("start needs a zone, like +08:00")
        return int(moment.timestamp() * 1000)

    @property
    def topics(self) -> Topics:
        """The one topic."""
        return Topics(self.topic, separator="\0")

    def check(self) -> None:
        """Show that the brokers answer and have the topic."""
        with self.open({}):
            pass

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """A consumer at the last position."""
        session = _Session(self, last.get(self.topic, ""))
        try:
            session.begin()
            yield session
        finally:
            session.close()

    def settings(self) -> dict[str, Any]:
        """The client's settings."""
        protocol = ("SASL_" if self.user else "") + ("SSL" if self.tls else "PLAINTEXT")
        found = {
            "bootstrap.servers": reference(self.servers, base=self.base),
            "security.protocol": protocol,
            "client.id": "cityloom",
            "log_level": 0,
        }
        if self.user:
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": reference(self.user, base=self.base),
                "sasl.password": reference(self.password, base=self.base),
            }
        if self.ca_file:
            found["ssl.ca.location"] = str(self.base / self.ca_file)
        return found


@dataclass(frozen=True)
class _Position:
    """A topic's id, and the next offset by partition."""

    topic: str
    offsets: Mapping[int, int]

    def text(self) -> str:
        """As it stands in a batch."""
        return json.dumps({"topic": self.topic, "next": {str(p): o for p, o in sorted(self.offsets.items())}})


def _position(text: str) -> _Position | None:
    if not text:
        return None
    found = json.loads(text)
    return _Position(found["topic"], {int(p): o for p, o in found["next"].items()})


class _Session(Plain):
    """A consumer of assigned partitions."""

    def __init__(self, source: Kafka, last: str) -> None:
        self._source, self._landed = source, last
        self._last = _position(last)
        self._kafka = require("confluent_kafka", extra="brokers")
        self._tick = SystemClock().tick
        self.origin = source.topic
        self._topic_id = ""
        self._next: dict[int, int] = {}
        self._behind: set[int] = set()
        self._looked = 0.0
        self._down_since: float | None = None
        self._fault: Any = None
        settings = source.settings() | {"error_cb": self._note}
        self._admin = require("confluent_kafka.admin", extra="brokers").AdminClient(settings)
        self._consumer = self._kafka.Consumer(settings | _CONSUMER)

    def begin(self) -> None:
        """Assign all partitions where they go on."""
        partitions = self._look(_ANSWER_SECONDS)
        if self._last is not None and self._last.topic != self._topic_id:
            self._lose(f"topic {self._last.topic}", f"topic {self._topic_id}")
            self._last = _Position(self._topic_id, {})
        self._assign(partitions)

    def close(self) -> None:
        """Let go."""
        self._consumer.close()

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """Messages of all partitions."""
        self._watch()
        messages = []
        for one in self._consumer.consume(most, seconds):
            if one.error() is None:
                messages.append(self._message(one))
                self._next[one.partition()] = one.offset() + 1
            elif one.error().code() == self._kafka.KafkaError._PARTITION_EOF:
                self._behind.discard(one.partition())
                self._next[one.partition()] = max(one.offset(), self._next[one.partition()])
            else:
                self._raise(one.error(), one.partition())
        return messages

    def position(self) -> str:
        """Topic and offsets."""
        return _Position(self._topic_id, self._next).text()

    def is_caught_up(self) -> bool:
        """Whether each partition's end was seen."""
        return not self._behind

    def settle(self, messages: list[Message], position: str) -> None:
        """Nothing to tell: the position is in the batch."""
        self._landed = position

    def _message(self, one: Any) -> Message:
        kind, milliseconds = one.timestamp()
        known = {"partition": str(one.partition()), "offset": str(one.offset())}
        if kind != self._kafka.TIMESTAMP_NOT_AVAILABLE:
            known["time"] = china_of_ms(milliseconds)
        if one.key() is not None:
            known["key"] = shown(one.key())
        headers = {k: shown(v or b"") for k, v in one.headers() or ()}
        place = f"partition {one.partition()}, offset {one.offset()}"
        return Message(one.value() or b"", self.origin, place, known, headers)

    def _note(self, error: Any) -> None:
        """Called by the client when a link breaks: why is kept for the error."""
        codes = self._kafka.KafkaError
        if self._fault is None or error.code() not in (codes._ALL_BROKERS_DOWN, codes._TRANSPORT):
            self._fault = error

    def _watch(self) -> None:
        """From time to time: whether it answers, whether the topic is the same one and has more partitions."""
        if self._tick() - self._looked < _LOOK_SECONDS:
            return
        before = self._topic_id
        try:
            partitions = self._look(_WATCH_SECONDS)
        except SourceError as error:
            self._looked = self._tick()
            self._down_since = self._down_since or self._looked
            if error.code != faults.UNREACHABLE or self._looked - self._down_since >= self._source.patience_seconds:
                raise
            return
        self._down_since = None
        if before != self._topic_id:
            raise faults.lost(self.origin, f"topic {before}", f"topic {self._topic_id}", gap_of(self._landed))
        fresh = [p for p in partitions if p not in self._next]
        if fresh:
            self._assign(fresh)

    def _look(self, seconds: float) -> list[int]:
        """Ask for the topic: its id is taken, its partitions are returned."""
        names = self._kafka.TopicCollection([self.origin])
        try:
            future = self._admin.describe_topics(names, request_timeout=seconds)[self.origin]
            found = future.result(seconds + 1)
        except self._kafka.KafkaException as error:
            self._consumer.poll(0) if self._next else self._admin.poll(0)
            self._raise(error.args[0])
        self._looked, self._fault = self._tick(), None
        self._topic_id = str(found.topic_id)
        return sorted(p.id for p in found.partitions)

    def _assign(self, partitions: list[int]) -> None:
        places = []
        for partition, first in self._firsts(partitions).items():
            low, high = self._marks(partition)
            begin = low if first is None else first
            if not low <= begin <= high:
                self._lose(f"partition {partition}, offset {begin}", f"the offsets from {low} to {high}")
                begin = low
            self._next[partition] = begin
            if begin < high:
                self._behind.add(partition)
            places.append(self._kafka.TopicPartition(self.origin, partition, begin))
        self._consumer.incremental_assign(places)

    def _firsts(self, partitions: list[int]) -> dict[int, int | None]:
        """Where each partition begins; none: wherever it can."""
        if self._last is not None:
            return {p: self._last.offsets.get(p, 0) for p in partitions}
        if self._next:
            return dict.fromkeys(partitions, 0)
        if not self._source.start:
            return dict.fromkeys(partitions)
        milliseconds = self._source.start_ms()
        asked = [self._kafka.TopicPartition(self.origin, p, milliseconds) for p in partitions]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
        except self._kafka.KafkaException as error:
            self._raise(error.args[0])
        return {one.partition: one.offset if one.offset >= 0 else self._marks(one.partition)[1] for one in found}

    def _marks(self, partition: int) -> tuple[int, int]:
        """First and next offset of a partition."""
        place = self._kafka.TopicPartition(self.origin, partition)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS, cached=False)
        except self._kafka.KafkaException as error:
            self._raise(error.args[0], partition)
        return int(low), int(high)

    def _lose(self, wanted: str, found: str) -> None:
        """Stop at a gap, unless it is the one that is accepted."""
        if self._source.accept_gap != gap_of(self._landed):
            raise faults.lost(self.origin, wanted, found, gap_of(self._landed))

    def _raise(self, error: Any, partition: int = -1) -> NoReturn:
        codes = self._kafka.KafkaError
        if error.code() in (codes._TRANSPORT, codes._TIMED_OUT, codes._ALL_BROKERS_DOWN) and self._fault is not None:
            error = self._fault
        code = error.code()
        if code in (codes._AUTO_OFFSET_RESET, codes.OFFSET_OUT_OF_RANGE):
            wanted = f"partition {partition}, offset {self._next.get(partition)}"
            raise faults.lost(self.origin, wanted, "other offsets", gap_of(self._landed))
        if code in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC, codes._UNKNOWN_PARTITION):
            raise faults.missing("Kafka", f"topic {self.origin}")
        if code in (codes._AUTHENTICATION, codes.TOPIC_AUTHORIZATION_FAILED, codes.SASL_AUTHENTICATION_FAILED):
            raise faults.denied("Kafka")
        raise faults.unreachable("Kafka", error.name())
