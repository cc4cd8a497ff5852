"""Assesses what is not known yet: of a table that only grew the new parts, of a rule that changed the whole table.

A part of a lake table never changes, so what was found of a rule in it stays true as long as the rule means the same
(rules that go by the day mean something else tomorrow). What is missing is scanned, and the counts are added up over
all sheets: the answer is that of a full assessment. Rules on the table as a whole are asked again whenever the table,
or another one that they look at, has another version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from cityloom.engines.base import Query, sql
from cityloom.engines.terms import column
from cityloom.kernel.ids import new_id
from cityloom.lake.tables import Lake
from cityloom.quality.broken import Sheet, alike, assessed_table, broken_table, counts, notes_of, sheets_of
from cityloom.quality.plan import RulePlan
from cityloom.quality.scan import Scan, View, is_followed

FOLD = 8
"""So many sheets that tell of the same rules are laid together."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """Counts of all rules, and what had to be scanned for them: ``parts`` of the table by how many rules."""

    rows: int
    counts: Mapping[str, tuple[int, int]]
    scanned: Mapping[str, int]


def examine(view: View, plans: Sequence[RulePlan], lake: Lake, *, is_full: bool = False) -> Examined:
    """Bring the table of broken rows up to date and count from it.

    Args:
        view: of the whole table, of a version.
        plans: all rules of the resource.
        lake: where the tables are.
        is_full: scan everything, whatever is known.
    """
    table = broken_table(view.resource, view.phase)
    lake.sweep(table)
    stood = sheets_of(lake, table)
    pieces = _pieces(view, lake)
    kept = () if is_full else _still_true(stood, pieces, {one.name: view.digest(one) for one in plans})
    wanted = _wanted(kept, pieces, [one for one in plans if not one.is_for_table])
    scans = [(parts, (view if parts == pieces else view.part(parts)).scan(rules)) for parts, rules in wanted]
    told = {verdict.rule for sheet in kept for verdict in sheet.verdicts}
    asked = [one for one in plans if one.is_for_table and one.name not in told]
    if asked:
        scans.append(((), view.scan_table(asked)))
    sheets = _write(lake, table, kept, scans, is_changed=kept != stood)
    known = counts(lake, table, sheets)
    scanned = {"parts": len({p for parts, _ in wanted for p in parts}), "rules": sum(len(s.verdicts) for _, s in scans)}
    return Examined(rows=view.rows(), counts={one.name: known.get(one.name, (0, 0)) for one in plans}, scanned=scanned)


def _pieces(view: View, lake: Lake) -> tuple[str, ...]:
    """What may be assessed by itself: the parts of the table; the whole version where rows supersede each other."""
    if is_followed(view.resource, view.phase):
        return (f"@{view.version}",)
    return tuple(lake.parts(assessed_table(view.resource, view.phase), view.version))


def _still_true(stood: Sequence[Sheet], pieces: Sequence[str], digests: Mapping[str, str]) -> tuple[Sheet, ...]:
    """The sheets whose parts are all there, with the rules that mean the same."""
    found = []
    for sheet in stood:
        verdicts = tuple(v for v in sheet.verdicts if digests.get(v.rule) == v.digest)
        if verdicts and set(sheet.of) <= set(pieces):
            found.append(replace(sheet, verdicts=verdicts))
    return tuple(found)


def _wanted(
    kept: Sequence[Sheet], pieces: Sequence[str], plans: Sequence[RulePlan]
) -> list[tuple[tuple[str, ...], list[RulePlan]]]:
    """Parts, together with the rules that nothing is known of in them."""
    known: dict[str, set[str]] = {piece: set() for piece in pieces}
    for sheet in kept:
        for piece in sheet.of:
            known[piece] |= {v.rule for v in sheet.verdicts}
    groups: dict[tuple[str, ...], list[str]] = {}
    for piece in pieces:
        missing = tuple(one.name for one in plans if one.name not in known[piece])
        if missing:
            groups.setdefault(missing, []).append(piece)
    return [(tuple(parts), [one for one in plans if one.name in rules]) for rules, parts in groups.items()]


def _write(
    lake: Lake, table: str, kept: Sequence[Sheet], scans: Sequence[tuple[tuple[str, ...], Scan]], *, is_changed: bool
) -> tuple[Sheet, ...]:
    """The new sheets, and older ones of the same rules laid together with them, in one commit."""
    sheets, queries = list(kept), dict[str, Query]()
    for parts, scan in scans:
        new = Sheet(name=new_id("k"), of=parts, verdicts=scan.verdicts)
        query: Query = scan.query
        same = next((group[:-1] for group in alike([*sheets, new]) if group[-1] is new), []) if parts else []
        if len(same) >= FOLD:
            older = lake.relation(table, parts=[sheet.name for sheet in same])
            picks = [column(name) for name in scan.query.named_selects]
            query = exp.Union(this=scan.query, expression=exp.select(*picks).from_(older), distinct=False)
            new = replace(new, of=tuple(p for sheet in (*same, new) for p in sheet.of))
            sheets = [sheet for sheet in sheets if sheet not in same]
        sheets.append(new)
        queries[new.name] = query
    if not queries and not is_changed and lake.exists(table):
        return tuple(sheets)
    if not queries:
        queries[new_id("k")] = _nothing()
    gone = set(lake.parts(table)) - {sheet.name for sheet in sheets}
    lake.revise(table, queries, replaces=sorted(gone), notes=notes_of(sheets))
    return tuple(sheets)


def _nothing() -> exp.Expression:
    return sql(
        "SELECT CAST(NULL AS VARCHAR) AS _batch, CAST(NULL AS BIGINT) AS _row,"
        " CAST(0 AS BIGINT) AS m0, CAST(0 AS BIGINT) AS k0, CAST(0 AS BIGINT) AS _count WHERE 1 = 0"
    )
