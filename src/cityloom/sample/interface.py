"""The births interface of 卫健: pages of JSON out of ``wj/births.sqlite``, and now and then a fault.

``GET /api/births?page=1&size=200[&since=2025-06-01T00:00:00]`` with the header ``X-App-Key`` answers::

    {"code": 0, "data": {"total": 1537, "page": 1, "pages": 8, "list": [{"cert_no": ..., ...}]}}

Without ``since`` rows come in the order they were filed; with it, rows updated at that moment or later, oldest
update first. Errors: 401 without the key, 400 for a page, size or moment that is none, 404 elsewhere, and
500 for every seventh request, as the real one does.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cityloom.kernel.files import write_whole
from cityloom.sample.city import INTERFACE_KEY

PATH = "/api/births"
FAULT_EVERY = 7
"""Every so many requests one is answered 500."""
MOST = 1000
"""Most rows of a page."""


@contextmanager
def serve_interface(folder: Path, port: int = 0, *, fault_every: int = FAULT_EVERY) -> Iterator[str]:
    """Serve the births of a generated city on 127.0.0.1 while the block runs; gives the URL of the interface.

    The URL stands in ``sources/wj/interface.url`` for as long.

    Args:
        folder: of the city, as given to ``generate``.
        port: to listen on; 0 takes a free one.
        fault_every: one request in so many fails; 0 for none.
    """
    home = folder / "sources" / "wj"
    server = _Server(("127.0.0.1", port), _births(home / "births.sqlite", fault_every))
    url = f"http://127.0.0.1:{server.server_address[1]}{PATH}"
    worker = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    worker.start()
    try:
        write_whole(home / "interface.url", url)
        yield url
    finally:
        (home / "interface.url").unlink(missing_ok=True)
        server.shutdown()
        worker.join()
        server.server_close()


@dataclass(frozen=True)
class _Births:
    """The table and its pages."""

    path: Path
    fault_every: int
    requests: Iterator[int]

    def is_faulty(self) -> bool:
        """Whether this request is one of those that fail; counts it."""
        return bool(self.fault_every) and next(self.requests) % self.fault_every == 0

    def page(self, number: int, size: int, since: str | None) -> dict[str, Any]:
        """A page of rows with the totals."""
        with closing(sqlite3.connect(self.path.resolve().as_uri() + "?mode=ro", uri=True)) as link:
            link.row_factory = sqlite3.Row
            if since is None:
                total = link.execute("SELECT coalesce(max(rowid), 0) FROM births").fetchone()[0]
                rows = link.execute(
                    "SELECT * FROM births WHERE rowid > ? ORDER BY rowid LIMIT ?", ((number - 1) * size, size)
                ).fetchall()
            else:
                total = link.execute(
                    "SELECT count(*) FROM births WHERE updated_at >= ?", (since,)
                ).fetchone()[0]
                rows = link.execute(
                    "SELECT * FROM births WHERE updated_at >= ? ORDER BY updated_at, cert_no, rowid LIMIT ? OFFSET ?",
                    (since, size, (number - 1) * size),
                ).fetchall()
        return {"total": total, "page": number, "pages": -(-total // size), "list": [dict(r) for r in rows]}


def _births(path: Path, fault_every: int) -> _Births:
    return _Births(path, fault_every, itertools.count(1))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], births: _Births) -> None:
        self.births = births
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the name the standard library calls
        """Answer one request."""
        address = urlsplit(self.path)
        if address.path != PATH:
            self._answer(404, {"code": 404, "message": "no such interface"})
        elif self.headers.get("X-App-Key") != INTERFACE_KEY:
            self._answer(401, {"code": 401, "message": "missing or wrong X-App-Key"})
        elif self.server.births.is_faulty():
            self._answer(500, {"code": 500, "message": "internal error"})
        else:
            self._page({name: values[-1] for name, values in parse_qs(address.query).items()})

    def _page(self, given: dict[str, str]) -> None:
        try:
            number, size, since = (
                int(given.get("page", "1")),
                int(given.get("size", "200")),
                given.get("since"),
            )
            if since is not None:
                datetime.fromisoformat(since)
            if number < 1 or not 1 <= size <= MOST:
                raise ValueError
        except ValueError:
            self._answer(400, {"code": 400, "message": f"page from 1, size 1 to {MOST}, since an ISO moment"})
            return
        self._answer(200, {"code": 0, "data": self.server.births.page(number, size, since)})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body, ensure_ascii=False).encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""
