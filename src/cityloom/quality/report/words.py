"""Names of dimensions, lights, states and figures as reports write them."""

from __future__ import annotations

from collections.abc import Iterable

from cityloom.kernel.i18n import _
from cityloom.model.cause import Cause, Condition
from cityloom.model.text import Title
from cityloom.quality import orders

DIMENSION_TITLES = {
    "total": Title("综合", "Total"),
    "conformity": Title("规范性", "Conformity"),
    "completeness": Title("完整性", "Completeness"),
    "accuracy": Title("准确性", "Accuracy"),
    "consistency": Title("一致性", "Consistency"),
    "timeliness": Title("时效性", "Timeliness"),
    "accessibility": Title("可访问性", "Accessibility"),
}
EVIDENCE_TITLES = {
    "on_time": Title("按更新周期到达", "Came in its cycle"),
    "reached": Title("归集成功", "Collected without failure"),
    "mounted": Title("已编目并挂接", "Catalogued and mounted"),
}


def points(score: float | None, digits: int = 2) -> str:
    """A score of 0 to 1 as points of 100: ``98.76``."""
    return "—" if score is None else f"{100 * score:.{digits}f}"


def change(value: float | None) -> str:
    """How a score moved, in points with its sign."""
    return "—" if value is None else f"{100 * value:+.2f}" if abs(value) >= 0.00005 else "0.00"


def share(value: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 in per cent."""
    if value is None:
        return "—"
    text = f"{100 * value:.{digits}f}"
    if value > 0 and float(text) == 0:
        return f"<{10**-digits:.{digits}f}%"
    return f"{text}%"


def number(value: float) -> str:
    """``1234567`` as ``1,234,567``."""
    return f"{value:,.0f}"


def size(value: float) -> str:
    """Bytes in a unit that reads well."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def light(name: str) -> str:
    """A light's name."""
    return {"green": _("green"), "yellow": _("yellow"), "red": _("red")}.get(name, name)


def severity(name: str) -> str:
    """A severity's name."""
    return {"high": _("high"), "medium": _("medium"), "low": _("low")}.get(name, name)


def state(name: str) -> str:
    """A work order's state."""
    return {
        "sent": _("sent"),
        "accepted": _("accepted"),
        "fixed": _("fixed"),
        "verified": _("verified"),
        "closed": _("closed"),
        "disputed": _("disputed"),
        "overdue": _("overdue"),
        "escalated": _("escalated"),
    }.get(name, name)


def move(verb: str) -> str:
    """What was done to a work order."""
    return {
        "send": _("sent out"),
        "accept": _("taken on"),
        "fix": _("said to be fixed"),
        "dispute": _("said to be wrong"),
        "insist": _("stood by"),
        "withdraw": _("taken back"),
        "verify": _("found to be fixed"),
        "return": _("sent back"),
        "close": _("brought to an end"),
        "vanish": _("no longer broken"),
        "lapse": _("lapsed"),
        "expire": _("past its deadline"),
        "escalate": _("brought to the authority"),
    }.get(verb, verb)


def mover(account: str) -> str:
    """Who moved a work order: an account, or nobody."""
    return _("the platform") if account == orders.RULE else account


def said(text: str) -> str:
    """What was said with a move: words of people as they are, those of the platform in the reader's language."""
    return {
        orders.NO_RULE: _("The rule no longer counts for this resource."),
        orders.NO_RESOURCE: _("The resource is no longer among the definitions."),
        orders.STILL_BROKEN: _("The check of the next batch still finds broken rows."),
    }.get(text, text)


def phase(name: str) -> str:
    """A phase's name."""
    return {"before": _("as delivered"), "after": _("after standardising")}.get(name, name)


def first(name: str) -> str:
    """Where a problem first appears."""
    return {
        "source": _("in the source: the rows came broken"),
        "standard": _("in standardising: the rows came in order"),
        "none": _("nowhere: no row is broken"),
    }.get(name, name)


def condition(one: Condition, titles: dict[str, str] | None = None) -> str:
    """A condition as people read it: ``district = 110101``."""
    name = (titles or {}).get(one.column) or {"_batch": _("batch"), "_origin": _("origin")}.get(one.column, one.column)
    values = " / ".join(one.values)
    if one.kind == "missing":
        return _("{column} is missing").format(column=name) if one.values == ("yes",) else _("{column} is filled").format(column=name)
    if one.kind == "range":
        low, high = one.values
        return f"{name} = {low}" if low == high else _("{column} from {low} to {high}").format(column=name, low=low, high=high)
    pattern = {
        "length": _("length of {column} = {values}"),
        "head": _("{column} begins with {values}"),
        "form": _("form of {column} = {values}"),
        "month": _("month of {column} = {values}"),
    }.get(one.kind, "{column} = {values}")
    return pattern.format(column=name, values=values)


def cause(one: Cause, titles: dict[str, str] | None = None) -> str:
    """A cause's conditions in one line."""
    return conditions(one.conditions, titles)


def conditions(some: Iterable[Condition], titles: dict[str, str] | None = None) -> str:
    """Conditions in one line."""
    return _(" and ").join(condition(c, titles) for c in some)


def kind(name: str) -> str:
    """A type that a profile tells."""
    return {
        "empty": _("empty"),
        "integer": _("integer"),
        "decimal": _("decimal"),
        "date": _("date"),
        "time": _("time"),
        "boolean": _("truth value"),
        "text": _("text"),
    }.get(name, name)


def grade(name: str) -> str:
    """A grade."""
    return {"public": _("public"), "internal": _("internal"), "sensitive": _("sensitive"), "core": _("core")}.get(name, name)


def figure(value: float | None) -> str:
    """A number of data as short as it can be."""
    if value is None:
        return "—"
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def figures(values: tuple[float, ...]) -> str:
    """Numbers one after the other."""
    return " · ".join(figure(v) for v in values)


def drift(name: str) -> str:
    """A figure that has drifted."""
    if name.startswith("form "):
        return _("new form {form}").format(form=name[5:])
    return {
        "gone": _("field is gone"),
        "new": _("field is new"),
        "type": _("type"),
        "missing_rate": _("missing rate"),
        "unique_rate": _("unique rate"),
        "zero_rate": _("zero rate"),
        "mean": _("mean"),
    }.get(name, name)


def drifted(name: str, value: float | str | None) -> str:
    """A value of a figure that has drifted."""
    if name == "type" and isinstance(value, str):
        return kind(value)
    if isinstance(value, str) or value is None:
        return value or "—"
    return share(value) if name.endswith("_rate") or name.startswith("form ") else figure(value)
