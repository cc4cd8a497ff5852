"""``cityloom standards export|import|template``: standards as workbooks and JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import (
    JsonOption,
    WorkspaceOption,
    console,
    opened,
    print_json,
    print_table,
    writing,
)
from cityloom.flows import exchange as flow
from cityloom.kernel.i18n import _
from cityloom.model.lifecycle import KINDS
from cityloom.standard.words import word

_MOST_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = group_of(app, "standards")
    group.command("export", help=_("Write the standards in force to a workbook (.xlsx) or a JSON file."))(_export)
    text = _(
        "Take standards in from a workbook (.xlsx) or a JSON file.\n\n"
        "They go into review. Each row that is wrong is told with its place; the others are taken in.\n\n"
        "Example: `cityloom standards import elements.xlsx --dry-run`"
    )
    group.command("import", help=text)(_import)
    group.command("template", help=_("Write an empty workbook to fill in, with a sheet that explains every column."))(_template)


def _export(
    target: Annotated[Path, typer.Argument(help=_("File to write: .xlsx or .json."))],
    names: Annotated[list[str] | None, typer.Argument(help=_("Only these standards."))] = None,
    kinds: Annotated[list[str] | None, typer.Option("--kind", help=_("Only this kind: element, code_table, data_set or term."))] = None,
    is_library: Annotated[bool, typer.Option("--library", help=_("Those of the library instead of those in force."))] = False,
    workspace: WorkspaceOption = None,
) -> None:
    for kind in kinds or ():
        if kind not in KINDS:
            raise typer.BadParameter(", ".join(KINDS))
    with opened(workspace) as at:
        count = flow.export(at, target, kinds=kinds or (), names=names or (), is_library=is_library)
    console.print(_("{count} standards written to {file}.").format(count=count, file=target), markup=False)


def _template(target: Annotated[Path, typer.Argument(help=_("Workbook to write (.xlsx)."))]) -> None:
    flow.template(target)
    console.print(_("The template is in {file}.").format(file=target), markup=False)


def _import(
    file: Annotated[Path, typer.Argument(help=_("Workbook (.xlsx) or JSON file."))],
    only_plan: Annotated[bool, typer.Option("--dry-run", help=_("Say what would change and change nothing."))] = False,
    is_applied: Annotated[bool, typer.Option("--apply", help=_("Bring them into force at once, as a steward, without review."))] = False,
    target: Annotated[Path | None, typer.Option("--to", help=_("Write them to this YAML file instead."))] = None,
    words: Annotated[str, typer.Option("--words", help=_("Why; goes on record."))] = "",
    actor: Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with writing(workspace) as at:
        done = flow.bring_in(at, file, actor=actor, only_plan=only_plan, is_applied=is_applied, target=target, words=words)
    if as_json:
        print_json(asdict(done))
    else:
        _print(done, only_plan=only_plan, is_applied=is_applied, target=target)
    if done.mistakes:
        raise typer.Exit(1)


def _print(done: flow.Imported, *, only_plan: bool, is_applied: bool, target: Path | None) -> None:
    changed = [one for one in done.incoming if one.action != "same"]
    if changed:
        rows = [(word(c.action), word(c.kind), c.name, c.sheet, c.row, _places(c)) for c in changed[:_MOST_SHOWN]]
        print_table(_("Changes"), [_("change"), _("kind"), _("name"), _("sheet"), _("row"), _("differs in")], rows, numbers=(4,))
    if len(changed) > _MOST_SHOWN:
        console.print(_("… and {count} more.").format(count=len(changed) - _MOST_SHOWN))
    if done.mistakes:
        wrong = [(m.sheet, m.row, m.column, m.message, m.hint) for m in done.mistakes[:_MOST_SHOWN]]
        names = [_("sheet"), _("row"), _("column"), _("what is wrong"), _("what to do")]
        print_table(_("Rows that are wrong"), names, wrong, numbers=(1,))
    if len(done.mistakes) > _MOST_SHOWN:
        console.print(_("… and {count} more.").format(count=len(done.mistakes) - _MOST_SHOWN))
    same = len(done.incoming) - len(changed)
    counts = _("{changed} to change, {same} as they are, {wrong} mistakes.")
    console.print(counts.format(changed=len(changed), same=same, wrong=len(done.mistakes)))
    if only_plan:
        console.print(_("Nothing was changed."))
    elif target is not None:
        console.print(_("{count} standards written to {file}.").format(count=done.taken, file=target), markup=False)
    elif is_applied:
        console.print(_("{count} standards are in force now.").format(count=done.taken))
    else:
        console.print(_("{count} standards are in review now.").format(count=done.taken))


def _places(one: flow.Incoming) -> str:
    shown = [d.path for d in one.differences[:4]]
    return ", ".join(shown) + (f" … ({len(one.differences)})" if len(one.differences) > len(shown) else "")
