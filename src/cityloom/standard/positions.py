"""Coordinates: degrees in many forms, and positions between the systems that maps in China use.

CGCS2000 and WGS-84 differ by centimetres and are one here. GCJ-02 is the state's shifted system, BD-09 one map
maker's over it; going back is done by iteration, to less than a millimetre of the shift. Outside China's rectangle
nothing is shifted.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal

from cityloom.standard.widths import TABLE

SYSTEMS = ("wgs84", "cgcs2000", "gcj02", "bd09")
EDITION = 1
_A, _EE = 6378245.0, 0.00669342162296594323
_BD = math.pi * 3000.0 / 180.0
_DMS = re.compile(
    "(?P<head>[nsew北南东西]?)[纬经]?:?(?P<sign>[+-]?)(?P<d>[0-9]{1,3})[\u00b0度d:\u00ba]"
    "(?:(?P<m>[0-9]{1,2}(?:\\.[0-9]{1,12})?)[\u2032'\u2019分m:]?(?:(?P<s>[0-9]{1,2}(?:\\.[0-9]{1,12})?)(?:[\u2033\"\u201d秒s]|'')?)?)?"
    "(?P<tail>[nsew北南东西]?)"
)
_PLAIN = re.compile("(?P<head>[nsew北南东西]?)[纬经]?:?(?P<sign>[+-]?)(?P<d>[0-9]{1,3}(?:\\.[0-9]{1,15})?)[\u00b0度]?(?P<tail>[nsew北南东西]?)")
_SOUTH_OR_WEST = "sw南西"
_AXES = {"lat": "ns北南", "lon": "ew东西"}
LIMITS = {"lat": 90, "lon": 180}


def degrees(text: str, axis: str) -> Decimal | None:
    """The degrees that a text says: decimal, or degrees, minutes and seconds, with a sign or a letter of direction."""
    if len(text) > 60:
        return None
    tidy = re.sub("[ 经纬]", "", text.translate(TABLE).lower())
    found = _PLAIN.fullmatch(tidy) or _DMS.fullmatch(tidy)
    if found is None:
        return None
    parts = found.groupdict()
    letter = parts["head"] or parts["tail"]
    if (parts["head"] and parts["tail"]) or (letter and (letter not in _AXES[axis] or parts["sign"])):
        return None
    minutes, seconds = (Decimal(parts.get(name) or 0) for name in "ms")
    if minutes >= 60 or seconds >= 60:
        return None
    size = Decimal(parts["d"]) + minutes / 60 + seconds / 3600
    if size > LIMITS[axis]:
        return None
    return -size if parts["sign"] == "-" or (letter and letter in _SOUTH_OR_WEST) else size


def rounded(number: Decimal | float, places: int) -> str:
    """A number as plain text with at most so many decimal places."""
    text = f"{Decimal(number).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def moved(lon: float, lat: float, source: str, target: str) -> tuple[float, float]:
    """A position of one system in another."""
    source, target = ("wgs84" if one == "cgcs2000" else one for one in (source, target))
    if source == target:
        return lon, lat
    if source == "bd09":
        lon, lat = _from_bd09(lon, lat)
        source = "gcj02"
    if source == "gcj02" and target == "wgs84":
        return _from_gcj02(lon, lat)
    if source == "wgs84":
        lon, lat = _to_gcj02(lon, lat)
    return _to_bd09(lon, lat) if target == "bd09" else (lon, lat)


def _to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return lon, lat
    x, y = lon - 105.0, lat - 35.0
    waves = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + waves
    d_lat += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    d_lat += (160.0 * math.sin(y / 12.0 * math.pi) + 320 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    d_lon = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + waves
    d_lon += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    d_lon += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    radians = lat / 180.0 * math.pi
    magic = 1 - _EE * math.sin(radians) ** 2
    d_lat = d_lat * 180.0 / ((_A * (1 - _EE)) / (magic * math.sqrt(magic)) * math.pi)
    d_lon = d_lon * 180.0 / (_A / math.sqrt(magic) * math.cos(radians) * math.pi)
    return lon + d_lon, lat + d_lat


def _from_gcj02(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon, lat
    for _ in range(20):
        there = _to_gcj02(x, y)
        dx, dy = there[0] - lon, there[1] - lat
        x, y = x - dx, y - dy
        if abs(dx) < 1e-10 and abs(dy) < 1e-10:
            break
    return x, y


def _to_bd09(lon: float, lat: float) -> tuple[float, float]:
    z = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _BD)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _BD)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


def _from_bd09(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(20):
        there = _to_bd09(x, y)
        dx, dy = there[0] - lon, there[1] - lat
        x, y = x - dx, y - dy
        if abs(dx) < 1e-10 and abs(dy) < 1e-10:
            break
    return x, y
