"""``cityloom orders``: work orders for problem data, and errors that users of data report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows import broken_rows
from cityloom.flows import orders as flow
from cityloom.kernel.i18n import _
from cityloom.model.order import Order
from cityloom.quality.orders import figures, load
from cityloom.quality.report import words
from cityloom.quality.report.period import local_minute
from cityloom.store.orders import list_order_moves, list_orders

AsOption = Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))]
OrderArgument = Annotated[str, typer.Argument(help=_("The order's id, see `cityloom orders list`."))]
_LEAST_GAIN = 0.01
"""Points; smaller ones are not told apart."""
_VERBS = {
    "accept": _("Take an order on, as a person of the department."),
    "fix": _("Say that the data are put right; the next batch is checked for it."),
    "dispute": _("Say why the order is not right."),
    "insist": _("Stand by an order that is disputed, as a steward."),
    "withdraw": _("Take an order back, as a steward."),
    "verify": _("Say that a fix is right, as a steward."),
    "return": _("Send a fix back that does not hold."),
    "close": _("Close an order whose fix is verified."),
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Work orders: broken rows become a task with a deadline; the next batch tells whether it is done."),
    )
    app.add_typer(group, name="orders")
    group.command("send", help=_("Send orders for what the newest assessments found broken."))(_send)
    group.command("check", help=_("Check open orders against the newest assessments and the calendar."))(_check)
    group.command("report", help=_("Report an error in data to the department that answers for it."))(_report)
    group.command("list", help=_("List orders, those that are due first."))(_list)
    group.command("show", help=_("Show an order, its moves, and where the broken rows stand."))(_show)
    group.command("rows", help=_("Write an order's rows to a file, with values for whoever may see them."))(_rows)
    group.command("figures", help=_("Statistics by department: open, overdue, in time, mean days."))(_figures)
    for verb, text in _VERBS.items():
        _add(group, verb, text)


def _add(group: typer.Typer, verb: str, text: str) -> None:
    @group.command(verb, help=text)
    def act(
        order: OrderArgument,
        why: Annotated[str, typer.Option("--words", help=_("Why, or what was done. No value of a person."))] = "",
        actor: AsOption = "dsj.steward",
        workspace: WorkspaceOption = None,
    ) -> None:
        with opened(workspace) as at:
            moved = flow.move(at, order, verb, why, actor=actor)
        console.print(_("{order} is {state} now.").format(order=moved.id, state=words.state(moved.state)))


def _send(
    names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.send(at, names or [], actor=actor)
    _print(found, as_json, _("Orders sent or brought up to date"))


def _check(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        found = flow.check(at)
    _print(found, as_json, _("Orders that changed"))


def _report(
    resource: Annotated[str, typer.Argument(help=_("The resource whose value is wrong."))],
    wrong: Annotated[str, typer.Option("--words", help=_("What is wrong. No value of a person."))],
    item: Annotated[str, typer.Option("--item", help=_("The item that is wrong."))] = "",
    basis: Annotated[str, typer.Option("--basis", help=_("How you know: a document, a visit."))] = "",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.report(at, resource, item=item, words=wrong, basis=basis, actor=actor)
    _print([found], as_json, _("Reported"))


def _list(
    department: Annotated[str | None, typer.Option(help=_("Only this department's."))] = None,
    state: Annotated[list[str] | None, typer.Option(help=_("Only in these states."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = list_orders(connection, department=department, states=flow.known_states(state or ()))
    _print(found, as_json, _("Work orders"))


def _show(order: OrderArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        with at.store.read() as connection:
            found = load(connection, order)
            moves = list_order_moves(connection, order)
        rows = flow.positions(at, found, 20) if found.kind == "quality" else []
        gain = flow.effect(at, found)
    if as_json:
        print_json({"order": asdict(found), "moves": [asdict(m) for m in moves], "rows": rows, "effect": asdict(gain) if gain else None})
        return
    _print([found], False, _("Work order"))
    if gain is not None and found.broken:
        text = _("The table scores {score} points; to fix this brings {gain}.")
        more = 100 * (gain.fixed - gain.score)
        console.print(text.format(score=words.points(gain.score), gain=f"+{more:.2f}" if more >= _LEAST_GAIN else f"< {_LEAST_GAIN}"))
    shown = [(local_minute(m.at), words.move(m.verb), words.state(m.target), words.mover(m.actor), words.said(m.words)) for m in moves]
    print_table(_("Moves"), [_("at"), _("move"), _("state"), _("by"), _("words")], shown)
    if rows:
        print_table(_("Broken rows (positions)"), [_("batch"), _("row")], rows, numbers=(1,))


def _rows(
    order: OrderArgument,
    target: Annotated[Path, typer.Option("--to", help=_("File to write: .csv or .xlsx."))],
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        with at.store.read() as connection:
            found = load(connection, order)
        count = broken_rows.write_file(at, broken_rows.asked_of(found), target, actor=actor)
    console.print(_("{count} rows written to {file}.").format(count=count, file=target))


def _figures(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = figures(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (f.department or _("all"), f.all, f.open, f.overdue, f.disputed, f.closed, f.returned, f.on_time_rate, f.mean_days, f.rows)
        for f in found
    ]
    names = [
        *(_("department"), _("orders"), _("under way"), _("overdue"), _("disputed"), _("closed"), _("returned")),
        *(_("in time"), _("mean days"), _("rows open")),
    ]
    print_table(_("Statistics of work orders"), names, rows, numbers=range(1, 10))


def _print(found: list[Order], as_json: bool, title: str) -> None:
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (o.id, o.department, o.resource, o.cause, words.severity(o.severity), o.broken or None, words.state(o.state), o.deadline[:10])
        for o in found
    ]
    names = [_("order"), _("department"), _("resource"), _("cause"), _("severity"), _("rows"), _("state"), _("due")]
    print_table(title, names, rows, numbers=(5,))
