"""Which codes of a code table count on a day, what an older code became, and which text stands for which code."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cityloom.model.standard import Code, CodeTable

CURRENT = "current"
ANY = "any"
FIRST, LAST = "0000-00-00", "9999-99-99"
"""Before and behind all days."""
Period = tuple[str, str, str]
"""From a day, to another one (which is not in it), a code counts."""
_DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)


def is_moment(at: str) -> bool:
    """Whether a text says at which time codes count: nothing, ``current``, ``any`` or a day."""
    return at in ("", CURRENT, ANY) or _DAY.fullmatch(at) is not None


def has_history(table: CodeTable) -> bool:
    """Whether codes of the table begin or end."""
    return any(one.valid_from or one.valid_to for one in table.codes)


def valid_codes(table: CodeTable, at: str = CURRENT) -> dict[str, Code]:
    """The codes that count at a time, by code.

    Args:
        table: the code table.
        at: a day as ``yyyy-mm-dd``; ``current`` (or nothing) for those that have not ended; ``any`` for all.
    """
    if at == ANY:
        return {one.code: one for one in table.codes}
    day = "" if at in ("", CURRENT) else at
    return {one.code: one for one in table.codes if one.is_valid(day)}


def code_at(table: CodeTable, code: str, at: str = CURRENT) -> str | None:
    """The code that an older or newer code is at a time, along its successors; None where there is not exactly one.

    A code that counts then is itself. A code that was split is none of its successors.
    """
    return _Way(table, at).end(code)


def texts_of(table: CodeTable, own: Mapping[str, str] | None = None, at: str = "") -> dict[str, str]:
    """Text -> code: what departments may write for the codes that count at a time.

    A code's own text comes first, so that no variant takes it away. Codes that ended stand for themselves when no
    time is given, else for what they became. A name that several codes bear stands for the one that is above the
    others, and for none where there is no such one. Texts count in half width, too.

    Args:
        table: the code table.
        own: further texts of one department.
        at: as for :func:`valid_codes`; nothing leaves codes that ended as they are.
    """
    way = _Way(table, at)
    found = dict(own or {})
    for one in table.codes:
        target = one.code if at in ("", ANY) else way.end(one.code)
        if target is not None:
            found.setdefault(one.code, target)
    later = [one for one in table.codes if one.code not in way.valid or way.valid[one.code] is not one]
    for group in (way.valid.values(), later):
        for text, codes in _named(group, table).items():
            targets = {c if at in ("", ANY) else way.end(c) for c in codes}
            if len(targets) == 1 and None not in targets:
                found.setdefault(text, str(targets.pop()))
            elif None not in targets and group is not later:
                found.setdefault(text, "")
    for text, code in list(found.items()):
        found.setdefault(unicodedata.normalize("NFKC", text), code)
    return {text: code for text, code in found.items() if code}


def periods_of(table: CodeTable) -> dict[str, tuple[Period, ...]]:
    """The periods in which each code counts, in order; periods that touch are one."""
    found: dict[str, list[Period]] = {}
    for one in table.codes:
        found.setdefault(one.code, []).append((one.valid_from or FIRST, one.valid_to or LAST, one.code))
    return {code: _together(sorted(some)) for code, some in found.items()}


@lru_cache(maxsize=16)
def dated_texts(table: CodeTable, own: tuple[tuple[str, str], ...] = ()) -> Mapping[str, tuple[Period, ...]]:
    """Text -> from which day to which it stands for which code: what :func:`texts_of` finds for every day."""
    days = sorted({day for one in table.codes for day in (one.valid_from, one.valid_to) if day})
    found: dict[str, list[Period]] = {}
    for first, last in zip([FIRST, *days], [*days, LAST], strict=True):
        for text, code in texts_of(table, dict(own), first).items():
            found.setdefault(text, []).append((first, last, code))
    return {text: _together(some) for text, some in found.items()}


def _together(periods: Iterable[Period]) -> tuple[Period, ...]:
    """Periods in order, with those of one code that touch as one."""
    found: list[Period] = []
    for first, last, code in periods:
        if found and found[-1][1] >= first and found[-1][2] == code:
            found[-1] = (found[-1][0], max(found[-1][1], last), code)
        else:
            found.append((first, last, code))
    return tuple(found)


def _named(codes: Iterable[Code], table: CodeTable) -> dict[str, set[str]]:
    """Names and variants with the codes that bear them, the uppermost alone where it is above all others."""
    by_text: dict[str, dict[str, None]] = {}
    for one in codes:
        for text in (one.title.zh, *one.variants, one.title.en):
            by_text.setdefault(text, {})[one.code] = None
    parents = {one.code: one.parent for one in table.codes}
    return {text: _uppermost(list(bearers), parents) for text, bearers in by_text.items()}


def _uppermost(codes: list[str], parents: Mapping[str, str | None]) -> set[str]:
    if len(codes) == 1:
        return {codes[0]}
    for top in codes:
        if all(one == top or top in _above(one, parents) for one in codes):
            return {top}
    return set(codes)


def _above(code: str, parents: Mapping[str, str | None]) -> set[str]:
    found: set[str] = set()
    at = parents.get(code)
    while at is not None and at not in found:
        found.add(at)
        at = parents.get(at)
    return found


class _Way:
    """The ways from codes along their successors to those that count at a time."""

    def __init__(self, table: CodeTable, at: str) -> None:
        self.valid = valid_codes(table, at)
        self._next: dict[str, set[str]] = {}
        for one in table.codes:
            self._next.setdefault(one.code, set()).update(one.successors)

    def end(self, code: str) -> str | None:
        """Where the way of a code ends."""
        if code in self.valid:
            return code
        seen, todo, ends = {code}, [code], set()
        while todo:
            for following in self._next.get(todo.pop(), ()):
                if following in self.valid:
                    ends.add(following)
                elif following not in seen:
                    seen.add(following)
                    todo.append(following)
        return ends.pop() if len(ends) == 1 else None
