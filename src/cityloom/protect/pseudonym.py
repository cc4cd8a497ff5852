"""Names for persons in places where no person may be named."""

from __future__ import annotations

import hashlib
import hmac


def subject_digest(key: bytes, value: str) -> str:
    """A person's id as 24 hex digits: the same for the same id and key, and telling nothing without the key.

    HMAC-SHA256 under its own prefix, so that it never equals a masked value of the same id.
    """
    return hmac.new(key, b"subject\x00" + value.encode(errors="surrogatepass"), hashlib.sha256).hexdigest()[:24]
