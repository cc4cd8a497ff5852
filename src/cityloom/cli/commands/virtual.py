"""``cityloom virtual``: tables that stay at their source, asked live within a budget."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.collect.virtual import OPERATORS, Condition
from cityloom.flows.virtual import look
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _

_CONDITION = re.compile(r"\s*([^\s=!<>]+)\s*(=|!=|<=|>=|<|>|\s(?:in|starts|missing|filled)(?=\s|$))\s*(.*)", re.DOTALL)


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Tables that stay at their source: asked live, within a budget that protects it. Looking goes on record."),
    )
    app.add_typer(group, name="virtual")
    text = _(
        "Ask a resource's source live.\n\n"
        "Columns, conditions and limit are worked out by the source. What would cost it more than the task's budget "
        "allows is refused or cut off.\n\n"
        "Example: `cityloom virtual query birth --where 'birth_date >= 2025-01-01' --where 'sex_code in 1,2' --items id_number`"
    )
    group.command("query", help=text)(_query)


def _query(
    resource: Annotated[str, typer.Argument(help=_("The resource."))],
    where: Annotated[
        list[str] | None, typer.Option(help=_("A condition on an item: = != < <= > >= in starts missing filled; all must hold."))
    ] = None,
    items: Annotated[str, typer.Option(help=_("Items to give, parted by commas; all when none is named."))] = "",
    limit: Annotated[int, typer.Option(min=1, help=_("At most so many rows."))] = 100,
    actor: Annotated[str, typer.Option("--as", help=_("Account that looks; goes on record."))] = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    conditions = [parse(text) for text in where or []]
    names = [name.strip() for name in items.split(",") if name.strip()]
    with opened(workspace) as at:
        found = look(at, resource, items=names, conditions=conditions, limit=limit, actor=actor)
    if as_json:
        rows = [dict(zip(found.items, row, strict=True)) for row in found.rows]
        print_json({"rows": rows, "is_cut": found.is_cut, "scanned": found.estimate.scanned, "plan": found.estimate.plan})
        return
    print_table(resource, found.items, found.rows)
    text = _("{rows} rows; the source expected to look at {scanned}.").format(
        rows=len(found.rows), scanned=found.estimate.scanned
    )
    console.print(text + (" " + _("There are more than the limit.") if found.is_cut else ""))


def parse(text: str) -> Condition:
    """A condition as a person writes it: ``birth_date >= 2025-01-01``, ``sex_code in 1,2``, ``phone missing``.

    Raises:
        UserError: ``cli.condition.wrong``.
    """
    found = _CONDITION.fullmatch(text)
    if not found:
        raise UserError(
            "cli.condition.wrong",
            "The condition cannot be understood.",
            hint="Write an item, an operator and a value: birth_date >= 2025-01-01. Operators: {operators}.",
            operators=", ".join(OPERATORS),
        )
    item, operator, rest = found[1], found[2].strip(), found[3].strip()
    if operator == "in":
        return Condition(item, operator, tuple(part.strip() for part in rest.split(",")))
    return Condition(item, operator, () if operator in ("missing", "filled") else (rest,))
