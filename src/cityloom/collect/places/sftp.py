"""Folders behind SSH."""

from __future__ import annotations

import errno
import io
import logging
import socket
import stat
from base64 import b64encode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, ClassVar

from cityloom.collect.place import Entry, LinkError, Place, absent, decode_name, denied, gone, refused
from cityloom.collect.secret import secret
from cityloom.kernel.config import reference
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.kernel.extras import require
from cityloom.model.text import STRICT, Title

_CHUNK = 32 << 10
_WINDOW = 64
"""So many requests are on the way at the same time, which is also all that memory holds."""
_KEYS = ("Ed25519Key", "ECDSAKey", "RSAKey")


@dataclass(frozen=True, kw_only=True)
class Sftp(Place):
    """A server of the SSH file transfer protocol. It is spoken to only when it shows the key that is expected.

    Args:
        host: name or address, or a reference.
        port: of the server.
        user: name of the account, or a reference.
        password: a reference; also what a protected ``key`` opens with.
        key: reference to a private key (OpenSSH or PEM): ``file:keys/ga``.
        host_key: the server's key as a fingerprint (``SHA256:…``) or as a line ``ssh-ed25519 AAAA…``.
        encoding: of names.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "sftp"
    title: ClassVar[Title] = Title("SFTP 服务器", "SFTP server")
    standard: ClassVar[str] = "RFC 4251, draft-ietf-secsh-filexfer-02"
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"host": "10.1.2.3", "user": "cityloom", "key": "file:keys/ga", "host_key": "SHA256:Zm9v"},
    )

    host: str
    port: int = 22
    user: str
    password: str = ""
    key: str = ""
    host_key: str = ""
    encoding: str = "utf-8"

    @property
    def address(self) -> str:
        """Protocol, server and port."""
        return f"sftp://{reference(self.host, base=self.base)}:{self.port}"

    @contextmanager
    def connect(self, folder: str) -> Iterator[_Session]:
        """A session in a folder; relative to where the account starts."""
        paramiko = require("paramiko", extra="transfer")
        logging.getLogger("paramiko").addHandler(logging.NullHandler())
        with self._mapped(paramiko):
            transport = self._transport(paramiko)
        try:
            with self._mapped(paramiko):
                self._log_in(transport, paramiko)
                client = paramiko.SFTPClient.from_transport(transport)
                client.get_channel().settimeout(self.timeout_seconds)
            session = _Session(client, folder.rstrip("/"), self, paramiko)
            session.require_folder()
            yield session
        finally:
            transport.close()

    @contextmanager
    def _mapped(self, paramiko: Any) -> Iterator[None]:
        try:
            yield
        except paramiko.AuthenticationException:
            raise denied(self.address) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkError(type(error).__name__) from None

    def _transport(self, paramiko: Any) -> Any:
        """An encrypted link to a server that showed the right key."""
        address = (reference(self.host, base=self.base), self.port)
        transport = paramiko.Transport(socket.create_connection(address, self.timeout_seconds))
        try:
            transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = self.timeout_seconds
            wanted = reference(self.host_key, base=self.base).split()
            if len(wanted) > 1:
                kinds = ("rsa-sha2-512", "rsa-sha2-256") if wanted[0] == "ssh-rsa" else (wanted[0],)
                transport.get_security_options().key_types = kinds
            transport.start_client(timeout=self.timeout_seconds)
            self._require_key(transport.get_remote_server_key(), wanted)
        except BaseException:
            transport.close()
            raise
        return transport

    def _require_key(self, key: Any, wanted: list[str]) -> None:
        fingerprint = "SHA256:" + b64encode(sha256(key.asbytes()).digest()).decode().rstrip("=")
        if not wanted:
            raise SourceError(
                "collect.place.unknown",
                "{url} is not known: no host_key is given, and its key has the fingerprint {fingerprint}.",
                hint="Ask the department for the fingerprint; if it is this one, write it to the place's option host_key.",
                url=self.address,
                fingerprint=fingerprint,
            )
        if wanted[-1].rstrip("=") not in (fingerprint, key.get_base64().rstrip("=")) and wanted[1:2] != [key.get_base64()]:
            raise SourceError(
                "collect.place.stranger",
                "{url} shows another key than expected: {fingerprint}.",
                hint="Nothing was sent to it. Ask the department whether its server was renewed, before you change host_key.",
                url=self.address,
                fingerprint=fingerprint,
            )

    def _log_in(self, transport: Any, paramiko: Any) -> None:
        user, password = reference(self.user, base=self.base), secret(self.password, "password", self.base)
        if self.key:
            transport.auth_publickey(user, self._key(paramiko, password))
        else:
            transport.auth_password(user, password)

    def _key(self, paramiko: Any, password: str) -> Any:
        text = secret(self.key, "key", self.base) + "\n"
        for kind in _KEYS:
            with suppress(paramiko.SSHException, ValueError):
                return getattr(paramiko, kind).from_private_key(io.StringIO(text), password or None)
        raise ConfigError(
            "collect.place.key",
            "The private key for {url} cannot be read.",
            hint="The option key refers to a key in OpenSSH or PEM form; password opens it where it is protected.",
            url=self.address,
        )


@dataclass(frozen=True)
class _Session:
    """An open SFTP session in a folder."""

    client: Any
    folder: str
    place: Sftp
    paramiko: Any
    is_exact: bool = True

    def require_folder(self) -> None:
        """Check that the folder is there."""
        with self._mapped(""):
            try:
                state = self.client.stat(self._path(""))
            except FileNotFoundError:
                raise absent(self.place.address, self.folder) from None
        if not stat.S_ISDIR(state.st_mode or 0):
            raise absent(self.place.address, self.folder)

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands directly in a folder; nothing where it is not there."""
        with self._mapped(folder):
            try:
                listed = list(self._list(self._path(folder)))
            except FileNotFoundError:
                return
        for raw, state in listed:
            last = decode_name(raw, self.place.encoding, self.place.address)
            name = f"{folder}/{last}" if folder else last
            is_link = stat.S_ISLNK(state.st_mode or 0)
            if found := self.state(name) if is_link else _entry(name, state):
                yield found

    def state(self, name: str) -> Entry | None:
        """A file as it is now."""
        with self._mapped(name):
            try:
                return _entry(name, self.client.stat(self._path(name)))
            except FileNotFoundError:
                return None

    def blocks(self, entry: Entry, start: int) -> Generator[bytes]:
        """The bytes from a position on; many requests at a time."""
        with self._mapped(entry.name):
            try:
                file = self.client.open(self._path(entry.name), "rb")
            except FileNotFoundError:
                raise gone(entry.name) from None
        with file:
            chunk = _CHUNK
            while start < entry.size:
                with self._mapped(entry.name):
                    block, chunk = self._read(file.handle, start, min(entry.size, start + _WINDOW * chunk), chunk)
                if not block:
                    return
                yield block
                start += len(block)

    def checksum(self, entry: Entry) -> str:
        """Nothing: servers do not tell."""
        return ""

    def _read(self, handle: bytes, start: int, end: int, chunk: int) -> tuple[bytes, int]:
        """Bytes from a position on, and how many the server gives at once, as far as it is known."""
        protocol, numbers = self.paramiko.sftp, []
        for at in range(start, end, chunk):
            length = min(chunk, end - at)
            number = self.client._async_request(type(None), protocol.CMD_READ, handle, protocol.int64(at), length)
            numbers.append((number, length))
        answers = dict(self._answer() for _ in numbers)
        block = bytearray()
        for number, length in numbers:
            block += answers[number]
            if len(answers[number]) < length:
                return bytes(block), len(answers[number]) or chunk
        return bytes(block), chunk

    def _answer(self) -> tuple[int, bytes]:
        """Number of a request and the bytes that answer it; none at the end of the file."""
        protocol = self.paramiko.sftp
        kind, packet = self.client._read_packet()
        message = self.paramiko.Message(packet)
        number = message.get_int()
        if kind == protocol.CMD_DATA:
            return number, message.get_binary()
        with suppress(EOFError):
            self.client._convert_status(message)
        return number, b""

    def _list(self, path: bytes) -> Iterator[tuple[bytes, Any]]:
        """Names as bytes and states; the library's own listing takes only names in UTF-8."""
        protocol = self.paramiko.sftp
        handle = self.client._request(protocol.CMD_OPENDIR, path)[1].get_binary()
        try:
            while True:
                answer = self.client._request(protocol.CMD_READDIR, handle)[1]
                for _ in range(answer.get_int()):
                    raw = answer.get_binary()
                    answer.get_binary()
                    state = self.paramiko.SFTPAttributes._from_msg(answer)
                    if raw not in (b".", b".."):
                        yield raw, state
        except EOFError:
            self.client._request(protocol.CMD_CLOSE, handle)

    def _path(self, name: str) -> bytes:
        path = f"{self.folder}/{name}" if name and self.folder else name or self.folder or "."
        return (path or "/").encode(self.place.encoding)

    @contextmanager
    def _mapped(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno == errno.EACCES:
                raise refused(self.place.address, name) from None
            raise LinkError(type(error).__name__) from None
        except (self.paramiko.SSHException, EOFError) as error:
            raise LinkError(type(error).__name__) from None


def _entry(name: str, state: Any) -> Entry | None:
    """A file or folder; nothing for what is neither."""
    mode = state.st_mode or stat.S_IFREG
    if stat.S_ISDIR(mode):
        return Entry(name, is_folder=True)
    if not stat.S_ISREG(mode):
        return None
    return Entry(name, int(state.st_size or 0), str(int(state.st_mtime or 0)))
