"""An interface over HTTP that can be as difficult as real ones are."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass
class Reply:
    """What is answered. ``cut`` ends the link after so many bytes of the body; ``drip`` waits so long between bytes."""

    status: int = 200
    document: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    cut: int | None = None
    drip: float = 0.0
    zipped: bool = False
    chunked: bool = False

    @property
    def content(self) -> bytes:
        """Bytes of the body."""
        raw = self.body if self.body is not None else json.dumps(self.document, ensure_ascii=False).encode()
        return gzip.compress(raw) if self.zipped else raw


class Interface:
    """A server on this machine; ``answer`` makes the reply to a request, ``asked`` holds what came."""

    def __init__(self, answer: Callable[[Asked], Reply], context: Any = None) -> None:
        self.answer, self.asked = answer, list[Asked]()
        self._stop = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:  # noqa: N802
                outer._handle(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if context else "http"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self) -> Interface:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"{self.scheme}://127.0.0.1:{self.server.server_port}/api/people"

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        asked = Asked(request.command, parts.path, query, {k.lower(): v for k, v in request.headers.items()}, body)
        self.asked.append(asked)
        reply = self.answer(asked)
        content = reply.content
        request.send_response(reply.status)
        headers = {"Content-Type": "application/json", **reply.headers}
        headers |= {"Content-Encoding": "gzip"} if reply.zipped else {}
        headers |= {"Transfer-Encoding": "chunked"} if reply.chunked else {"Content-Length": str(len(content))}
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "HEAD":
            return
        self._write(request, reply, content)

    def _write(self, request: BaseHTTPRequestHandler, reply: Reply, content: bytes) -> None:
        if reply.cut is not None:
            request.wfile.write(content[: reply.cut])
            request.wfile.flush()
            request.close_connection = True
            return
        if reply.drip:
            for byte in content:
                if self._stop.wait(reply.drip):
                    return
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
            return
        if reply.chunked:
            content = b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content) if content else b"0\r\n\r\n"
        request.wfile.write(content)
