"""Days and moments in every form that departments write them in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from cityloom.kernel.errors import ConfigError
from cityloom.standard.numerals import FROM, HUNDRED, TEN, TO, digits_of, small_numeral
from cityloom.standard.widths import TABLE

ORDERS = ("ymd", "dmy", "mdy")
NUMBERS = ("", "excel", "excel_1904", "seconds", "milliseconds")
EDITION = 1
"""Rises with every change here that gives a text another meaning."""
_LONGEST = 80
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = ("january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december")
_SHAPE_MONTH = f"(?:{'|'.join(sorted((*_LONG_MONTHS, 'sept', *_MONTHS), key=len, reverse=True))})"
_YEAR, _MONTH, _DAY, _ERA = "[-/.年]", "[-/.月]", "[日号]?", "(?:中华)?民国"
_HAN = f"[{FROM}{TEN}{HUNDRED}廿卅元]"
_HAN_DATE = re.compile(f"({_ERA})?({_HAN}+)年({_HAN}+)月({_HAN}+)[日号]?")
_JAVA = re.compile(rf"[a-z]{{3}} ({_SHAPE_MONTH}) ([0-9]{{1,2}}) ([0-9:]+) ([a-z]{{3,4}}|[a-z]{{3}}[+-][0-9:]+) ([0-9]{{4}})")
_TIME = re.compile(
    "(?P<part>上午|下午|凌晨|早上|中午|晚上)? ?(?P<h>[0-9]{1,2})[:时点]"
    "(?:(?P<m>[0-9]{1,2})(?:[:分](?:(?P<s>[0-9]{1,2})(?:[.,][0-9]{1,9})?秒?)?)?)?"
    r" ?(?P<half>[ap]\.?m\.?)? ?(?P<zone>z|utc|gmt|cst|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_PACKED_TIME = re.compile(r"(?P<h>[0-9]{2}):?(?P<m>[0-9]{2})(?::?(?P<s>[0-9]{2})(?:\.[0-9]{1,9})?)?(?P<zone>z|[+-][0-9]{2}:?[0-9]{2})?")
_AFTERNOON = ("下午", "中午", "晚上")


@dataclass(frozen=True, kw_only=True)
class Forms:
    """What cannot be told from a text itself.

    ``order`` of a day written with its year last (``dmy``, ``mdy``; ``ymd`` where there is none); ``pivot``: two-digit
    years up to it are of this century, those above of the last one (-1: they are no years); ``is_roc``: years of two or
    three digits are of the Republic's era; ``numbers``: what a plain number counts; ``zone``: the city's own.
    """

    order: str = "ymd"
    pivot: int = -1
    is_roc: bool = False
    numbers: str = ""
    zone: str = "+08:00"

    def check(self) -> Forms:
        """The forms as they are.

        Raises:
            ConfigError: ``standard.moment.options``.
        """
        if (
            self.order in ORDERS
            and self.numbers in NUMBERS
            and -1 <= self.pivot <= 99
            and not (self.is_roc and self.pivot >= 0)
            and re.fullmatch("[+-][0-9]{2}:[0-9]{2}", self.zone)
        ):
            return self
        raise ConfigError(
            "standard.moment.options",
            "A step on dates has options that do not go together.",
            hint="order: {orders}; numbers: {numbers}; pivot: -1 to 99, and not together with roc; zone: +hh:mm.",
            orders=", ".join(ORDERS),
            numbers=", ".join(n for n in NUMBERS if n),
        )


def moment_of(text: str, forms: Forms) -> datetime | None:
    """The moment that a text says, in the city's own zone and without it; a day alone is its first second."""
    if len(text) > _LONGEST:
        return None
    tidy = re.sub(" +", " ", text.translate(TABLE)).strip().lower()
    if forms.numbers and re.fullmatch(r"-?[0-9]{1,13}(?:\.[0-9]{1,12})?", tidy):
        counted = _counted(tidy, forms)
        if counted is not None:
            return counted
    for year, month, day, rest in _readings(_java(_digits(tidy)), forms):
        found = _built(year, month, day, rest, forms)
        if found is not None:
            return found
    return None


def _built(year: int, month: int, day: int, rest: str, forms: Forms) -> datetime | None:
    try:
        whole = datetime(year, month, day)  # noqa: DTZ001
    except ValueError:
        return None
    rest = re.sub("^(?:t| )", "", rest)
    if not rest or re.fullmatch("(?:星期|周).", rest):
        return whole
    found = _TIME.fullmatch(rest) or _PACKED_TIME.fullmatch(rest)
    return _with_time(whole, found.groupdict(), forms) if found else None


def _with_time(day: datetime, parts: dict[str, str | None], forms: Forms) -> datetime | None:
    hour, minute, second = (int(parts[name] or 0) for name in "hms")
    half, part = (parts.get("half") or "")[:1], parts.get("part")
    if (half and not 1 <= hour <= 12) or hour > 23 or minute > 59 or second > 59:
        return None
    if (half == "p" or (part in _AFTERNOON and 1 <= hour < 12)) and hour < 12:
        hour += 12
    elif half == "a" and hour == 12:
        hour = 0
    moment = day.replace(hour=hour, minute=minute, second=second)
    zone = parts.get("zone")
    return moment if not zone else _moved(moment, _offset(zone), _offset(forms.zone))


def _moved(moment: datetime, source: timedelta, target: timedelta) -> datetime | None:
    try:
        return moment - source + target
    except OverflowError:
        return None


def _offset(zone: str) -> timedelta:
    if zone in ("z", "utc", "gmt"):
        return timedelta()
    if zone == "cst":
        return timedelta(hours=8)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size


def _readings(text: str, forms: Forms) -> Iterator[tuple[int, int, int, str]]:
    """Year, month, day and what stands behind them, in every form that the text's beginning has."""
    for pattern, take in _FORMS:
        found = re.match(pattern, text)
        if found:
            made = take(found, forms)
            if made:
                yield (*made, text[found.end() :])


_Taken = tuple[int, int, int] | None


def _ymd(found: re.Match[str], forms: Forms) -> _Taken:
    year, month, day = found.groups()
    return int(year), int(month), int(day)


def _era(found: re.Match[str], forms: Forms) -> _Taken:
    year, month, day = found.groups()
    return (1 if year == "元" else int(year)) + 1911, int(month), int(day)


def _short(found: re.Match[str], forms: Forms) -> _Taken:
    """A year of two digits (three in the Republic's era) that stands first."""
    year, month, day = found.groups()
    if forms.is_roc:
        return int(year) + 1911, int(month), int(day)
    full = _century(year, forms)
    return (full, int(month), int(day)) if full and forms.order == "ymd" else None


def _last(found: re.Match[str], forms: Forms) -> _Taken:
    """A year that stands last."""
    first, second, year = found.groups()
    full = _century(year, forms)
    if forms.order == "ymd" or not full:
        return None
    return (full, int(second), int(first)) if forms.order == "dmy" else (full, int(first), int(second))


def _named(found: re.Match[str], forms: Forms) -> _Taken:
    parts = found.groupdict()
    year = _century(parts["y"], forms)
    return (year, _MONTHS.index(parts["b"][:3]) + 1, int(parts["d"])) if year else None


def _century(year: str, forms: Forms) -> int | None:
    if len(year) == 4:
        return int(year)
    if len(year) != 2 or forms.pivot < 0:
        return None
    return int(year) + (2000 if int(year) <= forms.pivot else 1900)


_WEEKDAY = "(?:[a-z]{3,9},? )?"
_FORMS: tuple[tuple[str, Callable[[re.Match[str], Forms], _Taken]], ...] = (
    (f"([0-9]{{4}}) ?{_YEAR} ?([0-9]{{1,2}}) ?{_MONTH} ?([0-9]{{1,2}})(?![0-9]){_DAY}", _ymd),
    ("([0-9]{4})([0-9]{2})([0-9]{2})", _ymd),
    (f"{_ERA} ?([0-9]{{1,3}}|元) ?{_YEAR} ?([0-9]{{1,2}}) ?{_MONTH} ?([0-9]{{1,2}})(?![0-9]){_DAY}", _era),
    (f"([0-9]{{2,3}}){_YEAR}([0-9]{{1,2}}){_MONTH}([0-9]{{1,2}})(?![0-9]){_DAY}", _short),
    ("([0-9]{2,3})([0-9]{2})([0-9]{2})(?![0-9])", _short),
    ("([0-9]{1,2})[-/. ]([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})(?![0-9])", _last),
    (f"{_WEEKDAY}(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?[-/ ,]*(?P<b>{_SHAPE_MONTH})[-/ .,]*(?P<y>[0-9]{{4}}|[0-9]{{2}})(?![0-9])", _named),
    (f"{_WEEKDAY}(?P<b>{_SHAPE_MONTH})[-/ .]*(?P<d>[0-9]{{1,2}})(?:st|nd|rd|th)?[-/ ,]+(?P<y>[0-9]{{4}}|[0-9]{{2}})(?![0-9])", _named),
    (f"(?P<y>[0-9]{{4}})[-/ ]?(?P<b>{_SHAPE_MONTH})[-/ .]*(?P<d>[0-9]{{1,2}})(?![0-9])", _named),
)


def _digits(text: str) -> str:
    """A day in Chinese numerals with digits; any other text stays."""
    found = _HAN_DATE.match(text)
    if found is None:
        return text
    era, year, month, day = found.groups()
    digits = year.translate(str.maketrans(FROM, TO))
    if era:
        digits = year if year == "元" else digits_of(year)
    elif not re.fullmatch("[0-9]{2}|[0-9]{4}", digits):
        return text
    rest = text[found.end() :]
    return f"{era or ''}{digits}-{_small(month)}-{_small(day)}{rest}"


def _small(text: str) -> str:
    if text == "元":
        return "1"
    return small_numeral(text.replace("廿", f"二{TEN}").replace("卅", f"三{TEN}"))


def _java(text: str) -> str:
    """``tue mar 05 08:09:10 cst 2024`` with its year beside the day."""
    found = _JAVA.fullmatch(text)
    if found is None:
        return text
    month, day, time, zone, year = found.groups()
    return f"{day} {month} {year} {time}{zone.removeprefix('gmt') if len(zone) > 4 else zone}"


def _counted(number: str, forms: Forms) -> datetime | None:
    count = Decimal(number)
    try:
        if forms.numbers == "seconds" or forms.numbers == "milliseconds":
            if len(number.lstrip("-").partition(".")[0]) < (6 if forms.numbers == "seconds" else 9) and count != 0:
                return None
            seconds = count if forms.numbers == "seconds" else count / 1000
            zone = timezone(_offset(forms.zone))
            moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds // 1))
            return moment.astimezone(zone).replace(tzinfo=None)
        return _serial(count, forms.numbers == "excel_1904")
    except OverflowError:
        return None


def _serial(count: Decimal, is_1904: bool) -> datetime | None:
    """A day of a spreadsheet. The day 60 of 1900 never was; those before it count from one day later."""
    if not (0 if is_1904 else 1) <= count < 2_958_466 or (not is_1904 and int(count) == 60):
        return None
    start = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 31 if count < 60 else 30)  # noqa: DTZ001
    return start + timedelta(days=int(count), seconds=round((count % 1) * 86400))
