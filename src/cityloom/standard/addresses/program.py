"""The program behind the address steps: one parse of an address answers all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from cityloom.kernel.errors import ConfigError
from cityloom.standard.addresses.gazetteer import COUNTY, gazetteer
from cityloom.standard.addresses.parse import Address, parse

PARTS = {
    "province": ("prov",),
    "city": ("city",),
    "county": ("district",),
    "town": ("town",),
    "zone": ("devZone",),
    "community": ("community",),
    "road": ("road",),
    "road_number": ("roadno",),
    "place": ("poi",),
    "inner_place": ("subpoi",),
    "building": ("houseno",),
    "unit": ("cellno",),
    "floor": ("floorno",),
    "room": ("roomno",),
    "occupant": ("person",),
    "hint": ("assist",),
}
"""Names of parts with the labels of the spans that they are read from."""
OUTPUTS = ("standard", "division", "county_code", "detail", "confidence", "reasons", *PARTS)
"""What is told of an address, all as text."""


class Addresses:
    """Takes addresses apart (:class:`cityloom.standard.base.Program`).

    Args:
        within: code of the division that addresses without a hint are presumed to be in; none when empty.
    """

    outputs = OUTPUTS

    def __init__(self, within: str = "") -> None:
        self.within = within
        self.name = f"address_{within}" if within else "address"

    @property
    def version(self) -> str:
        """Of the rules and of the divisions, by what their files hold."""
        return _version()

    def answer(self, text: str) -> tuple[str | None, ...]:
        """The outputs for one address, in order."""
        found = parse(text, self.within)
        return (
            found.standard or None,
            found.division.code if found.division else None,
            county_code(found),
            found.detail or None,
            f"{found.confidence:.2f}",
            ",".join(found.reasons) or None,
            *_named_parts(found),
        )


@cache
def _version() -> str:
    content = sha256()
    for file in sorted(files(__package__).iterdir(), key=lambda one: one.name):
        if file.name.endswith((".py", ".xz")):
            content.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return content.hexdigest()[:16]


@cache
def addresses(within: str = "") -> Addresses:
    """The program for a presumed division."""
    return Addresses(within)


@dataclass(frozen=True, kw_only=True)
class OfAddress(ABC):
    """What steps on addresses have in common; a step says in ``output`` what it tells of an address."""

    within: str = ""

    def __post_init__(self) -> None:
        require_division(self.within)

    @property
    def program(self) -> Addresses:
        """What takes the address apart."""
        return addresses(self.within)

    @property
    @abstractmethod
    def output(self) -> str:
        """One of ``OUTPUTS``."""

    def value(self, x: str | None) -> str | None:
        """What is told of an address; NULL for NULL."""
        return output(x, self.within, self.output)


def output(text: str | None, within: str, name: str) -> str | None:
    """One output for one address; NULL for NULL."""
    return None if text is None else addresses(within).answer(text)[OUTPUTS.index(name)]


def require_division(within: str) -> None:
    """Raise ``standard.address.within`` (ConfigError) where a code is none of a province, city or county."""
    if within and (len(within) not in (2, 4, 6) or not within.isdigit() or gazetteer().number_of(within.ljust(6, "0")) is None):
        raise ConfigError(
            "standard.address.within",
            "{within} is no code of a province, city or county.",
            hint="Give 2, 4 or 6 digits as in GB/T 2260, for example 4403.",
            within=within,
        )


def county_code(found: Address) -> str | None:
    """The code of six digits: of the county, or of the city or province when no more is known."""
    return found.division.code[:6] if found.division else None


def _named_parts(found: Address) -> tuple[str | None, ...]:
    """Levels of the division as they stand in the gazetteer; the other parts as they stand in the address."""
    places = gazetteer()
    levels: dict[int, str] = {}
    if found.division:
        path = places.paths[places.numbers[found.division.code]]
        levels = {places.divisions[n].level: places.divisions[n].name for n in path}
    first: dict[str, str] = {}
    for start, end, label in found.spans:
        if label not in first:
            first[label] = found.text[start:end]
    named = [levels.get(level) for level in range(1, COUNTY + 2)]
    rest = [next((first[one] for one in labels if one in first), None) for labels in list(PARTS.values())[4:]]
    return (*named[:3], named[3] or first.get("town"), *rest)
