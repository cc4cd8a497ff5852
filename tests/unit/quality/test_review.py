"""Rules under review: two people of two roles, neither of them the author."""

from __future__ import annotations

from typing import Any

import pytest

from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.principal import Principal
from cityloom.model.rules import RuleRecord, RuleState, RuleTarget
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.review import propose, retire, review
from cityloom.store import audit
from cityloom.store.database import Store
from cityloom.store.rules import active_rules, find_rule, list_rule_reviews, list_rules

AUTHOR = Principal(account="ga.officer", department="ga", roles=("officer",))
OWNER = Principal(account="ga.owner", department="ga", roles=("owner",))
STEWARD = Principal(account="dsj.steward", department="dsj", roles=("steward",))
OTHER = Principal(account="mz.owner", department="mz", roles=("owner",))
USE = RuleUse(
    rule="length", dimension="conformity", columns=("a",), options={"most": 3}, title=Title("长度", "Length"),
    approved_by=("business", "technical"), when="a <> ''",
)  # fmt: skip
NAME = "hukou.a.length"


@pytest.fixture
def made(store: Store, clock: FixedClock) -> Any:
    def call(author: Principal = AUTHOR, use: RuleUse = USE) -> RuleRecord:
        return propose(NAME, RuleTarget(resource="hukou"), use, author, store=store, clock=clock, evidence={"reason": "r"})

    return call


@pytest.fixture
def said(store: Store, clock: FixedClock) -> Any:
    def call(role: str, who: Principal, *, is_approved: bool = True, words: str = "", department: str | None = "ga") -> RuleRecord:
        given = {"is_approved": is_approved, "words": words, "department": department}
        return review(NAME, role, who, **given, store=store, clock=clock)

    return call


def active(store: Store) -> list[tuple[str, int]]:
    with store.read() as connection:
        return [(one.name, one.version) for one in active_rules(connection)]


def test_it_counts_with_the_second_approval(store: Store, made: Any, said: Any, clock: FixedClock) -> None:
    draft = made()
    assert (draft.state, draft.use.approved_by, draft.version) == (RuleState.DRAFT, (), 1)
    assert said("technical", STEWARD).state is RuleState.DRAFT
    assert active(store) == []
    done = said("business", OWNER)
    assert (done.state, done.use.approved_by) == (RuleState.ACTIVE, ("business", "technical"))
    assert active(store) == [(NAME, 1)]
    with store.read() as connection:
        kept = find_rule(connection, NAME)
        assert kept == done and kept.use.title == Title("长度", "Length") and kept.use.columns == ("a",)
        assert [(r.role, r.reviewer) for r in list_rule_reviews(connection, NAME)] == [("technical", "dsj.steward"), ("business", "ga.owner")]
        verbs = [one.event.details["verb"] for one in audit.list_events(connection) if one.event.kind == "rule.moved"]
    assert sorted(verbs) == ["approve", "approve", "propose"]


@pytest.mark.parametrize(
    ("role", "who"),
    [("technical", AUTHOR), ("business", STEWARD), ("technical", OWNER), ("business", OTHER)],
)
def test_only_who_may_review_does(made: Any, said: Any, role: str, who: Principal) -> None:
    made()
    with pytest.raises(DeniedError):
        said(role, who)


def test_author_and_reviewers_are_three_people(made: Any, said: Any) -> None:
    both = Principal(account="all", department="ga", roles=("owner", "steward"))
    made(author=both)
    with pytest.raises(DeniedError, match="wrote the rule"):
        said("business", both)
    made(author=both, use=USE)
    said("business", OWNER)
    with pytest.raises(DeniedError, match="reviewed it already"):
        said("technical", Principal(account="ga.owner", department="ga", roles=("steward",)))
    with pytest.raises(UserError, match="is done"):
        said("business", Principal(account="ga.second", department="ga", roles=("owner",)))


def test_a_refusal_ends_a_draft_and_says_why(store: Store, made: Any, said: Any) -> None:
    made()
    with pytest.raises(UserError, match="says why"):
        said("business", OWNER, is_approved=False)
    assert said("business", OWNER, is_approved=False, words="too strict").state is RuleState.REJECTED
    with pytest.raises(UserError, match="under review"):
        said("technical", STEWARD)
    assert made().version == 2
    assert active(store) == []


def test_a_new_version_replaces_the_old_one_when_it_counts(store: Store, made: Any, said: Any) -> None:
    made()
    said("business", OWNER)
    said("technical", STEWARD)
    assert made(use=RuleUse(rule="length", dimension="conformity", columns=("a",), options={"most": 5})).version == 2
    assert active(store) == [(NAME, 1)]
    said("business", OWNER)
    said("technical", STEWARD)
    assert active(store) == [(NAME, 2)]
    with store.read() as connection:
        assert [one.state for one in list_rules(connection, name=NAME)] == [RuleState.ACTIVE, RuleState.REPLACED]


def test_a_draft_under_review_is_not_written_over(made: Any, said: Any) -> None:
    assert made().version == made().version == 1
    with pytest.raises(UserError, match="under review"):
        made(author=STEWARD)
    said("business", OWNER)
    with pytest.raises(UserError, match="under review"):
        made()


def test_it_is_retired_by_a_reviewer_with_words(store: Store, clock: FixedClock, made: Any, said: Any) -> None:
    made()
    said("business", OWNER)
    said("technical", STEWARD)
    given = {"department": "ga", "store": store, "clock": clock}
    with pytest.raises(UserError, match="Say why"):
        retire(NAME, OWNER, words="", **given)
    with pytest.raises(DeniedError):
        retire(NAME, OTHER, words="x", **given)
    assert retire(NAME, OWNER, words="no longer law", **given).state is RuleState.RETIRED
    assert active(store) == []
    with pytest.raises(UserError, match="in force or under review"):
        retire(NAME, OWNER, words="again", **given)


def test_nobody_without_a_role_proposes(made: Any) -> None:
    with pytest.raises(DeniedError, match="may not propose"):
        made(author=Principal(account="x", department="ga", roles=("consumer",)))
