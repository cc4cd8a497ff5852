from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cityloom.kernel.errors import ConfigError
from cityloom.model.text import Title
from cityloom.standard.addresses.program import OfAddress
from cityloom.standard.base import Case


@dataclass(frozen=True, kw_only=True)
class AddressDivision(OfAddress):
    """The code of the division that a Chinese address, or a former code, stands for.

    ``level`` says how far down: ``county`` gives six digits (GB/T 2260; of the city or province where no more is
    known), ``town`` nine where the street or town is known. Missing levels are told by the ones below, where there is
    one answer; of an address that is ambiguous or contradicts itself only what is common to all it may mean.
    ``within`` as for the standard address.
    """

    name: ClassVar[str] = "address_division"
    title: ClassVar[Title] = Title("地址所属区划", "Division of an address")
    standard: ClassVar[str] = "GB/T 2260, GB/T 10114"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("广东深圳南山区科技园路1号", "440305"),
        Case("南山区科技园路1号", "440305", {"within": "44"}),
        Case("南山区科技园路1号", None),
        Case("义乌市稠城街道", "330782"),
        Case("杭州市西湖区古荡街道", "330106007", {"level": "town"}),
        Case("浙江省杭州市", "330100"),
        Case("330621", "330603"),
        Case("宁波市温州市人民路", "330000"),
        Case("杭州市江苏省人民路", None),
        Case(None, None),
    )

    level: str = "county"

    def __post_init__(self) -> None:
        OfAddress.__post_init__(self)
        if self.level not in ("county", "town"):
            raise ConfigError(
                "standard.address.level",
                "{level} is no level of an address's division.",
                hint="Levels: county, town.",
                level=self.level,
            )

    @property
    def output(self) -> str:
        """The code."""
        return "county_code" if self.level == "county" else "division"
