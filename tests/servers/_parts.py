"""What servers share: free ports, waiting, a user other than root, and jars."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CENTRAL = os.environ.get("MAVEN_CENTRAL", "https://repo1.maven.org/maven2")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(is_ready: Callable[[], bool], seconds: float = 60) -> None:
    """Ask until it is so.

    Raises:
        TimeoutError: when it never was.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_ready():
            return
        time.sleep(0.1)
    raise TimeoutError(f"no answer within {seconds:.0f} s")


def answers(port: int) -> bool:
    """Whether something listens on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def launch(command: Sequence[str], home: Path, *, user: str | None = None, name: str = "server", **environment: str) -> int:
    """Start a program that outlives this one; its process id is kept for :func:`end`, its words in ``name.log``.

    Args:
        command: program and arguments.
        home: folder of the server; given to ``user`` first.
        user: who runs it when this is root.
        name: of the files.
        environment: more of it.
    """
    if user and os.geteuid() == 0:
        give(home, user)
        command = ["runuser", "-u", user, "--", *command]
    with (home / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | environment,
        )
    (home / f"{name}.pid").write_text(str(process.pid))
    return process.pid


def end(home: Path, name: str = "server") -> None:
    """End a program and all it started."""
    path = home / f"{name}.pid"
    if not path.exists():
        return
    group = int(path.read_text())
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, how)
        except ProcessLookupError:
            break
        for _ in range(100):
            time.sleep(0.05)
            if not _is_alive(group):
                break
        else:
            continue
        break
    path.unlink()


def give(folder: Path, user: str) -> None:
    """Make a user the owner of a folder and of what is in it."""
    record = pwd.getpwnam(user)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, record.pw_uid, record.pw_gid, follow_symlinks=False)


def find(program: str, *folders: str) -> str:
    """Where a program is.

    Raises:
        FileNotFoundError: when it is nowhere.
    """
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *folders])
    found = shutil.which(program, path=path)
    if not found:
        raise FileNotFoundError(f"{program} is not installed")
    return found


def jars(listed: Path) -> list[Path]:
    """The jars of a list (SHA-256 and path on each line), from Maven Central into a folder of the user's cache."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cityloom-tests" / "jars"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [line.split() for line in listed.read_text().splitlines()]
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda one: _jar(folder, *one), wanted))


def _jar(folder: Path, digest: str, path: str) -> Path:
    target = folder / path.rsplit("/", 1)[1]
    if not target.exists():
        with urllib.request.urlopen(f"{_CENTRAL}/{path}", timeout=120) as answer:
            content = answer.read()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError(f"{path} is not what it was")
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_bytes(content)
        draft.replace(target)
    return target


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
