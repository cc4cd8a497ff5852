"""What surrounds every request: its language, the security headers, and the last net for errors."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from cityloom.api.problems import answer, too_large_problem, unexpected_problem
from cityloom.kernel.i18n import LANGUAGES, use_language
from cityloom.kernel.log import get_log

COOKIE = "cityloom_lang"
MOST_BYTES = 65_536
"""How much a request may carry; its length must be declared."""
DELIVERING = ("/api/v1/intake/", "/collect/")
"""Where departments bring data: as much as the setting ``intake_mb`` allows, and what a form adds."""
STREAMING = DELIVERING[:1]
"""Where a request need not declare its length: it is counted while it comes in."""
_FORM_BYTES = 1 << 20
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """Pure ASGI middleware, so that the language chosen here reaches the handlers and their threads.

    The language of a call under ``/api`` is ``?lang=``, else ``Accept-Language``, else the setting; of a
    page ``?lang=`` (then remembered in a cookie), else the cookie, else the setting: Chinese first.
    """

    def __init__(self, app: ASGIApp, *, language: str, delivery_bytes: int = MOST_BYTES) -> None:
        self.app = app
        self.language = language
        self.delivery_bytes = delivery_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = _asked_language(scope)
        started = False

        async def guarded(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(MutableHeaders(scope=message), scope, asked)
            await send(message)

        with use_language(asked or _remembered_language(scope) or self.language):
            if self._is_too_large(scope):
                await answer(scope, too_large_problem())(scope, receive, guarded)
                return
            try:
                await self.app(scope, receive, guarded)
            except Exception as error:
                get_log("api").error("api.request.failed", kind=type(error).__name__, place=_place(error))
                if not started:
                    await answer(scope, unexpected_problem())(scope, receive, guarded)

    def _is_too_large(self, scope: Scope) -> bool:
        headers, path = Headers(scope=scope), scope["path"]
        is_delivery = scope["method"] == "POST" and path.startswith(DELIVERING)
        if "transfer-encoding" in headers:
            return not (is_delivery and path.startswith(STREAMING))
        length = headers.get("content-length", "0")
        most = self.delivery_bytes + _FORM_BYTES if is_delivery else MOST_BYTES
        return not length.isdecimal() or int(length) > most


def _add_headers(headers: MutableHeaders, scope: Scope, asked: str | None) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    if not scope["path"].startswith("/static/"):
        headers.setdefault("Cache-Control", "no-store")
        headers.add_vary_header("Accept-Language, Cookie")
    if asked and not scope["path"].startswith("/api/"):
        headers.append("Set-Cookie", f"{COOKIE}={asked}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")


def _asked_language(scope: Scope) -> str | None:
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[0]
    return asked if asked in LANGUAGES else None


def _remembered_language(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    if not scope["path"].startswith("/api/"):
        kept = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        return kept if kept in LANGUAGES else None
    return accepted_language(headers.get("accept-language", ""))


def accepted_language(header: str) -> str | None:
    """The best of our languages in an ``Accept-Language`` header (RFC 9110 12.5.4), or none."""
    best, quality = None, 0.0
    for part in header.split(","):
        found = re.fullmatch(r"\s*([A-Za-z]{2,3})(?:-[\w-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", part)
        if found and found[1].lower() in LANGUAGES and float(found[2] or 1) > quality:
            best, quality = found[1].lower(), float(found[2] or 1)
    return best


def _place(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"
