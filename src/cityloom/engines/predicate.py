"""A confined language for conditions and values over the items of a row, as stewards write them.

It looks like SQL and is none: a text is parsed, every part of it is checked against what is allowed here, and it
is compiled twice, to a term that any engine computes and to a function in Python that is its meaning. Nothing of
the text ever reaches an engine as it was written.

Items are texts or missing. ``number(x)`` reads a plain decimal number; an item that is compared with a number, or
reckoned with, is read so by itself. A text that is no number is missing then, as is the outcome of a division by
zero or a number of more than twenty digits. Numbers are decimals with eight digits behind the point, rounded half
away from zero. Texts are compared by their characters' code points. Missing values go through as in SQL: a
comparison with one is neither true nor false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from cityloom.engines import predicate_functions as functions
from cityloom.engines import predicate_terms as terms
from cityloom.engines.predicate_terms import InvalidError, Meaning, Term
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _

LONGEST = 4000
"""Characters of a text."""
MOST_NODES, MOST_LEVELS = 400, 40
"""Parts of a text, and how deep they nest."""
MOST_COPIES = 2000
"""How often the innermost part may stand in the term, which grows where functions nest."""
_KEYS: Mapping[type[exp.Expression], frozenset[str]] = {
    exp.Column: frozenset({"this"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
    exp.Null: frozenset(),
    exp.Paren: frozenset({"this"}),
    exp.Neg: frozenset({"this"}),
    exp.Not: frozenset({"this"}),
    exp.Is: frozenset({"this", "expression"}),
    exp.In: frozenset({"this", "expressions"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Like: frozenset({"this", "expression", "negate"}),
    exp.Case: frozenset({"ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.DPipe: frozenset({"this", "expression", "safe"}),
    exp.Anonymous: frozenset({"this", "expressions"}),
    **{
        kind: frozenset({"this", "expression"})
        for kind in (exp.And, exp.Or, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ)
    },
    **{kind: frozenset({"this", "expression"}) for kind in (exp.Add, exp.Sub, exp.Mul, exp.Mod)},
    exp.Div: frozenset({"this", "expression", "typed", "safe"}),
}
"""What may stand in a text, and which parts each may have."""


class _Parser(parser.Parser):
    """Knows no function: each call is a name with its arguments."""

    FUNCTIONS: ClassVar[Any] = {}
    FUNCTION_PARSERS: ClassVar[Any] = {}
    NO_PAREN_FUNCTIONS: ClassVar[Any] = {}


class Confined(Dialect):
    """Plain SQL expressions without the functions of any engine."""

    Parser = _Parser


@dataclass(frozen=True, eq=False)
class Predicate:
    """A text that was checked.

    ``kind`` is ``boolean``, ``text`` or ``number``; ``items`` are the items that it looks at, in the order in which
    they appear.
    """

    text: str
    kind: str
    items: tuple[str, ...]
    _tree: exp.Expression
    _today: str

    def sql(self, columns: Mapping[str, exp.Expression] | None = None) -> exp.Expression:
        """The term, over the columns that hold the items (columns of their names when none are given).

        A condition may be NULL, as in SQL; a number is a DECIMAL(28, 8).
        """
        return self._term(columns or {}).sql

    def meaning(self) -> Meaning:
        """The same as a function from a row (texts by item) to True, False, a text, a Decimal or None."""
        return self._term({}).meaning

    def as_text(self) -> Predicate:
        """The same with a number written as a text: without zeros at its end."""
        return self if self.kind == "text" else _TextOf(self.text, "text", self.items, self._tree, self._today)

    def _term(self, columns: Mapping[str, exp.Expression]) -> Term:
        return _Compiler(columns, self.items, self._today).term(self._tree)


class _TextOf(Predicate):
    def _term(self, columns: Mapping[str, exp.Expression]) -> Term:
        return terms.as_text(super()._term(columns))


def parse_predicate(text: str, items: Sequence[str], *, today: str = "") -> Predicate:
    """A condition (or a value) over items, checked.

    Args:
        text: e.g. ``state = '1' AND number(paid) <= number(due)``.
        items: names that it may use.
        today: the present day, ``yyyy-mm-dd``, that ``today()`` stands for.

    Raises:
        ConfigError: ``engines.predicate.invalid`` with what is not allowed.
    """
    try:
        tree = _parse(text)
        found = _Compiler({}, items, today)
        term = found.term(tree)
    except InvalidError as problem:
        raise ConfigError(
            "engines.predicate.invalid",
            "The expression {text} cannot be used: {problem}.",
            hint="It is made of items, texts, numbers, comparisons, AND, OR, NOT, IN, BETWEEN, LIKE, IS NULL, CASE, + - * / % ||"
            " and the functions {functions}.",
            text=text[:200],
            problem=str(problem),
            functions=", ".join(functions.NAMES),
        ) from None
    return Predicate(text, term.kind, tuple(found.used), tree, today)


def parse_condition(text: str, items: Sequence[str], *, today: str = "") -> Predicate:
    """As :func:`parse_predicate`; what is no condition is refused too.

    Raises:
        ConfigError: ``engines.predicate.invalid`` or ``engines.predicate.unconditional``.
    """
    found = parse_predicate(text, items, today=today)
    if found.kind != "boolean":
        raise ConfigError(
            "engines.predicate.unconditional",
            "The expression {text} is a {kind}, where a condition is wanted.",
            hint="Compare it with something.",
            text=text[:200],
            kind=found.kind,
        )
    return found


def names_in(text: str) -> tuple[str, ...]:
    """The items that a text looks at, whatever items there are; none for a text that cannot be read."""
    try:
        tree = _parse(text) if text else None
    except InvalidError:
        return ()
    return tuple(dict.fromkeys(node.name for node in tree.find_all(exp.Column))) if tree is not None else ()


def _parse(text: str) -> exp.Expression:
    if len(text) > LONGEST:
        raise InvalidError(_("it is longer than {most} characters").format(most=LONGEST))
    if not text.strip():
        raise InvalidError(_("it is empty"))
    try:
        parsed = sqlglot.parse(text, dialect=Confined)
    except (SqlglotError, RecursionError, ValueError) as error:
        raise InvalidError(_("it cannot be read ({problem})").format(problem=_where(error))) from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Expression):
        raise InvalidError(_("it is more than one expression"))
    tree: Any = parsed[0]
    _check_size(tree)
    return tree  # type: ignore[no-any-return]


def _where(error: Exception) -> str:
    found = getattr(error, "errors", None) or [{}]
    line, place = found[0].get("line"), found[0].get("col")
    return _("line {line}, column {column}").format(line=line, column=place) if line else type(error).__name__


def _check_size(tree: exp.Expression) -> None:
    todo, count = [(tree, 0, 1)], 0
    while todo:
        node, level, copies = todo.pop()
        count += 1
        copies *= _copies(node)
        if copies > MOST_COPIES:
            raise InvalidError(_("functions nest too deeply in one another"))
        if count > MOST_NODES:
            raise InvalidError(_("it has more than {most} parts").format(most=MOST_NODES))
        if level > MOST_LEVELS:
            raise InvalidError(_("it nests deeper than {most} levels").format(most=MOST_LEVELS))
        todo += [(child, level + 1, copies) for child in node.iter_expressions()]


def _copies(node: exp.Expression) -> int:
    """How often the term of a part holds the term of what is below it."""
    if isinstance(node, exp.Anonymous):
        return functions.copies(str(node.this))
    return 4 if isinstance(node, (exp.Mul, exp.Div, exp.Mod)) else 2 if isinstance(node, exp.Between) else 1


class _Compiler:
    """Turns a tree into a term, and refuses what is not allowed.

    Args:
        columns: what holds an item, by its name.
        items: names that are known.
        today: the present day.
    """

    def __init__(self, columns: Mapping[str, exp.Expression], items: Sequence[str], today: str) -> None:
        self._columns = columns
        self._items = items
        self._today = today
        self.used: dict[str, None] = {}

    def term(self, node: exp.Expression) -> Term:
        """The term of one part."""
        allowed = _KEYS.get(type(node))
        if allowed is None:
            raise InvalidError(_("{part} is not allowed").format(part=_name(node)))
        more = [key for key, value in node.args.items() if value and key not in allowed]
        if more:
            raise InvalidError(_("{part} with {more} is not allowed").format(part=_name(node), more=", ".join(more)))
        if isinstance(node, exp.Paren):
            return self.term(node.this)
        if isinstance(node, exp.Column):
            return self._item(node.this.name)
        if isinstance(node, exp.Literal):
            return terms.text(node.name) if node.is_string else terms.number(node.name)
        if isinstance(node, exp.Boolean):
            return terms.boolean(bool(node.this))
        if isinstance(node, exp.Null):
            return terms.NULL
        if isinstance(node, exp.Anonymous):
            return functions.call(str(node.this), [self.term(one) for one in node.expressions], self._today)
        return self._operation(node)

    def _operation(self, node: exp.Expression) -> Term:
        if isinstance(node, exp.Case):
            pairs = [(self.term(one.this), self.term(one.args["true"])) for one in node.args["ifs"]]
            default = node.args.get("default")
            return terms.case(pairs, self.term(default) if default is not None else terms.NULL)
        if isinstance(node, exp.In):
            return terms.is_in(self.term(node.this), [self.term(one) for one in node.expressions])
        if isinstance(node, exp.Between):
            value = self.term(node.this)
            low = terms.compare(exp.GTE, value, self.term(node.args["low"]))
            return terms.both(low, terms.compare(exp.LTE, value, self.term(node.args["high"])))
        if isinstance(node, (exp.Not, exp.Neg)):
            return (terms.negate if isinstance(node, exp.Not) else terms.minus)(self.term(node.this))
        return self._of_two(node, self.term(node.this), self.term(node.expression))

    def _of_two(self, node: exp.Expression, left: Term, right: Term) -> Term:
        if isinstance(node, exp.Like):
            found = terms.like(left, right)
            return terms.negate(found) if node.args.get("negate") else found
        by_kind: Mapping[type[exp.Expression], Callable[[Term, Term], Term]] = {
            exp.Is: terms.is_it, exp.And: terms.both, exp.Or: terms.either, exp.DPipe: terms.concat,
        }
        if type(node) in by_kind:
            return by_kind[type(node)](left, right)
        if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
            return terms.reckon(type(node), left, right)
        return terms.compare(type(node), left, right)

    def _item(self, name: str) -> Term:
        if name not in self._items:
            known = ", ".join(self._items[:20])
            raise InvalidError(_("there is no item {name} (there are: {known})").format(name=name, known=known))
        self.used[name] = None
        found = self._columns[name].copy() if name in self._columns else column(name)
        return Term("text", found, lambda row: row[name])


def _name(node: exp.Expression) -> str:
    return type(node).__name__.upper()
