"""Messages of Kafka, NATS, RabbitMQ and Mosquitto: each one once in the lake, whatever breaks on the way."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.integration.brokers import BROKERS, NAMED, Broker, MqttTopic
from tests.integration.collector import TABLE, collect, dying

from cityloom.engines.duckdb import DuckDBEngine
from cityloom.kernel.errors import SourceError
from cityloom.lake.tables import Lake

COLLECTOR = Path(__file__).with_name("collector.py")
PAYLOAD = {"fields": {"n": {"path": "n", "required": True}, "v": "v"}}
COLUMNS = ["n", "v"]
POINTS = ("verified", "committed", "recorded", "settled")
MINUTE = 120


@pytest.fixture(params=BROKERS, ids=lambda kind: kind.__name__)
def broker(request: pytest.FixtureRequest, server: Callable[[str], str]) -> Iterator[Broker]:
    """Each of the brokers."""
    made = request.param(server)
    yield made
    made.remove()


class Collector:
    """A lake, and processes that collect into it.

    Args:
        folder: of the lake.
        broker: what is collected.
        options: more of them.
    """

    def __init__(self, folder: Path, broker: Broker, **options: Any) -> None:
        self.folder = folder
        self.task = {
            "connector": broker.connector,
            "options": {"payload": PAYLOAD, "every_seconds": 0.3, **broker.options(), **options},
            "columns": COLUMNS,
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a process."""
        command = [sys.executable, str(COLLECTOR), str(self.folder), json.dumps(self.task), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self) -> dict[str, Any]:
        """Collect until it has caught up; the outcome."""
        return collect(self.folder, self.task)

    def failure(self) -> SourceError:
        """Collect in vain; why."""
        with pytest.raises(SourceError) as caught:
            self.run()
        return caught.value

    @contextmanager
    def following(self) -> Iterator[list[dict[str, Any]]]:
        """Follow the source during the block; afterwards the outcome is in the list."""
        outcome: list[dict[str, Any]] = []
        worker = threading.Thread(target=lambda: outcome.append(collect(self.folder, self.task, is_following=True)))
        worker.start()
        try:
            yield outcome
        finally:
            (self.folder / "stop").touch()
            worker.join(MINUTE)
            (self.folder / "stop").unlink()
        assert outcome and outcome[0]["errors"] == []

    def rows(self) -> list[tuple[str, str]]:
        """What is in the lake."""
        with self._lake() as lake:
            relation = lake.relation(TABLE).sql(dialect="duckdb")
            return list(lake.engine.rows(f"SELECT n, v FROM {relation}"))

    def count(self) -> int:
        """How many rows are in the lake."""
        with self._lake() as lake:
            return lake.count(TABLE) if lake.exists(TABLE) else 0

    def commits(self) -> int:
        """How many batches were committed to the lake."""
        return len(list((self.folder / "lake").glob("raw/*/_delta_log/*.json")))

    def rejects(self) -> list[dict[str, Any]]:
        """What was set apart by batches that landed."""
        store = sa.create_engine(f"sqlite:///{self.folder / 'control.db'}", poolclass=sa.NullPool)
        with store.connect() as connection:
            query = "SELECT r.code, r.reason, r.content FROM reject r JOIN batch b ON b.id = r.batch WHERE b.state = 'reconciled'"
            found = connection.execute(sa.text(query)).mappings()
            return [{**one, "content": json.loads(one["content"])} for one in found]

    @contextmanager
    def _lake(self) -> Iterator[Lake]:
        engine = DuckDBEngine(self.folder / "look", memory_mb=128, threads=1)
        yield Lake(self.folder / "lake", engine)
        engine.close()


def wait(is_so: Callable[[], bool]) -> None:
    """Until it is so."""
    end = time.monotonic() + MINUTE
    while not is_so():
        assert time.monotonic() < end, "it never was"
        time.sleep(0.05)


def going(process: subprocess.Popen[str]) -> bool:
    """That a process has not ended by itself."""
    assert process.poll() is None, process.communicate()[1]
    return True


def bodies(start: int, count: int) -> list[bytes]:
    """Messages, a few of which cannot be taken."""
    made = []
    for n in range(start, start + count):
        value = f"{n * 7919 % 1000}.{n % 10}0"
        made.append(json.dumps({"n": n, "v": value}).encode() if n % 100 else b"poison %d" % n)
    return made


def expect(collector: Collector, count: int) -> None:
    """Each message once: those that can be taken as rows, the others set apart with their content."""
    wanted = Counter((str(n), f"{n * 7919 % 1000}.{n % 10}0") for n in range(count) if n % 100)
    found = Counter(collector.rows())
    assert (found - wanted, wanted - found) == (Counter(), Counter())
    poison = Counter(f"poison {n}" for n in range(0, count, 100))
    assert Counter(one["content"][""] for one in collector.rejects()) == poison
    assert {one["code"] for one in collector.rejects()} <= {"collect.message.malformed"}


def test_every_message_lands_once_and_a_second_run_goes_on(broker: Broker, tmp_path: Path) -> None:
    collector = Collector(tmp_path, broker)
    if isinstance(broker, MqttTopic):
        collector.run()
    broker.send(bodies(0, 1000))
    done = collector.run()
    assert (done["written"], done["rejected"], done["errors"]) == (990, 10, [])
    assert collector.run()["written"] == 0
    broker.send(bodies(1000, 300))
    assert collector.run()["written"] == 297
    expect(collector, 1300)


def test_processes_that_die_at_the_worst_moments_leave_each_message_once(broker: Broker, tmp_path: Path) -> None:
    collector = Collector(tmp_path, broker, batch_messages=150)
    if isinstance(broker, MqttTopic):
        collector.run()
    for number, point in enumerate(POINTS):
        broker.send(bodies(number * 400, 400))
        for batch in (2, 1):
            with dying(point, batch):
                collector.run()
    collector.run()
    expect(collector, 400 * len(POINTS))


@pytest.mark.parametrize("broker", NAMED, indirect=True, ids=lambda kind: kind.__name__)
def test_a_broker_that_restarts_while_it_is_followed_loses_and_doubles_nothing(broker: Broker, tmp_path: Path) -> None:
    collector = Collector(tmp_path, broker)
    before = set(threading.enumerate())
    with collector.following():
        if isinstance(broker, MqttTopic):
            wait(lambda: collector.commits() > 0)
        broker.send(bodies(0, 400))
        wait(lambda: collector.count() == 396)
        broker.pause()
        broker.send(bodies(400, 400))
        wait(lambda: collector.count() == 792)
    expect(collector, 800)
    assert set(threading.enumerate()) == before


@pytest.mark.slow
@pytest.mark.parametrize("broker", NAMED, indirect=True, ids=lambda kind: kind.__name__)
def test_killed_at_random_while_messages_come_each_one_is_there_once(broker: Broker, tmp_path: Path) -> None:
    collector = Collector(tmp_path, broker)
    chance = random.Random(broker.connector)
    if isinstance(broker, MqttTopic):
        collector.run()
    is_over = threading.Event()
    sent = [0]

    def publish() -> None:
        while not is_over.wait(0.1):
            count = 200 if sent[0] < 5000 else 20
            broker.send(bodies(sent[0], count))
            sent[0] += count

    sending = threading.Thread(target=publish)
    sending.start()
    try:
        for _ in range(5):
            process = collector.start("follow")
            before = collector.commits()
            wait(lambda before=before, process=process: going(process) and collector.commits() > before)  # type: ignore[misc]
            time.sleep(chance.random() * 0.5)
            process.send_signal(signal.SIGKILL)
            process.communicate()
    finally:
        is_over.set()
        sending.join()
    collector.run()
    expect(collector, sent[0])
