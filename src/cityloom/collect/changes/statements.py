"""What a statement in MariaDB's log means for the rows of one table."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from cityloom.collect.changes.name import TableName

_COMMENT = re.compile(r"/\*(?!M?!).*?\*/|--[ \t][^\n]*|#[^\n]*", re.DOTALL)
_TOKEN = re.compile(
    r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`(?:[^`]|``)*`|/\*M?!\d*|\*/|[\w$]+|[^\s]", re.DOTALL | re.UNICODE
)
Fold = Callable[[str], str]
_PARTITION_VERBS = {"DROP", "TRUNCATE", "EXCHANGE", "IMPORT", "DISCARD", "CONVERT"}
_CHANGES = {"INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD", "WITH", "CALL"}


class Meaning(Enum):
    """For the followed table."""

    NOTHING = "nothing"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    EMPTIED = "emptied"
    GONE = "gone"
    REPLACED = "replaced"
    ALTERED = "altered"
    HIDDEN = "hidden"
    PARTLY = "partly"


def meaning(text: str, database: str, table: TableName, fold: Fold = str) -> Meaning:
    """What a statement does to a table.

    Args:
        text: the statement.
        database: in which it ran.
        table: its name.
        fold: how names of tables are compared.

    Returns:
        ``EMPTIED``, ``GONE`` (dropped, or made anew), ``REPLACED`` (another table took its name, or rows went with
        a partition), ``ALTERED`` (its columns may be others), ``HIDDEN`` (rows changed, and the log tells the
        statement alone), ``PARTLY`` (a transaction was taken back in part), or what ends a transaction.
    """
    tokens = _TOKEN.findall(_COMMENT.sub(" ", text))
    tokens = [t for t in tokens if not t.startswith("/*") and t != "*/"]
    words = [t.upper() for t in tokens[:8]]
    if not words:
        return Meaning.NOTHING
    if words[0] in ("COMMIT", "ROLLBACK") or words[:2] in (["XA", "COMMIT"], ["XA", "ROLLBACK"]):
        return _end(words)
    names = [(_plain(t), t) for t in tokens]
    is_named = any(fold(name) == fold(table.table) and raw[0] not in "'\"" for name, raw in names)
    if words[0] == "DROP" and words[1] in ("DATABASE", "SCHEMA"):
        return Meaning.GONE if any(fold(n) == fold(table.schema) for n, _ in names[2:]) else Meaning.NOTHING
    if not is_named:
        return Meaning.NOTHING
    return _on_table(tokens, words, _Target(database, table, fold))


class _Target:
    def __init__(self, database: str, table: TableName, fold: Fold) -> None:
        self._fold = fold
        self._database, self._schema, self._table = fold(database), fold(table.schema), fold(table.table)

    def is_at(self, tokens: list[str], at: int) -> bool:
        """Whether the name that begins at a token is the table's."""
        if at >= len(tokens):
            return False
        first = self._fold(_plain(tokens[at]))
        if tokens[at + 1 : at + 2] == ["."]:
            return first == self._schema and at + 2 < len(tokens) and self._fold(_plain(tokens[at + 2])) == self._table
        return self._database == self._schema and first == self._table

    def is_in(self, tokens: list[str]) -> bool:
        """Whether it is named anywhere."""
        starts = (i for i in range(len(tokens)) if tokens[i - 1 : i] != ["."])
        return any(self.is_at(tokens, i) for i in starts)


def _on_table(tokens: list[str], words: list[str], target: _Target) -> Meaning:
    if not target.is_in(tokens):
        return Meaning.NOTHING
    verb = words[0]
    kinds = [w for w in words[1:6] if w in ("TABLE", "TABLES")]
    if verb == "TRUNCATE":
        return Meaning.EMPTIED
    if verb in ("DROP", "CREATE", "RENAME") and kinds and "TEMPORARY" not in words[:4]:
        return _made(verb, tokens, target)
    if verb == "ALTER" and kinds:
        return _altered(tokens, target)
    if verb in _CHANGES:
        return _changed(verb, tokens, target)
    return Meaning.NOTHING


def _made(verb: str, tokens: list[str], target: _Target) -> Meaning:
    if verb == "DROP":
        return Meaning.GONE
    if verb == "RENAME":
        return Meaning.REPLACED
    upper = [t.upper() for t in tokens]
    start = upper.index("TABLE") + 1
    if upper[start : start + 3] == ["IF", "NOT", "EXISTS"]:
        return Meaning.ALTERED if target.is_at(tokens, start + 3) else Meaning.NOTHING
    return Meaning.GONE if target.is_at(tokens, start) else Meaning.NOTHING


def _altered(tokens: list[str], target: _Target) -> Meaning:
    upper = [t.upper() for t in tokens]
    start = upper.index("TABLE") + 1
    if upper[start : start + 2] == ["IF", "EXISTS"]:
        start += 2
    pairs = set(zip(upper, upper[1:], strict=False))
    if any((verb, "PARTITION") in pairs or (verb, "TABLESPACE") in pairs for verb in _PARTITION_VERBS):
        return Meaning.REPLACED
    is_renamed = any(
        a == "RENAME" and b not in ("COLUMN", "INDEX", "KEY") for a, b in zip(upper, upper[1:], strict=False)
    )
    if is_renamed:
        return Meaning.REPLACED
    return Meaning.ALTERED if target.is_at(tokens, start) else Meaning.NOTHING


def _changed(verb: str, tokens: list[str], target: _Target) -> Meaning:
    """A change that is told as a statement: harmless where it only reads the table."""
    upper = [t.upper() for t in tokens]
    if verb in ("INSERT", "REPLACE"):
        skipped = {"INSERT", "REPLACE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"}
        start = next((i for i, word in enumerate(upper) if word not in skipped), len(upper))
        return Meaning.HIDDEN if target.is_at(tokens, start) else Meaning.NOTHING
    return Meaning.HIDDEN


def _end(words: list[str]) -> Meaning:
    if "TO" in words[:4]:
        return Meaning.PARTLY
    return Meaning.COMMIT if "COMMIT" in words[:2] else Meaning.ROLLBACK


def _plain(token: str) -> str:
    return token[1:-1].replace("``", "`") if token.startswith("`") else token
