"""Words and figures as the pages write them: names of steps, dimensions and fields in the current language."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from cityloom.kernel.i18n import _


def number(value: float) -> str:
    """``1234567`` as ``1,234,567``."""
    return f"{value:,.0f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 as ``12.3%``; nothing known as a dash."""
    return "—" if value is None else f"{100 * value:.{digits}f}%"


def seconds(value: float) -> str:
    """Seconds to a readable precision, without the unit."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def with_commands(text: str) -> Markup:
    """A sentence whose commands stand in backticks, as a page shows them."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def step(name: str) -> str:
    """A step of the chain."""
    return {
        "generate": _("Make the city"),
        "apply": _("Apply definitions"),
        "collect": _("Collect"),
        "assess_raw": _("Check raw rows"),
        "pass_gate": _("Pass the gate"),
        "standardise": _("Standardise"),
        "assess_standard": _("Check again"),
        "fuse": _("Fuse"),
        "catalogue": _("Catalogue"),
        "publish": _("Publish"),
        "share": _("Share"),
        "score": _("Score"),
        "audit": _("Verify the log"),
        "report": _("Compare, report"),
    }.get(name, name)


def dimension(name: str) -> str:
    """A dimension of quality (GB/T 36344)."""
    return {
        "conformity": _("Conformity"),
        "completeness": _("Completeness"),
        "accuracy": _("Accuracy"),
        "consistency": _("Consistency"),
        "timeliness": _("Timeliness"),
        "accessibility": _("Accessibility"),
    }.get(name, name)


def field(name: str) -> str:
    """A field of a request, a grant or an answer."""
    return {
        "service": _("Service"),
        "title": _("Name of the service"),
        "id": _("Number"),
        "state": _("State"),
        "consumer": _("Asked by"),
        "provider": _("Provider"),
        "requested_by": _("Person"),
        "purpose": _("Purpose"),
        "purpose_title": _("Purpose"),
        "basis": _("Legal basis"),
        "parameters": _("What it knows already"),
        "items": _("Items"),
        "granted_by": _("Granted by"),
        "decided_by": _("Decided by"),
        "approver": _("Decided by"),
        "decided_at": _("Decided on"),
        "granted_at": _("Granted on"),
        "expires_at": _("Until"),
        "quota": _("Calls a day"),
        "days": _("Days"),
        "sharing": _("Sharing"),
        "version": _("Version"),
        "reasons": _("Reasons"),
        "call": _("Number of the call"),
        "left": _("Calls left today"),
        "verdict": _("Verdict"),
        "department": _("Department"),
        "at": _("On"),
    }.get(name, name)


def judgement(name: str) -> str:
    """How a row was judged to speak of an object."""
    return {
        "key": _("By a valid number"),
        "valid_key": _("By a valid number"),
        "repaired_key": _("By a repaired number"),
        "attributes": _("By name and other items"),
        "person": _("By a person"),
        "unresolved": _("Left open"),
    }.get(name, name)


def role(name: str) -> str:
    """A role of an account."""
    return {
        "system_administrator": _("System administrator"),
        "security_administrator": _("Security administrator"),
        "audit_administrator": _("Audit administrator"),
        "officer": _("Officer"),
        "owner": _("Data owner"),
        "steward": _("Data steward"),
        "consumer": _("Data user"),
        "leader": _("Leader"),
        "analyst": _("Analyst"),
    }.get(name, name)


def state(name: str) -> str:
    """Where a request or a grant stands."""
    return {
        "submitted": _("submitted"),
        "approved": _("approved"),
        "rejected": _("rejected"),
        "granted": _("granted"),
        "revoked": _("revoked"),
        "expired": _("expired"),
    }.get(name, name)
