"""Mosquitto: ``TEST_MQTT_URL`` (anyone may come; a password that is given is checked), ``TEST_MQTT_HOME``."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("mosquitto",)
_SETTINGS = """
listener {port} 127.0.0.1
allow_anonymous true
password_file {home}/passwords
persistence true
persistence_location {home}/
max_queued_messages 0
max_inflight_messages 20
set_tcp_nodelay true
log_type error
"""


def start(home: Path) -> dict[str, str]:
    """Start it with the one user city, password test."""
    port = parts.free_port()
    settings = _SETTINGS.format(home=home, port=port)
    (home / "mosquitto.conf").write_text(settings + ("user root\n" if os.geteuid() == 0 else ""))
    subprocess.run([parts.find("mosquitto_passwd"), "-b", "-c", str(home / "passwords"), "city", "test"], check=True)
    resume(home)
    return {"TEST_MQTT_URL": f"mqtt://127.0.0.1:{port}", "TEST_MQTT_HOME": str(home)}


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home)


def resume(home: Path) -> None:
    """Start it with what it holds, on the port it had."""
    found = re.search(r"^listener (\d+)", (home / "mosquitto.conf").read_text(), re.MULTILINE)
    assert found
    parts.launch([parts.find("mosquitto"), "-c", str(home / "mosquitto.conf")], home)
    parts.wait(lambda: parts.answers(int(found[1])))
