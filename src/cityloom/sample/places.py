"""The map of the example city: districts, streets, communities, roads. All of them are made up."""

from __future__ import annotations

from dataclasses import dataclass

CITY = "云澜市"
CITY_CODE = "990100"


@dataclass(frozen=True)
class Street:
    """A street office (街道) with its communities (社区) and its roads."""

    name: str
    communities: tuple[str, ...]
    roads: tuple[str, ...]


@dataclass(frozen=True)
class District:
    """A district with its six-digit division code."""

    code: str
    name: str
    streets: tuple[Street, ...]


def _street(name: str, communities: str, roads: str) -> Street:
    return Street(name, tuple(communities.split()), tuple(roads.split()))


DISTRICTS = (
    District("990102", "云东区", (
        _street("春晖街道", "春晖社区 新桥社区 柳荫社区", "和平路 春晖路 新桥街 柳荫巷 解放路"),
        _street("云山街道", "云山社区 松涛社区 望云社区", "云山路 松涛路 望云街 文昌路 建设路"),
        _street("东湖街道", "东湖社区 荷塘社区 渔歌社区", "东湖大道 荷塘路 渔歌巷 滨湖路 友谊路"),
        _street("朝阳街道", "朝阳社区 红星社区 光明社区", "朝阳路 红星街 光明路 胜利路 人民东路"),
    )),
    District("990103", "澜西区", (
        _street("澜江街道", "澜江社区 渡口社区 江畔社区", "澜江路 渡口街 江畔路 码头巷 沿江大道"),
        _street("西关街道", "西关社区 钟楼社区 石桥社区", "西关大街 钟楼路 石桥巷 人民西路 中山路"),
        _street("金谷街道", "金谷社区 稻香社区 丰收社区", "金谷路 稻香路 丰收路 迎宾路 创业路"),
        _street("梅岭街道", "梅岭社区 竹溪社区 兰亭社区", "梅岭路 竹溪路 兰亭街 学府路 科技路"),
    )),
    District("990104", "湖阳区", (
        _street("湖心街道", "湖心社区 芦花社区 白鹭社区", "湖心路 芦花路 白鹭街 环湖路 明珠路"),
        _street("阳光街道", "阳光社区 向阳社区 晨曦社区", "阳光大道 向阳路 晨曦路 青年路 幸福路"),
        _street("南屏街道", "南屏社区 茶园社区 枫林社区", "南屏路 茶园路 枫林路 南苑街 百花路"),
        _street("北塘街道", "北塘社区 槐荫社区 水月社区", "北塘路 槐荫街 水月巷 北环路 长安路"),
    )),
)  # fmt: skip
"""The three districts."""

BIRTHPLACES = [d.code for d in DISTRICTS] * 8 + ["990105", "990181", "990202", "990303"]
"""Division codes that identity numbers begin with: mostly the city's own, some of neighbours."""


def roads() -> list[tuple[str, str]]:
    """Every road as (division code, ``云澜市云东区春晖街道和平路``), in a fixed order."""
    return [
        (district.code, f"{CITY}{district.name}{street.name}{road}")
        for district in DISTRICTS
        for street in district.streets
        for road in street.roads
    ]
