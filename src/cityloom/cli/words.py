"""Words that stand in records, as the command line says them in the current language."""

from __future__ import annotations

from cityloom.kernel.i18n import _


def job_state(name: str) -> str:
    """A state of a job, or of one of its tries."""
    return {
        "queued": _("queued"),
        "waiting": _("waiting"),
        "running": _("running"),
        "done": _("done"),
        "failed": _("failed"),
        "late": _("late"),
        "lost": _("lost"),
        "cancelled": _("taken back"),
    }.get(name, name)


def cycle(name: str) -> str:
    """How often a task runs, or what started a job."""
    return {
        "manual": _("manual"),
        "year": _("every year"),
        "quarter": _("every quarter"),
        "month": _("every month"),
        "week": _("every week"),
        "day": _("every day"),
        "hour": _("every hour"),
        "continuous": _("continuous"),
    }.get(name, name)


def mode(name: str) -> str:
    """A way of collecting."""
    return {
        "full": _("full"),
        "incremental": _("incremental"),
        "cdc": _("changes"),
        "push": _("push"),
        "virtual": _("virtual"),
    }.get(name, name)


def batch_state(name: str) -> str:
    """A state of a batch."""
    return {
        "running": _("running"),
        "landed": _("landed"),
        "reconciled": _("reconciled"),
        "failed": _("failed"),
        "superseded": _("superseded"),
    }.get(name, name)


def comparison(name: str) -> str:
    """What became of a batch that was looked at, or taken in, once more."""
    return {
        "equal": _("equal"),
        "changed": _("changed"),
        "gone": _("gone"),
        "unreadable": _("unreadable"),
        "passed": _("not again"),
        "unasked": _("not asked"),
        "damaged": _("damaged"),
        "restored": _("restored"),
        "replaced": _("replaced"),
        "added": _("added"),
        "failed": _("failed"),
    }.get(name, name)
