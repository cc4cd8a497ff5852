from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.model.text import Title
from cityloom.standard.addresses.program import OfAddress
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AddressDetail(OfAddress):
    """What a Chinese address says behind its divisions: community, road, number, building, room.

    With the division it says all that the address said. ``within`` as for the standard address.
    """

    name: ClassVar[str] = "address_detail"
    title: ClassVar[Title] = Title("地址详情", "Detail of an address")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("广东深圳南山区 科技园路１号", "科技园路1号"),
        Case("杭州市西湖区古荡街道文三路 90号3-402", "文三路90号3-402"),
        Case("浙江省杭州市", None),
        Case("人民路3号", "人民路3号"),
        Case(None, None),
    )

    @property
    def output(self) -> str:
        """The detail."""
        return "detail"
