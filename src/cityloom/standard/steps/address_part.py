from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.addresses.program import PARTS, OfAddress
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AddressPart(OfAddress):
    """One part of a Chinese address: province, city, county, town, community, road, road_number, place, building, …

    Names of divisions are the whole present ones, also where the address leaves them out; other parts stand as in the
    address. Beside parts there are ``confidence`` (0.00 to 1.00) and ``reasons``. ``within`` as for the standard address.
    """

    name: ClassVar[str] = "address_part"
    title: ClassVar[Title] = Title("地址要素", "Part of an address")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("杭州西湖区文三路90号5号楼2单元301室", "文三路", {"part": "road"}),
        Case("杭州西湖区文三路90号5号楼2单元301室", "浙江省", {"part": "province"}),
        Case("杭州西湖区文三路90号5号楼2单元301室", "301室", {"part": "room"}),
        Case("杭州西湖区文三路90号", "0.95", {"part": "confidence"}),
        Case("杭州西湖区文三路90号", None, {"part": "floor"}),
        Case(None, None, {"part": "road"}),
    )

    part: str

    def __post_init__(self) -> None:
        OfAddress.__post_init__(self)
        known = (*PARTS, "confidence", "reasons")
        if self.part not in known:
            raise ConfigError(
                "standard.address.part",
                "{part} is no part of an address.",
                hint="Parts: {known}.",
                part=self.part,
                known=", ".join(known),
            )

    @property
    def output(self) -> str:
        """The part."""
        return self.part
