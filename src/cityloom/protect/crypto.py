"""Signing and checking signatures. Ed25519 (RFC 8032); other suites stand beside it with the same two verbs."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cityloom.kernel.errors import ConfigError, DataError
from cityloom.kernel.note import (
    ED25519,
    Signer,
    key_hash,
    parse_verifier_key,
    signed_by,
    split_note,
    verifier_key,
)

__all__ = ["Ed25519Signer", "Ed25519Verifier", "Signer"]


@dataclass(frozen=True)
class Ed25519Signer:
    """Signs notes under a name with a private key."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    @staticmethod
    def make(name: str) -> Ed25519Signer:
        """A signer with a fresh key."""
        return Ed25519Signer(name, Ed25519PrivateKey.generate())

    @staticmethod
    def load(name: str, pem: bytes) -> Ed25519Signer:
        """A signer with a key in PEM (PKCS #8).

        Raises:
            ConfigError: ``protect.key.unreadable`` when it is not an Ed25519 key.
        """
        try:
            private = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigError(
                "protect.key.unreadable",
                "The signing key cannot be read.",
                hint="Restore the key file from its backup; a new key breaks the chain of signatures.",
            )
        return Ed25519Signer(name, private)

    @property
    def pem(self) -> bytes:
        """The private key in PEM (PKCS #8): a secret."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    @property
    def key_hash(self) -> bytes:
        """The four bytes that name the key in signature lines."""
        return key_hash(self.name, ED25519, self.public)

    @property
    def vkey(self) -> str:
        """The public key as text for verifiers."""
        return verifier_key(self.name, ED25519, self.public)

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self.private.sign(message)


@dataclass(frozen=True)
class Ed25519Verifier:
    """Checks notes that were signed under a name."""

    name: str
    public: bytes

    @staticmethod
    def of(vkey: str) -> Ed25519Verifier:
        """A verifier from a key's text ``name+hash+key``.

        Raises:
            DataError: ``kernel.note.key``.
        """
        name, algorithm, public = parse_verifier_key(vkey)
        if algorithm != ED25519 or len(public) != 32:
            raise DataError("kernel.note.key", "This is not a verifier key.", hint="Only Ed25519 keys are known.")
        return Ed25519Verifier(name, public)

    def has_signed(self, note: str) -> bool:
        """Whether the note carries this key's valid signature over its body.

        Raises:
            DataError: ``kernel.note.malformed``.
        """
        body, signatures = split_note(note)
        signature = signed_by(signatures, self.name, key_hash(self.name, ED25519, self.public))
        if signature is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature.value, body.encode())
        except InvalidSignature:
            return False
        return True
