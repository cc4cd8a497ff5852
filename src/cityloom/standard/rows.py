"""The queries that make standard rows of raw ones: all of them, those set apart, and those of chosen batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.lake.changes import rows_of
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.standard.cleaning import Cleaned, Cleaning
from cityloom.standard.lookups import Lookups
from cityloom.standard.plan import REPLACED, ItemPlan, Mapped


@dataclass(frozen=True, kw_only=True)
class StandardRows:
    """What decides how a resource's rows are standardised.

    Args:
        resource: whose rows.
        plans: of its items.
        rules: cleaning rules that act, in order.
        lake: where the rows are.
        lookups: what programs answered.
        replaced: relation of the rows (``_batch, _row``) for which a corrected one stands.
    """

    resource: Resource
    plans: tuple[ItemPlan, ...]
    lake: Lake
    rules: Sequence[Cleaning] = ()
    lookups: Lookups | None = None
    replaced: exp.Expression | None = None

    def mapped(self, source: exp.Expression | None = None, lookups: Lookups | None = None) -> Mapped:
        """Rows (those that count, or a relation of raw rows) with the steps on top."""
        rows = source if source is not None else rows_of(self.lake, self.resource)
        if self.replaced is not None:
            rows = _told(rows, self.replaced)
        types = self.lake.engine.columns(exp.select("*").from_(rows))
        inputs = [n for rule in self.rules for p in rule.corrections for some in p.inputs for n in some]
        return Mapped(rows, types, self.plans, self.lookups if lookups is None else lookups, inputs)

    def cleaned(self, source: exp.Expression | None = None) -> Cleaned:
        """The same with the cleaning rules on top."""
        return Cleaned(self.mapped(source), self.rules, self.replaced is not None)

    @property
    def is_filtering(self) -> bool:
        """Whether any rule sets rows apart."""
        return any(rule.is_filtering for rule in self.rules)

    def standard(self, source: exp.Expression | None = None) -> exp.Select:
        """All rows of the standard table."""
        made = self.cleaned(source)
        key, order = key_terms(self.resource, made)
        outputs: dict[str, exp.Expression] = {name: column(name) for name in made.mapped.kept}
        outputs |= made.items
        outputs |= {"_fixed": made.fixed(), "_steps": made.marks(), "_flags": made.flags(), "_key": key, "_order": order}
        outputs |= self._conditions(made)
        rows = made.mapped.layers.query(outputs)
        names = [*made.mapped.kept, *made.items, "_fixed", "_steps", "_flags"]
        newest = sql("(d.best IS NULL OR d.best = r._order)")
        if self.replaced is not None:
            newest = sql("(NOT r._replaced AND :newest)", newest=newest)
        query = (
            exp.select(*(column(name, "r") for name in names), exp.alias_(newest, "_current"))
            .from_(rows.subquery("r", copy=False), copy=False)
            .join(self._repeated(source).subquery("d", copy=False), on=sql("r._key = d.k"), join_type="left", copy=False)
        )
        return query.where(sql("r._caught = 0"), copy=False) if made.is_filtering else query

    def apart(self) -> exp.Select:
        """The rows that a rule sets apart: their items, the rule (``name@version``), and whether a corrected one stands
        for them."""
        made = self.cleaned()
        outputs: dict[str, exp.Expression] = {name: column(name) for name in made.mapped.kept}
        outputs |= made.items
        number = made.caught()
        marks = sql("CAST(NULL AS VARCHAR)")
        for n, rule in enumerate(self.rules, start=1):
            marks = sql("CASE WHEN :number = :n THEN :mark ELSE :other END", number=number, n=n, mark=rule.mark, other=marks)
        outputs |= {"_caught": number, "_rule": marks, REPLACED: column(REPLACED) if self.replaced is not None else exp.false()}
        rows = made.mapped.layers.query(outputs).subquery("r", copy=False)
        names = [*made.mapped.kept, *made.items, "_rule", REPLACED]
        query = exp.select(*(column(name, "r") for name in names)).from_(rows, copy=False)
        return query.where(sql("r._caught > 0"), copy=False)

    def keyed(self, source: exp.Expression) -> exp.Select:
        """Rows that may be current, of a relation of raw rows: system columns, items, ``_key`` and ``_order``."""
        made = self.cleaned(source)
        key, order = key_terms(self.resource, made)
        outputs: dict[str, exp.Expression] = {name: column(name) for name in made.mapped.kept}
        outputs |= made.items
        outputs |= {"_key": key, "_order": order, "_digest": digest(list(made.items.values()))}
        names = list(outputs)
        outputs |= self._conditions(made)
        rows = made.mapped.layers.query(outputs).subquery("r", copy=False)
        query = exp.select(*(column(name, "r") for name in names)).from_(rows, copy=False)
        query = query.where(sql("r._key IS NOT NULL"), copy=False)
        if made.is_filtering:
            query = query.where(sql("r._caught = 0"), copy=False)
        return query.where(sql("NOT r._replaced"), copy=False) if self.replaced is not None else query

    def _conditions(self, made: Cleaned) -> dict[str, exp.Expression]:
        found: dict[str, exp.Expression] = {"_caught": made.caught()} if made.is_filtering else {}
        return found | ({REPLACED: column(REPLACED)} if self.replaced is not None else {})

    def _repeated(self, source: exp.Expression | None) -> exp.Select:
        """Keys that stand in more than one row, with the order of their newest row: ``k, best``.

        Keys that may repeat are found by their hash first: one number a row, not a text.
        """
        made = self.cleaned(source)
        key, order = key_terms(self.resource, made)
        outputs = {"k": key, "o": order, **self._conditions(made)}
        where = "q.k IS NOT NULL" + (" AND q._caught = 0" if made.is_filtering else "")
        where += " AND NOT q._replaced" if self.replaced is not None else ""
        rows = made.mapped.layers.query(outputs).subquery("q", copy=False)
        maybe = sql(f"SELECT hash(q.k) AS h FROM :rows WHERE {where} GROUP BY hash(q.k) HAVING count(*) > 1", rows=rows)
        found = sql(
            f"SELECT q.k, max(q.o) AS best FROM :rows WHERE {where} AND hash(q.k) IN (SELECT h FROM :maybe)"
            " GROUP BY q.k HAVING count(*) > 1",
            rows=rows,
            maybe=exp.Subquery(this=maybe, alias=exp.TableAlias(this=exp.to_identifier("m"))),
        )
        return found.assert_is(exp.Select)


def key_terms(resource: Resource, made: Cleaned) -> tuple[exp.Expression, exp.Expression]:
    """The key of a row as one text (NULL when a part is missing), and a text that sorts by newness."""
    return key_and_order(resource, made.items, is_dated="_at" in made.mapped.kept)


def key_and_order(
    resource: Resource, items: Mapping[str, exp.Expression], *, is_dated: bool
) -> tuple[exp.Expression, exp.Expression]:
    """The same over the columns of items; ``is_dated`` tells whether rows say when they were collected."""
    if len(resource.key) == 1:
        key = items[resource.key[0]]
    elif resource.key:
        key = _joined([_part(items[name]) for name in resource.key])
    else:
        key = digest(list(items.values()))
    latest: list[exp.Expression] = []
    if resource.latest:
        latest.append(sql("coalesce(:x, '')", x=_part(items[resource.latest])))
    if is_dated:
        latest.append(column("_at"))
    place = [column("_batch"), sql("lpad(CAST(:r AS VARCHAR), 12, '0')", r=column("_row"))]
    return key, _joined([*latest, *place])


def key_of(values: Sequence[str]) -> str:
    """The values of a key as the one text of :func:`key_terms`."""
    parts = [value.replace("\0", "\0\1") for value in values]
    return values[0] if len(values) == 1 else "\0\0".join(parts)


def digest(values: Sequence[exp.Expression]) -> exp.Expression:
    """One text that differs when any of several values does."""
    parts = [sql("coalesce(:x, chr(0) || chr(2))", x=_part(value)) for value in values]
    return sql("md5(:all)", all=_joined(parts))


def _told(rows: exp.Expression, replaced: exp.Expression) -> exp.Expression:
    text = (
        "SELECT x.*, c._row IS NOT NULL AS _replaced FROM :rows LEFT JOIN :replaced AS c"
        " ON x._batch = c._batch AND x._row = c._row"
    )
    return exp.Subquery(this=sql(text, rows=named(rows, "x"), replaced=replaced))


def named(relation: exp.Expression, name: str) -> exp.Expression:
    """A relation under a name, for the FROM of a query."""
    return exp.Table(this=relation, alias=exp.TableAlias(this=exp.to_identifier(name)))


def _part(text: exp.Expression) -> exp.Expression:
    """A text made ready to be joined: whatever it holds, the whole then tells the parts and sorts by them in turn."""
    return sql("replace(:x, chr(0), chr(0) || chr(1))", x=text)


def _joined(parts: Sequence[exp.Expression]) -> exp.Expression:
    term = parts[0]
    for part in parts[1:]:
        term = sql("(:a || chr(0) || chr(0) || :b)", a=term, b=part)
    return term
