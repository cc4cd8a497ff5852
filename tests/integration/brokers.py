"""Brokers as tests need them: a place of its own to publish to, messages sent for certain, and a restart."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.servers.run import load


class Broker(ABC):
    """A broker with a topic, stream or queue of its own.

    Args:
        server: names what ``make servers`` started, or skips the test.
    """

    connector: str
    server_name: str
    home_name: str

    def __init__(self, server: Callable[[str], str]) -> None:
        self.address = server(self.server_name)
        self.home = Path(server(self.home_name))
        self.name = f"t{uuid4().hex[:10]}"
        self.make()

    @abstractmethod
    def make(self) -> None:
        """Make the place."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Options of the connector for it."""

    @abstractmethod
    def send(self, bodies: Sequence[bytes]) -> None:
        """Publish; returns when the broker has all of them."""

    @abstractmethod
    def remove(self) -> None:
        """Take the place away."""

    @property
    def origin(self) -> str:
        """What batches of it are named after."""
        return self.name

    def pause(self, seconds: float = 0.5) -> None:
        """Stop the broker as its operator would, and start it again."""
        server = load(self.home.name)
        server.stop(self.home)
        time.sleep(seconds)
        server.resume(self.home)


class KafkaTopic(Broker):
    """A topic with three partitions."""

    connector, server_name, home_name = "kafka", "TEST_KAFKA_SERVERS", "TEST_KAFKA_HOME"

    def make(self, **config: str) -> None:
        """Make the topic."""
        from confluent_kafka.admin import AdminClient, NewTopic

        self.admin = AdminClient({"bootstrap.servers": self.address})
        made = self.admin.create_topics([NewTopic(self.name, 3, 1, config=config)])
        made[self.name].result(30)

    def options(self) -> dict[str, Any]:
        """By name."""
        return {"servers": self.address, "topic": self.name}

    def send(self, bodies: Sequence[bytes]) -> None:
        """With a key, so that the partitions get about the same."""
        from confluent_kafka import Producer

        producer = Producer({"bootstrap.servers": self.address, "enable.idempotence": True, "linger.ms": 5})
        for number, body in enumerate(bodies):
            producer.produce(self.name, body, key=str(number % 97))
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(60) == 0

    def remove(self) -> None:
        """Delete the topic."""
        self.admin.delete_topics([self.name])[self.name].result(30)


class NatsStream(Broker):
    """A stream with one subject and its followers."""

    connector, server_name, home_name = "nats", "TEST_NATS_URL", "TEST_NATS_HOME"

    def make(self) -> None:
        """Make the stream."""
        self.manage(lambda stream: stream.add_stream(name=self.name, subjects=[f"{self.name}.>"]))

    def options(self) -> dict[str, Any]:
        """By name."""
        return {"servers": self.address, "stream": self.name}

    def send(self, bodies: Sequence[bytes]) -> None:
        """Each one confirmed."""
        asyncio.run(self._send(bodies))

    def remove(self) -> None:
        """Delete the stream."""
        self.manage(lambda stream: stream.delete_stream(self.name))

    def manage(self, work: Callable[[Any], Any]) -> Any:
        """Do something with JetStream."""
        return asyncio.run(self._manage(work))

    async def _manage(self, work: Callable[[Any], Any]) -> Any:
        import nats

        async with await nats.connect(self.address) as client:
            return await work(client.jetstream())

    async def _send(self, bodies: Sequence[bytes]) -> None:
        import nats

        async with await nats.connect(self.address) as client:
            stream = client.jetstream(timeout=30)
            for at in range(0, len(bodies), 500):
                part = enumerate(bodies[at : at + 500])
                await asyncio.gather(*[stream.publish(f"{self.name}.d{n % 7}.state", body) for n, body in part])


class RabbitQueue(Broker):
    """A quorum queue; messages carry ids."""

    connector, server_name, home_name = "rabbitmq", "TEST_RABBITMQ_URL", "TEST_RABBITMQ_HOME"
    arguments: dict[str, str] = {"x-queue-type": "quorum"}

    def make(self) -> None:
        """Declare the queue."""
        asyncio.run(self._do(lambda channel: channel.declare_queue(self.name, durable=True, arguments=self.arguments)))

    def options(self) -> dict[str, Any]:
        """By name."""
        return {"url": self.address, "queue": self.name, "batch_messages": 500}

    def send(self, bodies: Sequence[bytes]) -> None:
        """Each one confirmed."""
        asyncio.run(self._send(bodies))

    def remove(self) -> None:
        """Delete the queue."""
        asyncio.run(self._do(lambda channel: channel.queue_delete(self.name)))

    def pause(self, seconds: float = 0.5) -> None:
        """The same; what is published before the queue is up again would be lost without a word."""
        super().pause(seconds)
        end = time.monotonic() + 60
        while not self._is_up():
            assert time.monotonic() < end, "the queue is not up again"
            time.sleep(0.2)

    def _is_up(self) -> bool:
        try:
            asyncio.run(self._do(lambda channel: channel.declare_queue(self.name, passive=True)))
        except Exception:  # whatever it says while it is not up
            return False
        return True

    async def _do(self, work: Callable[[Any], Any]) -> None:
        import aio_pika

        async with await aio_pika.connect(self.address) as connection:
            await work(await connection.channel())

    async def _send(self, bodies: Sequence[bytes]) -> None:
        import aio_pika

        async def publish(channel: Any) -> None:
            for at in range(0, len(bodies), 200):
                made = [
                    aio_pika.Message(body, message_id=uuid4().hex, delivery_mode=2) for body in bodies[at : at + 200]
                ]
                await asyncio.gather(*[channel.default_exchange.publish(one, self.name) for one in made])

        await self._do(publish)


class RabbitClassicQueue(RabbitQueue):
    """A classic durable queue."""

    arguments: dict[str, str] = {}


class RabbitStream(RabbitQueue):
    """A stream."""

    arguments = {"x-queue-type": "stream"}


class MqttTopic(Broker):
    """A topic below which devices publish with quality of service 1 and 2."""

    connector, server_name, home_name = "mqtt", "TEST_MQTT_URL", "TEST_MQTT_HOME"

    def make(self) -> None:
        """Nothing to make: the first run begins the session."""

    def options(self) -> dict[str, Any]:
        """With a session of its own."""
        topic = f"{self.name}/{{device}}/state"
        return {"url": self.address, "topic": topic, "client_id": self.name, "quiet_seconds": 1.0, "batch_messages": 500}

    @property
    def origin(self) -> str:
        """The filter."""
        return f"{self.name}/+/state"

    def send(self, bodies: Sequence[bytes]) -> None:
        """Each one confirmed."""
        import paho.mqtt.client as paho

        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        sent = set()
        client.on_publish = lambda client, data, number, reason, more: sent.add(number)
        host, port = self.address.removeprefix("mqtt://").split(":")
        client.connect(host, int(port))
        client.loop_start()
        try:
            for number, body in enumerate(bodies):
                client.publish(f"{self.name}/d{number % 7}/state", body, qos=1 + number % 2)
            end = time.monotonic() + 60
            while len(sent) < len(bodies):
                assert time.monotonic() < end, "not all was published"
                time.sleep(0.01)
        finally:
            client.disconnect()
            client.loop_stop()

    def remove(self) -> None:
        """End the session."""
        import paho.mqtt.client as paho

        host, port = self.address.removeprefix("mqtt://").split(":")
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=self.name, clean_session=True)
        client.connect(host, int(port))
        client.loop(1)
        client.disconnect()


NAMED: tuple[type[Broker], ...] = (KafkaTopic, NatsStream, RabbitQueue, MqttTopic)
"""One of each."""
BROKERS: tuple[type[Broker], ...] = (KafkaTopic, NatsStream, RabbitStream, RabbitQueue, RabbitClassicQueue, MqttTopic)
