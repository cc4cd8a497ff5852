"""``cityloom quality rules``: rules are tried on real rows, proposed, reviewed by two people, and retired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from cityloom.cli.groups import group_of
from cityloom.cli.session import JsonOption, WorkspaceOption, console, opened, print_json, print_table
from cityloom.cli.summary import dimension_title
from cityloom.content.rules import read_use, use_of
from cityloom.flows import rules as flow
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.rules import PART, RuleRecord, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.trial import Trial

AsOption = Annotated[str, typer.Option("--as", help=_("Account that acts; goes on record."))]
WordsOption = Annotated[str, typer.Option("--words", help=_("Why. No value of a person."))]
NameArgument = Annotated[str, typer.Argument(help=_("The rule's name, see `cityloom quality rules list`."))]
ResourceArgument = Annotated[str, typer.Argument(help=_("The resource; - for a rule on a data element."))]
FileOption = Annotated[Path | None, typer.Option("--file", help=_("YAML file with the rule: rule, dimension, columns, options, when, …"))]
RuleOption = Annotated[str, typer.Option("--rule", help=_("Technical or business rule, instead of a file."))]
ColumnsOption = Annotated[str, typer.Option("--columns", help=_("Items that it looks at, with commas between."))]
SettingsOption = Annotated[list[str] | None, typer.Option("--option", "-o", help=_("Field of the rule as name=value; the value is read as YAML."))]
WhenOption = Annotated[str, typer.Option("--when", help=_("Condition over items: only rows in which it holds are checked."))]
DimensionOption = Annotated[str, typer.Option("--dimension", help=_("Dimension of GB/T 36344 that it counts in."))]
ItemOption = Annotated[str, typer.Option("--item", help=_("Item that the rule hangs on."))]
PhaseOption = Annotated[str, typer.Option("--phase", help=_("before: the rows as they came; after: the standard rows."))]


def register(app: typer.Typer) -> None:
    """Add the group to ``quality``."""
    group = typer.Typer(no_args_is_help=True, help=_("Rules: try them, propose them, review them by two people, retire them."))
    group_of(app, "quality").add_typer(group, name="rules")
    group.command("list", help=_("List the rules that count for a resource, and the drafts under review."))(_list)
    group.command("show", help=_("Show all versions of a rule of the store and what reviewers said."))(_show)
    group.command("results", help=_("Show the business rules of a resource: their parts, and rows that break any."))(_results)
    group.command("try", help=_("Run a rule on real rows before it counts; nothing is kept."))(_try)
    group.command("propose", help=_("Propose a rule: a draft for the two reviews."))(_propose)
    group.command("review", help=_("Approve or refuse a draft as the business or the technical reviewer."))(_review)
    group.command("retire", help=_("Take a rule out of force, or a draft back."))(_retire)
    group.command("suggest", help=_("Suggest rules from the data of a resource."))(_suggest)
    group.command("accept", help=_("Propose suggestions by their numbers."))(_accept)


def _list(
    resource: Annotated[str | None, typer.Argument(help=_("Rules of this resource."))] = None,
    state: Annotated[str | None, typer.Option("--state", help=_("Only rules of the store in this state."))] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.listed(at, resource, state)
        plans = flow.declared(at, resource) if resource else ()
    if as_json:
        declared = [{"name": p.name, "columns": p.columns, "use": asdict(p.use)} for p in plans]
        print_json({"in_force": declared, "store": [asdict(one) for one in found]})
        return
    if plans:
        rows = [
            (p.name, p.use.rule, dimension_title(p.use.dimension), p.use.severity, p.use.weight * p.use.importance, p.use.owner or "-", p.use.when)
            for p in plans
        ]
        names = [_("rule"), _("kind"), _("dimension"), _("severity"), _("weight"), _("owner"), _("when")]
        print_table(_("Rules that count for {resource}").format(resource=resource), names, rows, numbers=(4,))
    _print_records(found)


def _show(name: NameArgument, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at:
        found, said = flow.shown(at, name)
    if as_json:
        print_json({"versions": [asdict(one) for one in found], "reviews": [asdict(one) for one in said]})
        return
    _print_records(found)
    reason = found[0].evidence.get("reason")
    if reason:
        console.print(str(Title(**reason) if isinstance(reason, dict) else reason), markup=False, emoji=False)
    rows = [(r.version, r.role or _("retired"), r.reviewer, r.is_approved, r.words, r.at[:16]) for r in said]
    names = [_("version"), _("review"), _("by"), _("approved"), _("words"), _("at")]
    print_table(_("Reviews"), names, rows, numbers=(0,))


def _results(
    resource: ResourceArgument, phase: PhaseOption = "after", workspace: WorkspaceOption = None, as_json: JsonOption = False
) -> None:
    with opened(workspace) as at:
        found = flow.results(at, resource, phase=phase)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows: list[tuple[Any, ...]] = []
    for one in found:
        rows.append((one.name, "", max(p.checked for p in one.parts), one.broken, None))
        rows += [("  " + p.rule.rpartition(PART)[2], p.plugin, p.checked, p.broken, p.score) for p in one.parts]
    names = [_("business rule"), _("kind"), _("checked"), _("broken"), _("score")]
    print_table(_("Business rules of {resource}").format(resource=resource), names, rows, numbers=(2, 3, 4))


def _try(  # noqa: PLR0913 - one argument an option
    resource: ResourceArgument,
    file: FileOption = None,
    rule: RuleOption = "",
    columns: ColumnsOption = "",
    settings: SettingsOption = None,
    when: WhenOption = "",
    item: ItemOption = "",
    phase: PhaseOption = "after",
    sample: Annotated[int, typer.Option("--sample", min=0, help=_("Look at about so many rows; 0 for all."))] = 0,
    examples: Annotated[int, typer.Option("--examples", min=0, help=_("Most broken rows that are shown."))] = 10,
    actor: Annotated[str, typer.Option("--as", help=_("Account that looks at values; goes on record. Without it only positions are shown."))] = "",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    use = _use(file, rule, columns, settings, when, "accuracy")
    with opened(workspace) as at:
        target = RuleTarget(resource=resource, item=item)
        found = flow.tried(at, target, use, phase=phase, sample=sample, examples=examples, actor=actor)
    if as_json:
        print_json([flow.told(one) for one in found])
        return
    for one in found:
        _print_trial(one)


def _propose(  # noqa: PLR0913 - one argument an option
    resource: ResourceArgument,
    file: FileOption = None,
    rule: RuleOption = "",
    columns: ColumnsOption = "",
    settings: SettingsOption = None,
    when: WhenOption = "",
    dimension: DimensionOption = "",
    item: ItemOption = "",
    element: Annotated[str, typer.Option("--element", help=_("Data element that the rule hangs on: every item of it inherits the rule."))] = "",
    name: Annotated[str, typer.Option("--name", help=_("The rule's own name."))] = "",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    use = _use(file, rule, columns, settings, when, dimension, name)
    target = RuleTarget(element=element) if element else RuleTarget(resource=resource, item=item)
    with opened(workspace) as at:
        made = flow.propose(at, target, use, actor=actor)
    text = _("{rule} version {version} waits for the business and the technical review.")
    console.print(text.format(rule=made.name, version=made.version), emoji=False)


def _review(
    name: NameArgument,
    role: Annotated[str, typer.Option("--role", help=_("business or technical."))],
    refuse: Annotated[bool, typer.Option("--refuse", help=_("Refuse it; say why with --words."))] = False,
    words: WordsOption = "",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        made = flow.review(at, name, role, is_approved=not refuse, words=words, actor=actor)
    console.print(_("{rule} version {version} is {state} now.").format(rule=made.name, version=made.version, state=_(str(made.state))), emoji=False)


def _retire(name: NameArgument, words: WordsOption = "", actor: AsOption = "dsj.steward", workspace: WorkspaceOption = None) -> None:
    with opened(workspace) as at:
        made = flow.retire(at, name, words=words, actor=actor)
    console.print(_("{rule} version {version} is {state} now.").format(rule=made.name, version=made.version, state=_(str(made.state))), emoji=False)


def _suggest(
    resource: ResourceArgument,
    phase: PhaseOption = "before",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at:
        found = flow.suggested(at, resource, phase=phase, actor=actor)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (n, one.use.name, _settings(one.use), one.checked, one.broken, one.confidence, str(one.reason))
        for n, one in enumerate(found, start=1)
    ]
    names = ["#", _("rule"), _("fields"), _("checked"), _("broken"), _("confidence"), _("reason")]
    print_table(_("Suggested rules for {resource}").format(resource=resource), names, rows, numbers=(0, 3, 4, 5))
    console.print(_("Accept with `cityloom quality rules accept {resource} NUMBER …`.").format(resource=resource))


def _accept(
    resource: ResourceArgument,
    numbers: Annotated[list[int], typer.Argument(help=_("Numbers that `suggest` shows."))],
    phase: PhaseOption = "before",
    actor: AsOption = "dsj.steward",
    workspace: WorkspaceOption = None,
) -> None:
    with opened(workspace) as at:
        made = flow.accept(at, resource, numbers, phase=phase, actor=actor)
    _print_records(made)


def _use(
    file: Path | None, rule: str, columns: str, settings: list[str] | None, when: str, dimension: str, name: str = ""
) -> RuleUse:
    if (file is None) == (not rule):
        raise UserError(
            "cli.rule.missing",
            "A rule is given by a file or by its kind.",
            hint="Write --file rule.yml, or --rule KIND with --columns and --option name=value.",
        )
    if file is not None:
        return read_use(file)
    body: dict[str, Any] = {"rule": rule, "dimension": dimension, "when": when, "name": name}
    body["columns"] = [one.strip() for one in columns.split(",") if one.strip()]
    body["options"] = dict(_setting(one) for one in settings or ())
    return use_of(body)


def _setting(text: str) -> tuple[str, Any]:
    name, mark, value = text.partition("=")
    if not mark:
        raise typer.BadParameter(_("{text} is not name=value").format(text=text))
    return name.strip(), YAML(typ="safe", pure=True).load(value)


def _settings(use: RuleUse) -> str:
    return ", ".join(f"{name}={value}" for name, value in use.options.items())


def _print_trial(one: Trial) -> None:
    text = _("{rule}: {broken} of {checked} rows checked break it ({share:.2%}); {rows} rows in {seconds:.2f} s.")
    console.print(
        text.format(rule=one.rule, broken=f"{one.broken:,}", checked=f"{one.checked:,}", share=one.share, rows=f"{one.rows:,}", seconds=one.seconds),
        markup=False,
        emoji=False,
    )
    if one.newly_broken is not None:
        text = _("Against the rule as it counts now: {broken} rows newly broken, {fine} newly fine.")
        console.print(text.format(broken=f"{one.newly_broken:,}", fine=f"{one.newly_fine:,}"))
    if one.examples:
        is_open = bool(one.values)
        rows = [(batch, row, *(one.values.get((batch, row), {}).get(c) for c in one.columns if is_open)) for batch, row in one.examples]
        names = [_("batch"), _("row"), *(one.columns if is_open else ())]
        print_table(_("Rows that break it"), names, rows, numbers=(1,))


def _print_records(found: Sequence[RuleRecord]) -> None:
    if not found:
        console.print(_("No rule of the store."))
        return
    rows = [
        (r.name, r.version, r.use.rule, _settings(r.use), r.use.when, _(str(r.state)), ", ".join(r.use.approved_by) or "-", r.author)
        for r in found
    ]
    names = [_("rule"), _("version"), _("kind"), _("fields"), _("when"), _("state"), _("approved by"), _("author")]
    print_table(_("Rules of the store"), names, rows, numbers=(1,))
