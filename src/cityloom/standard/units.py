"""Units of measure and exact conversion between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from cityloom.kernel.errors import ConfigError
from cityloom.standard.decimals import decimal_value
from cityloom.standard.widths import TABLE

EDITION = 1
Unit = tuple[Fraction, Fraction, tuple[str, ...]]
"""Factor and offset to the kind's first unit, and the texts that departments use for the unit."""


def _unit(factor: str, *texts: str, offset: str = "0") -> Unit:
    return Fraction(factor), Fraction(offset), texts


KINDS: Mapping[str, Mapping[str, Unit]] = {
    "length": {
        "m": _unit("1", "\u7c73", "\u516c\u5c3a", "M"),
        "km": _unit("1000", "\u5343\u7c73", "\u516c\u91cc", "KM", "Km"),
        "dm": _unit("1/10", "\u5206\u7c73"),
        "cm": _unit("1/100", "\u5398\u7c73", "\u516c\u5206", "CM"),
        "mm": _unit("1/1000", "\u6beb\u7c73", "MM"),
        "li": _unit("500", "\u91cc", "\u5e02\u91cc"),
        "zhang": _unit("10/3", "\u4e08"),
        "chi": _unit("1/3", "\u5c3a", "\u5e02\u5c3a"),
        "cun": _unit("1/30", "\u5bf8", "\u5e02\u5bf8"),
        "ft": _unit("0.3048", "\u82f1\u5c3a"),
        "in": _unit("0.0254", "\u82f1\u5bf8"),
        "mile": _unit("1609.344", "\u82f1\u91cc"),
        "nmi": _unit("1852", "\u6d77\u91cc"),
    },
    "area": {
        "m2": _unit("1", "\u5e73\u65b9\u7c73", "\u5e73\u7c73", "\u33a1", "\u5e73\u65b9", "m\u00b2", "M2", "\u5e73"),
        "km2": _unit("1000000", "\u5e73\u65b9\u5343\u7c73", "\u5e73\u65b9\u516c\u91cc", "km\u00b2", "KM2", "\u33a2"),
        "ha": _unit("10000", "\u516c\u9877", "hm2", "hm\u00b2"),
        "mu": _unit("2000/3", "\u4ea9", "\u5e02\u4ea9"),
        "qing": _unit("200000/3", "\u9877", "\u5e02\u9877"),
        "wan_mu": _unit("20000000/3", "\u4e07\u4ea9"),
        "wan_m2": _unit("10000", "\u4e07\u5e73\u65b9\u7c73", "\u4e07\u5e73\u7c73", "\u4e07\u33a1"),
        "acre": _unit("4046.8564224", "\u82f1\u4ea9"),
    },
    "weight": {
        "kg": _unit("1", "\u5343\u514b", "\u516c\u65a4", "KG", "Kg"),
        "g": _unit("1/1000", "\u514b", "G"),
        "mg": _unit("1/1000000", "\u6beb\u514b"),
        "t": _unit("1000", "\u5428", "\u516c\u5428", "T"),
        "wan_t": _unit("10000000", "\u4e07\u5428"),
        "jin": _unit("1/2", "\u65a4", "\u5e02\u65a4"),
        "liang": _unit("1/20", "\u4e24", "\u5e02\u4e24"),
        "lb": _unit("0.45359237", "\u78c5"),
        "oz": _unit("0.028349523125", "\u76ce\u53f8"),
    },
    "volume": {
        "m3": _unit("1", "\u7acb\u65b9\u7c73", "\u7acb\u65b9", "m\u00b3", "M3", "\u65b9", "\u33a5"),
        "l": _unit("1/1000", "\u5347", "L", "\u516c\u5347"),
        "ml": _unit("1/1000000", "\u6beb\u5347", "mL", "ML"),
        "wan_m3": _unit("10000", "\u4e07\u7acb\u65b9\u7c73", "\u4e07\u65b9", "\u4e07m3", "\u4e07m\u00b3"),
    },
    "money": {
        "yuan": _unit("1", "\u5143", "\u5706", "\u4eba\u6c11\u5e01\u5143", "\u5143\u4eba\u6c11\u5e01", "RMB", "CNY"),
        "jiao": _unit("1/10", "\u89d2"),
        "fen": _unit("1/100", "\u5206"),
        "thousand_yuan": _unit("1000", "\u5343\u5143"),
        "wan_yuan": _unit("10000", "\u4e07\u5143", "\u4e07"),
        "million_yuan": _unit("1000000", "\u767e\u4e07\u5143", "\u767e\u4e07"),
        "yi_yuan": _unit("100000000", "\u4ebf\u5143", "\u4ebf"),
    },
    "temperature": {
        "c": _unit("1", "\u2103", "\u00b0C", "C", "\u6444\u6c0f\u5ea6", "\u5ea6"),
        "f": _unit("5/9", "\u2109", "\u00b0F", "F", "\u534e\u6c0f\u5ea6", offset="-160/9"),
        "k": _unit("1", "K", "\u5f00", "\u5f00\u5c14\u6587", offset="-273.15"),
    },
    "time": {
        "s": _unit("1", "\u79d2", "\u79d2\u949f", "sec"),
        "ms": _unit("1/1000", "\u6beb\u79d2"),
        "min": _unit("60", "\u5206", "\u5206\u949f"),
        "h": _unit("3600", "\u5c0f\u65f6", "\u65f6", "hour"),
        "d": _unit("86400", "\u5929", "\u65e5", "\u5de5\u4f5c\u65e5"),
        "week": _unit("604800", "\u5468", "\u661f\u671f"),
    },
    "speed": {
        "m_s": _unit("1", "m/s", "\u7c73/\u79d2", "\u7c73\u6bcf\u79d2"),
        "km_h": _unit("5/18", "km/h", "\u516c\u91cc/\u5c0f\u65f6", "\u5343\u7c73/\u5c0f\u65f6", "\u516c\u91cc\u6bcf\u5c0f\u65f6"),
        "kn": _unit("463/900", "\u8282"),
    },
    "energy": {
        "kwh": _unit("1", "\u5343\u74e6\u65f6", "\u5ea6", "kWh", "KWH", "kW\u00b7h"),
        "wan_kwh": _unit("10000", "\u4e07\u5343\u74e6\u65f6", "\u4e07\u5ea6", "\u4e07kWh"),
        "mwh": _unit("1000", "MWh", "\u5146\u74e6\u65f6"),
        "mj": _unit("5/18", "MJ", "\u5146\u7126"),
        "tce": _unit("8141", "\u5428\u6807\u51c6\u7164", "\u5428\u6807\u7164"),
    },
}
"""Units by kind and name; other units of a kind are as many of its first one."""


def texts_of(kind: str) -> dict[str, str]:
    """Every text that stands for a unit of a kind -> the unit's name; the longest first."""
    found = {text: name for name, (_, _, texts) in KINDS[kind].items() for text in (name, *texts)}
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def check_units(kind: str, *names: str) -> None:
    """Refuse what is no kind, or no unit of it.

    Raises:
        ConfigError: ``standard.unit.unknown``.
    """
    known = KINDS.get(kind, {})
    wrong = [name for name in names if name and name not in known]
    if not known or wrong:
        raise ConfigError(
            "standard.unit.unknown",
            "There is no unit {unit} of the kind {kind}.",
            hint="Known: {known}.",
            unit=", ".join(wrong) or "-",
            kind=kind,
            known=", ".join(known or KINDS),
        )


def converted(text: str, *, kind: str, to: str, assume: str, places: int) -> str | None:
    """The quantity that a text says in another unit, exact where it has so few places, else rounded half away from 0."""
    tidy = text.translate(TABLE).replace(" ", "")
    unit, digits = assume, tidy
    for end, name in texts_of(kind).items():
        if tidy.endswith(end):
            unit, digits = name, tidy.removesuffix(end)
            break
    number = decimal_value(digits, {}, "") if unit and not re.search("[a-zA-Z]", digits.replace("e", "").replace("E", "")) else None
    if number is None:
        return None
    factor, offset, _ = KINDS[kind][unit]
    target, target_offset, _ = KINDS[kind][to]
    return _plain((Fraction(number) * factor + offset - target_offset) / target, places)


def _plain(exact: Fraction, places: int) -> str:
    with localcontext() as context:
        context.prec = 90
        rounded = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    number = f"{rounded:f}"
    number = number.rstrip("0").rstrip(".") if "." in number else number
    return "0" if number == "-0" else number
