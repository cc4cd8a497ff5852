"""A relay in front of a server that cuts every link when so many bytes have come down."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_PASSIVE = re.compile(rb"227 [^(]*\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)[^\r]*")


class Cutter:
    """Relays to a port of this machine; FTP's data connections too.

    Args:
        target: the server's port.
        cuts: cut all links when so many bytes have passed in all, once each.
        watch: by bytes passed, what to do when they have; once each.
    """

    def __init__(self, target: int, cuts: Sequence[int] = (), watch: Mapping[int, Callable[[], None]] | None = None) -> None:
        self._due, self._watch = sorted(cuts), dict(watch or {})
        self.passed = self.cuts = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listeners: list[socket.socket] = []
        self.port = self._listen(target)

    def __enter__(self) -> Cutter:
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            _shut(listener)
        self._cut()

    def _listen(self, target: int) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=self._serve, args=(listener, target), daemon=True).start()
        return int(listener.getsockname()[1])

    def _serve(self, listener: socket.socket, target: int) -> None:
        while True:
            try:
                near = listener.accept()[0]
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", target))
            except OSError:
                _shut(near)
                continue
            self._open |= {near, far}
            threading.Thread(target=self._relay, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._relay, args=(far, near, True), daemon=True).start()

    def _relay(self, source: socket.socket, target: socket.socket, is_down: bool) -> None:
        try:
            while block := source.recv(1 << 16):
                if is_down:
                    block = _PASSIVE.sub(self._passive, block)  # noqa: PLW2901
                    self._count(len(block))
                target.sendall(block)
        except OSError:
            pass
        finally:
            _shut(target)
            self._open -= {source}

    def _passive(self, match: re.Match[bytes]) -> bytes:
        port = self._listen(int(match[2]) * 256 + int(match[3]))
        return b"227 Entering Passive Mode (127,0,0,1,%d,%d)." % divmod(port, 256)

    def _count(self, size: int) -> None:
        with self._lock:
            self.passed += size
            due = [at for at in self._watch if at <= self.passed]
            actions = [self._watch.pop(at) for at in due]
            is_cut = bool(self._due) and self.passed >= self._due[0]
            if is_cut:
                self._due.pop(0)
                self.cuts += 1
        for action in actions:
            action()
        if is_cut:
            self._cut()
            raise OSError

    def _cut(self) -> None:
        for link in list(self._open):
            _shut(link)


def _shut(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
