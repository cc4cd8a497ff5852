from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.model.text import Title
from cityloom.standard.addresses.program import OfAddress
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AddressStandard(OfAddress):
    """A Chinese address with the whole names of all its divisions, from the province down, and its detail.

    Missing levels are filled in where there is one answer, former names replaced, repetitions left out. What names no
    division stays as it is but for its width and blanks; of divisions that contradict each other all are kept. ``within`` is the
    code (2, 4 or 6 digits) of the division that addresses without a hint are presumed to be in.
    """

    name: ClassVar[str] = "address_standard"
    title: ClassVar[Title] = Title("标准地址", "Standard address")
    standard: ClassVar[str] = "GB/T 2260, GB/T 10114"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("广东深圳南山区 科技园路１号", "广东省深圳市南山区科技园路1号"),
        Case("浙江杭州市西湖区浙江省杭州市西湖区古荡街道文三路", "浙江省杭州市西湖区古荡街道文三路"),
        Case("绍兴县柯桥街道", "浙江省绍兴市柯桥区柯桥街道"),
        Case("宁波市温州市人民路", "浙江省宁波市温州市人民路"),
        Case("人民路3号", "广东省深圳市人民路3号", {"within": "4403"}),
        Case("人民路3号", "人民路3号"),
        Case("12 Baker Street", "12 Baker Street"),
        Case(None, None),
    )

    @property
    def output(self) -> str:
        """The standard text."""
        return "standard"
