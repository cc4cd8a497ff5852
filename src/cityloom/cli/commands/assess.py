"""``cityloom assess``: scores of the departments, from evidence."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.flows import chain
from cityloom.flows.runner import Runner
from cityloom.kernel.i18n import _
from cityloom.model.score import DepartmentScore
from cityloom.store.scores import read_scores


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("Assessment: departments scored from the platform's own records."))
    app.add_typer(group, name="assess")
    group.command("run", help=_("Score all departments now; earlier scores stay."))(_run)
    group.command("show", help=_("Show the newest scores with the evidence of each indicator."))(_show)


def _run(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        chain.score(at, Runner(at))
    _show(workspace, as_json)


def _show(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    found: list[DepartmentScore] = []
    with opened(workspace) as at, at.store.read() as connection:
        for index in at.city.indexes:
            found += read_scores(connection, index)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (one.rank, one.department, one.points, i.indicator, i.score, f"{i.evidence.part:g} / {i.evidence.whole:g}")
        for one in found
        for i in one.indicators
        if i.score is not None
    ]
    names = [_("rank"), _("department"), _("points"), _("indicator"), _("score"), _("evidence")]
    print_table(_("Scores"), names, rows, numbers=(0, 2, 4, 5))
