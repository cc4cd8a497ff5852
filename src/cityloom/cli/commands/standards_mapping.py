"""``cityloom standards suggest|confirm|reject``: which data element a raw column is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.content.binding import Binding
from cityloom.flows import mappings as flow
from cityloom.kernel.i18n import _
from cityloom.model.mapping import CONFIRMED, REJECTED, MappingDecision, Suggestion
from cityloom.standard.suggest.score import PROPOSED
from cityloom.standard.words import word
from cityloom.store.mappings import list_decisions

ResourceArgument = Annotated[str, typer.Argument(help=_("The resource."))]
ColumnArgument = Annotated[str, typer.Argument(help=_("The raw column."))]
ElementArgument = Annotated[str, typer.Argument(help=_("The data element."))]
AsOption = Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = group_of(app, "standards")
    text = _(
        "Suggest the data element of every raw column of a resource, by name, values and earlier decisions.\n\n"
        "What the resource declares is not looked at; it is shown beside.\n\n"
        "Example: `cityloom standards suggest hukou`"
    )
    group.command("suggest", help=text)(_suggest)
    group.command("confirm", help=_("Confirm that a raw column is an element; later suggestions learn from it."))(_confirm)
    group.command("reject", help=_("Say that a raw column is not an element; later suggestions learn from it."))(_reject)


def _suggest(
    resource: ResourceArgument,
    most: Annotated[int, typer.Option("--most", help=_("Suggestions for a column."), min=1, max=20)] = 3,
    as_yaml: Annotated[bool, typer.Option("--yaml", help=_("Print the items of a resource's definition instead."))] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.suggest(at, resource, most=most)
        bound = {item.column: item.element or "" for item in at.city.resource(resource).items}
        with at.store.read() as connection:
            decided = list_decisions(connection, resource)
    if as_json:
        print_json({column: [asdict(one) for one in some] for column, some in found.items()})
    elif as_yaml:
        for line in _items(found, decided):
            typer.echo(line)
    else:
        _print(resource, found, bound, decided)


def _print(
    resource: str, found: dict[str, tuple[Suggestion, ...]], bound: dict[str, str], decided: list[MappingDecision]
) -> None:
    verdicts = {(d.column, d.element): d.verdict for d in decided}
    rows: list[tuple[str, str, float | None, str, str, str]] = []
    for column, some in found.items():
        if not some:
            rows.append((column, "–", None, bound.get(column, ""), "", ""))
        for place, one in enumerate(some):
            verdict = verdicts.get((column, one.element), "")
            mark = word(verdict) if verdict else _("proposed") if place == 0 and one.confidence >= PROPOSED else ""
            head = (column, bound.get(column, "")) if place == 0 else ("", "")
            rows.append((head[0], one.element, one.confidence, head[1], mark, "; ".join(one.reasons)))
    names = [_("column"), _("element"), _("confidence"), _("declared"), _("state"), _("why")]
    print_table(_("Suggestions for {resource}").format(resource=resource), names, rows, numbers=(2,))
    console.print(_("Confirm with `cityloom standards confirm {resource} COLUMN ELEMENT`.").format(resource=resource))


def _items(found: dict[str, tuple[Suggestion, ...]], decided: list[MappingDecision]) -> list[str]:
    """Lines of ``items:`` with what is confirmed or proposed; the others without an element."""
    confirmed = {d.column: d.element for d in decided if d.verdict == CONFIRMED}
    rejected = {(d.column, d.element) for d in decided if d.verdict == REJECTED}
    lines = ["items:"]
    for number, (column, some) in enumerate(found.items(), 1):
        best = some[0] if some and some[0].confidence >= PROPOSED and (column, some[0].element) not in rejected else None
        element = confirmed.get(column) or (best.element if best else "")
        rest = f", element: {element}" if element else ""
        text = column.replace('"', '\\"')
        lines.append(f'  - {{name: {element or f"item_{number}"}, column: "{text}", title: {{zh: "{text}", en: "{text}"}}{rest}}}')
    return lines


def _confirm(
    resource: ResourceArgument,
    column: ColumnArgument,
    element: ElementArgument,
    place: Annotated[Path | None, typer.Option("--in", help=_("Folder or file with the resource's definition: show what changes there."))] = None,
    is_written: Annotated[bool, typer.Option("--write", help=_("Write the change into that file."))] = False,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    if is_written and place is None:
        raise typer.BadParameter(_("name the definitions with --in"), param_hint="--write")
    with opened(workspace) as at:
        done = flow.decide(at, resource, column, element, is_confirmed=True, actor=actor)
        change = flow.binding(at, resource, column, element, place) if place is not None else None
        line = flow.bound_item(at, resource, column, element)
    console.print(_("{column} of {resource} is {element}.").format(column=done.column, resource=done.resource, element=done.element), markup=False)
    if change is None:
        console.print(_("Bind it in the resource's definition, under items (or let --in FOLDER --write do it):"), markup=False)
        typer.echo(f"  {line}")
        return
    _show_change(change, is_written=is_written)
    if is_written:
        change.write()
        console.print(_("{file} is written. Bring it into force with `cityloom apply`.").format(file=change.file), markup=False)


def _show_change(change: Binding, *, is_written: bool) -> None:
    if change.before == change.after:
        console.print(_("{file} binds it already.").format(file=change.file), markup=False)
        return
    typer.echo(f"{change.file}:{change.line}")
    for mark, lines, others in (("-", change.before, change.after), ("+", change.after, change.before)):
        for one in lines:
            if one not in others:
                typer.echo(f"{mark} {one}")
    if not is_written:
        console.print(_("Add --write to write it."))


def _reject(
    resource: ResourceArgument,
    column: ColumnArgument,
    element: ElementArgument,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        done = flow.decide(at, resource, column, element, is_confirmed=False, actor=actor)
    text = _("{column} of {resource} is not {element}.")
    console.print(text.format(column=done.column, resource=done.resource, element=done.element), markup=False)
