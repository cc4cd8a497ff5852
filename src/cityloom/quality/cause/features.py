"""What of a row may explain that it is broken: values of few kinds, and traits of values that name nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column, plain
from cityloom.model.resource import GRADES
from cityloom.quality.base import is_blank
from cityloom.quality.forms import form_of

_CLOSED = GRADES[2:]
_DATED = "^(19|20)[0-9]{2}[-/.]?(0[1-9]|1[0-2])"
_CODED = "^[0-9A-Za-z]{4,}"
_MOST = 80
"""Characters of a value that are looked at."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """Something of a row as a text: ``term`` over the relation; NULL where it says nothing.

    ``is_ordered`` where neighbours in the order of texts belong together (months, numbers of equal width).
    """

    column: str
    kind: str
    term: exp.Expression
    is_ordered: bool = False


def features(terms: Mapping[str, exp.Expression], grades: Mapping[str, str], leave: Sequence[str]) -> tuple[Feature, ...]:
    """Features of the items, and the batch.

    Of items graded sensitive or core no value is looked at: only whether something stands there, how long it is, the
    first four characters of codes and the year of dates.

    Args:
        terms: by item its value as a text over the relation.
        grades: by item.
        leave: items that the rule looks at: that they are as they are is no cause.
    """
    found = [Feature(column="_batch", kind="value", term=column("_batch"), is_ordered=True)]
    for name, term in terms.items():
        if name not in leave:
            found += _of(name, term, is_closed=grades.get(name, GRADES[1]) in _CLOSED)
    return tuple(found)


def _of(name: str, term: exp.Expression, *, is_closed: bool) -> Iterator[Feature]:
    blank = plain(is_blank(term))
    filled = sql("CASE WHEN NOT :blank THEN left(:x, :n) END", blank=blank, x=term, n=_MOST)
    yield Feature(column=name, kind="missing", term=sql("CASE WHEN :blank THEN 'yes' ELSE 'no' END", blank=blank))
    yield Feature(column=name, kind="length", term=sql("CASE WHEN NOT :blank THEN CAST(length(:x) AS VARCHAR) END", blank=blank, x=term))
    yield Feature(column=name, kind="month", term=_month(term, 4 if is_closed else 7), is_ordered=True)
    for width in (4,) if is_closed else (2, 4, 6):
        yield Feature(column=name, kind=f"head{width}", term=_head(term, width))
    if not is_closed:
        yield Feature(column=name, kind="value", term=filled)
        yield Feature(column=name, kind="form", term=form_of(sql("left(:x, 40)", x=filled)))


def _month(term: exp.Expression, width: int) -> exp.Expression:
    """``2026-11`` of a date, or its year."""
    digits = sql("regexp_replace(left(:x, 7), '[-/.]', '')", x=term)
    month = sql("left(substr(:d, 1, 4) || '-' || substr(:d, 5, 2), :w)", d=digits, w=width)
    return sql("CASE WHEN regexp_matches(:x, :p) THEN :m END", x=term, p=_DATED, m=month)


def _head(term: exp.Expression, width: int) -> exp.Expression:
    """The first characters of a code; nothing of words and of dates."""
    return sql(
        "CASE WHEN regexp_matches(:x, :code) AND NOT regexp_matches(:x, :date) THEN left(:x, :w) END",
        x=term, code=_CODED, date=_DATED, w=width,
    )  # fmt: skip

