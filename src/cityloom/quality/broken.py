"""The rows that break a rule: where they stand and which rules they break, kept beside the table they are in.

The scan that counts writes them, so figures and rows never disagree. The lake table ``…__broken`` of a resource and
phase has sheets, one a scan, with the columns ``_batch, _row``, ``m0, m1, …`` (which rules the row breaks, sixty bits
each), ``k0, k1, …`` (which rules apply to it) and ``_count``. Rows that break nothing stand in it as one line for each
batch and pattern, without ``_row``, with their number: all counts, of the table and of each batch, follow from it.
No value stands in it: values are looked up in the table, by whoever may see them.

What the bits mean, and which parts of the assessed table a sheet is about, stands in the notes of the version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import UserError
from cityloom.lake.tables import Lake
from cityloom.model.quality import PHASES
from cityloom.model.resource import Resource

SUFFIX = "__broken"
"""What the name of the table adds to that of the assessed table."""
BITS = 60
"""Rules a column of bits tells."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a sheet says of one rule: by which bits, and for which meaning of the rule.

    ``broken`` and ``applied`` are numbers of bits; ``applied`` is -1 for a rule that applies to every row.
    ``counts`` are the rows checked and broken by a rule on the table as a whole, which no bits tell; None broken where the
    bits do tell it.
    """

    rule: str
    digest: str
    broken: int
    applied: int = -1
    counts: tuple[int, int | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A part of the table: what one scan found of some rules in some parts of the assessed table."""

    name: str
    of: tuple[str, ...]
    verdicts: tuple[Verdict, ...]


def assessed_table(resource: Resource, phase: str) -> str:
    """The lake table that a phase assesses.

    Raises:
        UserError: ``quality.phase.unknown``.
    """
    if phase not in PHASES:
        raise UserError(
            "quality.phase.unknown",
            "There is no phase {phase}.",
            hint="Phases: {known}.",
            phase=phase,
            known=", ".join(PHASES),
        )
    return resource.raw_table if phase == "before" else resource.std_table


def broken_table(resource: Resource, phase: str) -> str:
    """The lake table that keeps its broken rows."""
    return assessed_table(resource, phase) + SUFFIX


def is_kept(lake: Lake, resource: Resource, phase: str) -> bool:
    """Whether an assessment of the resource in this phase kept its broken rows."""
    return lake.exists(broken_table(resource, phase))


def relation(lake: Lake, resource: Resource, phase: str, rules: Sequence[str] | None = None) -> exp.Expression:
    """The broken rows that the newest assessment found, as a relation ``_batch, _row, _rule`` for the FROM of a query.

    Args:
        lake: where the tables are.
        resource: whose rows.
        phase: before or after standardising.
        rules: only these, by their names within the resource.

    Raises:
        UserError: ``quality.broken.unknown`` when the resource was not assessed in this phase.
    """
    table = broken_table(resource, phase)
    if not is_kept(lake, resource, phase):
        raise UserError(
            "quality.broken.unknown",
            "{resource} has not been assessed in the phase {phase}.",
            hint="Assess it: `cityloom quality assess {resource} --phase {phase}`.",
            resource=resource.name,
            phase=phase,
        )
    queries = []
    for sheets in alike(sheets_of(lake, table)):
        rows = lake.relation(table, parts=[sheet.name for sheet in sheets])
        for verdict in sheets[0].verdicts:
            if rules is None or verdict.rule in rules:
                query = sql(
                    "SELECT b._batch, b._row, :rule AS _rule FROM :rows AS b WHERE b._row IS NOT NULL AND :bit",
                    rule=verdict.rule,
                    rows=exp.Subquery(this=exp.select("*").from_(rows.copy())),
                    bit=bit_of("m", verdict.broken),
                )
                queries.append(query.assert_is(exp.Select))
    return exp.Subquery(this=union(queries or [_nothing()]))


def positions(lake: Lake, resource: Resource, phase: str, rule: str, limit: int = 1000) -> list[tuple[str, int]]:
    """Batch and row of the rows that break a rule, in order; at most ``limit`` of them.

    Raises:
        UserError: ``quality.broken.unknown``.
    """
    rows = relation(lake, resource, phase, [rule])
    query = sql("SELECT b._batch, b._row FROM :rows AS b ORDER BY 1, 2 LIMIT :limit", rows=rows, limit=limit)
    return [(str(batch), int(row)) for batch, row in lake.engine.rows(query)]


def by_batch(lake: Lake, resource: Resource, phase: str, rules: Sequence[str]) -> dict[str, dict[str, int]]:
    """By rule the broken rows that each batch brought."""
    query = sql(
        "SELECT b._rule, b._batch, count(*) FROM :rows AS b GROUP BY b._rule, b._batch ORDER BY 1, 2",
        rows=relation(lake, resource, phase, rules),
    )
    found: dict[str, dict[str, int]] = {rule: {} for rule in rules}
    for rule, batch, count in lake.engine.rows(query):
        found[str(rule)][str(batch)] = int(count)
    return found


def counts(lake: Lake, table: str, sheets: Sequence[Sheet]) -> dict[str, tuple[int, int]]:
    """Rows checked and broken by each rule, added up over the sheets."""
    found: dict[str, tuple[int, int]] = {}
    for group in alike(sheets):
        verdicts = [v for v in group[0].verdicts if v.counts is None or v.counts[1] is None]
        rows = lake.relation(table, parts=[sheet.name for sheet in group])
        for verdict, pair in zip(verdicts, _added(lake, rows, verdicts), strict=True):
            known = found.get(verdict.rule, (0, 0))
            found[verdict.rule] = (known[0] + pair[0], known[1] + pair[1])
        for verdict in (v for sheet in group for v in sheet.verdicts if v.counts is not None):
            checked, broken = verdict.counts or (0, 0)
            found[verdict.rule] = (checked, found[verdict.rule][1] if broken is None else broken)
    return found


def _added(lake: Lake, rows: exp.Expression, verdicts: Sequence[Verdict]) -> list[tuple[int, int]]:
    """Patterns are few: they are counted first, and their bits looked at afterwards."""
    if not verdicts:
        return []
    names = sorted({bits_name("m", v.broken) for v in verdicts} | {bits_name("k", v.applied) for v in verdicts if v.applied >= 0})
    patterns = exp.select(*(column(n) for n in names), exp.alias_(sql("sum(_count)"), "n")).from_(rows, copy=False)
    picks = []
    for one in verdicts:
        applied = exp.true() if one.applied < 0 else bit_of("k", one.applied)
        for bit in (applied, bit_of("m", one.broken)):
            picks.append(sql("CAST(coalesce(sum(CASE WHEN :bit THEN q.n ELSE 0 END), 0) AS BIGINT)", bit=bit))
    patterns = patterns.group_by(*(column(n) for n in names), copy=False)
    query = exp.select(*picks).from_(patterns.subquery("q", copy=False), copy=False)
    row = [int(n) for n in lake.engine.rows(query)[0]]
    return list(zip(row[::2], row[1::2], strict=True))


def bits_name(kind: str, number: int) -> str:
    """The column that holds a bit."""
    return f"{kind}{number // BITS}"


def bit_of(kind: str, number: int) -> exp.Expression:
    """Whether a bit is set; kind ``m`` of broken rules, ``k`` of rules that apply."""
    return sql("((:bits & :bit) <> 0)", bits=column(bits_name(kind, number)), bit=1 << number % BITS)


def bit_among(number: int, count: int) -> dict[str, int]:
    """The bits of kind ``m`` of a row that breaks one rule of so many, by column."""
    starts = range(0, count, BITS)
    return {bits_name("m", start): 1 << number - start if start <= number < start + BITS else 0 for start in starts}


def bits(kind: str, flags: Sequence[exp.Expression], unless: Sequence[str | None] = ()) -> dict[str, exp.Expression]:
    """The columns that hold flags, which are never NULL.

    Args:
        kind: of bits.
        flags: conditions.
        unless: for each flag a column; where that is true, the flag is false, and not looked at.
    """
    found = {}
    for start in range(0, max(len(flags), 1), BITS):
        groups: dict[str | None, list[exp.Expression]] = {}
        for number, flag in enumerate(flags[start : start + BITS]):
            part = sql("CASE WHEN :flag THEN :bit ELSE 0 END", flag=flag, bit=1 << number)
            groups.setdefault(unless[start + number] if unless else None, []).append(part)
        parts = [_sum(own) if name is None else sql("CASE WHEN :x THEN 0 ELSE :own END", x=column(name), own=_sum(own))
                 for name, own in groups.items()]  # fmt: skip
        found[bits_name(kind, start)] = sql("CAST(:term AS BIGINT)", term=exp.Paren(this=_sum(parts)))
    return found


def _sum(parts: Sequence[exp.Expression]) -> exp.Expression:
    term: exp.Expression = parts[0] if parts else exp.Literal.number(0)
    for part in parts[1:]:
        term = exp.Add(this=term, expression=part)
    return term


def alike(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    """Sheets that say the same of the same rules by the same bits, together."""
    groups: dict[Any, list[Sheet]] = {}
    for sheet in sheets:
        key = tuple((v.rule, v.digest, v.broken, v.applied) for v in sheet.verdicts)
        groups.setdefault(key, []).append(sheet)
    return list(groups.values())


def sheets_of(lake: Lake, table: str) -> tuple[Sheet, ...]:
    """The sheets of a table of broken rows, as its newest version's notes tell them."""
    if not lake.exists(table):
        return ()
    found = lake.notes(table).get("sheets", [])
    return tuple(
        Sheet(
            name=one["name"],
            of=tuple(one["of"]),
            verdicts=tuple(
                Verdict(**{**v, "counts": tuple(v["counts"]) if v["counts"] else None}) for v in one["verdicts"]
            ),
        )
        for one in found
    )


def notes_of(sheets: Sequence[Sheet]) -> Mapping[str, Any]:
    """The notes that tell the sheets."""
    return {"sheets": [asdict(sheet) for sheet in sheets]}


def _nothing() -> exp.Select:
    return sql(
        "SELECT CAST(NULL AS VARCHAR) AS _batch, CAST(NULL AS BIGINT) AS _row, CAST(NULL AS VARCHAR) AS _rule WHERE 1 = 0"
    ).assert_is(exp.Select)


def union(queries: Sequence[exp.Select | exp.Union]) -> exp.Select | exp.Union:
    """Halves of halves: a chain of many would be as deep as it is long."""
    if len(queries) == 1:
        return queries[0]
    half = len(queries) // 2
    return exp.Union(this=union(queries[:half]), expression=union(queries[half:]), distinct=False)
