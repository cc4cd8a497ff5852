"""Documents that are the same, and documents that nearly are."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cityloom.kernel.extras import require

_SPACE = re.compile(r"\s+")
_SHINGLE = 5
_PERMUTATIONS = 128
_READ = 100_000
_SHORTEST = 20
"""Texts below so many characters resemble each other by chance."""


@dataclass(frozen=True)
class Document:
    """What comparing needs of a document: where it lies, the digest of its bytes, its text."""

    path: str
    digest: str
    text: str | None


@dataclass(frozen=True)
class Group:
    """Documents that belong together, by path. ``kind``: ``same`` bytes, the ``same text`` in other bytes, or
    ``near``; ``likeness`` from 0 to 1 is the least one to the first of the group (Jaccard, estimated)."""

    kind: str
    likeness: float
    paths: tuple[str, ...]


def find_groups(documents: Iterable[Document], *, threshold: float = 0.8) -> list[Group]:
    """Groups of the same and of nearly the same documents, in the order of their first path.

    Texts are compared by their sets of five-character pieces (MinHash, 128 permutations), which serves Chinese
    and other scripts alike; a text is read up to 100,000 characters. Memory: about 1 KiB a distinct text.

    Args:
        documents: in a stable order.
        threshold: likeness from which documents are near.
    """
    library: Any = require("datasketch", extra="documents")
    index = library.MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
    bytes_of: dict[str, list[str]] = {}
    texts: dict[str, list[str]] = {}
    signatures: dict[str, Any] = {}
    near: dict[str, list[tuple[str, float]]] = {}
    leader: dict[str, str] = {}
    for one in documents:
        same = bytes_of.setdefault(one.digest, [])
        same.append(one.path)
        plain = _plain(one.text)
        if len(same) > 1 or len(plain) < _SHORTEST:
            continue
        alike = texts.setdefault(plain if len(plain) < 64 else _digest(plain), [])
        alike.append(one.path)
        if len(alike) > 1:
            continue
        signature = library.MinHash(num_perm=_PERMUTATIONS)
        signature.update_batch({piece.encode() for piece in _pieces(plain)})
        found = [(other, float(signature.jaccard(signatures[other]))) for other in index.query(signature)]
        found = [(other, likeness) for other, likeness in found if likeness >= threshold]
        if found:
            best, likeness = max(found, key=lambda pair: (pair[1], pair[0]))
            head = leader.get(best, best)
            leader[one.path] = head
            near.setdefault(head, []).append((one.path, likeness))
        signatures[one.path] = signature
        index.insert(one.path, signature)
    return sorted(_groups(bytes_of, texts, near), key=lambda group: (group.paths[0], group.kind))


def _groups(
    bytes_of: dict[str, list[str]], texts: dict[str, list[str]], near: dict[str, list[tuple[str, float]]]
) -> Iterator[Group]:
    for kind, found in (("same", bytes_of), ("same text", texts)):
        yield from (Group(kind, 1.0, tuple(paths)) for paths in found.values() if len(paths) > 1)
    for head, others in near.items():
        yield Group("near", round(min(likeness for _, likeness in others), 3), (head, *(path for path, _ in others)))


def _plain(text: str | None) -> str:
    return _SPACE.sub("", unicodedata.normalize("NFKC", text or "")[:_READ]).lower()


def _pieces(text: str) -> set[str]:
    return {text[i : i + _SHINGLE] for i in range(max(1, len(text) - _SHINGLE + 1))}


def _digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
