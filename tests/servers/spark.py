"""One Spark Connect server on two local cores: ``TEST_SPARK_URL``, and its process ``TEST_SPARK_PID``.

Debian has no package of it: its jars come from Maven Central, checked by the digests of ``spark.sha256``, and stay
in a folder of the user's cache. Of Spark's jars those are left out that only clusters, state stores and pages need.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("default-jre-headless",)
_LIST = Path(__file__).with_name("spark.sha256")
_OPENED = (
    "java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "jdk.internal.ref", "sun.nio.ch", "sun.nio.cs",
    "sun.security.action", "sun.util.calendar",
)  # fmt: skip
"""Packages of Java that Spark reaches into."""
_JAVA = "-Xmx1200m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""Small queries are over before a better compiler pays; ``TEST_SPARK_JAVA`` says otherwise where large ones are measured."""
_SETTINGS = {
    "spark.master": "local[2]",
    "spark.app.name": "tests",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",  # it plans again while it runs, which costs small queries half their time
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.connect.session.manager.closedSessionsTombstonesSize": "10",
}


def start(home: Path) -> dict[str, str]:
    """Start it; data and scratch files stay in its home."""
    port = parts.free_port()
    settings = _SETTINGS | {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.local.dir": str(home / "scratch"),
        "spark.sql.warehouse.dir": str(home / "warehouse"),
    }
    options = [*os.environ.get("TEST_SPARK_JAVA", _JAVA).split(), "-Xss8m", "-Xshare:auto"]
    options += [f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPENED]
    options += [f"-D{key}={value}" for key, value in settings.items()]
    paths = os.pathsep.join(map(str, parts.jars(_LIST)))
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"
    process = parts.launch([parts.find("java"), *options, "-cp", paths, main], home)
    parts.wait(lambda: parts.answers(port))
    return {"TEST_SPARK_URL": f"sc://127.0.0.1:{port}", "TEST_SPARK_PID": str(process)}


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)
