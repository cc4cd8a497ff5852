from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.programs import OUTPUT, OneAnswer
from cityloom.standard.units import EDITION, check_units, converted


@dataclass(frozen=True, kw_only=True)
class ConvertUnit:
    """A quantity with its unit as a number in the unit ``to``, exactly.

    ``kind`` is what is measured (length, area, weight, volume, money, temperature, time, speed, energy); ``assume`` the
    unit of a number without one (none: such a number stays as it is in ``to``); ``places`` decimal places that are kept.
    What says no quantity of this kind becomes missing and is counted.
    """

    name: ClassVar[str] = "convert_unit"
    title: ClassVar[Title] = Title("单位换算", "Convert to a unit")
    standard: ClassVar[str] = "GB 3100"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("3亩", "2000", {"kind": "area", "to": "m2"}),
        Case("1亩", "666.666667", {"kind": "area", "to": "m2"}),
        Case("2.5公顷", "25000", {"kind": "area", "to": "m2"}),
        Case("1,200 平方米", "0.12", {"kind": "area", "to": "ha"}),
        Case("15亩", "1", {"kind": "area", "to": "ha"}),
        Case("3.5 km", "3500", {"kind": "length", "to": "m"}),
        Case("一百八十厘米", "1.8", {"kind": "length", "to": "m"}),
        Case("5尺", "1.666667", {"kind": "length", "to": "m"}),
        Case("30斤", "15", {"kind": "weight", "to": "kg"}),
        Case("1.2吨", "1200", {"kind": "weight", "to": "kg"}),
        Case("1.5亿元", "15000", {"kind": "money", "to": "wan_yuan"}),
        Case("500万元", "5000000", {"kind": "money", "to": "yuan"}),
        Case("500", "5000000", {"kind": "money", "to": "yuan", "assume": "wan_yuan"}),
        Case("98.6℉", "37", {"kind": "temperature", "to": "c"}),
        Case("36.5℃", "309.65", {"kind": "temperature", "to": "k"}),
        Case("90分钟", "1.5", {"kind": "time", "to": "h"}),
        Case("36km/h", "10", {"kind": "speed", "to": "m_s"}),
        Case("120万度", "1200000", {"kind": "energy", "to": "kwh"}),
        Case("88.5", "88.5", {"kind": "area", "to": "m2"}),
        Case("约3亩", None, {"kind": "area", "to": "m2"}),
        Case("3公斤", None, {"kind": "area", "to": "m2"}),
        Case(None, None, {"kind": "area", "to": "m2"}),
    )

    kind: str
    to: str
    assume: str = ""
    places: int = 6

    def __post_init__(self) -> None:
        check_units(self.kind, self.to, self.assume)

    @property
    def program(self) -> OneAnswer:
        """The quantity of a text."""
        return OneAnswer(self.name, (self.kind, self.to, self.assume, self.places), EDITION, self.value)

    @property
    def output(self) -> str:
        """The program's only answer."""
        return OUTPUT

    def value(self, x: str | None) -> str | None:
        """The quantity."""
        if x is None:
            return None
        return converted(x, kind=self.kind, to=self.to, assume=self.assume or self.to, places=self.places)
