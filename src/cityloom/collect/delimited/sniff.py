"""Which dialect a text is written in: the one under which its records are most alike and its values cleanest.

Each dialect that could be meant reads a sample. Its score is how alike the records' widths are (one over the number
of widths that would be as mixed), times how much they are parted at all, times the share of values that look like
one thing (a number, a date, a code, an address, plain words) or stand in quotes. A dialect that comes first (comma before semicolon,
quotes before none) wins a tie.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from cityloom.collect.delimited.dialect import Dialect
from cityloom.collect.delimited.records import Line, Record, read_records

SAMPLE = 128 << 10
"""So many bytes of a text are looked at."""
_RECORDS = 400
_ENCLOSED = 0.7
"""So much is lost where every record has a value that begins with a quote which is none."""
_SINGLES = (",", "\t", ";", "|", "^", "~", "\x01", "\x1f", "\x02", "\x1e", "\uff0c", "\uff1b", *"%#@$!&: ")
_TRUST = dict.fromkeys("%#@$!&", 0.8) | {":": 0.6, " ": 0.6}
"""What is a delimiter less often than something else."""
_RUNS = re.compile(r"(?<![^\w\s\"'])[^\w\s\"'\\.()\[\]{}<>/%+*=-]{2,4}(?![^\w\s\"'])|\t{2,3}|\|[^\w\s\"'|]\|")
_THING = re.compile(
    r"""
    [+-]?\d+ | [+-]?\d*[.,]\d+(?:[eE][+-]?\d+)? | [+-]?\d{1,3}(?:[,.\ ]\d{3})+(?:[.,]\d+)?
    | [$€£¥]\ ?-?\d[\d,.]* | -?\d[\d,.]*\ ?[$€£¥%]
    | \d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T\ ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\S{0,6})?
    | \d{1,2}:\d{2}(?::\d{2})?(?:\ ?[aApP][mM])?
    | (?:https?|ftp)://\S+ | www\.\S+ | [\w.+-]+@[\w-]+\.[\w.]+
    | [\w'&().\-/\u2019\u00b7\uff08\uff09]+(?:\ [\w'&().\-/\u2019\u00b7\uff08\uff09]+){0,6}
    """,
    re.VERBOSE,
)
_TYPED = re.compile(
    r"\s*(?:[+-]?[$€£¥]?\s?\d[\d,.]*(?:[eE][+-]?\d+)?\s?[%$€£¥]?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?|\d{1,2}:\d{2}(?::\d{2}.*)?)\s*"
)


@lru_cache(maxsize=1 << 16)
def is_typed(value: str) -> bool:
    """Whether a value looks like a number, an amount, a date or a time."""
    return len(value) < 64 and _TYPED.fullmatch(value) is not None


@lru_cache(maxsize=1 << 16)
def _is_thing(value: str) -> bool:
    value = value.strip()
    return not value or (len(value) < 256 and _THING.fullmatch(value) is not None)


def sniff(
    lines: Sequence[Line],
    delimiter: str | None,
    quote: str | None,
    escape: str | None,
    is_spaced: bool | None = None,
    *,
    is_last: bool,
) -> tuple[Dialect, float]:
    """The dialect of a sample, and its score from 0 to 1.

    Args:
        lines: the first lines of the text, whole.
        is_last: whether they are all.
        delimiter: as declared; None where it is to be found, and so with ``quote``, ``escape`` and ``is_spaced``.
    """
    text = "".join(line.text for line in lines)
    delimiters = [delimiter] if delimiter is not None else _delimiters(text, lines)
    best, most = Dialect(delimiter or "", '"' if quote is None else quote, escape or "", bool(is_spaced)), 0.0
    is_quoted = False
    for dialect in _candidates(text, delimiters, quote, escape, is_spaced):
        records, _ = read_records(lines, dialect, 1, is_last=is_last, most=_RECORDS)
        if is_quoted and (not dialect.quote or any(r.values is None for r in records)):
            continue
        score = _score(records, dialect)
        is_better = score > most * 1.001
        if not is_quoted and _is_quoted(records, dialect):
            is_quoted, is_better = True, True
        if is_better:
            best, most = dialect, score
    return best, most


def _candidates(
    text: str, delimiters: Sequence[str], quote: str | None, escape: str | None, is_spaced: bool | None
) -> Iterator[Dialect]:
    """Those with quotes before those without; blanks belong to a delimiter where quotes follow them, else to the value."""
    for mark in ('"', "'", "") if quote is None else (quote,):
        for delimiter in delimiters:
            if quote is None and mark != '"' and not _may_quote(text, delimiter, mark):
                continue
            may_space = is_spaced is None and bool(mark) and f"{delimiter} {mark}" in text and delimiter != " "
            for sign in [escape] if escape is not None else ["", *_escapes(text, mark)]:
                for spaced in (False, True) if may_space else (bool(is_spaced),):
                    yield Dialect(delimiter, mark, sign, spaced)


def _delimiters(text: str, lines: Sequence[Line]) -> list[str]:
    """Characters that part values, and runs of them; one that comes only in such a run is none by itself."""
    runs = Counter(run for line in lines[:50] for run in set(_RUNS.findall(line.text)))
    often = [run for run, count in runs.most_common(8) if count * 2 > min(len(lines), 50)]
    within = {char for run in often for char in run if text.count(run) * run.count(char) == text.count(char)}
    return [d for d in _SINGLES if d in text and (d not in within or d == " ")] + often


def _may_quote(text: str, delimiter: str, mark: str) -> bool:
    """Whether a value begins with an apostrophe; or, for no quote at all, whether there are quotes."""
    return re.search(f"(?:^|[\r\n]|{re.escape(delimiter)})'", text) is not None if mark else '"' in text


def _is_quoted(records: Sequence[Record], dialect: Dialect) -> bool:
    """Whether quotes stand around values in records that are nearly all alike, and nowhere else."""
    if not dialect.quote or any(r.values is None for r in records):
        return False
    widths = Counter(len(r.values or ()) for r in records)
    width, often = widths.most_common(1)[0] if widths else (0, 0)
    if width < 2 or often < 0.9 * len(records):
        return False
    marked = (v for r in records if dialect.quote in r.text for v in dialect.split_marked(r.text))
    return any(not is_bare for _, is_bare in marked)


def _escapes(text: str, quote: str) -> list[str]:
    return ["\\"] if quote and f"\\{quote}" in text else []


def _score(records: Sequence[Record], dialect: Dialect) -> float:
    if not records:
        return 0.0
    widths = Counter(len(r.values) if r.values is not None else 0 for r in records)
    total = sum(widths.values())
    mixed = math.exp(-sum(n / total * math.log(n / total) for n in widths.values()))
    parted = sum(n * max(w - 1, 0.001) / max(w, 1) for w, n in widths.items() if w) / total
    values = Counter(value for r in records for value in r.values or ())
    things = sum(n for value, n in values.items() if _is_thing(value))
    if dialect.quote:
        within = [v for r in records if dialect.quote in r.text and r.values for v in dialect.split_marked(r.text)]
        things += sum(not is_bare and not _is_thing(value) for value, is_bare in within)
    else:
        enclosed = sum(any(v.startswith('"') for v in r.values or ()) for r in records)
        parted *= 1 - _ENCLOSED * enclosed / total
    trust = _TRUST.get(dialect.delimiter, 1.0)
    return trust * parted / mixed * things / max(1, sum(values.values()))
