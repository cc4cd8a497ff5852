"""Rules under review: proposed as drafts, approved by two people of two roles, in force, replaced, retired.

A rule counts when a business reviewer (an owner of data, of the department whose resource it is about) and a technical
reviewer (a steward or an analyst of the data authority) approved it: two people, and neither of them its author. A
proposal, a review and its audit event are one transaction each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.principal import Principal
from cityloom.model.rules import RuleRecord, RuleReview, RuleState, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.rules import add_rule_review, find_rule, list_rule_reviews, list_rules, put_rule

BUSINESS, TECHNICAL = "business", "technical"
REVIEWERS: Mapping[str, tuple[str, ...]] = {BUSINESS: ("owner",), TECHNICAL: ("steward", "analyst")}
"""Roles of accounts that may review, by role of the review."""
AUTHORS = ("owner", "officer", "steward", "analyst")
"""Roles of accounts that may propose a rule."""


def propose(
    name: str,
    target: RuleTarget,
    use: RuleUse,
    author: Principal,
    *,
    store: Store,
    clock: Clock,
    evidence: Mapping[str, Any] | None = None,
) -> RuleRecord:
    """A draft of a rule, or of the next version of one that is in force.

    A draft of the same name that nobody reviewed yet is written anew by its author.

    Raises:
        DeniedError: ``quality.rule.author``.
        UserError: ``quality.rule.pending`` when another draft of that name is under review.
    """
    if not set(AUTHORS) & set(author.roles):
        raise DeniedError(
            "quality.rule.author",
            "{account} may not propose rules.",
            hint="It is done by: {roles}.",
            account=author.account,
            roles=", ".join(AUTHORS),
        )
    now = iso(clock.now())
    with store.write() as connection:
        last = find_rule(connection, name, is_locked=True)
        version = 1 if last is None else last.version + 1
        if last is not None and last.state is RuleState.DRAFT:
            if last.author != author.account or list_rule_reviews(connection, name, last.version):
                raise UserError(
                    "quality.rule.pending",
                    "A draft of the rule {rule} is under review.",
                    hint="Review it first: `cityloom quality rules review {rule}`.",
                    rule=name,
                )
            version = last.version
        made = RuleRecord(
            name=name,
            version=version,
            target=target,
            use=replace(use, approved_by=(), state="active"),
            author=author.account,
            state=RuleState.DRAFT,
            made_at=now,
            changed_at=now,
            evidence=dict(evidence or {}),
        )
        _put(connection, made, "propose", author, clock)
    return made


def review(
    name: str,
    role: str,
    reviewer: Principal,
    *,
    is_approved: bool,
    words: str,
    department: str | None,
    store: Store,
    clock: Clock,
) -> RuleRecord:
    """What a reviewer says of a draft. With the second approval it counts, and replaces the version that did.

    Args:
        name: of the rule.
        role: ``business`` or ``technical``.
        reviewer: who says it.
        is_approved: whether the draft is right; a refusal ends it.
        words: why; a refusal says it.
        department: of the resource that the rule is about; None for a rule on a data element.
        store: where rules are.
        clock: tells the time.

    Raises:
        UserError: ``quality.rule.unknown_draft``, ``quality.rule.role``, ``quality.rule.words``.
        DeniedError: ``quality.rule.reviewer`` for an account without the role, ``quality.rule.same_person``.
    """
    _check_role(role, reviewer, department)
    if not is_approved and not words.strip():
        raise UserError("quality.rule.words", "A refusal says why.", hint="Add --words.")
    now = iso(clock.now())
    with store.write() as connection:
        draft = _draft(connection, name)
        said = list_rule_reviews(connection, name, draft.version)
        _check_person(draft, role, reviewer, said)
        given = RuleReview(
            rule=name, version=draft.version, role=role, reviewer=reviewer.account, is_approved=is_approved, words=words, at=now
        )
        add_rule_review(connection, given)
        roles = {one.role for one in (*said, given) if one.is_approved}
        state = RuleState.DRAFT if is_approved else RuleState.REJECTED
        if is_approved and roles >= set(REVIEWERS):
            state = RuleState.ACTIVE
            _replace_active(connection, name, now)
        kept = tuple(one for one in REVIEWERS if one in roles)
        made = replace(draft, state=state, changed_at=now, use=replace(draft.use, approved_by=kept))
        _put(connection, made, "approve" if is_approved else "refuse", reviewer, clock)
    return made


def retire(name: str, actor: Principal, *, words: str, department: str | None, store: Store, clock: Clock) -> RuleRecord:
    """Take a rule out of force, or a draft back; scores of the past stay as they are.

    Raises:
        UserError: ``quality.rule.unknown``, ``quality.rule.words``.
        DeniedError: ``quality.rule.reviewer`` for who may review it in neither role and did not write the draft.
    """
    if not words.strip():
        raise UserError("quality.rule.words", "Say why it is taken out of force.", hint="Add --words.")
    with store.write() as connection:
        last = find_rule(connection, name, is_locked=True)
        found = [one for one in list_rules(connection, name=name) if one.state in (RuleState.ACTIVE, RuleState.DRAFT)]
        if last is None or not found:
            raise _unknown(name, [one.name for one in list_rules(connection)])
        own = found[0].state is RuleState.DRAFT and found[0].author == actor.account
        if not own and not any(_may(role, actor, department) for role in REVIEWERS):
            raise _no_reviewer(actor, "/".join(REVIEWERS))
        made = replace(found[0], state=RuleState.RETIRED, changed_at=iso(clock.now()))
        _put(connection, made, "retire", actor, clock)
        review_ = RuleReview(
            rule=name, version=made.version, role="", reviewer=actor.account, is_approved=False, words=words, at=made.changed_at
        )
        add_rule_review(connection, review_)
    return made


def _draft(connection: sa.Connection, name: str) -> RuleRecord:
    found = find_rule(connection, name, is_locked=True)
    if found is None or found.state is not RuleState.DRAFT:
        drafts = [one.name for one in list_rules(connection, state=RuleState.DRAFT)]
        raise UserError(
            "quality.rule.unknown_draft",
            "No draft of a rule {rule} is under review.",
            hint="Drafts: {known}.",
            rule=name,
            known=", ".join(drafts) or "-",
        )
    return found


def _check_role(role: str, reviewer: Principal, department: str | None) -> None:
    if role not in REVIEWERS:
        raise UserError(
            "quality.rule.role",
            "There is no review of the kind {role}.",
            hint="There are: {known}.",
            role=role,
            known=", ".join(REVIEWERS),
        )
    if not _may(role, reviewer, department):
        raise _no_reviewer(reviewer, role)


def _may(role: str, actor: Principal, department: str | None) -> bool:
    if not set(REVIEWERS[role]) & set(actor.roles):
        return False
    return role == TECHNICAL or department is None or actor.department == department


def _check_person(draft: RuleRecord, role: str, reviewer: Principal, said: Sequence[RuleReview]) -> None:
    if reviewer.account == draft.author or reviewer.account in {one.reviewer for one in said}:
        raise DeniedError(
            "quality.rule.same_person",
            "{account} wrote the rule {rule} or reviewed it already.",
            hint="The author and the two reviewers are three people.",
            account=reviewer.account,
            rule=draft.name,
        )
    if role in {one.role for one in said}:
        raise UserError(
            "quality.rule.reviewed",
            "The {role} review of the rule {rule} is done.",
            hint="The other review is still wanted.",
            role=role,
            rule=draft.name,
        )


def _replace_active(connection: sa.Connection, name: str, now: str) -> None:
    for one in list_rules(connection, name=name):
        if one.state is RuleState.ACTIVE:
            put_rule(connection, replace(one, state=RuleState.REPLACED, changed_at=now))


def _put(connection: sa.Connection, made: RuleRecord, verb: str, actor: Principal, clock: Clock) -> None:
    put_rule(connection, made)
    details: dict[str, str | int] = {"verb": verb, "version": made.version, "state": str(made.state)}
    audit.append(
        connection, AuditEvent(kind=EventKind.RULE_MOVED, actor=actor.account, subject=made.name, details=details), clock
    )


def _unknown(name: str, known: Sequence[str]) -> UserError:
    return UserError(
        "quality.rule.unknown_record",
        "There is no rule {rule} in force or under review here.",
        hint="There are: {known}. Rules of the definitions are changed there.",
        rule=name,
        known=", ".join(dict.fromkeys(known)) or "-",
    )


def _no_reviewer(actor: Principal, role: str) -> DeniedError:
    who = "; ".join(f"{one}: {'/'.join(roles)}" for one, roles in REVIEWERS.items())
    return DeniedError(
        "quality.rule.reviewer",
        "{account} may not make the {role} review of this rule.",
        hint="Roles: {who}; the business reviewer is of the resource's department.",
        account=actor.account,
        role=role,
        who=who,
    )
