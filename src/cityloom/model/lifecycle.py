"""The life of a data standard: from draft over two reviews to published and retired, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cityloom.model.transition import Side, Transition

KINDS = ("element", "code_table", "data_set", "term")
"""Kinds of definitions that are data standards."""
TECHNICAL = "technical"
DEPARTMENT = "department"
REVIEWS = (TECHNICAL, DEPARTMENT)
"""The two reviews: of the data authority, and of a department other than the author's."""


class StandardState(StrEnum):
    """Where a version of a standard stands."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"
    RETIRED = "retired"


_S = StandardState
_AUTHORS = ("steward", "analyst", "owner", "officer")
_STEWARD = (Side.AUTHORITY, ("steward",))
_ANY = (Side.AUTHORITY, _AUTHORS)
_OWN = (Side.AUTHORITY, ("steward", "analyst"))
_OTHER = (Side.AUTHORITY, ("owner", "officer"))


def _move(verb: str, source: str, target: str, *who: tuple[Side, tuple[str, ...]]) -> Transition:
    return Transition(verb=verb, source=source, target=target, who=who)


TRANSITIONS = (
    _move("submit", _S.DRAFT, _S.IN_REVIEW, _ANY),
    _move("approve_technical", _S.IN_REVIEW, _S.IN_REVIEW, _OWN),
    _move("approve_department", _S.IN_REVIEW, _S.IN_REVIEW, _OTHER),
    _move("reject_technical", _S.IN_REVIEW, _S.DRAFT, _OWN),
    _move("reject_department", _S.IN_REVIEW, _S.DRAFT, _OTHER),
    _move("publish", _S.IN_REVIEW, _S.PUBLISHED, _STEWARD),
    _move("supersede", _S.PUBLISHED, _S.SUPERSEDED, (Side.RULE, ())),
    _move("retire", _S.PUBLISHED, _S.RETIRED, _STEWARD),
)
"""Every move of a version. Neither review is ever the author's; both are needed to publish; publishing supersedes the
version before."""


@dataclass(frozen=True, kw_only=True)
class StandardVersion:
    """One version of a standard: its definition, who wrote it, where it stands.

    ``number`` counts the versions of a standard; ``version`` is what its definition says; ``authors`` all who wrote
    at it; ``digest`` of the body. A version that was published once never changes.
    """

    kind: str
    name: str
    number: int
    version: str
    state: str
    digest: str
    body: Mapping[str, Any] = field(repr=False)
    authors: tuple[str, ...]
    author_department: str
    changed_at: str


@dataclass(frozen=True, kw_only=True)
class StandardMove:
    """What happened to a version: by whom, of which department, when, with which words."""

    kind: str
    name: str
    number: int
    verb: str
    source: str
    target: str
    actor: str
    department: str
    at: str
    words: str = ""
