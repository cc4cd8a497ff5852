"""Credentials: what is added to a request so that an interface answers it."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlencode

import httpx
from pydantic import Field

from cityloom.collect.http.ask import Ask, require_http, resolve, shown
from cityloom.collect.secret import secret
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import SourceError
from cityloom.model.text import STRICT

_EARLY = 30.0
"""So many seconds before its end a token is renewed."""


class Sender(Protocol):
    """Sends a request without credentials of its own; the answer's status and bytes."""

    def __call__(self, ask: Ask) -> tuple[int, bytes]: ...


class Signer(Protocol):
    """Credentials at work."""

    def sign(self, ask: Ask) -> None:
        """Add to a request what it needs. It is called anew for each attempt."""
        ...

    def renew(self) -> bool:
        """Forget what was refused; whether something else can be had instead."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bearer:
    """``Authorization: Bearer <token>``; ``token`` a reference."""

    __pydantic_config__ = STRICT
    kind: Literal["bearer"]
    token: str


@dataclass(frozen=True, kw_only=True)
class Basic:
    """User and password (RFC 7617); both may be references."""

    __pydantic_config__ = STRICT
    kind: Literal["basic"]
    user: str
    password: str


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key under a name, in a header or in the query; ``value`` a reference."""

    __pydantic_config__ = STRICT
    kind: Literal["key"]
    name: str
    value: str
    place: Literal["header", "query"] = "header"


@dataclass(frozen=True, kw_only=True)
class OAuth2:
    """A token for client credentials (RFC 6749, 4.4), got anew before it ends and when it is refused.

    ``token_url`` where from; ``client_id`` and ``client_secret`` references; ``place`` whether they go into the
    header or the body; ``scope`` and ``parameters`` more of the body; ``token`` and ``lifetime`` dotted paths of
    the token and its seconds in the answer.
    """

    __pydantic_config__ = STRICT
    kind: Literal["oauth2"]
    token_url: str
    client_id: str
    client_secret: str
    place: Literal["header", "body"] = "header"
    scope: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    token: str = "access_token"
    lifetime: str = "expires_in"


@dataclass(frozen=True, kw_only=True)
class Signed:
    """Headers with a signature over the request.

    ``headers`` hold ``{signature}``, ``{key}``, ``{timestamp}`` (seconds), ``{milliseconds}`` and ``{nonce}``;
    ``text`` is what is signed, with those (without the signature) and ``{method}``, ``{path}``, ``{query}`` (sorted,
    as it is sent), ``{body}`` and ``{digest}`` (of the body, hex); ``secret`` signs, ``key`` says whose it is, both
    references; ``algorithm`` of the HMAC; ``encoding`` of the signature.
    """

    __pydantic_config__ = STRICT
    kind: Literal["signed"]
    key: str = ""
    secret: str
    text: str = "{method}\n{path}\n{query}\n{timestamp}\n{nonce}\n{digest}"
    headers: Mapping[str, str]
    algorithm: Literal["sha256", "sha512", "sha1", "md5", "sm3"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"


Auth = Annotated[Bearer | Basic | Key | OAuth2 | Signed, Field(discriminator="kind")]


def signer(auth: Bearer | Basic | Key | OAuth2 | Signed | None, base: Path, clock: Clock, send: Sender) -> Signer:
    """The credentials of an interface, ready for work; for none, nothing is added."""
    if isinstance(auth, Bearer):
        token = secret(auth.token, "auth.token", base)
        return _Fixed(lambda ask: ask.headers.update(Authorization=f"Bearer {token}"))
    if isinstance(auth, Basic):
        pair = b64encode(f"{resolve(auth.user, base)}:{secret(auth.password, 'auth.password', base)}".encode()).decode()
        return _Fixed(lambda ask: ask.headers.update(Authorization=f"Basic {pair}"))
    if isinstance(auth, Key):
        value = {auth.name: secret(auth.value, "auth.value", base)}
        return _Fixed(lambda ask: ask.headers.update(value) if auth.place == "header" else ask.add_parameters(value))
    if isinstance(auth, OAuth2):
        return _Tokens(auth, base, clock, send)
    if isinstance(auth, Signed):
        return _Fixed(_Signature(auth, resolve(auth.key, base), secret(auth.secret, "auth.secret", base).encode(), clock))
    return _Fixed(lambda ask: None)


@dataclass
class _Fixed:
    """Credentials that stay as they are."""

    add: Callable[[Ask], None]

    def sign(self, ask: Ask) -> None:
        """Add them."""
        self.add(ask)

    def renew(self) -> bool:
        """There are no others."""
        return False


@dataclass
class _Tokens:
    """Tokens for client credentials."""

    auth: OAuth2
    base: Path
    clock: Clock
    send: Sender
    _token: str = ""
    _until: float = 0.0

    def sign(self, ask: Ask) -> None:
        """Add the token, after getting one where there is none that lasts."""
        if not self._token or self.clock.tick() > self._until:
            self._get()
        ask.headers["Authorization"] = f"Bearer {self._token}"

    def renew(self) -> bool:
        """Forget a token that was refused before its time."""
        had, self._token = bool(self._token), ""
        return had

    def _get(self) -> None:
        url = require_http(resolve(self.auth.token_url, self.base))
        name, word = resolve(self.auth.client_id, self.base), secret(self.auth.client_secret, "auth.client_secret", self.base)
        form = {"grant_type": "client_credentials", **resolve(self.auth.parameters, self.base)}
        ask = Ask("POST", httpx.URL(url), {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"})
        if self.auth.scope:
            form["scope"] = self.auth.scope
        if self.auth.place == "body":
            form |= {"client_id": name, "client_secret": word}
        else:
            pair = "&".join(urlencode({"": part})[1:] for part in (name, word)).replace("&", ":")
            ask.headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        ask.content = urlencode(form).encode()
        status, content = self.send(ask)
        found = _document(content) if status == 200 else {}
        token, seconds = _text(found, self.auth.token), _text(found, self.auth.lifetime)
        if not token:
            raise SourceError(
                "collect.http.token",
                "{url} gives no token: it answers with status {status}.",
                hint="Check client_id and client_secret with the department, and where the answer holds the token.",
                url=shown(url),
                status=status,
            )
        lasts = float(seconds) if seconds.replace(".", "", 1).isdigit() else 300.0
        self._token, self._until = token, self.clock.tick() + max(lasts - _EARLY, lasts / 2)


@dataclass
class _Signature:
    """Signs a request with a secret."""

    auth: Signed
    key: str
    secret: bytes
    clock: Clock

    def __call__(self, ask: Ask) -> None:
        """Add the headers."""
        now = self.clock.now().timestamp()
        query = "&".join(sorted(ask.url.query.decode("ascii").split("&"))) if ask.url.query else ""
        values = {
            "method": ask.method,
            "path": ask.url.raw_path.decode("ascii").partition("?")[0],
            "query": query,
            "body": ask.content.decode("utf-8", "replace"),
            "digest": hashlib.new(self.auth.algorithm, ask.content, usedforsecurity=False).hexdigest(),
            "timestamp": str(int(now)),
            "milliseconds": str(int(now * 1000)),
            "nonce": secrets.token_hex(16),
            "key": self.key,
        }
        digest = hmac.new(self.secret, _put(self.auth.text, values).encode(), self.auth.algorithm).digest()
        values["signature"] = digest.hex() if self.auth.encoding == "hex" else b64encode(digest).decode()
        ask.headers |= {name: _put(text, values) for name, text in self.auth.headers.items()}


def _put(text: str, values: Mapping[str, str]) -> str:
    """A text with its ``{name}`` places filled, each once, so that values are never looked into."""
    done, rest = "", text
    while rest:
        before, brace, rest = rest.partition("{")
        name, closing, after = rest.partition("}")
        done += before
        if brace and closing and name in values:
            done, rest = done + values[name], after
        else:
            done += brace
    return done


def _document(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return {}


def _text(document: Any, path: str) -> str:
    for part in path.split("."):
        document = document.get(part) if isinstance(document, Mapping) else None
    return "" if document is None else str(document)
