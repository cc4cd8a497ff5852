"""Functions of the confined language, by name. Each is a term for engines and its meaning in Python."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import CODINGS, is_day
from cityloom.engines.patterns import check_pattern
from cityloom.engines.predicate_terms import (
    DIGITS,
    InvalidError,
    Term,
    alike,
    as_number,
    as_text,
    fitted,
    text,
)
from cityloom.engines.terms import found, full_match, is_real_date, shared, trimmed
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _

BLANKS = " \t\n\v\f\r\u00a0\u3000"
_LOWER, _UPPER = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DATE_SHAPE = "[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]*)?"
_MOST = 100_000
Made = Callable[[Sequence[Term]], Term]


def call(name: str, given: Sequence[Term], today: str) -> Term:
    """A call of a function."""
    lower = name.lower()
    if lower == "today":
        if given:
            raise InvalidError(_("{function} takes {count} arguments").format(function=lower, count=0))
        return text(today)
    if lower not in _FUNCTIONS:
        raise InvalidError(_("there is no function {function}").format(function=lower[:40]))
    least, most, made = _FUNCTIONS[lower]
    if not least <= len(given) <= most:
        count = str(least) if least == most else f"{least}-{most}"
        raise InvalidError(_("{function} takes {count} arguments").format(function=lower, count=count))
    return made(given)


def _of_text(given: Term, term: str, meaning: Callable[[str], Any], kind: str = "text", **places: Any) -> Term:
    """A function of one text, missing where the text is."""
    inner = as_text(given)

    def mean(row: Mapping[str, Any]) -> Any:
        value = inner.meaning(row)
        return None if value is None else meaning(value)

    return Term(kind, sql(term, x=exp.Paren(this=inner.sql.copy()), **places), mean)


def _fixed_text(term: Term, what: str, *, is_empty_fit: bool = True) -> str:
    if not isinstance(term.literal, str) or not (term.literal or is_empty_fit):
        raise InvalidError(_("{function} wants a fixed text").format(function=what))
    return term.literal


def _fixed_count(term: Term, what: str, least: int = 0, most: int = _MOST) -> int:
    value = term.literal
    if not isinstance(value, Decimal) or value != int(value) or not least <= value <= most:
        raise InvalidError(_("{function} wants a fixed whole number from {least} to {most}").format(function=what, least=least, most=most))
    return int(value)


def _length(given: Sequence[Term]) -> Term:
    return _of_text(given[0], "CAST(length(:x) AS DECIMAL(28, 8))", lambda x: Decimal(len(x)), "number")


def _trim(given: Sequence[Term]) -> Term:
    inner = as_text(given[0])

    def meaning(row: Mapping[str, Any]) -> str | None:
        value = inner.meaning(row)
        return None if value is None else value.strip(BLANKS)

    return Term("text", trimmed(shared(inner.sql), BLANKS), meaning)


def _cased(source: str, target: str) -> Made:
    table = str.maketrans(source, target)
    return lambda given: _of_text(given[0], "translate(:x, :s, :t)", lambda x: x.translate(table), s=source, t=target)


def _substr(given: Sequence[Term]) -> Term:
    start = _fixed_count(given[1], "substr", 1)
    if len(given) == 2:
        return _of_text(given[0], "substr(:x, :start)", lambda x: x[start - 1 :], start=start)
    count = _fixed_count(given[2], "substr")
    return _of_text(given[0], "substr(:x, :start, :n)", lambda x: x[start - 1 : start - 1 + count], start=start, n=count)


def _left(given: Sequence[Term]) -> Term:
    count = _fixed_count(given[1], "left")
    return _of_text(given[0], "substr(:x, 1, :n)", lambda x: x[:count], n=count)


def _right(given: Sequence[Term]) -> Term:
    count = _fixed_count(given[1], "right", 1)
    return _of_text(given[0], "right(:x, :n)", lambda x: x[-count:], n=count)


def _replace(given: Sequence[Term]) -> Term:
    old = _fixed_text(given[1], "replace", is_empty_fit=False)
    new = _fixed_text(given[2], "replace")
    return _of_text(given[0], "replace(:x, :old, :new)", lambda x: x.replace(old, new), old=old, new=new)


def _contains(given: Sequence[Term]) -> Term:
    part = _fixed_text(given[1], "contains", is_empty_fit=False)
    return _of_text(given[0], "(strpos(:x, :part) > 0)", lambda x: part in x, "boolean", part=part)


def _starts_with(given: Sequence[Term]) -> Term:
    part = _fixed_text(given[1], "starts_with", is_empty_fit=False)
    term = "(substr(:x, 1, :n) = :part)"
    return _of_text(given[0], term, lambda x: x.startswith(part), "boolean", n=len(part), part=part)


def _ends_with(given: Sequence[Term]) -> Term:
    part = _fixed_text(given[1], "ends_with", is_empty_fit=False)
    return _of_text(given[0], "(right(:x, :n) = :part)", lambda x: x.endswith(part), "boolean", n=len(part), part=part)


def _matches(given: Sequence[Term]) -> Term:
    pattern = _fixed_text(given[1], "matches")
    try:
        compiled = re.compile(check_pattern(pattern))
    except ConfigError as error:
        raise InvalidError(str(error.details.get("problem", error))) from None
    inner = as_text(given[0])

    def meaning(row: Mapping[str, Any]) -> bool | None:
        value = inner.meaning(row)
        return None if value is None else compiled.fullmatch(value) is not None

    return Term("boolean", full_match(inner.sql, pattern), meaning)


def _coded(given: Sequence[Term]) -> Term:
    kind = _fixed_text(given[1], "coded")
    if kind not in CODINGS:
        known = ", ".join(sorted(CODINGS))
        raise InvalidError(_("there is no coding rule {kind} (there are: {known})").format(kind=kind, known=known))
    coding, inner = CODINGS[kind], as_text(given[0])

    def meaning(row: Mapping[str, Any]) -> bool | None:
        value = inner.meaning(row)
        return None if value is None else coding.is_valid(value)

    term = sql("CASE WHEN :x IS NOT NULL THEN :valid END", x=inner.sql, valid=coding.sql(inner.sql))
    return Term("boolean", term, meaning)


def _is_blank(given: Sequence[Term]) -> Term:
    inner = as_text(given[0])
    term = sql("(:x IS NULL OR NOT :seen)", x=inner.sql, seen=found(inner.sql, f"[^{BLANKS}]"))
    return Term("boolean", term, lambda row: not (inner.meaning(row) or "").strip(BLANKS))


def _is_number(given: Sequence[Term]) -> Term:
    inner = as_number(given[0])
    return Term("boolean", sql("(:x IS NOT NULL)", x=inner.sql), lambda row: inner.meaning(row) is not None)


def _coalesce(given: Sequence[Term]) -> Term:
    parts = alike(given)

    def meaning(row: Mapping[str, Any]) -> Any:
        return next((value for part in parts if (value := part.meaning(row)) is not None), None)

    first, *rest = (part.sql.copy() for part in parts)
    return Term(parts[0].kind, exp.Coalesce(this=first, expressions=rest), meaning)


def _nullif(given: Sequence[Term]) -> Term:
    a, b = alike(given)
    if a.kind == "boolean":
        raise InvalidError(_("a condition stands where a text is wanted"))

    def meaning(row: Mapping[str, Any]) -> Any:
        value = a.meaning(row)
        return None if value == b.meaning(row) else value

    return Term(a.kind, sql("CASE WHEN :a = :b THEN NULL ELSE :a END", a=a.sql, b=b.sql), meaning)


def _abs(given: Sequence[Term]) -> Term:
    inner = as_number(given[0])

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        value = inner.meaning(row)
        return None if value is None else abs(value)

    return Term("number", sql("abs(:x)", x=inner.sql), meaning)


def _round(given: Sequence[Term]) -> Term:
    inner = as_number(given[0])
    digits = _fixed_count(given[1], "round", 0, DIGITS) if len(given) == 2 else 0

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        value = inner.meaning(row)
        rounded = None if value is None else fitted(value, digits)
        return None if rounded is None else fitted(rounded)

    term = f"CAST(TRY_CAST(:x AS DECIMAL({20 + digits}, {digits})) AS DECIMAL(28, 8))"
    return Term("number", sql(term, x=inner.sql), meaning)


def _parts(term: Term) -> tuple[Term, exp.Expression, tuple[exp.Expression, ...]]:
    """A text as a date: the text, whether it is one, and its year, month and day as integers."""
    inner = as_text(term)
    x = exp.Paren(this=inner.sql.copy())
    shape = shared(full_match(x, _DATE_SHAPE))
    numbers = tuple(
        shared(sql(f"CASE WHEN :shape THEN TRY_CAST(substr(:x, {start}, {size}) AS INT) END", shape=shape, x=x))
        for start, size in ((1, 4), (6, 2), (9, 2))
    )
    real = shared(sql("coalesce(:real, false)", real=is_real_date(*numbers)))
    return inner, real, numbers


def read_date(value: str | None) -> date | None:
    """The day that a text says as ``yyyy-mm-dd``, with or without a time behind it."""
    if value is None or not re.fullmatch(_DATE_SHAPE, value):
        return None
    parts = int(value[:4]), int(value[5:7]), int(value[8:10])
    return date(*parts) if is_day(*parts) else None


def _is_date(given: Sequence[Term]) -> Term:
    inner, real, _numbers = _parts(given[0])
    return Term("boolean", real, lambda row: read_date(inner.meaning(row)) is not None)


def _part_of_date(number: int, name: str) -> Made:
    def made(given: Sequence[Term]) -> Term:
        inner, real, numbers = _parts(given[0])

        def meaning(row: Mapping[str, Any]) -> Decimal | None:
            day = read_date(inner.meaning(row))
            return None if day is None else Decimal(getattr(day, name))

        term = sql("CASE WHEN :real THEN CAST(:n AS DECIMAL(28, 8)) END", real=real, n=numbers[number])
        return Term("number", term, meaning)

    return made


def _day_number(numbers: Sequence[exp.Expression]) -> exp.Expression:
    """Days since the beginning of the calendar, as integer arithmetic: years begin in March."""
    y = sql("(:y - CASE WHEN :m <= 2 THEN 1 ELSE 0 END)", y=numbers[0], m=numbers[1])
    return sql(
        "(:year * 365 + :year // 4 - :year // 100 + :year // 400 + (153 * ((:m + 9) % 12) + 2) // 5 + :d)",
        year=y,
        m=numbers[1],
        d=numbers[2],
    )


def _days(given: Sequence[Term]) -> Term:
    """Days from the first date to the second."""
    (a, real_a, from_), (b, real_b, to) = _parts(given[0]), _parts(given[1])
    term = sql(
        "CASE WHEN :ra AND :rb THEN CAST(:to - :since AS DECIMAL(28, 8)) END",
        ra=real_a,
        rb=real_b,
        to=_day_number(to),
        since=_day_number(from_),
    )

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        x, y = read_date(a.meaning(row)), read_date(b.meaning(row))
        return None if x is None or y is None else Decimal((y - x).days)

    return Term("number", term, meaning)


def _years(given: Sequence[Term]) -> Term:
    """Full years from the first date to the second: an age."""
    (a, real_a, from_), (b, real_b, to) = _parts(given[0]), _parts(given[1])
    early = sql("(:m2 * 100 + :d2 < :m1 * 100 + :d1)", m1=from_[1], d1=from_[2], m2=to[1], d2=to[2])
    term = sql(
        "CASE WHEN :ra AND :rb THEN CAST(:y2 - :y1 - CASE WHEN :early THEN 1 ELSE 0 END AS DECIMAL(28, 8)) END",
        ra=real_a,
        rb=real_b,
        y1=from_[0],
        y2=to[0],
        early=early,
    )

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        x, y = read_date(a.meaning(row)), read_date(b.meaning(row))
        if x is None or y is None:
            return None
        return Decimal(y.year - x.year - ((y.month, y.day) < (x.month, x.day)))

    return Term("number", term, meaning)


_FUNCTIONS: Mapping[str, tuple[int, int, Made]] = {
    "abs": (1, 1, _abs),
    "coalesce": (2, 20, _coalesce),
    "coded": (2, 2, _coded),
    "contains": (2, 2, _contains),
    "day": (1, 1, _part_of_date(2, "day")),
    "days": (2, 2, _days),
    "ends_with": (2, 2, _ends_with),
    "is_blank": (1, 1, _is_blank),
    "is_date": (1, 1, _is_date),
    "is_number": (1, 1, _is_number),
    "left": (2, 2, _left),
    "length": (1, 1, _length),
    "lower": (1, 1, _cased(_UPPER, _LOWER)),
    "matches": (2, 2, _matches),
    "month": (1, 1, _part_of_date(1, "month")),
    "nullif": (2, 2, _nullif),
    "number": (1, 1, lambda given: as_number(given[0])),
    "replace": (3, 3, _replace),
    "right": (2, 2, _right),
    "round": (1, 2, _round),
    "starts_with": (2, 2, _starts_with),
    "substr": (2, 3, _substr),
    "text": (1, 1, lambda given: as_text(given[0])),
    "trim": (1, 1, _trim),
    "upper": (1, 1, _cased(_LOWER, _UPPER)),
    "year": (1, 1, _part_of_date(0, "year")),
    "years": (2, 2, _years),
}
"""Name to (fewest arguments, most arguments, what makes the term)."""
NAMES = (*sorted([*_FUNCTIONS, "today"]),)
_DATES = frozenset({"day", "days", "is_date", "month", "year", "years"})


def copies(name: str) -> int:
    """How often the term of a function holds what it is given, at most."""
    lower = name.lower()
    return 40 if lower in _DATES else 60 if lower == "coded" else 2
