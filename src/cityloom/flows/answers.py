"""What was found in a delivery, as its sender is answered: counts, places, rules and reasons; never a value."""

from __future__ import annotations

from typing import Any

from cityloom.collect.intake import Complaint, Inspection


def findings(found: Inspection, policy: str) -> dict[str, Any]:
    """What was found in a delivery, for its sender."""
    return {
        "rows": found.rows,
        "wrong": found.wrong,
        "policy": policy,
        "broken": dict(found.broken),
        "errors": [complaint(one) for one in found.errors],
        "warnings": [complaint(one) for one in found.warnings],
        "drift": [{"code": one.code, "columns": one.details.get("columns", "")} for one in found.drift],
    }


def complaint(one: Complaint) -> dict[str, Any]:
    """One error or warning, for the sender."""
    return {
        "row": one.row,
        "column": one.columns[0] if one.columns else "",
        "columns": list(one.columns),
        "items": list(one.items),
        "rule": one.rule,
        "reason": one.reason,
    }
