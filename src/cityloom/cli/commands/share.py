"""``cityloom share``: services, requests, grants, keys."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from cityloom.cli.session import (
    JsonOption,
    WorkspaceOption,
    console,
    opened,
    print_json,
    print_table,
    writing,
)
from cityloom.flows import chain
from cityloom.flows.bootstrap import Workspace
from cityloom.flows.runner import Runner
from cityloom.flows.use import principal
from cityloom.kernel.errors import UserError
from cityloom.kernel.i18n import _
from cityloom.model.principal import Principal
from cityloom.model.request import Request
from cityloom.protect.identity import make_key
from cityloom.share import requests as verbs
from cityloom.store import calls, requests, services

AsOption = Annotated[str, typer.Option("--as", help=_("Account that does this."))]
ReasonsOption = Annotated[str, typer.Option("--reasons", help=_("Why; goes on record."))]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help=_("Sharing: published is not accessible, approved is not granted. Every answer leaves a trace."),
    )
    app.add_typer(group, name="share")
    group.command("publish", help=_("Publish the services of the definitions."))(_publish)
    group.command("services", help=_("Show the published services."))(_services)
    group.command("request", help=_("Ask for a service, as a demand of the definitions describes it."))(_request)
    group.command("requests", help=_("Show the requests with their state and deadline."))(_requests)
    _add_decision(group, "approve", _("Approve a request. Nobody decides their own."), is_approved=True)
    _add_decision(group, "reject", _("Reject a request, with reasons."), is_approved=False)
    group.command("grant", help=_("Make the right that an approved request asked for."))(_grant)
    group.command("grants", help=_("Show the grants: who may get what, for what, until when."))(_grants)
    group.command("revoke", help=_("Take a grant back at once, with reasons."))(_revoke)
    group.command("key", help=_("Make a key for a grant. It is shown once."))(_key)
    group.command("calls", help=_("Show who called which service for what purpose, and what they got."))(_calls)


def _publish(workspace: WorkspaceOption = None) -> None:
    with writing(workspace) as at:
        chain.publish(at, Runner(at))
    console.print(_("Published."))


def _services(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = services.list_services(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(s.name, str(s.title), s.form, s.department, s.grade, s.sharing.attribute, ", ".join(s.require)) for s in found]
    names = [_("service"), _("title"), _("kind"), _("provider"), _("grade"), _("sharing"), _("must be known")]
    print_table(_("Services"), names, rows)


def _request(
    demand: Annotated[str, typer.Argument(help=_("Name of a demand in the definitions."))],
    actor: AsOption,
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        known = at.city.demands
        if demand not in known:
            raise UserError(
                "cli.demand.unknown",
                "There is no demand {name}.",
                hint="Known: {known}.",
                name=demand,
                known=", ".join(known) or "-",
            )
        made = verbs.submit(known[demand], _who(at, actor), store=at.store, clock=at.clock)
    _show(made)


def _requests(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = requests.list_requests(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(r.id, r.service, r.consumer, str(r.purpose_title), r.state, (r.deadline or "")[:10], r.decided_by) for r in found]
    names = [_("request"), _("service"), _("consumer"), _("purpose"), _("state"), _("answer due"), _("decided by")]
    print_table(_("Requests"), names, rows)


def _add_decision(group: typer.Typer, command: str, text: str, *, is_approved: bool) -> None:
    @group.command(command, help=text)
    def decide(
        request: Annotated[str, typer.Argument(help=_("Id of the request."))],
        actor: AsOption,
        reasons: ReasonsOption,
        workspace: WorkspaceOption = None,
    ) -> None:
        with writing(workspace) as at:
            who = _who(at, actor)
            made = verbs.decide(
                request, who, is_approved=is_approved, reasons=reasons, store=at.store, clock=at.clock
            )
        _show(made)


def _grant(
    request: Annotated[str, typer.Argument(help=_("Id of the approved request."))],
    actor: AsOption,
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        made = verbs.grant(request, _who(at, actor), store=at.store, clock=at.clock)
    text = _("Grant {grant}: {items} of {service}, until {until}.")
    items = ", ".join(made.items)
    console.print(text.format(grant=made.id, items=items, service=made.service, until=made.expires_at[:10]))


def _grants(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = requests.list_grants(connection)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        (g.id, g.service, g.consumer, str(g.purpose_title), ", ".join(g.items), g.quota, g.expires_at[:10], g.state)
        for g in found
    ]
    names = [_("grant"), _("service"), _("consumer"), _("purpose"), _("items"), _("calls a day"), _("until"), _("state")]
    print_table(_("Grants"), names, rows, numbers=(5,))


def _revoke(
    grant: Annotated[str, typer.Argument(help=_("Id of the grant."))],
    actor: AsOption,
    reasons: ReasonsOption,
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at:
        verbs.revoke(grant, _who(at, actor), reasons, store=at.store, clock=at.clock)
    console.print(_("Revoked. Its keys no longer answer."))


def _key(
    grant: Annotated[str, typer.Argument(help=_("Id of the grant."))],
    actor: AsOption,
    days: Annotated[int, typer.Option(min=1, help=_("For how many days."))] = 30,
    workspace: WorkspaceOption = None,
) -> None:
    with writing(workspace) as at, at.store.write() as connection:
        found = requests.find_grant(connection, grant)
        who = _who(at, actor)
        if found is None or found.consumer != who.department:
            raise UserError(
                "cli.grant.unknown",
                "{account} has no grant {grant}.",
                hint="A key is made by an account of the department that holds the grant.",
                account=actor,
                grant=grant,
            )
        if found.state != "granted":
            raise UserError(
                "cli.grant.ended",
                "The grant {grant} is {state}: no key opens it.",
                hint="Request the service again.",
                grant=grant,
                state=found.state,
            )
        secret = make_key(connection, actor, grant, at.clock, at.clock.now() + timedelta(days=days))
    typer.echo(secret)


def _calls(
    limit: Annotated[int, typer.Option(min=1, help=_("How many."))] = 50,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    with opened(workspace) as at, at.store.read() as connection:
        found = calls.list_calls(connection, limit=limit)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = [(c.at[:19], c.service, c.account, c.consumer, c.purpose, c.outcome, c.rows) for c in found]
    names = [_("at"), _("service"), _("account"), _("department"), _("purpose"), _("outcome"), _("rows")]
    print_table(_("Calls"), names, rows, numbers=(6,))


def _who(workspace: Workspace, name: str) -> Principal:
    account = workspace.city.accounts.get(name)
    if account is None:
        raise UserError(
            "cli.account.unknown",
            "There is no account {name}.",
            hint="Known: {known}.",
            name=name,
            known=", ".join(workspace.city.accounts),
        )
    return principal(account)


def _show(request: Request) -> None:
    text = _("Request {id}: {state}.")
    console.print(text.format(id=request.id, state=request.state))
