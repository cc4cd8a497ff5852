"""OpenSSH with SFTP alone, as an account without rights: ``TEST_SFTP_HOME`` with ``files/`` (what it shows), ``key``,
``host_ed25519.pub`` and ``host_rsa.pub``; ``TEST_SFTP_PORT``, ``TEST_SFTP_USER``."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from tests.servers import _parts as parts

PACKAGES = ("openssh-server", "openssh-client")
_SETTINGS = """
ListenAddress 127.0.0.1
Port {port}
HostKey {home}/host_ed25519
HostKey {home}/host_rsa
PidFile {home}/sshd.pid
AuthorizedKeysFile {home}/key.pub
StrictModes no
UsePAM yes
PasswordAuthentication yes
MaxStartups 50
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {home}/files
AllowTcpForwarding no
"""


def start(home: Path, port: int = 0) -> dict[str, str]:
    """Make keys and settings, and start it."""
    port = port or parts.free_port()
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    (home / "files").mkdir(parents=True, exist_ok=True)
    for name, kind in (("host_ed25519", "ed25519"), ("host_rsa", "rsa"), ("key", "ed25519")):
        command = [parts.find("ssh-keygen"), "-q", "-t", kind, "-N", "", "-C", "", "-f", str(home / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (home / "sshd_config").write_text(_SETTINGS.format(home=home, port=port))
    run(home, port)
    return {"TEST_SFTP_HOME": str(home), "TEST_SFTP_PORT": str(port), "TEST_SFTP_USER": user}


def run(home: Path, port: int) -> None:
    """Start it with the settings that are there."""
    user = "nobody" if os.geteuid() == 0 else None
    parts.launch([parts.find("sshd"), "-D", "-e", "-f", str(home / "sshd_config")], home, user=user)
    if user:
        shutil.chown(home / "key", os.getuid())
    parts.wait(lambda: parts.answers(port))


def stop(home: Path) -> None:
    """Stop it, and the sessions that are open, which would outlive it."""
    if not (home / "server.pid").exists():
        return
    server = int((home / "server.pid").read_text())
    for process in (server, *_children(server)):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(server, 0)
    parts.end(home)


def _children(parent: int) -> list[int]:
    path = Path(f"/proc/{parent}/task/{parent}/children")
    found = [int(one) for one in path.read_text().split()] if path.exists() else []
    return [*found, *(grand for one in found for grand in _children(one))]
