"""``cityloom quality profile|profiles|drift``: what is in a table, and how that changes."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cityloom.cli.files import save
from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.cli.stages import run_stage
from cityloom.flows.profile_pages import data_set, profiled, set_title
from cityloom.flows.profiles import drifts, profile_all
from cityloom.flows.values import open_for
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.profile import TableProfile, together
from cityloom.model.quality import PHASES
from cityloom.quality.conceal import figures_of
from cityloom.quality.report.html import profile_to_html, profiles_to_html
from cityloom.store.profiles import latest_profiles, list_profiles

AsOption = Annotated[str, typer.Option("--as", help=_("Account that looks; values only for one that may see the rows, on record."))]
PhaseOption = Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    group = group_of(app, "quality")
    group.command("profile", help=_("Profile tables: figures of fields and tables, keys, dependencies, references."))(_profile)
    group.command("profiles", help=_("Show profiles: all tables, or one with its fields."))(_profiles)
    group.command("drift", help=_("Show how a table's fields have changed since the profile before."))(_drift)


def _profile(
    names: Annotated[list[str] | None, typer.Argument(help=_("Resources; all when none is named."))] = None,
    phase: PhaseOption = "before",
    force: Annotated[bool, typer.Option("--force", help=_("Do it even when nothing has changed."))] = False,
    page: Annotated[Path | None, typer.Option("--html", help=_("Write the profile as a page: of one resource, or of all named."))] = None,
    account: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    if phase not in PHASES:
        raise typer.BadParameter(", ".join(PHASES))

    def stage(at: Any, runner: Any, chosen: Any) -> Any:
        return profile_all(at, runner, chosen, phase=phase)

    run_stage("profile", stage, names or [], workspace, as_json=as_json, is_forced=force)
    if page is not None:
        _write(page, names or [], phase, account, workspace)


def _write(page: Path, names: list[str], phase: str, account: str, workspace: Path | None) -> None:
    """The page of one table, or of several as a data set, which has figures only."""
    with opened(workspace) as at:
        if len(names) == 1:
            is_open = open_for(at, at.city.resource(names[0]), account)
            text = profile_to_html(profiled(at, names[0], phase=phase, is_open=is_open))
        else:
            some = [profiled(at, name, phase=phase, is_open=False) for name in names] or data_set(at, phase=phase, is_open=False)
            text = profiles_to_html(some, set_title(at, ""))
    save(page, text.encode("utf-8"))
    Console(stderr=True).print(_("Written to {file}.").format(file=page), soft_wrap=True)


def _profiles(
    resource: Annotated[str | None, typer.Argument(help=_("Fields of this resource's table."))] = None,
    phase: PhaseOption = "before",
    account: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        if resource is not None:
            found = [profiled(at, resource, phase=phase, is_open=open_for(at, at.city.resource(resource), account)).profile]
        else:
            with at.store.read() as connection:
                found = [replace(one, fields=tuple(figures_of(f) for f in one.fields)) for one in latest_profiles(connection)]
    if as_json:
        print_json([asdict(one) for one in found])
    elif resource is None:
        _show_tables(found)
    else:
        _show_fields(found[0])


def _drift(
    resource: Annotated[str, typer.Argument(help=_("The resource."))],
    phase: PhaseOption = "before",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        one = at.city.resource(resource)
        found = list_profiles(connection, one.raw_table if phase == "before" else one.std_table, 2)
    if len(found) < 2:
        _known(found[0] if found else None, resource)
        console.print(_("There is one profile; the next one will be compared with it."))
        return
    changed = drifts(found[1], found[0])
    if as_json:
        print_json([asdict(one) for one in changed])
        return
    title = f"{resource} · {found[1].version} → {found[0].version}"
    print_table(title, [_("field"), _("figure"), _("before"), _("after")], [(d.name, d.figure, d.before, d.after) for d in changed])


def _known(one: TableProfile | None, resource: str) -> TableProfile:
    if one is None:
        raise UserError(
            "cli.profile.missing",
            "{resource} has not been profiled yet.",
            hint="Profile it: cityloom quality profile {resource}",
            resource=resource,
        )
    return one


def _show_tables(found: list[TableProfile]) -> None:
    rows = [
        (t.table, t.records, len(t.fields), t.bytes, t.missing_cells, t.fields_with_missing, t.wholly_missing, t.duplicate_rows)
        for t in found
    ]
    all_ = together(tuple(found))
    rows.append(
        (_("all"), all_.records, all_.fields, all_.bytes, all_.missing_cells, all_.fields_with_missing, all_.wholly_missing, None)  # type: ignore[arg-type]
    )
    names = [
        *(_("table"), _("rows"), _("fields"), _("bytes"), _("missing cells"), _("fields with gaps")),
        *(_("wholly missing"), _("duplicate rows")),
    ]
    print_table(_("Profiles"), names, rows, numbers=range(1, 8))


def _show_fields(one: TableProfile) -> None:
    rows = [
        (
            *(f.name, f.type, f.missing, f.missing_rate, f.unique, f.unique_rate, f.zero),
            f"{f.least_length or 0}–{f.most_length or 0}",
            f.special,
            " ".join(form for form, _share in f.patterns[:3]),
            ", ".join(f"{value} ({rows})" for value, rows in f.top[:3]),
        )
        for f in one.fields
    ]
    names = [
        *(_("field"), _("type"), _("missing"), _("rate"), _("unique"), _("rate"), _("zero")),
        *(_("length"), _("special"), _("forms"), _("most frequent")),
    ]
    print_table(f"{one.table} · {one.version} · {one.records:,}", names, rows, numbers=(2, 3, 4, 5, 6, 8))
    keys = "; ".join(" + ".join(key) for key in one.keys[:5]) or "–"
    console.print(_("Keys: {keys}").format(keys=keys))
    fixed = [(" + ".join(names), other, share) for names, other, share in one.dependencies[:20]]
    print_table(_("Dependencies"), [_("these fix"), _("this"), _("share")], fixed, numbers=(2,))
    print_table(_("References"), [_("field"), _("table"), _("key"), _("found")], one.references, numbers=(3,))
