"""Names of administrative divisions: present and former, whole and abbreviated, down to streets and towns.

Facts of ``divisions.tsv.xz``, which ``scripts/divisions.py`` makes: GB/T 2260 with its editions since 1980, and the
statistical codes of streets and towns.
"""

from __future__ import annotations

import lzma
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

PROVINCE, CITY, COUNTY, TOWN = 1, 2, 3, 4
_PEOPLES = (
    "壮|回|满|苗|侗|瑶|彝|藏|羌|土家|布依|哈尼|傣|白|黎|土|畲|水|仫佬|毛南|朝鲜|蒙古|维吾尔|哈萨克|达斡尔|鄂温克|鄂伦春|柯尔克孜|塔吉克|锡伯"
    "|傈僳|纳西|拉祜|佤|景颇|独龙|怒|布朗|普米|裕固|保安|东乡|撒拉|仡佬|各|德昂|阿昌"
)
_AUTONOMOUS = re.compile(rf"(?:(?:{_PEOPLES})族?)+自治[县州旗]$")
_ENDING = {PROVINCE: re.compile("(?:省|市|特别行政区)$"), CITY: re.compile("(?:市|地区|盟|州)$"), COUNTY: re.compile("[市区县旗]$")}
_TOWN_ENDING = re.compile("(?:街道|地区|民族乡|镇|乡|苏木)$")
_TOWN_PEOPLES = re.compile(rf"(?:(?:{_PEOPLES})族?)+乡$")
_PROVINCES = {
    "内蒙古自治区": ("内蒙古", "内蒙", "内蒙古省"),
    "广西壮族自治区": ("广西", "广西省", "广西自治区"),
    "西藏自治区": ("西藏", "西藏省"),
    "宁夏回族自治区": ("宁夏", "宁夏省", "宁夏自治区"),
    "新疆维吾尔自治区": ("新疆", "新疆省", "新疆自治区"),
}
_NO_ALIAS = frozenset({"市中", "中心", "新城", "新市", "城中", "城关", "开发", "高新", "经济", "矿区", "新区", "市区", "市郊区", "郊区", "城区", "东区", "西区", "南区", "北区"})


@dataclass(frozen=True)
class Division:
    """One division that is: its code (6 digits, 9 of a town), name, level and the chain of names that leads to it."""

    code: str
    name: str
    level: int
    parent: int
    full_name: str


class Gazetteer:
    """Divisions by number, and the numbers of what a name may stand for.

    ``names``, ``short`` and ``former`` give provinces, cities and counties by whole, abbreviated and former name;
    ``towns`` streets and towns by their names without ending. ``lengths`` and ``town_lengths`` tell how long names
    that begin with two letters may be, longest first.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.divisions: list[Division] = []
        self.paths: list[tuple[int, ...]] = []
        self.by_code: dict[str, int] = {}
        self.former_codes: dict[str, int] = {}
        names: dict[str, list[int]] = defaultdict(list)
        short: dict[str, list[int]] = defaultdict(list)
        towns: dict[str, list[int]] = defaultdict(list)
        former: dict[str, list[int]] = defaultdict(list)
        for line in lines:
            code, name, *rest = line.split("\t")
            if rest:
                self._add_former(former, code, name, rest[1])
                continue
            number = self._add(code, name)
            level = self.divisions[number].level
            if level == TOWN:
                towns[town_base(name)].append(number)
                continue
            (names if name[-1] in "省市区县旗州盟" or len(name) > 3 else short)[name].append(number)
            for alias in () if level == COUNTY and code[4] == "7" else _aliases(name, level):
                (names if alias[-1] in ("省", name[-1]) else short)[alias].append(number)
        self.names, self.short = _frozen(names), _frozen(short)
        self.former, self.towns = _frozen(former), _frozen(towns)
        self.children = self._children()
        self.numbers = {one.code: number for number, one in enumerate(self.divisions)}
        self.lengths = _lengths([*names, *short, *former])
        self.town_lengths = _lengths(towns)

    def _add(self, code: str, name: str) -> int:
        level = {2: PROVINCE, 4: CITY, 6: COUNTY, 9: TOWN}[len(code)]
        parent = next((self.by_code[code[:n]] for n in (6, 4, 2) if n < len(code) and code[:n] in self.by_code), -1)
        above = self.divisions[parent].full_name if parent >= 0 else ""
        number = len(self.divisions)
        self.divisions.append(Division(code.ljust(6, "0"), name, level, parent, above + name))
        self.paths.append((*self.paths[parent], number) if parent >= 0 else (number,))
        self.by_code[code] = number
        return number

    def _add_former(self, former: dict[str, list[int]], code: str, name: str, successor: str) -> None:
        """A former name leads to what took its place, else to the city or province that it lay in."""
        known = [c for c in (_trimmed(successor), code[:4], code[:2]) if c in self.by_code]
        if not known:
            return
        number = self.by_code[known[0]]
        if successor or code not in self.former_codes:
            self.former_codes[code] = number
        is_plain = len(name) > 1 and name not in _NO_ALIAS
        if is_plain and number not in former[name] and self.divisions[number].name != name:
            former[name].append(number)

    def _children(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number, one in enumerate(self.divisions):
            if one.level < TOWN:
                found[one.parent].append(number)
        return {parent: tuple(numbers) for parent, numbers in found.items()}

    def number_of(self, code: str) -> int | None:
        """The division that has a code, or that took the place of the one that had it."""
        return self.by_code.get(_trimmed(code), self.former_codes.get(code))


@cache
def gazetteer() -> Gazetteer:
    """The divisions of the country; read once."""
    content = files(__package__).joinpath("divisions.tsv.xz").read_bytes()
    return Gazetteer(lzma.decompress(content).decode().splitlines())


def town_base(name: str) -> str:
    """The name of a street or town without its ending, which changes often: a town becomes a street."""
    base = _TOWN_PEOPLES.sub("", name)
    base = base if base != name else _TOWN_ENDING.sub("", name)
    return base if len(base) > 1 else name


def _aliases(name: str, level: int) -> set[str]:
    """Abbreviations of a name that are in use."""
    if name in _PROVINCES:
        return set(_PROVINCES[name])
    base = _AUTONOMOUS.sub("", name)
    found = {base, base + name[-1]} if base != name else {_ENDING[level].sub("", name)}
    return {one for one in found if len(one) > 1 and one != name and one not in _NO_ALIAS}


def _trimmed(code: str) -> str:
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


def _frozen(found: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(numbers) for name, numbers in found.items()}


def _lengths(names: Iterable[str]) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = defaultdict(set)
    for name in names:
        found[name[:2]].add(len(name))
    return {head: tuple(sorted(lengths, reverse=True)) for head, lengths in found.items()}
