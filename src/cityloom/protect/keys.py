"""The keys of one installation: made once, kept in a folder that only its owner can read.

``audit.pem`` signs the audit log, ``audit.vkey`` is its public half (hand it to auditors), ``mask.key`` keys
hash masks and pseudonyms. Each file appears whole or not at all, and is never written over.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.ids import new_id
from cityloom.kernel.note import parse_verifier_key
from cityloom.protect.crypto import Ed25519Signer

SIGNING_FILE = "audit.pem"
VERIFIER_FILE = "audit.vkey"
MASKING_FILE = "mask.key"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """What an installation signs and masks with; ``vkey`` alone is public."""

    audit: Ed25519Signer
    vkey: str
    masking: bytes = field(repr=False)


def load_or_make_keys(folder: Path, name: str = "cityloom.local/audit") -> Keys:
    """The keys in a folder; what is not there yet is made.

    Args:
        folder: made with mode 0700 when it is not there.
        name: name of the audit log, bound to a new key; an existing verifier key keeps its own.

    Raises:
        ConfigError: ``protect.key.unreadable`` or ``protect.key.mismatch`` when the files do not fit.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = _keep(folder / SIGNING_FILE, lambda: Ed25519Signer.make(name).pem, 0o600)
    signer = Ed25519Signer.load(name, pem)
    text = _keep(folder / VERIFIER_FILE, lambda: (signer.vkey + "\n").encode(), 0o644).decode().strip()
    signer = Ed25519Signer(parse_verifier_key(text)[0], signer.private)
    masking = _keep(folder / MASKING_FILE, lambda: secrets.token_bytes(32), 0o600)
    if signer.vkey != text or len(masking) != 32:
        raise ConfigError(
            "protect.key.mismatch",
            "The key files of this installation do not belong together.",
            hint="Restore {signing}, {verifier} and {masking} from one backup.",
            signing=SIGNING_FILE,
            verifier=VERIFIER_FILE,
            masking=MASKING_FILE,
        )
    return Keys(audit=signer, vkey=text, masking=masking)


def _keep(path: Path, make: Callable[[], bytes], mode: int) -> bytes:
    """The content of a file, made first if need be: of several makers at once, one wins and all read its file."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{new_id('draft')}")
        try:
            _write(draft, make(), mode)
            _link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_bytes()


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _link(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
