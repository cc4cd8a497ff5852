"""One request of an interface, made from what is fixed and what changes from page to page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError

PORTS = {"http": 80, "https": 443}


@dataclass
class Ask:
    """A request before it is sent; credentials are added to it."""

    method: str
    url: httpx.URL
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def add_parameters(self, values: Mapping[str, str]) -> None:
        """Set parameters of the query."""
        self.url = self.url.copy_merge_params(dict(values))


@dataclass(frozen=True)
class Template:
    """What is the same in all requests of a pull; all references are resolved.

    ``body`` a JSON object, a text with ``{name}`` places, or nothing; ``form`` sends the object as a form;
    ``in_body`` says where what changes is put; ``quote`` makes a value fit for a text.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    parameters: Mapping[str, str]
    body: Mapping[str, Any] | str
    form: bool = False
    in_body: bool = False
    quote: Callable[[str], str] = str

    def fill(self, values: Mapping[str, str | int]) -> Ask:
        """The request with values under the names of their parameters; with a text as body, in its places."""
        url = httpx.URL(self.url)
        ask = Ask(self.method, url, dict(self.headers))
        ask.add_parameters(self.parameters)
        if isinstance(self.body, str) and self.body:
            text = self.body
            for name, value in values.items():
                text = text.replace(f"{{{name}}}", self.quote(str(value)))
            ask.content = text.encode()
            return ask
        if not self.in_body:
            ask.add_parameters({k: str(v) for k, v in values.items()})
        if self.body or self.in_body:
            self._set_body(ask, values if self.in_body else {})
        return ask

    def _set_body(self, ask: Ask, values: Mapping[str, str | int]) -> None:
        document = json.loads(json.dumps(self.body or {}))
        for name, value in values.items():
            _set(document, name.split("."), value)
        if self.form:
            ask.content = urlencode(document).encode()
            ask.headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        else:
            ask.content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
            ask.headers.setdefault("Content-Type", "application/json; charset=utf-8")


def resolve(value: Any, base: Path) -> Any:
    """A value of a definition with its references resolved, however deep they stand."""
    if isinstance(value, str):
        return reference(value, base=base)
    if isinstance(value, Mapping):
        return {k: resolve(v, base) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(v, base) for v in value]
    return value


def require_http(url: str) -> str:
    """An address that is one of HTTP.

    Raises:
        ConfigError: ``collect.http.scheme``.
    """
    if not url.startswith(("http://", "https://")):
        raise ConfigError(
            "collect.http.scheme",
            "The address of an interface begins with http:// or https://.",
            hint="Correct the source's option url.",
        )
    return url


def shown(url: httpx.URL | str) -> str:
    """An address without what may be secret."""
    url = httpx.URL(url)
    port = f":{url.port}" if url.port and url.port != PORTS.get(url.scheme) else ""
    return f"{url.scheme}://{url.host}{port}{url.path}"


def is_same_host(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether credentials for the one may go to the other: the same host and port, and no less secure."""
    ports = (one.port or PORTS.get(one.scheme), other.port or PORTS.get(other.scheme))
    is_upgrade = (one.scheme, other.scheme) == ("http", "https") and ports == (80, 443)
    return one.host == other.host and (is_upgrade or (one.scheme == other.scheme and ports[0] == ports[1]))


def _set(document: dict[str, Any], path: list[str], value: str | int) -> None:
    for part in path[:-1]:
        inner = document.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = document[part] = {}
        document = inner
    document[path[-1]] = value
