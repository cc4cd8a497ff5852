"""Operations of the confined language: each as a term for engines and as its meaning in Python."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.kernel.i18n import _

Meaning = Callable[[Mapping[str, Any]], Any]
"""What a term gives for a row of texts by item."""
NUMBER_SHAPE = r"-?[0-9]{1,20}(?:\.[0-9]{1,40})?"
DIGITS = 8
"""Behind the point."""
_STEP = Decimal(1).scaleb(-DIGITS)
_BOUND = Decimal(10) ** 20
_DECIMAL = f"DECIMAL(28, {DIGITS})"


class InvalidError(Exception):
    """A part of a text is not allowed; the message says why."""


@dataclass(frozen=True, eq=False)
class Term:
    """One part: ``kind`` is ``text``, ``number``, ``boolean`` or ``null``; ``literal`` its value where it is fixed."""

    kind: str
    sql: exp.Expression
    meaning: Meaning
    literal: Any = None


NULL = Term("null", exp.null(), lambda row: None)


def text(value: str) -> Term:
    """A fixed text."""
    if "\x00" in value:
        raise InvalidError(_("a text holds a zero byte"))
    return Term("text", exp.Literal.string(value), lambda row: value, value)


def number(written: str) -> Term:
    """A fixed number."""
    value = read_number(written) if re.fullmatch(NUMBER_SHAPE, written) else None
    if value is None or value != Decimal(written):
        raise InvalidError(_("{number} is no plain number of at most 20 digits and 8 behind the point").format(number=written))
    return Term("number", sql(f"CAST(:x AS {_DECIMAL})", x=written), lambda row: value, value)


def boolean(value: bool) -> Term:
    """True or false."""
    return Term("boolean", exp.true() if value else exp.false(), lambda row: value, value)


def read_number(value: str | None) -> Decimal | None:
    """The number that a text says plainly, rounded to eight digits behind the point; None for any other text."""
    if value is None or not re.fullmatch(NUMBER_SHAPE, value):
        return None
    return fitted(Decimal(value))


def fitted(value: Decimal, digits: int = DIGITS) -> Decimal | None:
    """A number rounded half away from zero; None when it has more than twenty digits before the point."""
    with localcontext() as context:
        context.prec = 100
        rounded = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return rounded + 0 if abs(rounded) < _BOUND else None


def write_number(value: Decimal | None) -> str | None:
    """A number as a text, without zeros at its end."""
    if value is None:
        return None
    written = f"{value:.{DIGITS}f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def as_number(term: Term) -> Term:
    """A text read as a number."""
    if term.kind in ("number", "null"):
        return Term("number", sql(f"CAST(:x AS {_DECIMAL})", x=term.sql) if term.kind == "null" else term.sql, term.meaning, term.literal)
    if term.kind == "boolean":
        raise InvalidError(_("a condition stands where a number is wanted"))
    if term.literal is not None:
        return number(term.literal)
    read = "CASE WHEN :shape THEN TRY_CAST(:x AS DECIMAL(28, 8)) END"
    there = shared(sql(read, shape=full_match(term.sql, NUMBER_SHAPE), x=term.sql))
    return Term("number", there, lambda row: read_number(term.meaning(row)))


def as_text(term: Term) -> Term:
    """A number written as a text, or a text as it is."""
    if term.kind == "text":
        return term
    if term.kind == "boolean":
        raise InvalidError(_("a condition stands where a text is wanted"))
    if term.kind == "null":
        return Term("text", sql("CAST(NULL AS VARCHAR)"), term.meaning)
    written = sql("rtrim(rtrim(CAST(:x AS VARCHAR), '0'), '.')", x=term.sql)
    return Term("text", written, lambda row: write_number(term.meaning(row)))


def as_condition(term: Term) -> Term:
    """A condition as it is; a missing one for NULL."""
    if term.kind == "null":
        return Term("boolean", sql("CAST(NULL AS BOOLEAN)"), term.meaning)
    if term.kind != "boolean":
        raise InvalidError(_("a {kind} stands where a condition is wanted").format(kind=term.kind))
    return term


def alike(parts: Sequence[Term]) -> list[Term]:
    """The parts made one kind: numbers where one is a number, texts or conditions otherwise."""
    kinds = {part.kind for part in parts} - {"null"}
    if "boolean" in kinds:
        if kinds != {"boolean"}:
            raise InvalidError(_("a condition stands beside a text or a number"))
        return [as_condition(part) for part in parts]
    return [as_number(part) if "number" in kinds else as_text(part) for part in parts]


def both(left: Term, right: Term) -> Term:
    """AND of three values."""
    a, b = as_condition(left), as_condition(right)

    def meaning(row: Mapping[str, Any]) -> bool | None:
        x, y = a.meaning(row), b.meaning(row)
        return False if x is False or y is False else None if x is None or y is None else True

    return Term("boolean", sql("(:a AND :b)", a=a.sql, b=b.sql), meaning)


def either(left: Term, right: Term) -> Term:
    """OR of three values."""
    a, b = as_condition(left), as_condition(right)

    def meaning(row: Mapping[str, Any]) -> bool | None:
        x, y = a.meaning(row), b.meaning(row)
        return True if x is True or y is True else None if x is None or y is None else False

    return Term("boolean", sql("(:a OR :b)", a=a.sql, b=b.sql), meaning)


def negate(term: Term) -> Term:
    """NOT; missing stays missing."""
    inner = as_condition(term)

    def meaning(row: Mapping[str, Any]) -> bool | None:
        value = inner.meaning(row)
        return None if value is None else not value

    return Term("boolean", sql("(NOT :x)", x=inner.sql), meaning)


_TESTS: Mapping[type[exp.Expression], tuple[str, Callable[[Any, Any], bool]]] = {
    exp.EQ: ("=", operator.eq),
    exp.NEQ: ("<>", operator.ne),
    exp.LT: ("<", operator.lt),
    exp.LTE: ("<=", operator.le),
    exp.GT: (">", operator.gt),
    exp.GTE: (">=", operator.ge),
}


def compare(kind: type[exp.Expression], left: Term, right: Term) -> Term:
    """A comparison, also one that tells missing values apart."""
    if kind in (exp.NullSafeEQ, exp.NullSafeNEQ):
        return _distinct(left, right, is_same=kind is exp.NullSafeEQ)
    if "null" in (left.kind, right.kind):
        raise InvalidError(_("a comparison with NULL is never true; write IS NULL or IS NOT NULL"))
    a, b = alike([left, right])
    sign, test = _TESTS[kind]
    if a.kind == "boolean" and kind not in (exp.EQ, exp.NEQ):
        raise InvalidError(_("conditions have no order"))

    def meaning(row: Mapping[str, Any]) -> bool | None:
        x, y = a.meaning(row), b.meaning(row)
        return None if x is None or y is None else test(x, y)

    return Term("boolean", sql(f"(:a {sign} :b)", a=a.sql, b=b.sql), meaning)


def _distinct(left: Term, right: Term, *, is_same: bool) -> Term:
    a, b = alike([left, right])
    shape = "(:a IS NOT DISTINCT FROM :b)" if is_same else "(:a IS DISTINCT FROM :b)"
    return Term("boolean", sql(shape, a=a.sql, b=b.sql), lambda row: (a.meaning(row) == b.meaning(row)) is is_same)


def is_it(left: Term, right: Term) -> Term:
    """IS NULL, IS TRUE, IS FALSE."""
    if right.kind == "null":
        return Term("boolean", sql("(:x IS NULL)", x=left.sql), lambda row: left.meaning(row) is None)
    if right.kind != "boolean" or right.literal is None:
        raise InvalidError(_("behind IS stands NULL, TRUE or FALSE"))
    return _distinct(as_condition(left), right, is_same=True)


def is_in(value: Term, others: Sequence[Term]) -> Term:
    """Whether a value is one of several."""
    if not others:
        raise InvalidError(_("IN wants a list of values"))
    if any(one.kind == "null" for one in others):
        raise InvalidError(_("a comparison with NULL is never true; write IS NULL or IS NOT NULL"))
    first, *rest = alike([value, *others])

    def meaning(row: Mapping[str, Any]) -> bool | None:
        x, found = first.meaning(row), [one.meaning(row) for one in rest]
        if x is None:
            return None
        return True if x in found else None if None in found else False

    term = exp.Paren(this=exp.In(this=first.sql.copy(), expressions=[one.sql.copy() for one in rest]))
    return Term("boolean", term, meaning)


def like(value: Term, pattern: Term) -> Term:
    """LIKE with a fixed pattern: ``%`` any characters, ``_`` one."""
    inner = as_text(value)
    shape = pattern.literal
    if not isinstance(shape, str) or "\\" in shape:
        raise InvalidError(_("behind LIKE stands a fixed text without a backslash"))
    compiled = re.compile("".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in shape), re.DOTALL)

    def meaning(row: Mapping[str, Any]) -> bool | None:
        x = inner.meaning(row)
        return None if x is None else compiled.fullmatch(x) is not None

    return Term("boolean", sql("(:x LIKE :shape)", x=inner.sql, shape=shape), meaning)


def case(pairs: Sequence[tuple[Term, Term]], default: Term) -> Term:
    """CASE WHEN … THEN … ELSE … END."""
    values = alike([*(value for _condition, value in pairs), default])
    conditions = [as_condition(condition) for condition, _value in pairs]
    ifs = [exp.If(this=c.sql.copy(), true=v.sql.copy()) for c, v in zip(conditions, values, strict=False)]

    def meaning(row: Mapping[str, Any]) -> Any:
        for condition, value in zip(conditions, values, strict=False):
            if condition.meaning(row) is True:
                return value.meaning(row)
        return values[-1].meaning(row)

    return Term(values[-1].kind, exp.Case(ifs=ifs, default=values[-1].sql.copy()), meaning)


def concat(left: Term, right: Term) -> Term:
    """Two texts, one behind the other; missing when one is."""
    a, b = as_text(left), as_text(right)

    def meaning(row: Mapping[str, Any]) -> str | None:
        x, y = a.meaning(row), b.meaning(row)
        return None if x is None or y is None else x + y

    return Term("text", sql("(:a || :b)", a=a.sql, b=b.sql), meaning)


def minus(term: Term) -> Term:
    """A number with its sign turned."""
    inner = as_number(term)
    if inner.literal is not None:
        value = -inner.literal + 0
        return Term("number", sql(f"CAST(:x AS {_DECIMAL})", x=str(value)), lambda row: value, value)

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        value = inner.meaning(row)
        return None if value is None else -value + 0

    return Term("number", sql("(-:x)", x=exp.Paren(this=inner.sql.copy())), meaning)


_RECKONED: Mapping[type[exp.Expression], str] = {
    exp.Add: "TRY_CAST(:a + :b AS DECIMAL(28, 8))",
    exp.Sub: "TRY_CAST(:a - :b AS DECIMAL(28, 8))",
    exp.Mul: "CASE WHEN abs(CAST(:a AS DOUBLE) * CAST(:b AS DOUBLE)) < 1e21 THEN TRY_CAST(:a * :b AS DECIMAL(28, 8)) END",
    exp.Div: "CASE WHEN :b <> 0 THEN TRY_CAST(CAST(:a AS DOUBLE) / CAST(:b AS DOUBLE) AS DECIMAL(28, 8)) END",
    exp.Mod: "CASE WHEN :b <> 0 THEN TRY_CAST(:a % :b AS DECIMAL(28, 8)) END",
}


def reckon(kind: type[exp.Expression], left: Term, right: Term) -> Term:
    """Plus, minus, times, divided by, rest; missing when it cannot be said. A quotient is that of binary numbers."""
    a, b = as_number(left), as_number(right)

    def meaning(row: Mapping[str, Any]) -> Decimal | None:
        x, y = a.meaning(row), b.meaning(row)
        return None if x is None or y is None else _reckoned(kind, x, y)

    places = {"a": exp.Paren(this=a.sql.copy()), "b": exp.Paren(this=b.sql.copy())}
    return Term("number", sql(f"({_RECKONED[kind]})", **places), meaning)


def _reckoned(kind: type[exp.Expression], x: Decimal, y: Decimal) -> Decimal | None:
    with localcontext() as context:
        context.prec = 100
        if kind in (exp.Div, exp.Mod) and y == 0:
            return None
        if kind is exp.Div:
            exact = Decimal(float(x) / float(y) * 10.0**DIGITS)
            return fitted(exact.to_integral_value(rounding=ROUND_HALF_UP).scaleb(-DIGITS))
        by_kind: Mapping[type[exp.Expression], Callable[[Any, Any], Any]] = {
            exp.Add: operator.add,
            exp.Sub: operator.sub,
            exp.Mul: operator.mul,
            exp.Mod: operator.mod,
        }
        return fitted(by_kind[kind](x, y))
