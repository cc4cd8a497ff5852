"""The step: standard rows of all departments to the golden records of one object type."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.fuse import golden
from cityloom.fuse.contribute import Judged, Plan, alias, plan, pointer_of, statements
from cityloom.fuse.match import match
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import DataError
from cityloom.kernel.log import get_log
from cityloom.lake.tables import Lake
from cityloom.model.batch import Finding
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.store.database import Store
from cityloom.store.findings import put_findings
from cityloom.store.judgements import list_judgements

ROWS_A_PART = 100_000
PARTS_A_SCAN = 4
"""How many parts are taken out of all statements in one scan."""
Progress = Callable[[int, int], None]
"""Told how many of how many portions of the work are done."""


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One run's parts: plan, lake, folder of intermediate files."""

    plan: Plan
    lake: Lake
    folder: Path

    def files(self, *paths: Path) -> exp.Expression:
        return self.lake.engine.files(paths)


def prefix_of(object_type: ObjectType) -> str:
    """What ids of an object type begin with: its first letter."""
    return object_type.name[0]


def run(
    object_type: ObjectType,
    *,
    resources: Mapping[str, Resource],
    lake: Lake,
    store: Store,
    clock: Clock,
    progress: Progress | None = None,
    rows_a_part: int = ROWS_A_PART,
) -> StageResult:
    """Fuse one object type anew from the standard layer.

    Writes ``base_<name>`` (golden records), ``base_<name>__conflict``, ``base_<name>__link`` (judgements apart
    from valid keys) and ``base_<name>__unresolved``, and findings of the kind ``fusion``. Memory does not grow
    with the data: objects are fused in parts of about ``rows_a_part`` statements.

    Returns:
        Statements read, statements of known objects (written), and statements unresolved (rejected).

    Raises:
        DataError: ``fuse.input.missing`` when no resource has been standardised yet.
        ConfigError: a contribution or a rule that cannot be.
    """
    began = clock.tick()
    made = plan(object_type, resources, lake)
    if not made.roles:
        raise DataError(
            "fuse.input.missing",
            "No resource that contributes to {object_type} is in the standard layer yet.",
            hint="Collect and standardise at least one of: {resources}.",
            object_type=object_type.name,
            resources=", ".join(made.missing),
        )
    tables = {r.resource.std_table for r in made.roles}
    rows = sum(lake.count(t) for t in tables)
    work = _Work(plan=replace(made, parts=max(1, -(-rows // rows_a_part))), lake=lake, folder=lake.root / ".fuse" / object_type.name)
    shutil.rmtree(work.folder, ignore_errors=True)
    try:
        with store.read() as connection:
            judged = _judged(work.plan, list_judgements(connection, object_type.name))
        result = _fuse(work, judged, progress or (lambda done, total: None))
    finally:
        shutil.rmtree(work.folder, ignore_errors=True)
    with store.write() as connection:
        put_findings(connection, "fusion", object_type.name, _findings(work.plan, result.summary))
    get_log("fuse").info("fuse.object_type.fused", object_type=object_type.name, rows=result.read, seconds=clock.tick() - began)
    return result


def _fuse(work: _Work, judged: Sequence[Judged], tell: Progress) -> StageResult:
    engine, total = work.lake.engine, 3 + work.plan.parts
    query = statements(work.plan, work.lake, judged)
    staged = engine.write_parquet(query, work.folder / "staged.parquet")
    tell(1, total)
    resolved, unresolved = match(work.plan, staged.path, work.folder, engine, judged)
    tell(2, total)
    parts = []
    for number, chunk in _chunks(work, staged.path):
        rows = golden.part(work.plan, number, work.files(chunk), work.files(resolved))
        parts.append(engine.write_parquet(rows, work.folder / f"part_{number}.parquet").path)
        tell(3 + number, total)
    _write(work, parts, staged.path, resolved, unresolved)
    summary = _summary(work, staged.path, resolved, unresolved)
    tell(total, total)
    lost = summary["unresolved"]
    return StageResult(read=staged.rows, written=staged.rows - lost, rejected=lost, summary=summary)


def _chunks(work: _Work, staged: Path) -> Iterator[tuple[int, Path]]:
    """Each part's number with a file that holds its statements and those of a few others.

    One scan takes a few parts out of all statements: sorting them by part instead would take memory that
    grows with them.
    """
    for first in range(0, work.plan.parts, PARTS_A_SCAN):
        beyond = min(first + PARTS_A_SCAN, work.plan.parts)
        text = "SELECT * FROM :staged WHERE bucket >= :first AND bucket < :beyond"
        few = sql(text, staged=work.files(staged), first=first, beyond=beyond)
        chunk = work.lake.engine.write_parquet(few, work.folder / f"chunk_{first}.parquet").path
        for number in range(first, beyond):
            yield number, chunk
        chunk.unlink()


def _write(work: _Work, parts: Sequence[Path], staged: Path, resolved: Path, unresolved: Path) -> None:
    made, table, prefix = work.plan, work.plan.object_type.golden_table, prefix_of(work.plan.object_type)
    events = work.lake.engine.write_parquet(golden.events(made, work.files(*parts)), work.folder / "events.parquet").path
    queries = [golden.final(made, prefix, work.files(p), work.files(events)) for p in parts]
    work.lake.replace(table, queries)
    work.lake.replace(f"{table}__conflict", [golden.conflicts(made, prefix, work.files(*parts))])
    work.lake.replace(f"{table}__link", [_links(work, staged, resolved)])
    work.lake.replace(f"{table}__unresolved", [_places(made, exp.select("*").from_(work.files(unresolved)), ["reason"])])


def _links(work: _Work, staged: Path, resolved: Path) -> exp.Expression:
    picks = "pointer, role, key"
    both = sql(
        f"SELECT {picks}, kind FROM :resolved UNION ALL SELECT {picks}, 'person' AS kind FROM :staged WHERE is_judged AND bucket >= 0",
        resolved=work.files(resolved),
        staged=work.files(staged),
    )
    identified = exp.select("*", alias(golden.object_id(work.plan, prefix_of(work.plan.object_type), exp.column("key")), "id"))
    return _places(work.plan, identified.from_(exp.Subquery(this=both, alias="b")), ["id", "key", "kind"])


def _places(made: Plan, rows: exp.Expression, more: Sequence[str]) -> exp.Expression:
    """Rows with ``pointer, role`` as ``department, resource, batch, row, item`` and further columns."""
    def listed(field: str) -> exp.Expression:
        texts = exp.Array(expressions=[exp.convert(getattr(s, field)) for s in made.sources])
        return alias(sql("list_extract(:l, (pointer >> 40) + 1)", l=texts), field)

    items = exp.Array(expressions=[exp.convert(r.key) for r in made.roles])
    picks = [listed("department"), listed("resource"), listed("batch"), alias(sql("pointer & 1099511627775"), "row")]
    picks.append(alias(sql("list_extract(:l, role + 1)", l=items), "item"))
    query = exp.select(*picks, *[column(n) for n in more]).from_(exp.Subquery(this=rows, alias="p"))
    return query.order_by("pointer", "role")


def _judged(made: Plan, found: Sequence[Any]) -> list[Judged]:
    numbers = {(s.department, s.resource, s.batch): n for n, s in enumerate(made.sources)}
    roles = {(r.resource.department, r.resource.name, r.key): r.number for r in made.roles}
    return [
        Judged(pointer=pointer_of(numbers[place], j.row), role=roles[item], key=j.key, is_same=j.is_same)
        for j in found
        if (place := (j.department, j.resource, j.batch)) in numbers
        and (item := (j.department, j.resource, j.item)) in roles
    ]


def _summary(work: _Work, staged: Path, resolved: Path, unresolved: Path) -> dict[str, Any]:
    engine, made, lake = work.lake.engine, work.plan, work.lake
    table = made.object_type.golden_table
    counts = dict(engine.rows(sql("SELECT kind, count(*) FROM :r GROUP BY 1 ORDER BY 1", r=work.files(resolved))))
    keyed = sql("SELECT count(*) FILTER (NOT is_judged), count(*) FILTER (is_judged) FROM :s WHERE bucket >= 0", s=work.files(staged))
    valid, judged = engine.rows(keyed)[0]
    reasons = engine.rows(sql("SELECT reason, count(*) FROM :u GROUP BY 1 ORDER BY 1", u=work.files(unresolved)))
    pairs = engine.rows(
        sql("SELECT attribute, winner, other, count(*) FROM :c GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", c=lake.relation(f"{table}__conflict"))
    )
    filled = [sql("count(:c)", c=column(a.name)) for a in made.object_type.attributes]
    objects, *full = engine.rows(exp.select(exp.Count(this=exp.Star()), *filled).from_(lake.relation(table)))[0]
    names = [a.name for a in made.object_type.attributes]
    return {
        "objects": objects,
        "parts": made.parts,
        "missing_resources": list(made.missing),
        "judgements": {"valid_key": valid, "person": judged, **counts},
        "unresolved": sum(count for _, count in reasons),
        "unresolved_reasons": dict(reasons),
        "conflicts": [{"attribute": a, "winner": w, "other": o, "count": n} for a, w, o, n in pairs],
        "shared_keys": _shared_keys(work),
        "completeness": {n: round(f / objects, 6) if objects else 0.0 for n, f in zip(names, full, strict=True)},
    }


def _shared_keys(work: _Work) -> int:
    """Objects whose key two departments give to different people: two identity attributes differ at once."""
    identity = [n for one in work.plan.object_type.match[:1] for n in one]
    if len(identity) < 2:
        return 0
    query = sql(
        """SELECT count(DISTINCT id) FROM (SELECT c.id FROM :t AS c WHERE :identity
            GROUP BY c.id, c.other HAVING count(*) >= 2)""",
        t=work.lake.relation(f"{work.plan.object_type.golden_table}__conflict"),
        identity=exp.In(this=sql("c.attribute"), expressions=[exp.convert(n) for n in identity]),
    )
    return int(work.lake.engine.rows(query)[0][0])


def _findings(made: Plan, summary: Mapping[str, Any]) -> list[Finding]:
    name = made.object_type.name
    found = [
        Finding(
            kind="fusion",
            subject=name,
            code="fuse.conflict",
            text="A department says something else than the chosen value.",
            count=c["count"],
            details={k: c[k] for k in ("attribute", "winner", "other")},
        )
        for c in summary["conflicts"]
    ]
    if summary["shared_keys"]:
        text = "A key stands for different objects in different departments."
        found.append(Finding(kind="fusion", subject=name, code="fuse.key.shared", text=text, count=summary["shared_keys"]))
    for reason, count in summary["unresolved_reasons"].items():
        text = "Rows could not be given to any object."
        found.append(
            Finding(kind="fusion", subject=name, code="fuse.row.unresolved", text=text, count=count, details={"reason": reason})
        )
    return found
