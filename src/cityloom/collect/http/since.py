"""Going on from a marker that an interface takes as a parameter, so that ties are neither lost nor doubled.

Interfaces mostly answer with what is *at or after* the marker, so the newest records come again each time, together
with new ones of the same marker. Records at or after what is asked for are therefore remembered by their digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from cityloom.kernel.errors import DataError, SourceError

_SEEN = 20_000
"""So many records at the newest marker are told apart; more mean that the marker is too coarse."""


@dataclass
class Since:
    """The records of one pull by their marker.

    Args:
        marker: the field.
        position: of the pull before, empty for the first one.
        characters: how many characters of the marker the parameter takes; 0 for all.
        inclusive: whether the interface answers with records at the marker itself, too.
        url: of the interface, for errors.
    """

    marker: str
    position: str
    characters: int
    inclusive: bool
    url: str
    newest: str = ""
    dropped: int = 0
    _before: frozenset[str] = frozenset()
    _fresh: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        held = json.loads(self.position) if self.position else {"last": "", "seen": []}
        self.newest, self._before = str(held["last"]), frozenset(held["seen"])
        self._from = self.asked

    @property
    def asked(self) -> str:
        """What the parameter is to say; empty for everything."""
        return self.newest[: self.characters] if self.characters else self.newest

    def take(self, record: Mapping[str, str | None], page: int) -> bool:
        """Whether a record is new.

        Raises:
            DataError: ``collect.http.marker`` for a record without marker.
            SourceError: ``collect.http.since`` for one before what was asked for, ``collect.marker.coarse``.
        """
        value = record.get(self.marker)
        if not value:
            raise DataError(
                "collect.http.marker",
                "{url}, page {page}: a record has nothing in the field {field}, from which the next pull would go on.",
                hint="Choose a field as marker that every record has, or collect in mode full.",
                url=self.url,
                page=page,
                field=self.marker,
            )
        if self._from and self._key(value) < self._key(self._from):
            raise SourceError(
                "collect.http.since",
                "{url}, page {page}: a record comes from before what was asked for.",
                hint="Check the options since and marker: the interface does not do what they say.",
                url=self.url,
                page=page,
            )
        digest = hashlib.sha256(repr(sorted(record.items())).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        is_new = not (self.inclusive and digest in self._before)
        self.dropped += not is_new
        if not self.newest or self._key(value) > self._key(self.newest):
            self.newest = value
        if self.inclusive and self._key(value) >= self._key(self.asked):
            self._remember(digest, value)
        return is_new

    @property
    def reached(self) -> str:
        """The position after this pull."""
        floor = self._key(self.asked) if self.asked else None
        seen = sorted(d for d, v in self._fresh.items() if floor is not None and self._key(v) >= floor)
        return json.dumps({"last": self.newest, "seen": seen}, ensure_ascii=False)

    def _remember(self, digest: str, value: str) -> None:
        self._fresh[digest] = value
        if len(self._fresh) <= _SEEN:
            return
        floor = self._key(self.asked)
        self._fresh = {d: v for d, v in self._fresh.items() if self._key(v) >= floor}
        if len(self._fresh) > _SEEN:
            raise DataError(
                "collect.marker.coarse",
                "{url}: more than {limit} records share the newest value of {field}.",
                hint="Choose a finer marker, set inclusive to false if the interface leaves out the marker itself, or collect in mode full.",
                url=self.url,
                limit=_SEEN,
                field=self.marker,
            )

    def _key(self, value: str) -> tuple[int, int, str]:
        """Numbers compare as numbers, all else (and what is cut to some characters) as text."""
        is_number = not self.characters and value.isascii() and value.isdigit()
        return (0, int(value), "") if is_number else (1, 0, value)
