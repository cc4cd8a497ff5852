"""The queries of an assessment: all rules on rows in one scan, each rule on the table in one of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from cityloom.engines.base import copied, sql
from cityloom.engines.layers import Layers
from cityloom.engines.terms import column, folded
from cityloom.lake.changes import current
from cityloom.lake.tables import Lake
from cityloom.model.resource import Resource
from cityloom.quality.base import applies
from cityloom.quality.broken import Verdict, assessed_table, bit_among, bits, union
from cityloom.quality.implied import flags
from cityloom.quality.others import relations, wanted
from cityloom.quality.plan import RulePlan
from cityloom.quality.sizes import check_size

_PLACE = ("_batch", "_row")


@dataclass(frozen=True)
class Scan:
    """A query for a sheet of broken rows, and what its bits say."""

    query: exp.Select | exp.Union
    verdicts: tuple[Verdict, ...]


class View:
    """A resource's table in a phase, with its items as columns ``c0, c1, …`` in the order of a rule's items.

    Args:
        resource: whose table.
        phase: ``before`` sees raw columns, ``after`` the current rows' items.
        lake: where it is.
        version: of the table; the newest when not given.
        parts: only these parts of it.
        whole: the view of all parts, of which this is one of some.
        resources: all resources, for rules that look at other tables.
        earlier: versions of the table at earlier assessments, the newest first, for rules that compare with them.
    """

    def __init__(
        self,
        resource: Resource,
        phase: str,
        lake: Lake,
        version: int | None = None,
        *,
        parts: Sequence[str] | None = None,
        whole: View | None = None,
        resources: Mapping[str, Resource] | None = None,
        earlier: Sequence[int] = (),
    ) -> None:
        self.resource, self.phase, self.version = resource, phase, version
        self._lake, self._engine = lake, lake.engine
        self._queries: dict[str, tuple[exp.Expression | None, exp.Select]] = {}
        self._digests: dict[str, str] = {}
        self._resources, self._earlier = dict(resources or {}), tuple(earlier)
        table = assessed_table(resource, phase)
        if is_followed(resource, phase):
            self._relation = current(lake, table, resource.key_columns, version=version)
        else:
            self._relation = lake.relation(table, version, parts=parts)
        self.types = lake.engine.columns(exp.select("*").from_(self._relation.copy()))
        self._columns = {item.name: item.column if phase == "before" else item.name for item in resource.items}
        common = whole.types if whole else self.types
        self._terms = {item: _text(name, self.types, common) for item, name in self._columns.items()}
        self._where = column("_current") if phase == "after" else None

    def part(self, names: Sequence[str]) -> View:
        """The same of some parts of the table only."""
        return View(
            self.resource, self.phase, self._lake, self.version, parts=names, whole=self, resources=self._resources, earlier=self._earlier
        )

    def rows(self) -> int:
        """How many rows it has."""
        query = exp.select(sql("count(*)")).from_(self._relation.copy())
        return int(self._engine.rows(query.where(self._where.copy()) if self._where is not None else query)[0][0])

    def count(self, plans: Sequence[RulePlan]) -> tuple[int, dict[str, tuple[int, int]]]:
        """Rows in all, and for each rule on rows the rows checked and broken: one aggregate over one scan."""
        layers = self._layers({name for p in plans for name in p.columns})
        found = flags(layers, plans)
        checks = [flag.checked for flag in found]
        outputs = {**{f"b{i}": flag.term for i, flag in enumerate(found)}, **{c: column(c) for c in checks if c is not None}}
        names = list(outputs)
        query = layers.query(outputs or {"x": exp.true()})
        picks = [sql("count(*)"), *(exp.CountIf(this=column(name)) for name in names)]
        row = [int(n or 0) for n in self._engine.rows(exp.select(*picks).from_(query.subquery("q", copy=False), copy=False))[0]]
        count = dict(zip(names, row[1:], strict=True))
        counts = {
            one.name: (row[0] if checked is None else count[checked], count[f"b{i}"])
            for i, (one, checked) in enumerate(zip(plans, checks, strict=True))
        }
        return row[0], counts

    def count_table(self, one: RulePlan) -> tuple[int, int]:
        """Rows checked and broken by a rule on the table."""
        counts, _ = self._asked(one)
        if counts is None:
            return 0, 0
        checked, broken = self._engine.rows(counts)[0]
        return int(checked or 0), int(broken or 0)

    def broken(self, one: RulePlan) -> exp.Select:
        """Query for the positions ``_batch, _row`` of the rows that break a rule."""
        if one.is_for_table:
            return self._asked(one)[1]
        layers = self._layers(set(one.columns), placed=True)
        query = layers.query({**{name: column(name) for name in _PLACE}, "flag": flags(layers, [one])[0].term})
        return exp.select("q._batch", "q._row").from_(query.subquery("q", copy=False), copy=False).where(sql("q.flag"), copy=False)

    def scan(self, plans: Sequence[RulePlan]) -> Scan:
        """All rules on rows in one scan: broken rows with the rules they break, the others counted by pattern."""
        layers = self._layers({name for p in plans for name in p.columns}, placed=True)
        found = flags(layers, plans)
        checks = [flag.checked for flag in found]
        applied = list(dict.fromkeys(c for c in checks if c is not None))
        masks = bits("m", [flag.broken for flag in found], [flag.unless for flag in found])
        outputs = {**{name: column(name) for name in _PLACE}, **masks, **bits("k", [column(c) for c in applied])}
        is_broken = exp.Paren(this=exp.or_(*(sql(":m <> 0", m=column(name)) for name in masks)))
        keys: dict[str, exp.Expression] = {name: column(name) for name in outputs}
        keys["_row"] = sql("CASE WHEN :broken THEN _row END", broken=is_broken)
        query = exp.select(*(exp.alias_(term, name) for name, term in keys.items()), exp.alias_(sql("count(*)"), "_count"))
        query = query.from_(layers.query(outputs).subquery("q", copy=False), copy=False)
        query = query.group_by(*(exp.Literal.number(i + 1) for i in range(len(keys))), copy=False)
        verdicts = tuple(
            Verdict(
                rule=one.name,
                digest=self.digest(one),
                broken=number,
                applied=-1 if checked is None else applied.index(checked),
            )
            for number, (one, checked) in enumerate(zip(plans, checks, strict=True))
        )
        return Scan(query, verdicts)

    def scan_table(self, plans: Sequence[RulePlan]) -> Scan:
        """The rows that break rules on the table, each rule's by its own query, and the rules' counts."""
        queries, verdicts = [], []
        for number, one in enumerate(plans):
            masks = {name: sql("CAST(:x AS BIGINT)", x=bit) for name, bit in bit_among(number, len(plans)).items()}
            masks["_count"] = sql("CAST(1 AS BIGINT)")
            found = exp.select(*_PLACE, *(exp.alias_(term, name) for name, term in masks.items()))
            queries.append(found.from_(self.broken(one).subquery("t", copy=False), copy=False))
            digest, counts = self.digest(one), self._counts(one)
            verdicts.append(Verdict(rule=one.name, digest=digest, broken=number, counts=counts))
        return Scan(union(queries), tuple(verdicts))

    def _counts(self, one: RulePlan) -> tuple[int, int | None]:
        """Rows checked and broken; None broken for a rule whose broken rows say it."""
        checked = getattr(one.rule, "checked", None)
        if checked is None:
            return self.count_table(one)
        return int(self._engine.rows(checked(self._rows(one), len(one.columns)))[0][0] or 0), None

    def _asked(self, one: RulePlan) -> tuple[exp.Expression | None, exp.Select]:
        """The queries of a rule on the table, made once: for its counts (None when another table is not there) and its rows."""
        if one.name not in self._queries:
            others = self._others(one)
            if others is None:
                nothing = exp.select(*_PLACE).from_(self._relation.copy()).where(exp.false())
                self._queries[one.name] = (None, nothing)
            else:
                rows, width = self._rows(one), len(one.columns)
                found = exp.select("*").from_(one.rule.broken_rows(rows, width, *others).subquery("t"))
                self._queries[one.name] = (one.rule.counts(rows, width, *others), found)
        return self._queries[one.name]

    def digest(self, one: RulePlan) -> str:
        """What decides the rule's answer for a row: its terms and columns; of a rule on the table the data too."""
        if one.name not in self._digests:
            self._digests[one.name] = self._digest_of(one)
        return self._digests[one.name]

    def _digest_of(self, one: RulePlan) -> str:
        if one.is_for_table:
            found = [query for query in self._asked(one) if query is not None]
        else:
            names = [column(name) for name in one.columns]
            found = [folded(applies(one.rule, names)), folded(one.rule.broken(names))]
        columns = [f"{self._columns[name]} {self.types.get(self._columns[name], '')}" for name in one.columns]
        text = "\n".join([*(copied(tree).sql(dialect="duckdb", copy=False) for tree in found), *columns])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def _others(self, one: RulePlan) -> list[list[exp.Expression]] | None:
        """What a rule on the table is given of other tables, if it looks at any; None when one of them is not there."""
        if not wanted(one.rule):
            return []
        found = relations(
            one.rule,
            self.resource,
            phase=self.phase,
            lake=self._lake,
            resources=self._resources,
            earlier=self._earlier,
        )
        return None if found is None else [found]

    def _rows(self, one: RulePlan) -> exp.Expression:
        terms = {f"c{i}": self._terms[name] for i, name in enumerate(one.columns)}
        terms |= {name: column(name) for name in _PLACE}
        picks = [exp.alias_(term.copy(), name) for name, term in terms.items()]
        query = exp.select(*picks).from_(self._relation.copy())
        rows = (query.where(self._where.copy()) if self._where is not None else query).subquery("rows_")
        check_size(self._engine, one, rows)
        return rows

    def _layers(self, names: set[str], *, placed: bool = False) -> Layers:
        terms = {name: self._terms[name] for name in sorted(names)}
        if placed:
            terms |= {name: column(name) for name in _PLACE}
        return Layers(self._relation, terms or {"_row": column("_row")}, where=self._where)


def is_followed(resource: Resource, phase: str) -> bool:
    """Whether the rows that count are found among all changes together, and not part by part."""
    return phase == "before" and resource.collect.mode == "cdc"


def _text(name: str, types: Mapping[str, str], whole: Mapping[str, str]) -> exp.Expression:
    """A column as text; the same text that the whole table gives, where a part has it in another type."""
    if name not in types:
        return sql("CAST(NULL AS VARCHAR)")
    found: exp.Expression = column(name)
    if types[name] == "VARCHAR":
        return found
    if whole[name] not in (types[name], "VARCHAR"):
        found = exp.cast(found, whole[name], dialect="duckdb")
    return sql("CAST(:x AS VARCHAR)", x=found)
