"""有条件共享: requests that the provider answered in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.assess.records import Records
from cityloom.model.request import Request
from cityloom.model.score import Share
from cityloom.model.text import Title
from cityloom.store.requests import list_requests


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Of the conditional requests to a department that are answered or overdue, those answered in time."""

    name: ClassVar[str] = "answered"
    title: ClassVar[Title] = Title("申请按时答复率", "Requests answered in time")
    standard: ClassVar[str] = "Interim measures for sharing government information resources (2016)"
    cases: ClassVar = (
        ("1 of 2 requests was answered before its deadline", 0.5),
        ("a request overdue and not answered", 0.0),
        ("a request that still has time does not count", None),
    )

    def count(self, department: str, records: Records) -> Share:
        """Requests answered in time of those due; records are the late ones."""
        asked = list_requests(records.connection, provider=department)
        due = [r for r in asked if r.sharing == "conditional" and r.deadline and _is_due(r, records.now)]
        late = [r.id for r in due if (r.decided_at or records.now) > (r.deadline or "")]
        return Share(
            part=len(due) - len(late),
            whole=len(due),
            records=tuple(late),
            counts={"due": len(due), "late": len(late)},
        )


def _is_due(request: Request, now: str) -> bool:
    is_waiting = request.state == "submitted"
    return request.decided_at is not None or (is_waiting and (request.deadline or "") < now)
