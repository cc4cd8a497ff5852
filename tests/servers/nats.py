"""NATS with JetStream: ``TEST_NATS_URL`` (with user and password), ``TEST_NATS_HOME``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("nats-server",)
_SETTINGS = """
listen: "127.0.0.1:{port}"
authorization {{ user: city, password: test }}
jetstream {{ store_dir: "{home}/data", max_memory_store: 64MB, max_file_store: 1GB }}
"""


def start(home: Path) -> dict[str, str]:
    """Start it with an empty store."""
    port = parts.free_port()
    (home / "nats.conf").write_text(_SETTINGS.format(home=home, port=port))
    resume(home)
    return {"TEST_NATS_URL": f"nats://city:test@127.0.0.1:{port}", "TEST_NATS_HOME": str(home)}


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)


def resume(home: Path) -> None:
    """Start it with what it holds, on the port it had."""
    found = re.search(r"127\.0\.0\.1:(\d+)", (home / "nats.conf").read_text())
    assert found
    parts.launch([parts.find("nats-server"), "-c", str(home / "nats.conf")], home)
    parts.wait(lambda: parts.answers(int(found[1])))
