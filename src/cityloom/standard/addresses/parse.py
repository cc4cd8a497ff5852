"""An address taken apart: division code, standard text, detail, parts, and how sure all that is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property

from cityloom.standard.addresses.detail import Span, parts
from cityloom.standard.addresses.gazetteer import TOWN, Division, gazetteer
from cityloom.standard.addresses.resolve import LABELS, Head, Resolver
from cityloom.standard.widths import TABLE, UNTIDY

DOUBTS = {
    "abbreviated": 0.98,
    "repeated": 1.0,
    "former_name": 0.95,
    "former_code": 0.95,
    "town_renamed": 0.95,
    "town_unknown": 0.9,
    "by_town": 0.9,
    "filled": 0.97,
    "within": 0.8,
    "typo": 0.6,
    "ambiguous": 0.3,
    "contradiction": 0.3,
    "no_division": 0.0,
}
"""Reasons with the factor that each puts on the confidence."""
LEVELS = {label: level for level, label in LABELS.items()}
_DASHES = "—–−―﹣"
_TIDY = TABLE | str.maketrans(dict.fromkeys(_DASHES, "-"))
_UNTIDY = re.compile(f"{UNTIDY}|[{_DASHES}]|--")
_HAN = re.compile("[\u3400-\u9fff]")
_CODE = re.compile("[1-9][0-9]{5}(?:[0-9]{3})?")


@dataclass(frozen=True)
class Address:
    """What is known of an address.

    ``text`` is the given one, tidied; ``division`` the lowest division that is sure, None when none is;
    ``detail`` what stands behind the division: with it, it says all that the address said; ``confidence`` from 0 to 1;
    ``reasons`` why it is not 1 (keys of ``DOUBTS``).
    """

    text: str
    division: Division | None
    detail: str
    confidence: float
    reasons: tuple[str, ...]
    head: Head

    @property
    def standard(self) -> str:
        """Names of all divisions from the province down, and the detail."""
        return (self.division.full_name if self.division else "") + self.detail

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Every part of ``text`` with its label, the divisions among them."""
        return (*self.head.spans, *parts(self.text, self.head.end))

    def part(self, label: str) -> str | None:
        """The first part with a label."""
        return next((self.text[a:b] for a, b, one in self.spans if one == label), None)


@cache
def resolver(within: str = "") -> Resolver:
    """The resolver for addresses presumed to be in a division (code of 2, 4 or 6 digits)."""
    return Resolver(gazetteer(), within)


def parse(text: str, within: str = "") -> Address:
    """Take an address apart.

    Args:
        text: as it was written.
        within: code of the division that addresses without a hint are presumed to be in (2, 4 or 6 digits).
    """
    tidy = tidied(text)
    places = gazetteer()
    if _CODE.fullmatch(tidy):
        return _of_code(tidy)
    if not _HAN.search(tidy):
        return Address(tidy, None, tidy, 0.0, ("no_division",), Head())
    head = resolver(within).read(tidy)
    sure = head.found[0] if len(head.found) == 1 else _shared(head.found)
    if sure is None:
        reasons = tuple(head.reasons) if head.found or head.reasons else ("no_division",)
        return Address(tidy, None, tidy, 0.0, reasons, head)
    division = places.divisions[sure]
    if not _is_whole(head, sure):
        head.tell("filled")
    return Address(tidy, division, _detail(tidy, head, division), _confidence(head.reasons), tuple(head.reasons), head)


def tidied(text: str) -> str:
    """A text in half width, without blanks at its ends and between Chinese letters, with one kind of dash."""
    if not _UNTIDY.search(text):
        return text
    tidy = text.translate(_TIDY).strip(" ")
    if " " in tidy and _HAN.search(tidy):
        tidy = re.sub(" +", " ", tidy) if re.search("[A-Za-z] +[A-Za-z]", tidy) else tidy.replace(" ", "")
    return re.sub("-{2,}", "-", tidy) if "--" in tidy else tidy


def _of_code(code: str) -> Address:
    """A division given by its code, present or former."""
    places = gazetteer()
    number = places.number_of(code)
    if number is None:
        return Address(code, None, code, 0.0, ("no_division",), Head())
    division = places.divisions[number]
    reasons = () if division.code == code else ("former_code",)
    return Address(code, division, "", _confidence(reasons), reasons, Head())


def _shared(found: tuple[int, ...]) -> int | None:
    """The lowest division that holds all that an ambiguous head may mean; None when it is only the country."""
    paths = [gazetteer().paths[n] for n in found]
    shared = None
    for level in zip(*paths, strict=False):
        if len(set(level)) > 1:
            break
        shared = level[0]
    return shared


def _is_whole(head: Head, number: int) -> bool:
    """Whether each level down to the division is named."""
    named = sum(label in LEVELS for _, _, label in head.spans)
    return named >= len(gazetteer().paths[number])


def _detail(text: str, head: Head, division: Division) -> str:
    """What the division does not say: behind the head, or from where it names what is lower than the division.

    Where that is named again, from the last time on; where it contradicts itself, from the first.
    """
    lower = [(LEVELS[label], a) for a, _, label in head.spans if LEVELS.get(label, 0) > division.level]
    start = head.end
    if "contradiction" in head.reasons:
        start = min((a for a, _, label in head.spans if LEVELS.get(label, TOWN) > division.level), default=head.end)
    elif lower:
        start = max(a for level, a in lower if level == min(lower)[0])
    return text[start:].lstrip(" -,，")


def _confidence(reasons: tuple[str, ...] | list[str]) -> float:
    confidence = 1.0
    for reason in reasons:
        confidence *= DOUBTS[reason]
    return round(confidence, 2)
