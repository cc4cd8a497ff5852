"""PostgreSQL with its log decoded: ``TEST_POSTGRESQL_URL`` (user postgres), ``TEST_POSTGRESQL_DATA`` (its folder)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("postgresql",)
_OPTIONS = {
    "wal_level": "logical",
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "max_connections": "100",
    "fsync": "off",
    "shared_buffers": "64MB",
    "listen_addresses": "127.0.0.1",
}


def start(home: Path) -> dict[str, str]:
    """Make a cluster and start it."""
    port = parts.free_port()
    data = home / "data"
    if os.geteuid() == 0:
        parts.give(home, "postgres")
    _as_user([_program("initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in _OPTIONS.items())
        file.write(f"port = {port}\nunix_socket_directories = '{home}'\n")
    run(data, "start")
    url = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    return {"TEST_POSTGRESQL_URL": url, "TEST_POSTGRESQL_DATA": str(data)}


def stop(home: Path) -> None:
    """Stop it at once."""
    run(home / "data", "stop", "-m", "immediate")


def run(data: Path, *verb: str) -> None:
    """``pg_ctl`` with a verb: start, stop, restart."""
    _as_user([_program("pg_ctl"), "-D", str(data), "-l", str(data.parent / "server.log"), "-w", *verb])


def _program(name: str) -> str:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return str(folders[-1] / name) if folders else parts.find(name)


def _as_user(command: list[str]) -> None:
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
