"""``cityloom migrate``: a legacy database whole into the raw layer, with proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.progress import bars
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows.migration.legacy import describe
from cityloom.flows.migration.report import as_json as proof_json
from cityloom.flows.migration.report import state_title, summary, write_report
from cityloom.flows.migration.run import FOLDER, Migration, Plan, Selection, migrate, plan
from cityloom.flows.runner import Runner
from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _


def register(app: typer.Typer) -> None:
    """Add the command."""
    text = _(
        "Move a legacy database whole into the raw layer, and prove that nothing was lost.\n\n"
        "Lists its tables, writes a definition for each into a folder for review, takes all of them in, and compares "
        "both sides column by column. The same command again goes on where it stopped. The exit code is 0 only when "
        "every table is proven.\n\n"
        "Example: `cityloom migrate housing.mdb --department zj`"
    )

    @app.command("migrate", help=text)
    def command(  # noqa: PLR0913 - one argument an option
        database: Annotated[
            Path,
            typer.Argument(help=_("A file of Access or SQLite, a folder of dBase tables, or a YAML file with a source.")),
        ],
        department: Annotated[str, typer.Option("--department", "-d", help=_("Whose data these are."))],
        name: Annotated[str | None, typer.Option(help=_("Name of the migration. Default: the file's."))] = None,
        only_plan: Annotated[bool, typer.Option("--plan", help=_("Only list the tables and write the definitions."))] = False,
        into: Annotated[
            Path | None,
            typer.Option(help=_("Folder of all definitions, where these go too. Default: the workspace keeps them.")),
        ] = None,
        table: Annotated[list[str] | None, typer.Option(help=_("Only this table; can be given again."))] = None,
        without: Annotated[list[str] | None, typer.Option(help=_("Not this table; can be given again."))] = None,
        encoding: Annotated[str | None, typer.Option(help=_("Of texts in dBase or Access 97 files."))] = None,
        actor: Annotated[str, typer.Option("--as", help=_("Account that migrates."))] = "dsj.steward",
        workspace: WorkspaceOption = None,
        as_json: JsonOption = False,
    ) -> None:
        options = {"encoding": encoding} if encoding else {}
        legacy = describe(database, department=department, name=name, options=options)
        with opened(workspace) as at, bars(is_silent=as_json) as shown:
            chosen = Selection(only=table or (), without=without or ())
            planned = plan(at, legacy, into=into, chosen=chosen)
            if not only_plan:
                runner = Runner(at, shown.told)
                runner.recover()
                with shown.stage("collect", len(planned.shapes)):
                    done = migrate(at, planned, runner, actor=actor, into=into, progress=shown.counted)
                files = write_report(at.folder / FOLDER / done.name, done)
        if only_plan:
            _show_plan(planned, as_json=as_json)
            return
        _show(done, files, planned, is_kept=into is None, as_json=as_json)




def _show_plan(planned: Plan, *, as_json: bool) -> None:
    if as_json:
        tables = [
            {
                "table": s.name,
                "resource": planned.resources.get(s.name),
                "rows": s.rows,
                "columns": [{"name": c.name, "kind": c.kind, "title": c.title} for c in s.columns],
                "key": s.key,
                "error": s.error.problem() if s.error else None,
            }
            for s in planned.shapes
        ]
        print_json({"name": planned.legacy.name, "definitions": str(planned.folder), "tables": tables})
        return
    rows = [
        (s.name, planned.resources.get(s.name, ""), s.rows, len(s.columns), ", ".join(s.key), str(s.error or ""))
        for s in planned.shapes
    ]
    names = [_("table"), _("resource"), _("rows"), _("columns"), _("key"), _("cannot be moved because")]
    print_table(_("Tables of {name}").format(name=planned.legacy.name), names, rows, numbers=(2, 3))
    console.print(_("Definitions for review: {folder}").format(folder=planned.folder), soft_wrap=True)
    console.print(_("The same command without --plan moves the tables."))


def _show(done: Migration, files: list[Path], planned: Plan, *, is_kept: bool, as_json: bool) -> None:
    if as_json:
        print_json({**proof_json(done), "files": [str(f) for f in files], "definitions": str(planned.folder)})
    else:
        rows = [
            (
                one.table,
                one.resource,
                one.is_proven,
                one.source_rows,
                one.lake_rows,
                one.rejected_rows,
                f"{sum(c.is_equal for c in one.columns)}/{len(one.columns)}",
                one.seconds,
                state_title(one.state) if not one.reason else one.reason,
            )
            for one in done.tables
        ]
        names = [_("table"), _("resource"), _("proven"), _("rows, source"), _("in the lake"), _("set apart")]
        print_table(
            _("Migration {name}").format(name=done.name),
            [*names, _("columns equal"), _("seconds"), _("state")],
            rows,
            numbers=(3, 4, 5, 6, 7),
        )
        console.print(summary(done))
        console.print(_("Proof: {files}").format(files=", ".join(map(str, files))), soft_wrap=True)
        if is_kept:
            text = _("Copy {folder} into the folder of your definitions: `cityloom apply` takes out of force what is not there.")
            console.print(text.format(folder=planned.folder), soft_wrap=True)
    missing = [one.table for one in done.tables if not one.is_proven]
    if missing:
        raise DataError(
            "cli.migration.unproven",
            "{count} of {all} tables are not proven to be moved whole: {names}.",
            hint="The reasons stand above. The others are done; the same command again goes on.",
            count=len(missing),
            all=len(done.tables),
            names=", ".join(missing),
        )
