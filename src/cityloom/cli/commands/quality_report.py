"""``cityloom quality report|cause``: what departments are told, and where problems come from."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.files import save
from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import quality_reports as flow
from cityloom.flows.orders import principal
from cityloom.flows.values import causes_for
from cityloom.kernel.i18n import _
from cityloom.model.cause import Cause, Origin, RootCause
from cityloom.model.quality import PHASES
from cityloom.quality.report import words

PhaseOption = Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "quality")
    text = _(
        "Write the quality report of a department and a period: a page, a PDF or a workbook.\n\n"
        "Example: `cityloom quality report ga --period 2026-11 --out ga.pdf`"
    )
    group.command("report", help=text)(_report)
    group.command("cause", help=_("Show where broken rows come from, and what they share."))(_cause)


def _report(
    department: Annotated[str, typer.Argument(help=_("The department; the whole city when none is named."))] = "",
    period: Annotated[str, typer.Option("--period", help=_("2026-11, 2026-Q4 or 2026; this month when not given."))] = "",
    form: Annotated[str, typer.Option("--format", help=_("html, pdf or xlsx; by the file's name when not given."))] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help=_("The file; a name by department and period when not given."))] = None,
    phase: PhaseOption = "before",
    account: Annotated[str, typer.Option("--as", help=_("The account that reads it; whoever has the machine when not given."))] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    _check(phase)
    with opened(workspace) as at:
        reader = principal(at, account) if account else None
        if reader is not None:
            flow.check_reader(reader, department)
        chosen = "json" if as_json else flow.form_of(out, form)
        made = flow.make(at, flow.Asked(department=department, period=period, phase=phase), reader=reader, form=chosen)
        if as_json:
            print_json(asdict(made))
            return
        content = flow.encode(at, made, chosen)
    target = out or Path(flow.file_name(made, chosen))
    save(target, content)
    score = words.points(made.total.score) if made.total else "—"
    console.print(_("{title}, {period}: {score} points. Written to {file}.").format(title=made.title, period=made.period.name, score=score, file=target), soft_wrap=True)


def _cause(
    resource: Annotated[str, typer.Argument(help=_("The resource."))],
    rule: Annotated[str, typer.Argument(help=_("The rule by its name; those that cost the score most when none is named."))] = "",
    phase: PhaseOption = "before",
    account: Annotated[str, typer.Option("--as", help=_("Account that looks; values only for one that may see the rows, on record."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    _check(phase)
    with opened(workspace) as at:
        found = causes_for(at, resource, rule, phase=phase, actor=account)
        titles = {i.name: str(i.title) for i in at.city.resource(resource).items}
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print(_("No rule is broken."))
    for one in found:
        _show(one, titles)


def _show(one: RootCause, titles: dict[str, str]) -> None:
    console.print(f"[bold]{one.resource} · {one.rule}[/]")
    _show_origin(one.origin, titles)
    if not one.causes and one.origin.rows and max(one.origin.came, one.origin.left or 0) >= 0.9 * one.origin.rows:
        console.print(_("Nearly every row is broken: the source writes it in another form."))
        return
    if not one.causes:
        console.print(_("No sub-population stands out among {count} tried: the broken rows are spread.").format(count=f"{one.tried:,}"))
        return
    names = [_("they share"), _("rows"), _("broken"), _("of all broken"), _("rate"), _("elsewhere"), _("lift")]
    print_table(_("What they share"), names, [_line(c, titles) for c in one.causes], numbers=range(1, 7))
    for cause in one.causes:
        for other in cause.also:
            console.print(_("The same rows: {condition}").format(condition=words.conditions(other, titles)), markup=False)


def _line(one: Cause, titles: dict[str, str]) -> tuple[object, ...]:
    shares = (words.share(one.coverage), words.share(one.rate), words.share(one.rate_elsewhere, 2))
    return words.cause(one, titles), one.rows, one.broken, *shares, f"{one.lift:.1f}×"


def _show_origin(one: Origin, titles: dict[str, str]) -> None:
    console.print(_("First appears {place}.").format(place=words.first(one.first)))
    console.print(_("Source {source} ({connector}): {came} rows broken as they came.").format(source=one.source, connector=one.connector, came=f"{one.came:,}"))
    if one.left is not None:
        line = _("Standardising mended {mended} of them and broke {made} others; {left} are broken after it.")
        console.print(line.format(mended=f"{one.mended or 0:,}", made=f"{one.made or 0:,}", left=f"{one.left:,}"))
    if one.aside:
        line = _("{count} of them are not current: another row of the same key took their place, or they were set apart.")
        console.print(line.format(count=f"{one.aside:,}"))
    for step in one.steps:
        line = _("Step {step} of {item}: {broken} of the rows that it changed were in order before and are broken after.")
        console.print(line.format(step=step.step, item=titles.get(step.item, step.item), broken=f"{step.broken:,}"))
    for name, count in one.reached:
        console.print(_("{count} fused values of {name} were taken from broken rows.").format(count=f"{count:,}", name=name))
    if one.begins:
        console.print(_("It begins with the batch {batch}.").format(batch=one.begins))
    lines = [(b.batch, b.origin, b.at[:16].replace("T", " "), b.rows, b.broken, words.share(b.rate)) for b in one.batches if b.broken]
    names = [_("batch"), _("origin"), _("time (UTC)"), _("rows"), _("broken"), _("rate")]
    if len(one.batches) > 1:
        print_table(_("By batch"), names, lines[:10], numbers=(3, 4, 5))


def _check(phase: str) -> None:
    if phase not in PHASES:
        raise typer.BadParameter(", ".join(PHASES))
