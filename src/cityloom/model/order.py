"""工单: problem data on the way to being fixed, and errors that users of data report (校核纠错)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cityloom.model.transition import Side, Transition


class OrderState(StrEnum):
    """Where a work order stands."""

    SENT = "sent"
    ACCEPTED = "accepted"
    FIXED = "fixed"
    VERIFIED = "verified"
    CLOSED = "closed"
    DISPUTED = "disputed"
    OVERDUE = "overdue"
    ESCALATED = "escalated"


_S = OrderState
_PROVIDER = (Side.PROVIDER, ("officer", "owner", "steward"))
_STEWARD = (Side.AUTHORITY, ("steward",))
_REPORTER = (Side.CONSUMER, ("officer", "owner", "consumer", "analyst", "steward"))
_RULE: tuple[Side, tuple[str, ...]] = (Side.RULE, ())


def _move(verb: str, source: str, target: str, *who: tuple[Side, tuple[str, ...]]) -> Transition:
    return Transition(verb=verb, source=source, target=target, who=who)


_LATE = (_S.OVERDUE, _S.ESCALATED)
TRANSITIONS = (
    _move("accept", _S.SENT, _S.ACCEPTED, _PROVIDER),
    *(_move("accept", late, _S.ACCEPTED, _PROVIDER) for late in _LATE),
    _move("fix", _S.ACCEPTED, _S.FIXED, _PROVIDER),
    *(_move("fix", late, _S.FIXED, _PROVIDER) for late in _LATE),
    _move("dispute", _S.SENT, _S.DISPUTED, _PROVIDER),
    _move("dispute", _S.ACCEPTED, _S.DISPUTED, _PROVIDER),
    *(_move("dispute", late, _S.DISPUTED, _PROVIDER) for late in _LATE),
    _move("insist", _S.DISPUTED, _S.SENT, _STEWARD),
    _move("withdraw", _S.DISPUTED, _S.CLOSED, _STEWARD),
    *(_move("withdraw", state, _S.CLOSED, _STEWARD) for state in (_S.SENT, _S.ACCEPTED, *_LATE)),
    _move("verify", _S.FIXED, _S.VERIFIED, _STEWARD, _RULE),
    _move("return", _S.FIXED, _S.SENT, _STEWARD, _REPORTER, _RULE),
    _move("close", _S.VERIFIED, _S.CLOSED, _STEWARD, _REPORTER, _RULE),
    _move("close", _S.FIXED, _S.CLOSED, _REPORTER),
    *(_move("vanish", state, _S.VERIFIED, _RULE) for state in (_S.SENT, _S.ACCEPTED, *_LATE)),
    *(_move("lapse", state, _S.CLOSED, _RULE) for state in (_S.SENT, _S.ACCEPTED, _S.FIXED, _S.DISPUTED, *_LATE)),
    _move("expire", _S.SENT, _S.OVERDUE, _RULE),
    _move("expire", _S.ACCEPTED, _S.OVERDUE, _RULE),
    _move("escalate", _S.OVERDUE, _S.ESCALATED, _STEWARD, _RULE),
)
"""Every move an order can make. ``verify``, ``return`` and ``vanish`` follow from the check of the next batch, ``lapse``
from a rule or a resource that is no more, ``expire`` and ``escalate`` from the calendar. Who reported an error may close it
when the answer suffices."""
OPEN = tuple(s for s in OrderState if s not in (_S.VERIFIED, _S.CLOSED))
KINDS = ("quality", "report")


@dataclass(frozen=True, kw_only=True)
class Order:
    """工单: what is wrong with a department's data, by when it is to be fixed, and how far that is.

    ``kind`` is ``quality`` (a rule's broken rows) or ``report`` (an error that a user met). A quality order stands for
    one cause: a rule on a resource; ``broken`` of ``checked`` rows at ``version`` of its table, in ``batches``. A report
    names ``item`` and ``basis`` (what the reporter knows), its ``cause`` is how its words begin; they and the answers stand
    in the moves. ``deadline`` in UTC;
    ``returns`` counts how often a fix did not hold; ``first_broken`` is what it began with.
    """

    id: str
    kind: str
    department: str
    resource: str
    cause: str
    dimension: str = ""
    severity: str = "medium"
    phase: str = "before"
    version: int = 0
    checked: int = 0
    broken: int = 0
    first_broken: int = 0
    batches: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    item: str = ""
    basis: str = ""
    reported_by: str = ""
    reporter_department: str | None = None
    state: str = OrderState.SENT
    opened_at: str = ""
    deadline: str = ""
    changed_at: str = ""
    closed_at: str | None = None
    returns: int = 0


@dataclass(frozen=True, kw_only=True)
class ErrorReport:
    """校核纠错: an error that a user of data met.

    ``resource`` the value comes from and ``department`` that provides it; ``item`` whose value is wrong, empty for the
    whole; ``words`` what is wrong (no value of a person belongs here: name the record by the id of the call that gave
    it); ``basis`` how the reporter knows: a document, a visit.
    """

    resource: str
    department: str
    words: str
    item: str = ""
    basis: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderMove:
    """One move of an order: by whom, when (UTC) and with which words."""

    order: str
    verb: str
    source: str
    target: str
    actor: str
    at: str
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class OrderFigures:
    """Statistics of orders, of a department or of all: counts, rates from 0 to 1, and mean days to a fix."""

    department: str
    all: int
    open: int
    overdue: int
    closed: int
    disputed: int
    returned: int
    fixed_in_time: int
    on_time_rate: float | None
    mean_days: float | None
    rows: int
