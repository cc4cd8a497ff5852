"""RabbitMQ: ``TEST_RABBITMQ_URL`` (user guest), ``TEST_RABBITMQ_HOME``."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("rabbitmq-server",)
_SETTINGS = """
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 512MB
default_user = guest
default_pass = guest
log.console = false
log.file.level = warning
"""


def start(home: Path) -> dict[str, str]:
    """Start a node of its own, which asks no port mapper and clusters with nobody."""
    port = parts.free_port()
    (home / "rabbitmq.conf").write_text(_SETTINGS.format(port=port))
    (home / "plugins").write_text("[].\n")
    resume(home)
    return {"TEST_RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{port}/", "TEST_RABBITMQ_HOME": str(home)}


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)


def resume(home: Path) -> None:
    """Start it with what it holds, on the port it had."""
    found = re.search(r"127\.0\.0\.1:(\d+)", (home / "rabbitmq.conf").read_text())
    assert found
    port = int(found[1])
    environment = {
        "HOME": str(home),
        "RABBITMQ_NODENAME": f"cityloom{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(parts.free_port()),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "logs"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }
    parts.launch([_program()], home, **environment)
    parts.wait(lambda: parts.answers(port))


def _program() -> str:
    listed = subprocess.run(["dpkg", "-L", "rabbitmq-server"], capture_output=True, text=True).stdout.split()
    own = [path for path in listed if path.endswith("/bin/rabbitmq-server") and "/lib/" in path]
    return own[0] if own else parts.find("rabbitmq-server", "/usr/lib/rabbitmq/bin")
