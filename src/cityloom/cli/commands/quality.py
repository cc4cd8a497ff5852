"""``cityloom quality``: how good the data are, before and after standardising."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.cli.stages import run_stage
from cityloom.cli.summary import dimension_title
from cityloom.flows import broken_rows, chain
from cityloom.flows.quality_views import with_records
from cityloom.kernel.i18n import _
from cityloom.model.quality import PHASES, Assessment
from cityloom.quality.report.words import light, points, severity
from cityloom.quality.score import rounded
from cityloom.store.quality import latest_assessments

AsOption = Annotated[str, typer.Option("--as", help=_("Account that looks; goes on record."))]
PhaseOption = Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("Quality in the six dimensions of GB/T 36344, rule by rule."))
    app.add_typer(group, name="quality")
    group.command("assess", help=_("Assess with all rules in one scan a table; only what has changed."))(_assess)
    group.command("broken", help=_("Show the rows that break rules, with values for whoever may see them, or write them to a file."))(_broken)
    group.command("show", help=_("Show the scores; with a resource, its rules and how many rows broke them."))(_show)


def _assess(
    names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
    phase: PhaseOption = "before",
    force: Annotated[bool, typer.Option("--force", "--full", help=_("Scan all rows anew, not only what has changed."))] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    name, stage = {
        "before": ("assess_raw", chain.assess_raw),
        "after": ("assess_standard", chain.assess_standard),
    }[_known(phase)]
    run_stage(name, stage, names or [], workspace, as_json=as_json, is_forced=force)


def _broken(
    resource: Annotated[str, typer.Argument(help=_("Whose rows."))],
    rule: Annotated[list[str] | None, typer.Option("--rule", help=_("Only this rule, by its name; may be repeated."))] = None,
    phase: PhaseOption = "before",
    target: Annotated[Path | None, typer.Option("--to", help=_("File to write all of them to: .csv or .xlsx."))] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("Rows of each rule that are shown."))] = 10,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    asked = broken_rows.Asked(resource=resource, phase=_known(phase), rules=tuple(rule or ()), limit=0 if target else limit)
    with opened(workspace) as at:
        if target is not None:
            count = broken_rows.write_file(at, asked, target, actor=actor)
            console.print(_("{count} rows written to {file}.").format(count=count, file=target))
            return
        found = list(broken_rows.lines(at, asked, actor=actor))
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (one.rule, one.batch, one.row, " ".join(v or "" for v in one.key.values()), " | ".join(v or "" for v in one.values.values()), one.reason)
        for one in found
    ]
    names = [_("rule"), _("batch"), _("row"), _("key"), _("value"), _("reason")]
    print_table(f"{resource} · {phase}", names, rows, numbers=(2,))


def _show(
    resource: Annotated[str | None, typer.Argument(help=_("Rules of this resource."))] = None,
    phase: Annotated[str, typer.Option("--phase", help=_("before or after; the last one that was assessed."))] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        if resource is not None:
            at.city.resource(resource)
        found: list[Assessment] = []
        for name in (_known(phase),) if phase else reversed(PHASES):
            found = found or [a for a in latest_assessments(connection, name) if resource in (None, a.resource)]
        found = with_records(at, found)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        console.print(_("Nothing has been assessed yet: `cityloom quality assess`."))
    elif resource is None:
        _show_scores(found)
    else:
        for one in found:
            _show_rules(one)


def _show_scores(found: Sequence[Assessment]) -> None:
    colours = {"green": "●", "yellow": "◐", "red": "○"}
    rows = [
        (one.resource, one.rows, dimension_title(s.dimension), points(s.score), f"{colours.get(s.light, '')} {light(s.light)}")
        for one in found
        for s in one.scores
    ]
    names = [_("resource"), _("rows"), _("dimension"), _("score"), _("light")]
    print_table(_("Quality"), names, rows, numbers=(1, 3))


def _show_rules(one: Assessment) -> None:
    rows = [
        (r.rule, dimension_title(r.dimension), severity(r.severity), r.checked, r.broken, points(rounded(r.score)))
        for r in sorted(one.results, key=lambda r: r.score)
    ]
    names = [_("rule"), _("dimension"), _("severity"), _("checked"), _("broken"), _("score")]
    print_table(f"{one.resource} · {one.phase} · {one.at[:19]}", names, rows, numbers=(3, 4, 5))


def _known(phase: str) -> str:
    if phase not in PHASES:
        raise typer.BadParameter(", ".join(PHASES))
    return phase
