"""One Kafka broker that is its own controller: ``TEST_KAFKA_SERVERS``, with a password ``TEST_KAFKA_SASL``, ``TEST_KAFKA_HOME``.

Debian has no package of it: its jars come from Maven Central, checked by the digests of ``kafka.sha256``, and stay
in a folder of the user's cache.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("default-jre-headless",)
_LIST = Path(__file__).with_name("kafka.sha256")
_CLUSTER = "Y2l0eWxvb20tdGVzdHMtMQ"
_SETTINGS = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=OPEN://127.0.0.1:{port},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=OPEN://127.0.0.1:{port},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=OPEN:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=OPEN
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_city="test";
log.dirs={home}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.retention.check.interval.ms=1000
log.cleaner.enable=false
auto.create.topics.enable=false
"""


def start(home: Path) -> dict[str, str]:
    """Make a cluster of one and start it."""
    ports = {name: parts.free_port() for name in ("port", "sasl", "controller")}
    (home / "server.properties").write_text(_SETTINGS.format(home=home, **ports))
    words = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", str(home / "server.properties")]
    with (home / "format.log").open("wb") as log:
        subprocess.run(_java(*words), check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    resume(home)
    address = "127.0.0.1:{}"
    return {
        "TEST_KAFKA_SERVERS": address.format(ports["port"]),
        "TEST_KAFKA_SASL": address.format(ports["sasl"]),
        "TEST_KAFKA_HOME": str(home),
    }


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)


def resume(home: Path) -> None:
    """Start it with what it holds, on the ports it had."""
    settings = dict(line.split("=", 1) for line in (home / "server.properties").read_text().split("\n") if "=" in line)
    port = int(settings["advertised.listeners"].split(",")[0].rsplit(":", 1)[1])
    parts.launch(_java("kafka.Kafka", str(home / "server.properties")), home)
    parts.wait(lambda: parts.answers(port))


def _java(*words: str) -> list[str]:
    paths = os.pathsep.join(map(str, parts.jars(_LIST)))
    options = ["-Xmx320m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    return [parts.find("java"), *options, "-cp", paths, *words]
