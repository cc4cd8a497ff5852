"""``cityloom sources``: the departments' systems, what they can, and how they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from cityloom.cli import words
from cityloom.cli.session import JsonOption, WorkspaceOption, opened, print_json, print_table
from cityloom.flows import health
from cityloom.flows.health import SourceView
from cityloom.flows.surroundings import example_interface
from cityloom.kernel.errors import SourceError
from cityloom.kernel.i18n import _
from cityloom.model.source import MODES

NamesArgument = Annotated[list[str] | None, typer.Argument(help=_("Sources; all when none is named."))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help=_("Sources: the departments' systems, what they can, and how they are."))
    app.add_typer(group, name="sources")
    group.command("list", help=_("Show all sources: what they can, and how they were when they were asked last."))(_list)
    check_help = _(
        "Ask the sources now, all at the same time: whether they answer, how fast, and whether their columns are still "
        "what they were.\n\nExample: `cityloom sources check ga_files`"
    )
    group.command("check", help=check_help)(_check)


def _list(names: NamesArgument = None, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        found = health.overview(at, names or [])
    _show(found, as_json=as_json)


def _check(
    names: NamesArgument = None,
    limit: Annotated[float, typer.Option("--limit", min=0.1, help=_("Seconds after which a source is given up."))] = 60.0,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, example_interface(at.folder):
        found = health.check(at, names or [], limit=limit)
    _show(found, as_json=as_json)
    silent = [view.source for view in found if view.health.is_reachable is False]
    if silent:
        raise SourceError(
            "cli.sources.silent",
            "{count} of {all} sources do not answer: {names}.",
            hint="The reasons stand above. The others are as they should be.",
            count=len(silent),
            all=len(found),
            names=", ".join(silent),
        )


def _show(found: Sequence[SourceView], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(view) for view in found])
        return
    rows = [_row(view) for view in found]
    names = [_("source"), _("department"), _("connector"), _("can"), _("answers"), _("ms"), _("asked"), _("newest success")]
    print_table(_("Sources"), [*names, _("reason")], rows, numbers=(5,))


def _row(view: SourceView) -> tuple[Any, ...]:
    one = view.health
    can = ", ".join(words.mode(mode) for mode in MODES if view.capabilities[mode])
    times = [(t or "–")[:16] for t in (one.checked_at, one.succeeded_at)]
    reason = one.reason if one.is_reachable is False or (one.failed_at or "") > (one.succeeded_at or "") else ""
    return view.source, view.department, view.connector, can, one.is_reachable, one.latency_ms, *times, reason or ""
