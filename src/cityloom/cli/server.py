"""Starts the server: in this process for ``serve``, beside it for the demo."""

from __future__ import annotations

import errno
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from cityloom.kernel.errors import SourceError, UserError

APPLICATION = "cityloom.api.app:create"
_START_SECONDS = 30.0
_JOBS_SECONDS = 40.0
_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The server beside this process speaks plain HTTP: no certificates are read for it, which would take long."""


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or a free one for 0.

    Raises:
        UserError: ``cli.port.taken`` or ``cli.host.unknown``.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise UserError(
                    "cli.host.unknown",
                    "This machine has no address {host}.",
                    hint="Name one of its own with --host, for example 127.0.0.1, or 0.0.0.0 for all.",
                    host=host,
                ) from None
            raise UserError(
                "cli.port.taken",
                "Port {port} is in use.",
                hint="Name another with --port, or --port 0 for a free one.",
                port=wanted,
            ) from None
        return int(probe.getsockname()[1])


def run_server(workspace: Path, host: str, port: int, *, is_tied: bool = False) -> None:
    """Serve until interrupted; ``is_tied`` also until standard input ends, that is until the parent has died."""
    if is_tied:
        when_parent_dies(lambda: os.kill(os.getpid(), signal.SIGTERM))
    os.environ["CITYLOOM_WORKSPACE"] = str(workspace)  # noqa: TID251  the server's worker reads its settings anew
    from granian import Granian
    from granian.constants import Interfaces

    Granian(
        APPLICATION,
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=1,
        backlog=1024,
        backpressure=256,
        workers_kill_timeout=5,
        log_enabled=False,
    ).serve()


@contextmanager
def server_beside(workspace: Path, host: str, port: int) -> Iterator[str]:
    """A server in a process of its own for the length of the block; gives its address.

    Raises:
        SourceError: ``cli.server.silent`` when it does not answer in time.
    """
    serve = ["serve", "--workspace", str(workspace), "--host", host, "--port", str(port), "--tied"]
    command = [sys.executable, "-m", "cityloom", *serve]
    url = f"http://{host}:{port}"
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        try:
            _wait(url, process, said)
            yield url
        finally:
            _end(process)


def call_service(url: str, service: str, parameters: Mapping[str, str], key: str, purpose: str) -> Mapping[str, Any]:
    """Call a service as a consumer's system does.

    Raises:
        SourceError: ``cli.service.refused`` with the server's own words.
    """
    headers = {"Authorization": f"Bearer {key}", "X-Purpose": purpose}
    with httpx.Client(verify=_NO_AUTHORITIES, timeout=30) as client:
        reply = client.post(f"{url}/api/v1/services/{service}", json={"parameters": dict(parameters)}, headers=headers)
    body: Mapping[str, Any] = reply.json()
    if reply.status_code != httpx.codes.OK:
        raise SourceError(
            "cli.service.refused",
            "The service {service} answered {status}: {title}",
            hint="{detail}",
            service=service,
            status=reply.status_code,
            title=str(body.get("title", "")),
            detail=str(body.get("detail", "")),
        )
    return body


def _end(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def when_parent_dies(act: Callable[[], None]) -> None:
    """Do something once standard input ends, that is when the parent has died or let go of it."""

    def wait() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock would be held while the worker is forked
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()


@contextmanager
def jobs_beside(workspace: Path, *, is_wanted: bool = True) -> Iterator[None]:
    """The tasks that run by themselves, in a process of their own for the length of the block."""
    if not is_wanted:
        yield
        return
    command = [sys.executable, "-m", "cityloom", "jobs", "run", "--quiet", "--tied", "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        _end(process, patience=_JOBS_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    with httpx.Client(verify=_NO_AUTHORITIES, timeout=1) as client:
        while time.monotonic() < end and process.poll() is None:
            try:
                if client.get(f"{url}/healthz").status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
    said.seek(0)
    words = said.read().decode(errors="replace").strip()
    raise SourceError(
        "cli.server.silent",
        "The server at {url} did not answer. {said}",
        hint="Start it by itself with `cityloom serve` to see why.",
        url=url,
        said=words[-400:],
    )
