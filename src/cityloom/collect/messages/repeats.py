"""Messages that come again: for sources that forget a message once it is acknowledged, and cannot go back.

Such a source gives every message that was not acknowledged again after a breakdown, and marks it as given before.
What had landed by then must not land twice. So the position of a batch holds the identity of each message that may
still come again: those of the batch itself, and earlier ones whose acknowledgement was not seen to arrive. The
position is part of the batch; both are in the lake, or neither is.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter

_WIDTH = 8


def identity(*parts: bytes) -> bytes:
    """Eight bytes that tell a message from others."""
    digest = hashlib.blake2b(digest_size=_WIDTH)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


class Repeats:
    """Knows what may come again.

    What comes again comes before anything new: a message that is not marked tells that all of it has come.

    Args:
        position: of the last batch; empty at the beginning.
    """

    def __init__(self, position: str) -> None:
        found = json.loads(position) if position else {}
        self._taken: int = found.get("taken", 0)
        blob = base64.b64decode(found.get("open", ""))
        self._open = Counter(blob[at : at + _WIDTH] for at in range(0, len(blob), _WIDTH))
        self.link()

    def link(self) -> None:
        """A new link to the source: everything not acknowledged comes again."""
        self._expected = Counter(self._open)
        self._given: list[bytes] = []
        self._is_through = False

    def is_repeat(self, one: bytes, *, is_marked: bool) -> bool:
        """Whether a message that is given now was taken before; only one that its source marks can be. What was not is
        part of the next batch."""
        self._given.append(one)
        self._is_through |= not is_marked
        if is_marked and self._expected[one]:
            self._expected[one] -= 1
            return True
        self._taken += 1
        self._open[one] += 1
        return False

    def settled(self) -> None:
        """All that was given on this link is acknowledged, for certain: it does not come again."""
        self._open = Counter() if self._is_through else self._open - Counter(self._given)
        self._given = []

    def forget(self) -> None:
        """What has not come again by now will not come."""
        self._open -= self._expected
        self._expected = Counter()

    def position(self, **more: str) -> str:
        """How many were taken, which of them may come again, and what else belongs to the position."""
        blob = b"".join(self._open.elements())
        return json.dumps({**more, "taken": self._taken, "open": base64.b64encode(blob).decode()})
