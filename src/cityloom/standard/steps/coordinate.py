from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.positions import EDITION, LIMITS, SYSTEMS, degrees, moved, rounded
from cityloom.standard.programs import OUTPUT, OneAnswer


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """A longitude or latitude in decimal degrees, from degrees, minutes and seconds or from decimal ones, and from one
    system of coordinates to another.

    ``axis`` is ``lon`` or ``lat``; ``places`` the decimal places that are kept. To move a position (``source`` other than
    ``target``: ``wgs84``, ``cgcs2000``, ``gcj02``, ``bd09``) both parts are needed: the text is then
    ``longitude,latitude``, as the step ``join`` makes it. What is no coordinate becomes missing and is counted.
    """

    name: ClassVar[str] = "coordinate"
    title: ClassVar[Title] = Title("坐标", "Coordinate")
    standard: ClassVar[str] = "GB/T 16831"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("104.065735", "104.065735", {"axis": "lon"}),
        Case("104°3′56.646″", "104.065735", {"axis": "lon"}),
        Case("104度3分56.646秒", "104.065735", {"axis": "lon"}),
        Case("东经104°3'56.646\"", "104.065735", {"axis": "lon"}),
        Case("30°39.5'N", "30.658333", {"axis": "lat"}),
        Case("33°51′S", "-33.85", {"axis": "lat"}),
        Case("30°61′", None, {"axis": "lat"}),
        Case("91", None, {"axis": "lat"}),
        Case("104°E", None, {"axis": "lat"}),
        Case("116.404,39.915", "116.410244", {"axis": "lon", "source": "wgs84", "target": "gcj02"}),
        Case("116.404,39.915", "39.916404", {"axis": "lat", "source": "wgs84", "target": "gcj02"}),
        Case("116.41024449916938,39.91640428150164", "116.404", {"axis": "lon", "source": "gcj02", "target": "cgcs2000"}),
        Case("116.404,39.915", "116.397627", {"axis": "lon", "source": "bd09", "target": "gcj02"}),
        Case("2.3522,48.8566", "2.3522", {"axis": "lon", "source": "gcj02", "target": "wgs84"}),
        Case("116.404,", None, {"axis": "lon", "source": "gcj02", "target": "wgs84"}),
        Case(None, None, {"axis": "lon"}),
    )

    axis: str
    source: str = ""
    target: str = ""
    places: int = 6

    def __post_init__(self) -> None:
        systems = (self.source, self.target)
        if self.axis not in LIMITS or any(one not in ("", *SYSTEMS) for one in systems) or bool(self.source) != bool(self.target):
            raise ConfigError(
                "standard.coordinate.options",
                "The step coordinate has options that do not fit.",
                hint="axis: lon or lat; source and target, both or none: {known}.",
                known=", ".join(SYSTEMS),
            )

    @property
    def program(self) -> OneAnswer:
        """The coordinate of a text."""
        return OneAnswer(self.name, (self.axis, self.source, self.target, self.places), EDITION, self.value)

    @property
    def output(self) -> str:
        """The program's only answer."""
        return OUTPUT

    def value(self, x: str | None) -> str | None:
        """The coordinate."""
        if x is None:
            return None
        if "," not in x or not self.source:
            found = degrees(x, self.axis)
            return None if found is None else rounded(found, self.places)
        parts = [part for part in x.split(",") if part]
        both = [degrees(part, axis) for part, axis in zip(parts, ("lon", "lat"), strict=False)]
        lon, lat = both if len(parts) == 2 else (None, None)
        if lon is None or lat is None:
            return None
        there = moved(float(lon), float(lat), self.source, self.target)
        return rounded(there[0] if self.axis == "lon" else there[1], self.places)
