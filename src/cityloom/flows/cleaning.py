"""Cleaning rules on their way into force: proposed from the definitions, reviewed by both sides, given to the stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import sqlalchemy as sa

from cityloom.content.load import digest_of
from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.cleaning import ROLES, CleaningMatrix, CleaningReview, CleaningRule, CleaningVersion
from cityloom.model.resource import Resource
from cityloom.quality.plan import broken_meaning, broken_term, cleaning_rule
from cityloom.standard.cleaning import Cleaning, ready
from cityloom.store import audit
from cityloom.store.cleaning import add_version, list_versions, put_review

DECISIONS = ("approve", "return")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A rule as it is defined now, with its newest version and the one that acts.

    ``state`` is ``draft`` (never proposed, or changed since), ``proposed``, ``approved`` or ``returned``.
    """

    resource: str
    rule: CleaningRule
    kind: str
    state: str
    newest: CleaningVersion | None
    acting: CleaningVersion | None


def matrix_of(workspace: Workspace, resource: Resource) -> CleaningMatrix | None:
    """The matrix of the resource's department, else the city's."""
    found = workspace.city.cleaning_matrices
    return found.get(resource.department) or found.get("default")


def standings(workspace: Workspace, names: Sequence[str] = ()) -> list[Standing]:
    """Every cleaning rule of the definitions in force (of some resources)."""
    city = workspace.city
    chosen = [city.resource(n) for n in names] if names else list(city.resources.values())
    with workspace.store.read() as connection:
        return [_standing(workspace, connection, resource, rule) for resource in chosen for rule in resource.cleaning]


def acting(workspace: Workspace, resource: Resource) -> list[CleaningVersion]:
    """Of each rule of a resource, in the definitions' order, the newest version that both sides approved."""
    if not resource.cleaning:
        return []
    with workspace.store.read() as connection:
        found = [_standing(workspace, connection, resource, rule).acting for rule in resource.cleaning]
    return [one for one in found if one]


def made_ready(workspace: Workspace, resource: Resource, today: str) -> list[Cleaning]:
    """The acting versions of a resource's rules with their conditions, for the stage."""
    city, items = workspace.city, [item.name for item in resource.items]
    found = []
    for one in acting(workspace, resource):
        checked = cleaning_rule(one.rule, resource, codes=city.codes, today=today)
        found.append(ready(one, broken_term(checked), broken_meaning(checked), items=items, codes=city.codes))
    return found


def propose(workspace: Workspace, resource: str, name: str, *, actor: str) -> CleaningVersion:
    """Hand a rule, as it is defined now, to the reviewers. The same rule again is the same version.

    Raises:
        UserError: ``flows.cleaning.unknown``.
        DeniedError: ``flows.account.unknown`` or ``flows.cleaning.denied``.
    """
    found = workspace.city.resource(resource)
    rule = _rule(found, name)
    if not _sides(workspace, found, actor):
        raise _denied(actor, resource, "officer, owner, steward")
    made_ready_now(workspace, found, rule)
    with workspace.store.write() as connection:
        standing = _standing(workspace, connection, found, rule)
        if standing.newest and standing.state in ("proposed", "approved"):
            return standing.newest
        version = CleaningVersion(
            resource=resource,
            version=standing.newest.version + 1 if standing.newest else 1,
            rule=rule,
            kind=standing.kind,
            digest=_digest(rule, standing.kind),
            state="proposed",
            proposed_by=actor,
            proposed_at=iso(workspace.clock.now()),
        )
        add_version(connection, version)
        _record(workspace, connection, version, "propose", actor)
    return version


def review(
    workspace: Workspace, resource: str, name: str, role: str, decision: str, *, actor: str, words: str = ""
) -> CleaningVersion:
    """Approve or return the newest version of a rule: for the business the resource's department, for the technical side
    the data authority, and not one person for both.

    Raises:
        UserError: ``flows.cleaning.unknown``, ``flows.cleaning.decision`` or ``flows.cleaning.words``.
        DeniedError: ``flows.cleaning.denied`` or ``flows.cleaning.same``.
    """
    found = workspace.city.resource(resource)
    rule = _rule(found, name)
    if role not in ROLES or decision not in DECISIONS:
        raise UserError(
            "flows.cleaning.decision",
            "A review is business or technical, and approves or returns.",
            hint="Say --role business or technical, and --approve or --return.",
        )
    if decision == "return" and not words.strip():
        raise UserError("flows.cleaning.words", "To return a rule needs words.", hint="Say why with --words, without any value of a person.")
    if role not in _sides(workspace, found, actor):
        raise _denied(actor, resource, "officer, owner" if role == "business" else "steward")
    with workspace.store.write() as connection:
        newest = _standing(workspace, connection, found, rule).newest
        if newest is None or newest.state not in ("proposed", "returned"):
            raise UserError(
                "flows.cleaning.closed",
                "No version of {rule} waits for a review.",
                hint="Propose it first: `cityloom standard cleaning propose {resource} {rule}`.",
                rule=name,
                resource=resource,
            )
        if any(r != role and said.account == actor for r, said in newest.reviews.items()):
            raise DeniedError("flows.cleaning.same", "{actor} has reviewed for the other side.", hint="Both sides are asked so that two persons look.", actor=actor)
        said = CleaningReview(decision=decision, account=actor, at=iso(workspace.clock.now()), words=words)
        put_review(connection, newest, role, said)
        _record(workspace, connection, newest, f"{decision} ({role})", actor)
        after = _standing(workspace, connection, found, rule).newest
    return after or newest


def made_ready_now(workspace: Workspace, resource: Resource, rule: CleaningRule) -> None:
    """Find out before reviewers look whether a rule can be compiled at all."""
    kind = rule.chosen(matrix_of(workspace, resource))
    draft = CleaningVersion(resource=resource.name, version=0, rule=rule, kind=kind, digest="", state="draft", proposed_by="", proposed_at="")
    checked = cleaning_rule(rule, resource, codes=workspace.city.codes, today=iso(workspace.clock.now())[:10])
    items = [item.name for item in resource.items]
    ready(draft, broken_term(checked), broken_meaning(checked), items=items, codes=workspace.city.codes)


def _standing(workspace: Workspace, connection: sa.Connection, resource: Resource, rule: CleaningRule) -> Standing:
    kind = rule.chosen(matrix_of(workspace, resource))
    versions = [v for v in list_versions(connection, resource.name) if v.rule.name == rule.name]
    newest = versions[-1] if versions else None
    is_same = newest is not None and newest.digest == _digest(rule, kind)
    approved = [v for v in versions if v.state == "approved"]
    return Standing(
        resource=resource.name,
        rule=rule,
        kind=kind,
        state=newest.state if newest and is_same else "draft",
        newest=newest,
        acting=approved[-1] if approved else None,
    )


def _digest(rule: CleaningRule, kind: str) -> str:
    """Of what a rule does; another title is no other rule."""
    return digest_of({**asdict(replace(rule, title=None)), "kind": kind})


def _rule(resource: Resource, name: str) -> CleaningRule:
    for rule in resource.cleaning:
        if rule.name == name:
            return rule
    raise UserError(
        "flows.cleaning.unknown",
        "{resource} has no cleaning rule {rule}.",
        hint="Known: {known}. Rules stand under `cleaning:` of the resource.",
        resource=resource.name,
        rule=name,
        known=", ".join(r.name for r in resource.cleaning) or "-",
    )


def _sides(workspace: Workspace, resource: Resource, actor: str) -> set[str]:
    """For which sides an account may speak."""
    account = workspace.city.accounts.get(actor)
    if account is None:
        raise DeniedError(
            "flows.account.unknown",
            "There is no account {account}.",
            hint="Name one of the definitions' accounts with --as.",
            account=actor,
        )
    is_own = account.department == resource.department and {"officer", "owner"} & set(account.roles)
    found = {"business"} if is_own else set()
    return found | {"technical"} if "steward" in account.roles else found


def _denied(actor: str, resource: str, who: str) -> DeniedError:
    return DeniedError(
        "flows.cleaning.denied",
        "{actor} may not decide on cleaning rules of {resource}.",
        hint="The department's {who} or the data authority's steward may.",
        actor=actor,
        resource=resource,
        who=who,
    )


def _record(workspace: Workspace, connection: sa.Connection, one: CleaningVersion, verb: str, actor: str) -> None:
    details: dict[str, str | int] = {"rule": one.rule.name, "version": one.version, "kind": one.kind, "verb": verb}
    event = AuditEvent(kind=EventKind.CLEANING_MOVED, actor=actor, subject=one.resource, details=details)
    audit.append(connection, event, workspace.clock)
