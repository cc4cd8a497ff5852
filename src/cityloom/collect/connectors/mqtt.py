"""Messages of devices through an MQTT broker."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import unquote, urlsplit

from cityloom.collect.messages import faults
from cityloom.collect.messages.base import MessageSource, Plain, Session
from cityloom.collect.messages.message import Message, china
from cityloom.collect.messages.patience import Patience
from cityloom.collect.messages.repeats import Repeats, identity
from cityloom.collect.messages.topics import Topics
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_ANSWER_SECONDS = 10.0
_STEP_SECONDS = 0.1
_SMALL_WINDOW = 10
"""Brokers that ignore the client's own figure give at least so many messages before they want an acknowledgement."""
_FENCE = "cityloom/fence"


@dataclass(frozen=True, kw_only=True)
class Mqtt(MessageSource):
    """Messages that devices publish, each one once, through a session that the broker keeps.

    The broker holds what is published while nobody collects, and a message is acknowledged only after it is in the
    lake. After a breakdown the broker gives again what was not acknowledged; what had landed is recognised by its
    packet id and content, and left out. So each message with quality of service 1 or 2 lands once, as long as the
    broker keeps the session: a session that is gone is an error (``collect.log.lost``) and the next run goes on with a
    new one. Messages with quality of service 0 are not kept by the broker and may be lost. Where a broker loses
    acknowledgements in a breakdown of its own, messages may come twice. A device that publishes the same
    measurement twice has published two messages: the standard layer keeps one a key.

    The link takes messages with quality 1 at most: with 2, a message that was received and not yet landed would be
    gone after a breakdown. Devices may publish with 2.

    Fields ``message`` may name: received, qos, retain, type.

    Args:
        url: ``mqtt://host:port`` or ``mqtts://host:port``, or a reference.
        topic: what is wanted, with parts: ``lamp/{vendor}/{id}/state``; ``+`` and ``#`` as in MQTT.
        client_id: names the session at the broker. Each task of each installation has one of its own: two with
            the same would take each other's messages.
        user: empty for none.
        password: a reference.
        ca_file: certificates to trust, relative to the workspace; empty for the system's.
        protocol: version of MQTT: 5, or 3.1.1 where the broker knows no other.
        keep_days: how long the broker shall keep the session (MQTT 5).
        quiet_seconds: a run that does not follow ends when nothing has come for so long.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "mqtt"
    title: ClassVar[Title] = Title("MQTT 设备消息", "MQTT messages of devices")
    standard: ClassVar[str] = "ISO/IEC 20922; MQTT 5.0"
    capabilities: ClassVar[frozenset[str]] = frozenset({"incremental"})
    is_sparse: ClassVar[bool] = True
    envelope: ClassVar[tuple[str, ...]] = ("received", "qos", "retain", "type")
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"url": "mqtt://mqtt.city:1883", "topic": "lamp/{vendor}/{id}/state", "client_id": "cityloom-lamps"},
    )

    url: str
    topic: str
    client_id: str
    user: str = ""
    password: str = ""
    ca_file: str = ""
    protocol: Literal["5", "3.1.1"] = "5"
    keep_days: int = 7
    quiet_seconds: float = 2.0
    batch_messages: int = 5000

    @property
    def topics(self) -> Topics:
        """The pattern of the topics."""
        return Topics(self.topic)

    def check(self) -> None:
        """Show that the broker lets us in. The session is not touched."""
        client = _Client(self, f"{self.client_id}-check")
        try:
            client.connect(is_lasting=False)
        except ConnectionError as error:
            raise faults.unreachable("MQTT", str(error)) from None
        finally:
            client.close()

    @contextmanager
    def open(self, last: Mapping[str, str]) -> Iterator[Session]:
        """The session that the broker keeps."""
        session = _Session(self, last.get(self.topics.filter, ""))
        try:
            session.begin()
            yield session
        finally:
            session.client.close()

    def address(self) -> tuple[str, int, bool]:
        """Host, port, and whether the link is encrypted."""
        found = urlsplit(reference(self.url, base=self.base))
        if found.scheme not in ("mqtt", "mqtts") or not found.hostname:
            raise ConfigError(
                "collect.mqtt.url",
                "The address of an MQTT broker begins with mqtt:// or mqtts://.",
                hint="Correct the source's option url.",
            )
        is_secure = found.scheme == "mqtts"
        return found.hostname, found.port or (8883 if is_secure else 1883), is_secure

    def login(self) -> tuple[str, str] | None:
        """User and password, from the options or the address."""
        if self.user:
            return reference(self.user, base=self.base), reference(self.password, base=self.base)
        found = urlsplit(reference(self.url, base=self.base))
        return (unquote(found.username), unquote(found.password or "")) if found.username else None


class _Client:
    """A link driven by hand: it reads only while it is asked to, so messages never pile up here."""

    def __init__(self, source: Mqtt, client_id: str) -> None:
        self._source = source
        self._mqtt = require("paho.mqtt.client", extra="devices")
        self._packets = require("paho.mqtt.packettypes", extra="devices").PacketTypes
        self._properties = require("paho.mqtt.properties", extra="devices").Properties
        self._subscribe_options = require("paho.mqtt.subscribeoptions", extra="devices").SubscribeOptions
        self._is_5 = source.protocol == "5"
        self._tick = SystemClock().tick
        self._answers: dict[str, Any] = {}
        self.here: deque[Any] = deque()
        self.is_open = False
        self._paho = self._made(client_id)

    def connect(self, *, is_lasting: bool = True) -> bool:
        """Connect; whether the broker still knew the session."""
        host, port, _ = self._source.address()
        self._answers.clear()
        self.here.clear()
        more: dict[str, Any] = {}
        if self._is_5:
            properties = self._properties(self._packets.CONNECT)
            properties.SessionExpiryInterval = self._source.keep_days * 86_400 if is_lasting else 0
            properties.ReceiveMaximum = min(self._source.batch_messages, 65_535)
            more = {"clean_start": not is_lasting, "properties": properties}
        try:
            self._paho.connect(host, port, **more)
        except (OSError, ValueError) as error:
            raise ConnectionError(type(error).__name__) from None
        self.is_open = True
        flags, reason = self._answer("connected")
        if reason.is_failure:
            self._refuse(reason)
        return bool(flags.session_present)

    def close(self) -> None:
        """Let go; the session stays with the broker."""
        self.is_open = False
        self._paho.disconnect()
        self._paho.loop(0)

    def subscribe(self, topic: str) -> None:
        """Have messages come; of what the broker retains only once."""
        options = self._subscribe_options(qos=1, retainHandling=1)
        self._answers.pop("subscribed", None)
        self._paho.subscribe(topic, **({"options": options} if self._is_5 else {"qos": 1}))
        for reason in self._answer("subscribed"):
            if reason.is_failure:
                self._refuse(reason)

    def unsubscribe(self, topic: str) -> None:
        """Have no more come. When it has answered, the broker has handled all that was sent before."""
        self._answers.pop("unsubscribed", None)
        self._paho.unsubscribe(topic)
        self._answer("unsubscribed")

    def acknowledge(self, packets: list[int]) -> None:
        """The broker may forget these, and has heard so."""
        for packet in packets:
            self._paho.ack(packet, 1)
        self.unsubscribe(_FENCE)

    def step(self, seconds: float) -> None:
        """Read what has come, after waiting for the first of it.

        Raises:
            ConnectionError: when the link is broken.
        """
        if not self.is_open or self._paho.loop(seconds) != self._mqtt.MQTT_ERR_SUCCESS:
            self.is_open = False
            raise ConnectionError("the link broke")

    def _answer(self, name: str) -> Any:
        seen, ends = len(self.here), self._tick() + _ANSWER_SECONDS
        while name not in self._answers:
            if len(self.here) > seen:  # the answer stands behind messages
                seen, ends = len(self.here), self._tick() + _ANSWER_SECONDS
            if self._tick() > ends:
                self.is_open = False
                raise ConnectionError("no answer")
            try:
                self.step(_STEP_SECONDS)
            except ConnectionError:
                if name not in self._answers:
                    raise
        return self._answers[name]

    def _made(self, client_id: str) -> Any:
        known = self._mqtt.MQTTv5 if self._is_5 else self._mqtt.MQTTv311
        more = {} if self._is_5 else {"clean_session": False}
        version = self._mqtt.CallbackAPIVersion.VERSION2
        made = self._mqtt.Client(
            version, client_id=client_id, protocol=known, manual_ack=True, reconnect_on_failure=False, **more
        )
        made.connect_timeout = _ANSWER_SECONDS
        login = self._source.login()
        if login:
            made.username_pw_set(*login)
        if self._source.address()[2]:
            made.tls_set(ca_certs=str(self._source.base / self._source.ca_file) if self._source.ca_file else None)
        made.on_message = lambda client, data, one: self.here.append(one)
        made.on_connect = lambda client, data, flags, reason, more: self._answers.update(connected=(flags, reason))
        made.on_subscribe = lambda client, data, number, reasons, more: self._answers.update(subscribed=reasons)
        made.on_unsubscribe = lambda client, data, number, reasons, more: self._answers.update(unsubscribed=reasons)
        return made

    def _refuse(self, reason: Any) -> None:
        self.is_open = False
        name = str(reason)
        if reason.value in (0x86, 0x87, 0x80):
            raise faults.denied("MQTT")
        raise ConnectionError(name)


class _Session(Plain):
    """A session at the broker: acknowledged after landing; what comes again is recognised."""

    def __init__(self, source: Mqtt, last: str) -> None:
        self._source, self._last = source, last
        self._clock = SystemClock()
        self._patience = Patience(f"MQTT, {source.topic},", source.patience_seconds)
        self._repeats = Repeats(last)
        self._packets: list[int] = []
        self._in_hand = 0
        self._gone: SourceError | None = None
        self._newest = self._clock.tick()
        self.origin = source.topics.filter
        self.client = _Client(source, source.client_id)

    def begin(self) -> None:
        """Connect, and see that the broker knows the session."""
        try:
            self._join()
        except ConnectionError as error:
            raise faults.unreachable("MQTT", str(error)) from None
        if self._gone is not None:
            raise self._gone

    def fetch(self, seconds: float, most: int) -> list[Message]:
        """Messages in the order in which they are given."""
        if self._gone is not None and not self._in_hand:
            raise self._gone
        try:
            if not self.client.is_open:
                self._join()
            messages = self._take(min(seconds, _STEP_SECONDS / 2 if self._in_hand >= _SMALL_WINDOW else seconds), most)
            if self._packets and not self._in_hand:
                self._acknowledge()
        except ConnectionError as error:
            self._patience.failed(str(error), seconds)
            return []
        self._patience.answered()
        return messages

    def position(self) -> str:
        """What may come again."""
        return self._repeats.position(filter=self.origin)

    def has_passed(self, position: str) -> bool:
        """The session has begun: from here on the broker keeps what is published, and that is recorded."""
        return not position

    def is_caught_up(self) -> bool:
        """Whether it has been quiet for long enough."""
        return self._clock.tick() - self._newest >= self._source.quiet_seconds

    def is_held_up(self) -> bool:
        """Whether the broker may be waiting for acknowledgements."""
        return self._in_hand >= _SMALL_WINDOW

    def settle(self, messages: list[Message], position: str) -> None:
        """Acknowledge. Where the link is broken, what comes again is recognised."""
        self._last = position
        self._in_hand = 0
        if self.client.is_open:
            try:
                self._acknowledge()
            except ConnectionError:
                self.client.is_open = False

    def _join(self) -> None:
        is_known = self.client.connect()
        self._repeats.link()
        self._packets = []
        if self._last and not is_known:
            self._gone = _gone(self._source)
        earlier = json.loads(self._last).get("filter") if self._last else None
        if earlier not in (None, self.origin):
            self.client.unsubscribe(earlier)
        if self._source.protocol == "5" or not is_known:
            self.client.subscribe(self.origin)
        self._newest = self._clock.tick()

    def _take(self, seconds: float, most: int) -> list[Message]:
        found: list[Message] = []
        here = self.client.here
        if not here:
            self.client.step(seconds)
        while len(found) < most:
            if not here:
                self.client.step(0)
                if not here:
                    break
            message = self._message(here.popleft())
            if message is not None:
                found.append(message)
        if found:
            self._newest = self._clock.tick()
        return found

    def _message(self, one: Any) -> Message | None:
        """A message as it is given; none where it was taken before."""
        topic = str(one.topic)
        if one.qos:
            token = identity(one.mid.to_bytes(2, "big"), topic.encode(), one.payload)
            self._packets.append(one.mid)
            if self._repeats.is_repeat(token, is_marked=bool(one.dup)):
                return None
            self._in_hand += 1
        known = {"received": china(self._clock.now()), "qos": str(one.qos), "retain": str(int(one.retain))}
        properties = getattr(one, "properties", None)
        kind = getattr(properties, "ContentType", None)
        if kind is not None:
            known["type"] = kind
        return Message(one.payload, topic, f"topic {topic}", known, dict(getattr(properties, "UserProperty", ())))

    def _acknowledge(self) -> None:
        packets, self._packets = self._packets, []
        self.client.acknowledge(packets)
        self._repeats.settled()


def _gone(source: Mqtt) -> SourceError:
    return SourceError(
        "collect.log.lost",
        "The broker no longer knows the session {client}: what was published since the last batch may be lost.",
        hint="A new session stands now, and the next run goes on with it. Have the broker keep sessions on disk, and"
        " for longer than nobody collects.",
        client=source.client_id,
    )
