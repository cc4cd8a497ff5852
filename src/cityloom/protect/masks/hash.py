"""Replace a text by a keyed digest."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from cityloom.model.text import Title
from cityloom.protect.mask import Case, check_given


@dataclass(frozen=True, kw_only=True)
class Hash:
    """HMAC-SHA256 under the installation's key, 32 hex digits: equal texts stay equal, so joins still work.

    The examples take a key of 32 zeros (``0`` as text). It has no form in SQL, since the key would stand in the text of the query.
    """

    name: ClassVar[str] = "hash"
    title: ClassVar[Title] = Title("带密钥哈希", "Keyed hash")
    standard: ClassVar[str] = "RFC 2104"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("11010519491231002X", "4dd1b9e8bc7e753d7a43ea576a0ebd2f"),
        Case("", "efa78c8c152e57eba61a6219d6fe92b3"),
        Case(None, None),
    )

    key: bytes = field(default=b"", repr=False)
    """The secret, given by the platform."""

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """None: the key must not stand in a query."""
        return None

    def value(self, x: str | None) -> str | None:
        """The digest."""
        check_given(self.name, "key", self.key)
        if x is None:
            return None
        message = b"mask\x00" + x.encode(errors="surrogatepass")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:32]
