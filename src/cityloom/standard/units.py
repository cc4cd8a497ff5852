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
        "m": _unit("1", "米", "公尺", "M"),
        "km": _unit("1000", "千米", "公里", "KM", "Km"),
        "dm": _unit("1/10", "分米"),
        "cm": _unit("1/100", "厘米", "公分", "CM"),
        "mm": _unit("1/1000", "毫米", "MM"),
        "li": _unit("500", "里", "市里"),
        "zhang": _unit("10/3", "丈"),
        "chi": _unit("1/3", "尺", "市尺"),
        "cun": _unit("1/30", "寸", "市寸"),
        "ft": _unit("0.3048", "英尺"),
        "in": _unit("0.0254", "英寸"),
        "mile": _unit("1609.344", "英里"),
        "nmi": _unit("1852", "海里"),
    },
    "area": {
        "m2": _unit("1", "平方米", "平米", "㎡", "平方", "m\u00b2", "M2", "平"),
        "km2": _unit("1000000", "平方千米", "平方公里", "km\u00b2", "KM2", "㎢"),
        "ha": _unit("10000", "公顷", "hm2", "hm\u00b2"),
        "mu": _unit("2000/3", "亩", "市亩"),
        "qing": _unit("200000/3", "顷", "市顷"),
        "wan_mu": _unit("20000000/3", "万亩"),
        "wan_m2": _unit("10000", "万平方米", "万平米", "万㎡"),
        "acre": _unit("4046.8564224", "英亩"),
    },
    "weight": {
        "kg": _unit("1", "千克", "公斤", "KG", "Kg"),
        "g": _unit("1/1000", "克", "G"),
        "mg": _unit("1/1000000", "毫克"),
        "t": _unit("1000", "吨", "公吨", "T"),
        "wan_t": _unit("10000000", "万吨"),
        "jin": _unit("1/2", "斤", "市斤"),
        "liang": _unit("1/20", "两", "市两"),
        "lb": _unit("0.45359237", "磅"),
        "oz": _unit("0.028349523125", "盎司"),
    },
    "volume": {
        "m3": _unit("1", "立方米", "立方", "m\u00b3", "M3", "方", "㎥"),
        "l": _unit("1/1000", "升", "L", "公升"),
        "ml": _unit("1/1000000", "毫升", "mL", "ML"),
        "wan_m3": _unit("10000", "万立方米", "万方", "万m3", "万m\u00b3"),
    },
    "money": {
        "yuan": _unit("1", "元", "圆", "人民币元", "元人民币", "RMB", "CNY"),
        "jiao": _unit("1/10", "角"),
        "fen": _unit("1/100", "分"),
        "thousand_yuan": _unit("1000", "千元"),
        "wan_yuan": _unit("10000", "万元", "万"),
        "million_yuan": _unit("1000000", "百万元", "百万"),
        "yi_yuan": _unit("100000000", "亿元", "亿"),
    },
    "temperature": {
        "c": _unit("1", "\u2103", "\u00b0C", "C", "摄氏度", "度"),
        "f": _unit("5/9", "\u2109", "\u00b0F", "F", "华氏度", offset="-160/9"),
        "k": _unit("1", "K", "开", "开尔文", offset="-273.15"),
    },
    "time": {
        "s": _unit("1", "秒", "秒钟", "sec"),
        "ms": _unit("1/1000", "毫秒"),
        "min": _unit("60", "分", "分钟"),
        "h": _unit("3600", "小时", "时", "hour"),
        "d": _unit("86400", "天", "日", "工作日"),
        "week": _unit("604800", "周", "星期"),
    },
    "speed": {
        "m_s": _unit("1", "m/s", "米/秒", "米每秒"),
        "km_h": _unit("5/18", "km/h", "公里/小时", "千米/小时", "公里每小时"),
        "kn": _unit("463/900", "节"),
    },
    "energy": {
        "kwh": _unit("1", "千瓦时", "度", "kWh", "KWH", "kW\u00b7h"),
        "wan_kwh": _unit("10000", "万千瓦时", "万度", "万kWh"),
        "mwh": _unit("1000", "MWh", "兆瓦时"),
        "mj": _unit("5/18", "MJ", "兆焦"),
        "tce": _unit("8141", "吨标准煤", "吨标煤"),
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
