"""The features of a document, each a column of text in the raw layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

VERSION = 1
"""Raised when parsing finds out more: what is kept from before is then parsed anew."""


@dataclass(frozen=True, kw_only=True)
class Features:
    """非结构化数据的基本特征: what a file says of itself.

    ``format`` is the media type (RFC 6838) told from the content; ``title``, ``author``, ``created_at`` and
    ``changed_at`` as the file's own metadata say; ``pages`` pages, sheets or slides; ``width`` and ``height`` in
    pixels; ``seconds`` of sound or film; ``characters`` of the text; ``text`` what can be read in it, cut at
    :data:`LONGEST` characters; ``problem`` why it could not be parsed.
    """

    format: str | None = None
    title: str | None = None
    author: str | None = None
    created_at: str | None = None
    changed_at: str | None = None
    pages: str | None = None
    width: str | None = None
    height: str | None = None
    seconds: str | None = None
    characters: str | None = None
    text: str | None = None
    problem: str | None = None


FIELDS = tuple(f.name for f in fields(Features))
COLUMNS = ("path", "name", "bytes", "sha256", "modified_at", *FIELDS)
"""All columns: where the file lies, its name, size in bytes, digest, the place's time of change (UTC), features."""
LONGEST = 2_000_000
"""Characters of text that are kept of one document; the original has the rest."""


def features_of(values: Mapping[str, str | None]) -> Features:
    """Features from what a parser found; what it does not know is left out, NUL characters are taken out."""
    known = {k: v.replace("\x00", "") if v else None for k, v in values.items() if k in FIELDS}
    return Features(**known)
