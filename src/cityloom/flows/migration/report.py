"""The proof as files: JSON for machines, CSV line by column, one HTML page to keep and to sign."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from cityloom.flows.migration.proof import APART, EQUAL, FAILED, UNEQUAL, TableProof
from cityloom.flows.migration.run import Migration
from cityloom.kernel.i18n import _, current_language

JSON, CSV, HTML = "proof.json", "proof.csv", "proof.html"
_HEAD = (
    *("table", "resource", "state", "column", "source_rows", "lake_rows", "rejected_rows"),
    *("source_filled", "lake_filled", "source_characters", "lake_characters", "source_digest", "lake_digest"),
    *("equal", "reason"),
)
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b2430}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}"
    "th,td{border-bottom:1px solid #d8dee6;padding:.25rem .5rem;text-align:left;overflow-wrap:anywhere}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}td.d{font:12px ui-monospace,monospace}"
    ".no{color:#a3201d;font-weight:600}summary{cursor:pointer;font-weight:600}"
)


def write_report(folder: Path, done: Migration) -> list[Path]:
    """Write the three files, each whole or not at all; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {JSON: json.dumps(as_json(done), ensure_ascii=False, indent=1) + "\n", HTML: "".join(_page(done))}
    for name, text in texts.items():
        _replace(folder / name, text)
    draft = folder / f"{CSV}.draft"
    with draft.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEAD)
        writer.writerows(_lines(done))
    draft.replace(folder / CSV)
    return [folder / name for name in (HTML, JSON, CSV)]


def as_json(done: Migration) -> dict[str, Any]:
    """The proof as one JSON object."""
    sums = {"proven": done.is_proven, "rows": done.rows, "lake_size": done.lake_size}
    tables = []
    for one in done.tables:
        columns = [{**asdict(c), "equal": c.is_equal} for c in one.columns]
        tables.append({**asdict(one), "proven": one.is_proven, "columns": columns})
    return {**asdict(done), **sums, "tables": tables}


def state_title(state: str) -> str:
    """A table's state as people read it."""
    return {
        EQUAL: _("proven equal"),
        APART: _("rows set apart"),
        UNEQUAL: _("not equal"),
        FAILED: _("not moved"),
    }[state]


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _lines(done: Migration) -> Iterator[list[Any]]:
    for one in done.tables:
        rows = [one.source_rows, one.lake_rows, one.rejected_rows]
        if not one.columns:
            yield [one.table, one.resource, one.state, "", *rows, *[""] * 7, one.reason]
        for c in one.columns:
            pairs = [(getattr(c.source, f, ""), getattr(c.lake, f, "")) for f in ("filled", "characters", "digest")]
            figures = [value for pair in pairs for value in pair]
            yield [one.table, one.resource, one.state, c.column, *rows, *figures, int(c.is_equal), one.reason]


def _page(done: Migration) -> Iterator[str]:
    title = _("Proof of the migration {name}").format(name=done.name)
    yield f'<!doctype html><html lang="{current_language()}"><meta charset="utf-8">'
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>"
    yield f"<p>{escape(summary(done))}</p>"
    heads = [_("table"), _("resource"), _("state"), _("rows, source"), _("in the lake"), _("set apart"), _("seconds"), _("reason")]
    yield _row(heads, "th", "<table>")
    for one in done.tables:
        yield _table_line(one)
    yield "</table>"
    for one in done.tables:
        if one.columns:
            yield from _columns(one)
    yield "</html>\n"


def summary(done: Migration) -> str:
    """One sentence: how many tables and rows, of what size, in what time, and whether all is proven."""
    proven = sum(t.is_proven for t in done.tables)
    return _(
        "{proven} of {tables} tables proven equal: {rows} rows, {size} bytes at the source, {lake} bytes in the lake, {seconds} seconds; {at}."
    ).format(
        proven=proven,
        tables=len(done.tables),
        rows=f"{done.rows:,}",
        size=f"{done.size:,}",
        lake=f"{done.lake_size:,}",
        seconds=done.seconds,
        at=done.at[:19],
    )


def _table_line(one: TableProof) -> str:
    kind = "" if one.is_proven else ' class="no"'
    reason = " ".join(part for part in (one.reason, one.hint) if part)
    numbers = [_number(n) for n in (one.source_rows, one.lake_rows, one.rejected_rows, one.seconds)]
    return (
        f"<tr><td>{escape(one.table)}</td><td>{escape(one.resource)}</td><td{kind}>{escape(state_title(one.state))}</td>"
        + "".join(f'<td class="n">{n}</td>' for n in numbers)
        + f"<td>{escape(reason)}</td></tr>"
    )


def _columns(one: TableProof) -> Iterator[str]:
    yield f"<details open><summary>{escape(one.table)} → {escape(one.resource)}</summary><table>"
    heads = [_("column"), _("filled, source"), _("in the lake"), _("characters, source"), _("in the lake")]
    yield _row([*heads, _("digest, source"), _("in the lake"), _("equal")], "th")
    for c in one.columns:
        sides = (c.source, c.lake)
        counts = [getattr(s, f, None) for f in ("filled", "characters") for s in sides]
        digests = [getattr(s, "digest", "") for s in sides]
        yield f"<tr><td>{escape(c.column)}</td>" + "".join(f'<td class="n">{_number(n)}</td>' for n in counts)
        yield "".join(f'<td class="d">{escape(d)}</td>' for d in digests)
        yield f"<td>{'✓' if c.is_equal else '✗'}</td></tr>"
    yield "</table></details>"


def _row(texts: list[str], cell: str, before: str = "") -> str:
    return before + "<tr>" + "".join(f"<{cell}>{escape(t)}</{cell}>" for t in texts) + "</tr>"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,}"
