"""``cityloom documents``: search, likeness and originals of collected documents."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.flows.documents import document_groups, save_original, search_documents
from cityloom.kernel.i18n import _

AsOption = Annotated[str, typer.Option("--as", help=_("Account that looks; goes on record."))]
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource that holds the documents."))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Documents: find them by their text, see which are the same, get the original. Looking goes on record."),
    )
    app.add_typer(group, name="documents")
    group.command("search", help=_("Find documents in which all the words stand."))(_search)
    group.command("duplicates", help=_("Show documents that are the same, or nearly."))(_duplicates)
    group.command("original", help=_("Write the original of a document to a file."))(_original)


def _search(
    resource: ResourceArgument,
    words: Annotated[str, typer.Argument(help=_("Words; several parted by blanks must all be there."))],
    limit: Annotated[int, typer.Option(min=1, max=1000, help=_("How many."))] = 20,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = search_documents(at, resource, words, actor=actor, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(one.path, one.title, one.excerpt, one.format, one.digest[:12]) for one in found]
    print_table(_("Documents"), [_("path"), _("title"), _("excerpt"), _("format"), _("digest")], rows)


def _duplicates(
    resource: ResourceArgument,
    likeness: Annotated[float, typer.Option(min=0.1, max=1.0, help=_("From which likeness (0 to 1) they are near."))] = 0.8,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = document_groups(at, resource, actor=actor, threshold=likeness)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    titles = {"same": _("same bytes"), "same text": _("same text"), "near": _("nearly the same")}
    rows = [(titles[one.kind], one.likeness, "\n".join(one.paths)) for one in found]
    print_table(_("Documents that belong together"), [_("kind"), _("likeness"), _("documents")], rows, numbers=(1,))


def _original(
    resource: ResourceArgument,
    digest: Annotated[str, typer.Argument(help=_("sha256 of the document, or its beginning."))],
    target: Annotated[Path, typer.Option("--to", help=_("File to write."))],
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        save_original(at, resource, digest, target, actor=actor)
    console.print(_("Written: {file}").format(file=target))
