"""The declared list of audit events (GB/T 22239, GB/T 39477): what is worth proving later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class EventKind(StrEnum):
    """What happened. The reference page of audit events is generated from this list."""

    CONTENT_APPLIED = "content.applied"
    BATCH_LANDED = "batch.landed"
    BATCH_FAILED = "batch.failed"
    BATCH_SHOWN = "batch.shown"
    INTAKE_DENIED = "intake.denied"
    INTAKE_REFUSED = "intake.refused"
    REJECTS_SHOWN = "rejects.shown"
    BROKEN_SHOWN = "broken.shown"
    VALUES_SHOWN = "values.shown"
    REPORT_SHOWN = "report.shown"
    ROWS_CORRECTED = "rows.corrected"
    CLEANING_MOVED = "cleaning.moved"
    HISTORY_SHOWN = "history.shown"
    RECEIPT_SIGNED = "receipt.signed"
    JOB_ASKED = "job.asked"
    JOB_FAILED = "job.failed"
    JOB_LATE = "job.late"
    GATE_OPENED = "gate.opened"
    GATE_CLOSED = "gate.closed"
    TABLE_WRITTEN = "table.written"
    RESOURCE_MOVED = "resource.moved"
    RESOURCE_PUBLISHED = "resource.published"
    SERVICE_PUBLISHED = "service.published"
    SERVICE_WITHDRAWN = "service.withdrawn"
    REQUEST_MOVED = "request.moved"
    GRANT_MADE = "grant.made"
    GRANT_REVOKED = "grant.revoked"
    KEY_MADE = "key.made"
    KEY_REVOKED = "key.revoked"
    SERVICE_ANSWERED = "service.answered"
    SERVICE_DENIED = "service.denied"
    ACCOUNT_MADE = "account.made"
    ACCOUNT_CHANGED = "account.changed"
    LOGIN_DONE = "login.done"
    LOGIN_FAILED = "login.failed"
    RECORD_SHOWN = "record.shown"
    SCORES_MADE = "scores.made"
    AUDIT_READ = "audit.read"
    ORDER_MOVED = "order.moved"
    RULE_MOVED = "rule.moved"
    MAPPING_DECIDED = "mapping.decided"
    STANDARD_MOVED = "standard.moved"


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """Who did what to what. ``details`` are facts (counts, digests, names of resources, purposes); a person
    appears only as a keyed digest, never as a value."""

    kind: EventKind
    actor: str
    subject: str
    details: Mapping[str, str | int] = field(default_factory=dict)
