"""A query in layers: each shared term is computed once, below everything that uses it.

Engines do not find equal terms across a big SELECT by themselves; with layers, twenty rules over a table
cost two to four times less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import copied, sql
from cityloom.engines.terms import Held, column, held


@dataclass(frozen=True)
class Guard:
    """What is known of a column in the rows in which ``holds`` is true: ``known`` gives the value of a shared term over
    that column alone, or None."""

    holds: exp.Column
    known: Callable[[exp.Expression], exp.Expression | None]


_SHORT = 1000
"""Characters of a shared part that is written out where few rows look at it."""


class Layers:
    """Collects terms over a relation and lays them one above the other.

    Args:
        source: relation for the FROM, or a query in brackets.
        columns: the columns of the lowest layer by name, as terms over the relation.
        where: condition on the relation that rows must fulfil.
    """

    def __init__(
        self, source: exp.Expression, columns: Mapping[str, exp.Expression], *, where: exp.Expression | None = None
    ) -> None:
        self._source = source
        self._where = where
        self._levels: list[dict[str, exp.Expression]] = [dict(columns)]
        self._depth = {name: 0 for name in columns}
        self._known: dict[str, str] = {}
        self._held: dict[tuple[Held, str | None], exp.Expression] = {}
        self._guards: dict[str, Guard] = {}

    def add(self, term: exp.Expression, name: str | None = None) -> exp.Column:
        """Have a term computed once, and get the column that holds it. An equal term is not computed again."""
        inner = self.resolve(term)
        if name is None and isinstance(inner, exp.Column):
            return inner
        text = inner.sql(dialect="duckdb", copy=False)
        if name is None and text in self._known:
            return column(self._known[text])
        chosen = name or f"_h{len(self._depth)}"
        depth = 1 + max((self._depth.get(c.name, 0) for c in inner.find_all(exp.Column)), default=0)
        while len(self._levels) <= depth:
            self._levels.append({})
        self._levels[depth][chosen] = inner
        self._depth[chosen] = depth
        self._known.setdefault(text, chosen)
        return column(chosen)

    def guard(self, name: str, guard: Guard) -> None:
        """From now on shared terms whose value is known by the guard of a column are computed in the other rows only."""
        self._guards[name] = guard

    def resolve(self, term: exp.Expression, *, under: str | None = None) -> exp.Expression:
        """The term with every shared part replaced by the column that holds it.

        Args:
            term: the term.
            under: a column with a guard; the term is not looked at where it holds. The few rows that do have its shared
                parts written out, but for long ones.
        """
        root = exp.Paren(this=copied(term))
        for node in list(root.find_all(exp.Column)):
            part = held(node)
            if part is not None:
                node.replace(copied(self._part(part, under)))
        inner = root.this
        return inner.pop() if isinstance(inner, exp.Expression) else inner

    def _part(self, part: Held, under: str | None) -> exp.Expression:
        if (part, under) not in self._held:
            self._held[part, under] = self._added(part.term, under)
        return self._held[part, under]

    def _added(self, term: exp.Expression, under: str | None) -> exp.Expression:
        inner = self.resolve(term, under=under)
        if isinstance(inner, exp.Column):
            return inner
        text = inner.sql(dialect="duckdb", copy=False)
        if text in self._known:
            return column(self._known[text])
        if under is not None:
            if len(text) <= _SHORT:
                return exp.Paren(this=inner)
            holds = self._guards[under].holds
            return self.add(sql("CASE WHEN :holds THEN NULL ELSE :inner END", holds=holds, inner=inner))
        names = {c.name for c in term.find_all(exp.Column)}
        guard = self._guards.get(names.pop()) if len(names) == 1 else None
        value = guard.known(term) if guard else None
        if guard is None or value is None:
            return self.add(inner)
        wrapped = sql("CASE WHEN :holds THEN :value ELSE :inner END", holds=guard.holds, value=value, inner=inner)
        self._known[text] = self.add(wrapped).name
        return column(self._known[text])

    def query(self, outputs: Mapping[str, exp.Expression]) -> exp.Select:
        """The query that computes the outputs, by name, from all layers."""
        final = {name: self.resolve(term) for name, term in outputs.items()}
        lowest, *others = self._needed(final.values())
        query = _select({name: copied(term) for name, term in lowest.items()}).from_(self._source, copy=False)
        if self._where is not None:
            query.where(self._where, copy=False)
        for number, level in enumerate(others, start=1):
            query = _select(level, exp.Star()).from_(query.subquery(f"l{number}", copy=False), copy=False)
        return _select(final).from_(query.subquery("l", copy=False), copy=False)

    def _needed(self, outputs: Iterable[exp.Expression]) -> list[dict[str, exp.Expression]]:
        """The layers without what no output is made of."""
        names = {c.name for term in outputs for c in term.find_all(exp.Column)}
        found: list[dict[str, exp.Expression]] = []
        for level in reversed(self._levels[1:]):
            kept = {name: term for name, term in level.items() if name in names}
            names |= {c.name for term in kept.values() for c in term.find_all(exp.Column)}
            found += [kept] if kept else []
        lowest = {name: term for name, term in self._levels[0].items() if name in names}
        return [lowest or dict([next(iter(self._levels[0].items()))]), *reversed(found)]


def _select(terms: Mapping[str, exp.Expression], *first: exp.Expression) -> exp.Select:
    """A fresh tree: what is laid upon it need not copy it again, which would cost the square of the layers."""
    return exp.select(*first, *(exp.alias_(term, name, quoted=True, copy=False) for name, term in terms.items()), copy=False)
