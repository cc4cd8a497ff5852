"""使用申请 and 授权: what a consumer asks for, what follows from it, and the moves between."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cityloom.model.text import Title
from cityloom.model.transition import Side, Transition


class RequestState(StrEnum):
    """Where a request stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    MATERIALS_ASKED = "materials_asked"
    APPROVED = "approved"
    REJECTED = "rejected"
    DISPUTED = "disputed"
    GRANTED = "granted"
    REVOKED = "revoked"
    EXPIRED = "expired"


_S = RequestState
_ASKER = (Side.CONSUMER, ("officer", "consumer", "owner", "steward"))
_OWNER = (Side.PROVIDER, ("owner", "steward"))
_STEWARD = (Side.AUTHORITY, ("steward",))
_SECURITY = (Side.AUTHORITY, ("security_administrator",))
_RULE: tuple[Side, tuple[str, ...]] = (Side.RULE, ())


def _move(verb: str, source: str, target: str, *who: tuple[Side, tuple[str, ...]]) -> Transition:
    return Transition(verb=verb, source=source, target=target, who=who)


TRANSITIONS = (
    _move("submit", _S.DRAFT, _S.SUBMITTED, _ASKER),
    _move("pass", _S.SUBMITTED, _S.APPROVED, _RULE),
    _move("refuse", _S.SUBMITTED, _S.REJECTED, _RULE),
    _move("ask", _S.SUBMITTED, _S.MATERIALS_ASKED, _OWNER, _STEWARD),
    _move("supply", _S.MATERIALS_ASKED, _S.SUBMITTED, _ASKER),
    _move("approve", _S.SUBMITTED, _S.APPROVED, _OWNER, _STEWARD),
    _move("reject", _S.SUBMITTED, _S.REJECTED, _OWNER, _STEWARD),
    _move("dispute", _S.REJECTED, _S.DISPUTED, _ASKER),
    _move("overturn", _S.DISPUTED, _S.APPROVED, _STEWARD),
    _move("uphold", _S.DISPUTED, _S.REJECTED, _STEWARD),
    _move("grant", _S.APPROVED, _S.GRANTED, _OWNER, _STEWARD, _RULE),
    _move("revoke", _S.GRANTED, _S.REVOKED, _OWNER, _STEWARD, _SECURITY),
    _move("expire", _S.GRANTED, _S.EXPIRED, _RULE),
)
"""Every move a request can make. ``pass`` and ``refuse`` are the catalog's own answers: unconditional
sharing is approved at once, data that is not shared is refused with the basis that the catalog cites."""
DECISIONS = frozenset({"approve", "reject", "overturn", "uphold", "grant"})
"""Moves that nobody makes on their own request."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """使用申请: who asks for which items of a service, for what, on what basis, for how long.

    ``purpose`` is its short name, ``purpose_title`` what people read; ``deadline`` (UTC) is when an answer
    is due; ``asked`` counts how often materials were asked for (once at most), ``disputes`` how often it
    was disputed (once at most).
    """

    id: str
    service: str
    version: str
    provider: str
    consumer: str
    requested_by: str
    purpose: str
    purpose_title: Title
    basis: str
    items: tuple[str, ...]
    days: int
    sharing: str
    state: str = RequestState.DRAFT
    created_at: str = ""
    submitted_at: str | None = None
    deadline: str | None = None
    decided_by: str | None = None
    decided_at: str | None = None
    reasons: str | None = None
    asked: int = 0
    disputes: int = 0


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move that a request made: by whom, when (UTC) and why."""

    request: str
    verb: str
    source: str
    target: str
    actor: str
    at: str
    reasons: str = ""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """授权: the right of a consumer to items of a service for a purpose, until ``expires_at`` (UTC).

    ``requested_by`` is the account it was made for; ``quota`` is calls a day; ``state`` is ``granted``, ``revoked`` or ``expired``.
    """

    id: str
    request: str
    service: str
    version: str
    consumer: str
    requested_by: str
    items: tuple[str, ...]
    purpose: str
    purpose_title: Title
    basis: str
    granted_at: str
    expires_at: str
    quota: int
    state: str = RequestState.GRANTED

    def is_for(self, purpose: str) -> bool:
        """Whether a stated purpose, by its short name or its title, is the one that was granted."""
        return purpose in (self.purpose, self.purpose_title.zh, self.purpose_title.en)
