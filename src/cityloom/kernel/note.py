"""Signed heads of a log as text: the signed note and the checkpoint of C2SP.

A checkpoint is a note of three lines (origin, number of leaves, root in base 64), a blank line, and a line
for each signature: ``— name base64(key hash || signature)``. Standards: C2SP signed-note, tlog-checkpoint.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cityloom.kernel.errors import DataError

ED25519 = b"\x01"
"""The algorithm byte of Ed25519 in key hashes and verifier keys."""
_MARK = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Signer(Protocol):
    """Signs notes under a name."""

    @property
    def name(self) -> str:
        """The name in its signature lines, that of the log."""
        ...

    @property
    def key_hash(self) -> bytes:
        """The four bytes that tell its keys apart."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over a message."""
        ...


@dataclass(frozen=True)
class Signature:
    """One signature line: who, which key (first four bytes of its hash), what."""

    name: str
    key_hash: bytes
    value: bytes


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: its name, how many leaves it has, and the root of their hash tree."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{_to_base64(self.root)}\n"


def key_hash(name: str, algorithm: bytes, public: bytes) -> bytes:
    """The four bytes that tell keys of one name apart."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


def sign_note(body: str, signer: Signer) -> str:
    """A note: the body and one signature line."""
    signature = signer.key_hash + signer.sign(body.encode())
    return f"{body}\n{_MARK}{signer.name} {_to_base64(signature)}\n"


def split_note(text: str) -> tuple[str, tuple[Signature, ...]]:
    """A note's body and its signatures; nothing is verified yet.

    Raises:
        DataError: ``kernel.note.malformed``.
    """
    cut = text.rfind("\n\n")
    lines = text[cut + 2 :].split("\n")
    if cut <= 0 or lines[-1] != "" or len(lines) < 2:
        raise _malformed()
    return text[: cut + 1], tuple(_signature(line) for line in lines[:-1])


def parse_checkpoint(text: str) -> tuple[Checkpoint, tuple[Signature, ...]]:
    """A checkpoint out of a signed note; nothing is verified yet.

    Raises:
        DataError: ``kernel.note.malformed``, also when it is not written in the one allowed form.
    """
    body, signatures = split_note(text)
    lines = body.split("\n")
    if len(lines) != 4 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise _malformed()
    found = Checkpoint(lines[0], int(lines[1]), _from_base64(lines[2]))
    if len(found.root) != 32 or found.body != body:
        raise _malformed()
    return found, signatures


def verifier_key(name: str, algorithm: bytes, public: bytes) -> str:
    """A public key as text: ``name+hash+base64(algorithm || key)``."""
    return f"{name}+{key_hash(name, algorithm, public).hex()}+{_to_base64(algorithm + public)}"


def parse_verifier_key(text: str) -> tuple[str, bytes, bytes]:
    """Name, algorithm byte and public key out of a key's text, its hash checked.

    Raises:
        DataError: ``kernel.note.key`` when it is not a verifier key.
    """
    name, _, rest = text.strip().partition("+")
    digest, _, key = rest.partition("+")
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not name or len(raw) < 2 or key_hash(name, raw[:1], raw[1:]).hex() != digest:
        raise DataError(
            "kernel.note.key",
            "This is not a verifier key.",
            hint="A verifier key has the form name+hash+key; copy the whole line.",
        )
    return name, raw[:1], raw[1:]


def _signature(line: str) -> Signature:
    mark, name, value = [*line.split(" "), "", ""][:3]
    raw = _from_base64(value)
    if mark + " " != _MARK or line.count(" ") != 2 or not name or "+" in name or len(raw) < 5:
        raise _malformed()
    return Signature(name, raw[:4], raw[4:])


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None
    if _to_base64(raw) != text:
        raise _malformed()
    return raw


def _malformed() -> DataError:
    return DataError(
        "kernel.note.malformed",
        "This is not a signed checkpoint.",
        hint="A checkpoint has three lines, a blank line and signature lines; copy it wholly.",
    )


def signed_by(signatures: Sequence[Signature], name: str, digest: bytes) -> Signature | None:
    """The signature made under a name with the key of that hash, if there is one."""
    return next((s for s in signatures if s.name == name and s.key_hash == digest), None)
