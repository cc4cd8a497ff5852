"""The report of the main job as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.panel import Panel
from rich.text import Text

from cityloom.cli.progress import stage_title
from cityloom.cli.session import console, print_table
from cityloom.kernel.i18n import _, current_language

Facts = Mapping[str, Any]
_WIDEST = 12


def show_report(facts: Facts, folder: Path) -> None:
    """Print the report, part by part."""
    parts: Sequence[Callable[[Facts], None]] = (_sources, _quality, _fusion, _conflicts, _person, _service, _scores)
    for part in parts:
        part(facts)
        console.print()
    _proof(facts, folder)
    _times(facts)
    _headline(facts)


def _sources(facts: Facts) -> None:
    rows = [
        (
            _department(facts, s["department"]),
            _title(s["title"]),
            _title(s["form"]),
            s["read"],
            s["landed"],
            s["rejected"],
            s["reconciled"],
        )
        for s in facts["sources"]
    ]
    names = [_("department"), _("resource"), _("form"), _("read"), _("landed"), _("set apart"), _("reconciled")]
    print_table(_("1 · Collected: read = landed + set apart, proved by receipts"), names, rows, numbers=(3, 4, 5))
    for source in facts["sources"]:
        for reason in source.get("reasons", ()):
            console.print(Text(f"  ✗ {source['name']}: {reason}", style="red"))


def _quality(facts: Facts) -> None:
    before, after = facts["quality"]["before"], facts["quality"]["after"]
    rows = [
        (dimension_title(name), _percent(before.get(name)), _percent(after.get(name)), _bar(after.get(name)))
        for name in dict.fromkeys([*before, *after])
    ]
    names = [_("dimension"), _("as it came"), _("standardised"), ""]
    print_table(_("2 · Quality by dimension (GB/T 36344)"), names, rows, numbers=(1, 2))


def _fusion(facts: Facts) -> None:
    fusion = facts["fusion"]
    led = set(fusion["led"])
    rows = [
        (_attribute(facts, name), name in led, f"{share:.3%}")
        for name, share in sorted(fusion["error"].items(), key=lambda pair: (pair[0] not in led, pair[0]))
    ]
    title = _("3 · Fused: {people:,} people, {firms:,} firms; error against the known truth").format(**fusion)
    print_table(title, [_("attribute"), _("has a lead department"), _("error")], rows, numbers=(2,))


def _conflicts(facts: Facts) -> None:
    rows = [
        (_attribute(facts, c["attribute"]), _department(facts, c["winner"]), _department(facts, c["other"]), c["count"])
        for c in facts["conflicts"][:_WIDEST]
    ]
    names = [_("attribute"), _("value taken from"), _("disagreed"), _("times")]
    print_table(_("4 · Where departments disagree (most frequent)"), names, rows, numbers=(3,))


def _person(facts: Facts) -> None:
    person = facts["person"]
    rows = [
        (
            _attribute(facts, v["attribute"]),
            f"{v['value']} {_title(v['meaning'])}" if v.get("meaning") else v["value"],
            _department(facts, v["department"]),
            v["resource"],
            v["batch"],
            v["row"],
        )
        for v in person["values"]
    ]
    names = [_("attribute"), _("value"), _("department"), _("resource"), _("batch"), _("row")]
    print_table(_("5 · One golden record with the origin of each value (a made-up person)"), names, rows, numbers=(5,))


def _service(facts: Facts) -> None:
    service = facts["service"]
    asked = service["request"]
    text = _("6 · {consumer} asked for “{purpose}”; {approver} approved; grant {grant}").format(
        consumer=_department(facts, asked["consumer"]),
        purpose=_title(asked["purpose"]),
        approver=asked["decided_by"],
        grant=service["grant"]["id"],
    )
    masked = set(service["masked"])
    rows = [(_attribute(facts, name), value, name in masked) for name, value in service["answer"].items()]
    print_table(text, [_("attribute"), _("the service answered"), _("masked")], rows)


def _scores(facts: Facts) -> None:
    groups = list(dict.fromkeys(g for s in facts["scores"] for g in s["groups"]))
    rows = [
        (s["rank"], _department(facts, s["department"]), f"{s['score']:.1f}", *(_points(s["groups"].get(g)) for g in groups))
        for s in facts["scores"]
    ]
    names = [_("rank"), _("department"), _("score"), *(_title(facts["group_titles"][g]) for g in groups)]
    print_table(_("7 · Scores of the departments, from the platform's own records"), names, rows, numbers=range(2, 9))


def _proof(facts: Facts, folder: Path) -> None:
    audit = facts["audit"]
    mark = "[green]✓[/]" if audit["verified"] else "[red]✗[/]"
    text = _("8 · Audit: {size} events, root {root} — verified offline").format(size=audit["size"], root=audit["root"][:16] + "…")
    console.print(f"{mark} [bold]{text}[/]")
    command = f"cityloom audit verify {folder / audit['bundle']} --key {folder / audit['key']}"
    console.print(Text("  " + command, style="dim"), soft_wrap=True)
    console.print()


def _times(facts: Facts) -> None:
    rows = [(stage_title(name), seconds) for name, seconds in facts["seconds"].items() if name != "total"]
    rows.append((_("together"), facts["seconds"]["total"]))
    print_table(_("9 · Seconds"), [_("stage"), _("seconds")], rows, numbers=(1,))


def _headline(facts: Facts) -> None:
    rows = sum(s["read"] for s in facts["sources"])
    equal = sum(s["reconciled"] for s in facts["sources"])
    led = [facts["fusion"]["error"][name] for name in facts["fusion"]["led"]]
    text = _(
        "{rows:,} rows of {departments} departments → {people:,} people and {firms:,} firms; {equal} of {all} sources "
        "reconciled; largest error of an attribute with a lead department {worst:.2%}; {seconds:.0f} s, {peak:.0f} MB; "
        "digest {digest}"
    ).format(
        rows=rows,
        departments=len({s["department"] for s in facts["sources"]}),
        people=facts["fusion"]["people"],
        firms=facts["fusion"]["firms"],
        equal=equal,
        all=len(facts["sources"]),
        worst=max(led, default=0.0),
        seconds=facts["seconds"]["total"],
        peak=facts["peak_mb"],
        digest=facts["digest"][:16],
    )
    console.print(Panel(text, title="CityLoom 城织", border_style="green"))
    names = ", ".join(f"{a['name']} / {a['password']}" for a in facts["accounts"][:4])
    console.print(_("Demo accounts: {names} …").format(names=names))


def dimension_title(name: str) -> str:
    """A quality dimension as people read it."""
    titles = {
        "conformity": _("conformity"),
        "completeness": _("completeness"),
        "accuracy": _("accuracy"),
        "consistency": _("consistency"),
        "timeliness": _("timeliness"),
        "accessibility": _("accessibility"),
        "total": _("together"),
    }
    return titles.get(name, name)


def _department(facts: Facts, name: str) -> str:
    found = facts["departments"].get(name)
    city = facts["city"]["name_en" if current_language() == "en" else "name_zh"]
    return _title(found).removeprefix(city).strip() if found else name


def _attribute(facts: Facts, name: str) -> str:
    found = facts["attributes"].get(name)
    text = _title(found) if found else name
    return _("{attribute} (firm)").format(attribute=text) if "." in name else text


def _title(title: Mapping[str, str]) -> str:
    return title["en" if current_language() == "en" else "zh"]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _bar(share: float | None) -> str:
    return "" if share is None else "█" * round(share * 20)
