"""Quality reports over a workspace: who may see which, and the report in the form asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlglot import exp

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.causes import explain_rule
from cityloom.flows.runner import SYSTEM
from cityloom.flows.values import concealed, may_see, note, public_items
from cityloom.kernel.clock import iso
from cityloom.kernel.errors import CityLoomError, DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.cause import Cause
from cityloom.model.principal import Principal
from cityloom.model.report import QualityReport
from cityloom.protect.identity import principal_of_key
from cityloom.quality.broken import relation
from cityloom.quality.report.build import Wish, build
from cityloom.quality.report.html import Frame, to_html
from cityloom.quality.report.pdf import to_pdf
from cityloom.quality.report.period import month_of, period_of
from cityloom.quality.report.standing import Records
from cityloom.quality.report.xlsx import to_xlsx
from cityloom.store.quality import find_assessment

FORMATS = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Forms of a report, with their media types."""
READERS = frozenset({"steward", "leader", "analyst", "audit_administrator"})
"""Roles that may read the reports of every department."""
_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which report: of a department (empty: the whole city), for a period (empty: this month), of rows in a phase."""

    department: str = ""
    period: str = ""
    phase: str = "before"


def check_reader(actor: Principal, department: str) -> None:
    """Refuse whoever may not read a department's report: its own people may, and those who look after all.

    Raises:
        DeniedError: ``flows.report.denied``.
    """
    if READERS & set(actor.roles) or (department and department == actor.department):
        return
    raise DeniedError(
        "flows.report.denied",
        "{account} may not read this report.",
        hint="A department reads its own; all are read by accounts with one of the roles {roles}.",
        account=actor.account,
        roles=", ".join(sorted(READERS)),
    )


def reader_of_key(workspace: Workspace, key: str, department: str) -> Principal:
    """Who shows a key, if that account may read what concerns a department.

    Raises:
        DeniedError: ``flows.report.key``, ``flows.report.denied``.
    """
    with workspace.store.read() as connection:
        found = principal_of_key(connection, key.strip(), workspace.clock)
    if found is None or found.grant is not None:
        raise DeniedError(
            "flows.report.key",
            "No valid key of an account was shown.",
            hint="Make one with `cityloom collect key ACCOUNT`; the key of a grant is for its service only.",
        )
    check_reader(found, department)
    return found


def make(
    workspace: Workspace, asked: Asked, *, reader: Principal | None = None, form: str = "", is_explained: bool = True
) -> QualityReport:
    """The report, for a reader whose right has been checked; that it was made goes on record.

    Args:
        workspace: where.
        asked: which one.
        reader: who reads it: who may not look at rows reads causes without values. None for who has the machine.
        form: in which it leaves.
        is_explained: whether examples and causes are looked for in the lake.

    Raises:
        UserError: ``quality.period.unknown``, ``quality.report.department``.
    """
    period = period_of(asked.period) if asked.period else month_of(workspace.clock.now())

    def look(resource: str, rule: str) -> tuple[tuple[tuple[str, int], ...], tuple[Cause, ...]]:
        return _look(workspace, resource, rule, asked.phase, reader)

    wish = Wish(department=asked.department, period=period, phase=asked.phase, look=look if is_explained else None)
    with workspace.store.read() as connection:
        records = Records(workspace.city, connection, workspace.lake, iso(workspace.clock.now()))
        made = build(wish, records)
    actor = reader.account if reader else SYSTEM
    note(workspace, EventKind.REPORT_SHOWN, asked.department or "*", actor, period=period.name, phase=asked.phase, form=form)
    return made


def encode(workspace: Workspace, report: QualityReport, form: str, frame: Frame | None = None) -> bytes:
    """The report as a file's bytes.

    Raises:
        UserError: ``flows.report.format``.
        ConfigError: ``kernel.extra.missing`` for a PDF without the library that writes it.
    """
    titles = {name: {i.name: str(i.title) for i in one.items} for name, one in workspace.city.resources.items()}
    if form == "html":
        return to_html(report, titles, frame).encode("utf-8")
    if form == "pdf":
        return to_pdf(report, titles)
    if form == "xlsx":
        return to_xlsx(report, titles)
    raise UserError(
        "flows.report.format",
        "There is no form {form} of a report.",
        hint="Forms: {known}.",
        form=form[:20],
        known=", ".join(FORMATS),
    )


def form_of(out: Path | None, form: str) -> str:
    """The form asked for, or the one that a file's name tells."""
    return form or (out.suffix.lstrip(".").lower() if out and out.suffix else "html")


def file_name(report: QualityReport, form: str) -> str:
    """A name for the file: department, period, form."""
    return f"quality-{report.department or 'city'}-{report.period.name}.{form}"


def _look(
    workspace: Workspace, name: str, rule: str, phase: str, reader: Principal | None
) -> tuple[tuple[tuple[str, int], ...], tuple[Cause, ...]]:
    """Places of some broken rows and what they share; nothing where they are not kept (an older assessment)."""
    resource = workspace.city.resource(name)
    with workspace.store.read() as connection:
        found = find_assessment(connection, name, phase)
    result = next((r for r in found.results if r.rule == rule), None) if found else None
    if result is None:
        return (), ()
    try:
        query = exp.select("*").from_(relation(workspace.lake, resource, phase, [rule]))
        rows = workspace.engine.rows(query.order_by("_batch", "_row").limit(_EXAMPLES))
        causes = explain_rule(workspace, resource, result, phase).causes
        if reader is not None and not may_see(workspace, resource, reader.account):
            causes = concealed(causes, public_items(workspace, resource))
        return tuple((str(r[0]), int(r[1])) for r in rows), causes
    except CityLoomError:
        return (), ()
