"""A full-text index of documents: Chinese by pairs of characters, other scripts by words. A file of its own.

Pairs need no dictionary and find every text in which the words stand side by side; a single Chinese character is
found as the beginning of a pair.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_HAN = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKEN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_AROUND = 30
_CHUNK = 200


@dataclass(frozen=True)
class Entry:
    """A document as it is indexed."""

    path: str
    title: str
    format: str
    digest: str
    text: str


@dataclass(frozen=True)
class Hit:
    """A document that matches, best first: ``excerpt`` is the text around the first match."""

    path: str
    title: str
    format: str
    digest: str
    excerpt: str
    score: float


class DocumentIndex:
    """The index of one resource's documents at one version of its table.

    Args:
        path: of the index file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def version(self) -> int | None:
        """The version it was made from; None when there is none."""
        if not self.path.is_file():
            return None
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0]) - 1

    def build(self, entries: Iterable[Entry], version: int) -> int:
        """Make it anew beside the old one, then take its place; returns how many documents are in it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        count = 0
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("CREATE TABLE document (id INTEGER PRIMARY KEY, path, title, format, digest, text)")
            connection.execute("CREATE VIRTUAL TABLE word USING fts5(title, text, path, content='', tokenize='unicode61')")
            for entry in entries:
                count += 1
                row = (count, entry.path, entry.title, entry.format, entry.digest, entry.text)
                connection.execute("INSERT INTO document VALUES (?, ?, ?, ?, ?, ?)", row)
                words = (count, _indexed(entry.title), _indexed(entry.text), _indexed(entry.path))
                connection.execute("INSERT INTO word (rowid, title, text, path) VALUES (?, ?, ?, ?)", words)
            connection.execute(f"PRAGMA user_version = {version + 1:d}")
            connection.commit()
        draft.replace(self.path)
        return count

    def search(self, words: str, limit: int = 20) -> list[Hit]:
        """Documents in which all the words stand; a title counts four times, a path twice."""
        question = " ".join(_terms(words))
        if not question:
            return []
        query = (
            "SELECT d.path, d.title, d.format, d.digest, d.text, bm25(word, 4.0, 1.0, 2.0) AS score "
            "FROM word JOIN document AS d ON d.id = word.rowid WHERE word MATCH ? ORDER BY score, d.path LIMIT ?"
        )
        with closing(sqlite3.connect(self.path)) as connection:
            rows = connection.execute(query, (question, limit)).fetchall()
        return [
            Hit(path, title, kind, digest, _excerpt(text, words), -score) for path, title, kind, digest, text, score in rows
        ]


def _indexed(text: str) -> str:
    return " ".join(token for run in _runs(text) for token in _pairs(run))


def _terms(words: str) -> Iterator[str]:
    """The words as terms of a match: pairs of one run side by side, a single character as a beginning."""
    for run in _runs(words):
        pairs = list(_pairs(run))
        if _is_han(run) and len(run) > 1:
            pairs.pop()
        joined = " ".join(pairs)
        yield f'"{joined}"' + ("*" if len(run) == 1 and _is_han(run) else "")


def _runs(text: str) -> list[str]:
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())


def _pairs(run: str) -> Iterator[str]:
    """Each two neighbours of Chinese characters and the last one by itself; another word as it is."""
    if not _is_han(run):
        yield run
        return
    for i in range(len(run)):
        yield run[i : i + 2]


def _is_han(run: str) -> bool:
    return ord(run[0]) >= 0x3400


def _excerpt(text: str, words: str) -> str:
    plain = " ".join(text.split())
    folded = plain.lower()
    at = min((found for run in _runs(words) if (found := folded.find(run)) >= 0), default=0)
    start = max(0, at - _AROUND)
    cut = plain[start : at + 3 * _AROUND]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(plain) else "")
