"""Words that stand in records of standards, as people read them in the current language."""

from __future__ import annotations

from cityloom.kernel.i18n import _


def word(name: str) -> str:
    """A kind, state, move, aspect or problem; a name that is none of them as it is."""
    return {**_kinds(), **_moves(), **_findings()}.get(name, name)


def _kinds() -> dict[str, str]:
    return {
        "element": _("element"),
        "code_table": _("code table"),
        "data_set": _("data set standard"),
        "term": _("term"),
        "resource": _("resource"),
        "item": _("item"),
        "step": _("step"),
        "rule": _("rule"),
        "business_rule": _("business rule"),
        "cleaning": _("cleaning rule"),
        "golden_attribute": _("golden attribute"),
        "service": _("service"),
        "department": _("department"),
        "city": _("city"),
    }


def _moves() -> dict[str, str]:
    return {
        "draft": _("draft"),
        "in_review": _("in review"),
        "published": _("published"),
        "superseded": _("superseded"),
        "retired": _("retired"),
        "write": _("write"),
        "submit": _("submit"),
        "approve_technical": _("approve, technical"),
        "approve_department": _("approve, departments"),
        "reject_technical": _("reject, technical"),
        "reject_department": _("reject, departments"),
        "publish": _("publish"),
        "supersede": _("supersede"),
        "retire": _("retire"),
        "confirmed": _("confirmed"),
        "rejected": _("rejected"),
        "add": _("add"),
        "change": _("change"),
    }


def _findings() -> dict[str, str]:
    return {
        "name": _("name"),
        "type": _("form"),
        "length": _("length"),
        "codes": _("codes"),
        "missing": _("missing though mandatory"),
        "optional": _("missing"),
        "key": _("not part of the key"),
        "required": _("not required"),
        "other_element": _("bound to another element"),
        "other": _("not in the standard"),
    }
