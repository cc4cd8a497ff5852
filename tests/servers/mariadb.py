"""MariaDB with its log on (rows, full images, column names): ``TEST_MARIADB_URL`` (user root), ``TEST_MARIADB_HOME``."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("mariadb-server",)
PASSWORD = "test"
_OPTIONS = {
    "bind_address": "127.0.0.1",
    "server_id": "1",
    "log_bin": "binlog",
    "binlog_format": "ROW",
    "binlog_row_image": "FULL",
    "binlog_row_metadata": "FULL",
    "gtid_strict_mode": "ON",
    "log_slave_updates": "ON",
    "sync_binlog": "0",
    "innodb_flush_log_at_trx_commit": "2",
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "64M",
    "innodb_doublewrite": "OFF",
    "performance_schema": "OFF",
    "max_connections": "100",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_bin",
    "local_infile": "ON",
    "skip_name_resolve": "ON",
}


def start(home: Path) -> dict[str, str]:
    """Make a data folder with a user root (password ``test``) and start the server."""
    port = parts.free_port()
    data = home / "data"
    data.mkdir()
    lines = [f"{name} = {value}" for name, value in _OPTIONS.items()]
    lines += [f"datadir = {data}", f"port = {port}", f"socket = {home}/socket", f"pid_file = {data}/mariadbd.pid"]
    (home / "my.cnf").write_text("\n".join(["[mariadbd]", *lines, ""]))
    parts.give(home, "mysql")
    install = [parts.find("mariadb-install-db"), f"--defaults-file={home}/my.cnf", "--user=mysql", "--skip-test-db"]
    install += ["--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    (home / "port.json").write_text(json.dumps(port))
    run(home)
    words = f"CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION"
    client = [parts.find("mariadb"), f"--socket={home}/socket", "--user=root", "--batch", f"--execute={words}"]
    subprocess.run(client, check=True, cwd="/", stdin=subprocess.DEVNULL)
    url = f"mysql+pymysql://root:{PASSWORD}@127.0.0.1:{port}/mysql"
    return {"TEST_MARIADB_URL": url, "TEST_MARIADB_HOME": str(home)}


def run(home: Path) -> None:
    """Start the server on a data folder that is there: also after it was killed."""
    port = json.loads((home / "port.json").read_text())
    command = [parts.find("mariadbd"), f"--defaults-file={home}/my.cnf"]
    parts.launch(command, home, user="mysql", name="mariadbd")
    parts.wait(lambda: parts.answers(port))


def stop(home: Path) -> None:
    """Stop it."""
    parts.end(home, "mariadbd")
