"""Folders of an FTP server, encrypted or not."""

from __future__ import annotations

import ftplib
import re
import ssl
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from cityloom.collect.place import Entry, LinkError, Place, absent, denied, gone, refused, unreadable_names
from cityloom.collect.secret import secret
from cityloom.kernel.config import reference
from cityloom.model.text import STRICT, Title

_BLOCK = 256 << 10
_DENIED = ("530", "532")
_REFUSED = (*_DENIED, "550", "553")
_UNIX = re.compile(r"(?P<kind>[-dl])\S{9}\S*\s+\d+\s+\S+\s+\S+\s+(?P<size>\d+)\s+\w{3}\s+\d+\s+[\d:]+ (?P<name>.+)")
_DOS = re.compile(r"\d\d-\d\d-\d{2,4}\s+\d\d:\d\d(?:[AP]M)?\s+(?:(?P<dir><DIR>)|(?P<size>\d+))\s(?P<name>.+)")


class _Tls(ftplib.FTP_TLS):
    """FTP over TLS whose data connections go on with the session of the control connection, as servers ask for."""

    is_implicit = False

    @property
    def sock(self) -> Any:
        """The control connection."""
        return self._sock

    @sock.setter
    def sock(self, value: Any) -> None:
        is_bare = self.is_implicit and value is not None and not isinstance(value, ssl.SSLSocket)
        self._sock = self.context.wrap_socket(value, server_hostname=self.host) if is_bare else value

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> Any:
        """A data connection, encrypted."""
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            connection = self.context.wrap_socket(connection, server_hostname=self.host, session=self._sock.session)
        return connection, size


@dataclass(frozen=True, kw_only=True)
class Ftp(Place):
    """An FTP server. Restart needs nothing but ``REST``; listings are ``MLSD``, or ``LIST`` where there is no such.

    Args:
        host: name or address, or a reference.
        port: of the server.
        user: name of the account, or a reference.
        password: a reference.
        tls: ``none``, ``explicit`` (``AUTH TLS`` on the usual port) or ``implicit``.
        ca: file with the certificates that are trusted; empty for the system's.
        passive: whether we open the data connections; false where the server must.
        encoding: of names.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "ftp"
    title: ClassVar[Title] = Title("FTP 服务器", "FTP server")
    standard: ClassVar[str] = "RFC 959, RFC 3659, RFC 4217"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"host": "10.1.2.3", "user": "cityloom", "password": "env:GA_FTP_PASSWORD", "tls": "explicit"},
    )

    host: str
    port: int = 21
    user: str = "anonymous"
    password: str = ""
    tls: Literal["none", "explicit", "implicit"] = "none"
    ca: str = ""
    passive: bool = True
    encoding: str = "utf-8"

    @property
    def address(self) -> str:
        """Protocol, server and port."""
        return f"ftp://{reference(self.host, base=self.base)}:{self.port}"

    @contextmanager
    def connect(self, folder: str) -> Iterator[_Session]:
        """A session in a folder; relative to where the account starts."""
        client = self._client()
        try:
            with _mapped(self, ""):
                features = self._log_in(client)
                home = client.pwd()
            path = folder if folder.startswith("/") else f"{home.rstrip('/')}/{folder}".removesuffix("/.")
            session = _Session(client, path.rstrip("/"), self, features)
            session.require_folder()
            yield session
        finally:
            client.close()

    def _client(self) -> ftplib.FTP:
        if self.tls == "none":
            return ftplib.FTP(timeout=self.timeout_seconds, encoding=self.encoding)
        context = ssl.create_default_context(cafile=str(self.base / self.ca) if self.ca else None)
        client = _Tls(context=context, timeout=self.timeout_seconds, encoding=self.encoding)
        client.is_implicit = self.tls == "implicit"
        return client

    def _log_in(self, client: ftplib.FTP) -> str:
        """Log in; what the server can do, as it tells it."""
        client.connect(reference(self.host, base=self.base), self.port)
        client.set_pasv(self.passive)
        client.login(reference(self.user, base=self.base), secret(self.password, "password", self.base))
        if isinstance(client, _Tls):
            client.prot_p()
        features = ""
        with suppress(ftplib.error_perm):
            features = client.sendcmd("FEAT").upper()
        if "UTF8" in features and self.encoding == "utf-8":
            with suppress(ftplib.error_perm):
                client.sendcmd("OPTS UTF8 ON")
        client.voidcmd("TYPE I")
        return features


@dataclass(frozen=True)
class _Session:
    """An open FTP session; ``features`` is the server's own list of them."""

    client: ftplib.FTP
    folder: str
    place: Ftp
    features: str

    @property
    def is_exact(self) -> bool:
        """Whether the listing tells sizes and times as they are."""
        return "MLST" in self.features

    def require_folder(self) -> None:
        """Check that the folder is there."""
        with _mapped(self.place, ""):
            try:
                self.client.cwd(self.folder or "/")
            except ftplib.error_perm:
                raise absent(self.place.address, self.folder) from None

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands directly in a folder; nothing where it is not there."""
        prefix = f"{folder}/" if folder else ""
        with _mapped(self.place, folder):
            try:
                self.client.cwd(self._path(folder) or "/")
            except ftplib.error_perm:
                return
            listed = list(self._facts() if self.is_exact else self._lines())
        for entry in listed:
            yield Entry(prefix + entry.name, entry.size, entry.modified, is_folder=entry.is_folder)

    def state(self, name: str) -> Entry | None:
        """A file as it is now."""
        with _mapped(self.place, name):
            try:
                if self.is_exact:
                    facts = self.client.sendcmd(f"MLST {self._path(name)}").splitlines()[1].strip().partition(" ")[0]
                    return _entry(name, dict(f.lower().split("=", 1) for f in facts.split(";") if f))
                self.client.voidcmd("TYPE I")
                return Entry(name, self.client.size(self._path(name)) or 0, self._time(name))
            except ftplib.error_perm:
                return None

    def blocks(self, entry: Entry, start: int) -> Generator[bytes]:
        """The bytes from a position on; the ones before are passed over where the server cannot."""
        connection, passed = self._open(entry.name, start)
        is_done = False
        try:
            while True:
                with _mapped(self.place, entry.name):
                    block = connection.recv(_BLOCK)
                if not block:
                    break
                skipped = min(passed, len(block))
                passed -= skipped
                if len(block) > skipped:
                    yield block[skipped:]
            is_done = True
        finally:
            connection.close()
            if not is_done:
                with suppress(*ftplib.all_errors):
                    self.client.voidresp()
        with _mapped(self.place, entry.name):
            self.client.voidresp()

    def checksum(self, entry: Entry) -> str:
        """Nothing: no way to ask is common to servers."""
        return ""

    def _open(self, name: str, start: int) -> tuple[Any, int]:
        """A data connection, and how many of its bytes are to be passed over."""
        with _mapped(self.place, name):
            self.client.voidcmd("TYPE I")
            command = f"RETR {self._path(name)}"
            if start:
                with suppress(ftplib.error_perm):
                    return self.client.transfercmd(command, rest=start), 0
            try:
                return self.client.transfercmd(command), start
            except ftplib.error_perm as error:
                raise (refused(self.place.address, name) if self.state(name) else gone(name)) from error

    def _facts(self) -> Iterator[Entry]:
        for name, facts in self.client.mlsd(facts=["type", "size", "modify"]):
            entry = _entry(name, facts)
            if entry:
                yield entry

    def _lines(self) -> Iterator[Entry]:
        lines: list[str] = []
        self.client.retrlines("LIST", lines.append)
        for line in lines:
            match = _UNIX.fullmatch(line) or _DOS.fullmatch(line)
            if match:
                found = match.groupdict()
                is_link = found.get("kind") == "l"
                name = found["name"].partition(" -> ")[0] if is_link else found["name"]
                is_folder = found.get("kind") == "d" or bool(found.get("dir"))
                yield Entry(name, int(found["size"] or 0), is_folder=is_folder)
        self.client.voidcmd("TYPE I")

    def _time(self, name: str) -> str:
        with suppress(ftplib.error_perm):
            return self.client.sendcmd(f"MDTM {self._path(name)}").partition(" ")[2].strip()
        return ""

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}" if name else self.folder


def _entry(name: str, facts: Mapping[str, str]) -> Entry | None:
    """A file or folder from the facts of MLSD or MLST; nothing for what is neither."""
    kind = facts.get("type", "file").lower()
    if kind not in ("file", "dir"):
        return None
    if kind == "dir":
        return Entry(name, is_folder=True)
    return Entry(name, int(facts.get("size", "0")), facts.get("modify", ""))


@contextmanager
def _mapped(place: Ftp, name: str) -> Iterator[None]:
    try:
        yield
    except UnicodeError:
        raise unreadable_names(place.address, place.encoding) from None
    except (ftplib.Error, EOFError, OSError) as error:
        code = str(error)[:3] if isinstance(error, ftplib.Error) else ""
        if code in _REFUSED:
            raise (denied(place.address) if code in _DENIED else refused(place.address, name)) from None
        raise LinkError(f"{type(error).__name__} {code}".strip()) from None
