"""``cityloom standards propose|review|publish|retire|versions|diff|revise|impact``: the life of data standards."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

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
from cityloom.content.yaml import write_yaml
from cityloom.flows import standards as flow
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.lifecycle import KINDS, REVIEWS, StandardState, StandardVersion
from cityloom.standard.impact import ORDER
from cityloom.standard.words import word
from cityloom.store.standards import list_moves, list_versions

AsOption = Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))]
WordsOption = Annotated[str, typer.Option("--words", help=_("Why; goes on record."))]
NameArgument = Annotated[str, typer.Argument(help=_("Name of the standard."))]
KindOption = Annotated[str | None, typer.Option("--kind", help=_("element, code_table, data_set or term, where a name is of several."))]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = group_of(app, "standards")
    text = _(
        "Propose the standards of a YAML file: elements, code tables, data set standards, terms.\n\n"
        "They go into review; a version that is still open is written anew.\n\n"
        "Example: `cityloom standards propose education.yml --as ga.owner`"
    )
    group.command("propose", help=text)(_propose)
    group.command("review", help=_("Approve or reject a version in review, on the technical or the departments' side."))(_review)
    group.command("publish", help=_("Publish a version that both sides approved, and bring it into force."))(_publish)
    group.command("retire", help=_("Retire a published standard that nothing uses any more."))(_retire)
    group.command("versions", help=_("Show the versions of a standard and their moves; without a name what is open."))(_versions)
    group.command("diff", help=_("Show what differs between two versions of a standard."))(_diff)
    group.command("revise", help=_("Write a new version of a standard to a file, to be changed and proposed."))(_revise)
    group.command("impact", help=_("Show what a change of a standard, or the end of a code, touches."))(_impact)


def _propose(
    file: Annotated[Path, typer.Argument(help=_("YAML file with the standards."))],
    is_draft: Annotated[bool, typer.Option("--draft", help=_("Keep it as a draft; review begins later."))] = False,
    words: WordsOption = "",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        for one in flow.propose_file(at, file, actor=actor, words=words, is_draft=is_draft):
            _tell(one)
            with_impact = flow.touched(at, one.name, kind=one.kind)
            departments = sorted({t.department for t in with_impact if t.department})
            if departments:
                text = _("It touches {count} things of these departments: {departments}.")
                console.print(text.format(count=len(with_impact), departments=", ".join(departments)), markup=False)


def _review(
    name: NameArgument,
    side: Annotated[str, typer.Option("--side", help=_("technical: of the data authority; department: of another department."))],
    is_approved: Annotated[bool, typer.Option("--approve/--reject", help=_("Approve or reject."))],
    words: WordsOption = "",
    kind: KindOption = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    if side not in REVIEWS:
        raise UserError("cli.review.side", "{side} is no side of a review.", hint="Write technical or department.", side=side)
    with writing(workspace) as at:
        _tell(flow.review(at, name, side, is_approved=is_approved, words=words, actor=actor, kind=_known(kind)))


def _publish(
    name: NameArgument,
    words: WordsOption = "",
    kind: KindOption = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        _tell(flow.publish(at, name, actor=actor, words=words, kind=_known(kind)))


def _retire(
    name: NameArgument,
    words: WordsOption = "",
    kind: KindOption = None,
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        _tell(flow.retire(at, name, actor=actor, words=words, kind=_known(kind)))


def _versions(
    name: Annotated[str | None, typer.Argument(help=_("Name of the standard; all that is open when none."))] = None,
    kind: KindOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        if name is None:
            states = (StandardState.DRAFT, StandardState.IN_REVIEW)
            found = [v for v in list_versions(connection) if v.state in states and kind in (None, v.kind)]
        else:
            found = flow.versions_of(at, name, _known(kind))
        moves = [m for v in found for m in list_moves(connection, v.kind, v.name, v.number)]
    if as_json:
        print_json({"versions": [asdict(v) for v in found], "moves": [asdict(m) for m in moves]})
        return
    rows = [(word(v.kind), v.name, v.version, word(v.state), ", ".join(v.authors), v.changed_at[:19]) for v in found]
    print_table(_("Versions"), [_("kind"), _("name"), _("version"), _("state"), _("authors"), _("changed")], rows)
    if name is not None:
        numbers = {(v.kind, v.number): v.version for v in found}
        shown = [(m.at[:19], numbers[m.kind, m.number], word(m.verb), word(m.target), m.actor, m.words) for m in moves]
        print_table(_("Moves"), [_("at"), _("version"), _("move"), _("state"), _("by"), _("words")], shown)


def _diff(
    name: NameArgument,
    before: Annotated[str | None, typer.Argument(help=_("A version; the one before the newest when none is named."))] = None,
    after: Annotated[str | None, typer.Argument(help=_("Another version; the newest when none is named."))] = None,
    kind: KindOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.compare(at, name, before, after, _known(kind))
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        console.print(_("The two versions are the same."))
    else:
        rows = [(one.path, _shown(one.before), _shown(one.after)) for one in found]
        print_table(_("Differences"), [_("place"), _("before"), _("after")], rows)


def _revise(
    name: NameArgument,
    target: Annotated[Path, typer.Option("--to", help=_("File to write."))],
    kind: KindOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        found, body = flow.revised(at, name, _known(kind))
    write_yaml(target, [(found, body)])
    text = _("{name} is in {file} as version {version}. Change it, then `cityloom standards propose {file}`.")
    console.print(text.format(name=name, version=body["version"], file=target), markup=False)


def _impact(
    name: NameArgument,
    code: Annotated[str | None, typer.Option("--code", help=_("Only this code of a code table."))] = None,
    kind: KindOption = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.touched(at, name, kind=_known(kind), code=code)
        rows_held = flow.held(at, name, kind=_known(kind), code=code)
    if as_json:
        print_json({"touches": [asdict(one) for one in found], "holdings": [asdict(one) for one in rows_held]})
        return
    if not found:
        console.print(_("Nothing in force hangs on it."))
        return
    rows = [(word(t.kind), t.name, t.part, t.column, t.through, t.department) for t in found]
    names = [_("kind"), _("name"), _("part"), _("raw column"), _("through"), _("department")]
    print_table(_("A change of {name} touches").format(name=name), names, rows)
    counts = [f"{word(k)} {sum(t.kind == k for t in found)}" for k in ORDER if any(t.kind == k for t in found)]
    console.print(" · ".join(counts), markup=False)
    if rows_held:
        columns = [_("resource"), _("item"), _("rows that hold them"), _("rows"), _("codes"), _("department")]
        shown = [(h.resource, h.item, h.rows, h.all_rows, h.codes, h.department) for h in rows_held]
        print_table(_("Rows that hold codes which end"), columns, shown, numbers=(2, 3, 4))
    elif code is not None:
        console.print(_("No row of the standard layer holds the code {value}.").format(value=code), markup=False)


def _tell(one: StandardVersion) -> None:
    text = _("{kind} {name} version {version} is {state} now.")
    console.print(text.format(kind=word(one.kind), name=one.name, version=one.version, state=word(one.state)), markup=False)


def _known(kind: str | None) -> str | None:
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(", ".join(KINDS))
    return kind


def _shown(value: Any) -> str:
    return "–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
