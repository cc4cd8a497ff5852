"""A resource's table in a phase of assessment: its rows, and each item as a text term over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import UserError
from cityloom.lake.changes import rows_of
from cityloom.lake.tables import Lake
from cityloom.model.quality import PHASES
from cityloom.model.resource import Resource


def items_of(resource: Resource, phase: str, lake: Lake) -> tuple[exp.Expression, Mapping[str, exp.Expression]]:
    """The rows that are assessed, and by item its value as a text over them; items without a column are left out.

    Raises:
        UserError: ``quality.phase.unknown``, or ``lake.table.unknown`` when there is no such table yet.
    """
    if phase not in PHASES:
        raise UserError(
            "quality.phase.unknown",
            "There is no phase {phase}.",
            hint="Phases: {known}.",
            phase=phase,
            known=", ".join(PHASES),
        )
    if phase == "before":
        relation = rows_of(lake, resource)
    else:
        relation = exp.select("*").from_(lake.relation(resource.std_table)).where(column("_current")).subquery("rows_")
    types = lake.engine.columns(exp.select("*").from_(relation.copy()))
    names = {item.name: item.column if phase == "before" else item.name for item in resource.items}
    terms = {name: _text(own, types[own]) for name, own in names.items() if own in types}
    return relation, terms


def numbered(relation: exp.Expression, terms: Mapping[str, exp.Expression], names: Sequence[str]) -> exp.Expression:
    """The rows with these items as ``c0, c1, …`` and their places ``_batch, _row``: what table rules look at."""
    picks = [exp.alias_(terms[name].copy(), f"c{i}") for i, name in enumerate(names)]
    return exp.select(*picks, column("_batch"), column("_row")).from_(relation.copy()).subquery("rows_")


def one_of(terms: Sequence[exp.Expression], count: int) -> exp.Expression:
    """Condition for one row of ``count``, chosen by what it holds in these terms: the same rows at every look.

    The hash of several values has uneven low bits on its own; hashed once more they are even.
    """
    whole = exp.Anonymous(this="row", expressions=[term.copy() for term in terms])
    return sql("hash(hash(:whole)) % :count = 0", whole=whole, count=count)


def _text(name: str, kind: str) -> exp.Expression:
    found = column(name)
    return found if kind == "VARCHAR" else sql("CAST(:x AS VARCHAR)", x=found)
