"""Writes src/cityloom/library/codes/division_history.csv: every code of GB/T 2260 since 1980 with its names, periods, successors.

The facts are editions as tables of code and name, read from the folders of https://github.com/cn/GB2260: ``mca`` (lists
of the Ministry of Civil Affairs, yearly from 1980, monthly from 2015, to April 2019), ``200212.tsv`` and ``200712.tsv``
(the standard itself) and ``stats`` (National Bureau of Statistics) for the codes of the standard that hold no name of a
place. English names are those of the library's earlier table, and Pinyin for the others:

    pip install pypinyin
    python scripts/division_history.py FOLDER

A period begins on the last day of the month of the first edition that has a code under a name, and ends with the first
that has not: so it is right to the gap between two editions. A code that was there in the first edition has no beginning.
A successor is the one code that took over the name's stem in the edition in which the code went, in the same province
(or a province made of it), or what ``KNOWN`` tells. What was split up or given another name elsewhere has none.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path

from pypinyin import lazy_pinyin

from cityloom.content import library

TARGET = Path(__file__).parents[1] / "src" / "cityloom" / "library" / "codes" / "division_history.csv"
MONTH_DAYS = {"02": "28", "04": "30", "06": "30", "09": "30", "11": "30"}
MADE_OF = {"46": "44", "50": "51"}
"""Provinces that were made of a part of another one: Hainan, Chongqing."""
SUFFIX = re.compile(r"(特别行政区|自治州|自治县|自治旗|地区|林区|特区|[市区县旗盟])$")
KINDS = {
    "自治区": "Autonomous Region", "自治州": "Autonomous Prefecture", "自治县": "Autonomous County",
    "自治旗": "Autonomous Banner", "特别行政区": "Special Administrative Region", "地区": "Prefecture",
    "林区": "Forestry District", "省": "Province", "市": "City", "区": "District", "县": "County", "旗": "Banner", "盟": "League",
}  # fmt: skip
FILLERS = {
    "市辖区": "Districts of the city", "县": "Counties of the city", "市": "Cities",
    "省直辖县级行政区划": "Counties under the province", "自治区直辖县级行政区划": "Counties under the autonomous region",
    "省直辖行政单位": "Counties under the province",
}  # fmt: skip
"""Names of codes that gather others and are no place."""
READ = {
    "朝阳": "Chaoyang", "蔚县": "Yuxian", "洪洞": "Hongtong", "乐亭": "Laoting", "井陉": "Jingxing", "涡阳": "Guoyang",
    "枞阳": "Zongyang", "歙县": "Shexian", "莘县": "Shenxian", "单县": "Shanxian", "牟平": "Muping", "六合": "Luhe",
    "铅山": "Yanshan", "番禺": "Panyu", "东阿": "Donge", "犍为": "Qianwei", "浚县": "Xunxian", "中牟": "Zhongmu",
    "郫县": "Pixian", "乐清": "Yueqing", "长乐": "Changle", "尉犁": "Yuli", "监利": "Jianli", "六安": "Luan",
}  # fmt: skip
"""Names that are not read as their characters usually are."""
KNOWN = """
110103 崇文区 110101|110104 宣武区 110102|110110 燕山区 110111|110223 通县 110112
120107 塘沽区 120116|120108 汉沽区 120116|120109 大港区 120116|120225 蓟县 120119
130603 北市区 130606|130604 南市区 130606
230105 太平区 230104|230107 动力区 230110
310102 南市区 310101|310103 卢湾区 310101|310108 闸北区 310106|310119 南汇区 310115|310221 上海县 310112|310224 川沙县 310115
320103 白下区 320104|320107 下关区 320106|320202 崇安区 320213|320203 南长区 320213|320204 北塘区 320213
320405 戚墅堰区 320412|320502 沧浪区 320508|320503 平江区 320508|320504 金阊区 320508|320705 新浦区 320706
320802 清河区 320812|320811 清浦区 320812|321011 维扬区 321003
330204 江东区 330212|330227 鄞县 330212|330621 绍兴县 330603|330821 衢县 330803|330721 金华县 330703
340204 新芜区 340202|340502 金家庄区 340503|341402 居巢区 340181
350202 鼓浪屿区 350203|350204 开元区 350203
370205 四方区 370203|370284 胶南市 370211
440102 东山区 440104|440107 芳村区 440103|440116 萝岗区 440112
510124 郫县 510117|510200 重庆市 500000
610125 户县 610118|610221 耀县 610204
"""
"""Ends that the names do not tell: the code, its last name, the code it became (decisions of the State Council)."""


@dataclass(frozen=True)
class Entry:
    """A code under one name: places of its first edition and of the first without it, and what it became."""

    code: str
    name: str
    first: int
    end: int | None
    successors: tuple[str, ...] = ()


@dataclass
class Editions:
    """All editions in order, each code -> name."""

    marks: list[str] = field(default_factory=list)
    names: list[dict[str, str]] = field(default_factory=list)

    def day(self, place: int) -> str:
        """The last day of an edition's month."""
        year, month = self.marks[place][:4], self.marks[place][4:]
        return f"{year}-{month}-{MONTH_DAYS.get(month, '31')}"

    def bridge(self) -> None:
        """Put back what one edition lacks and both its neighbours have."""
        for before, at, after in zip(self.names, self.names[1:], self.names[2:], strict=False):
            at.update({c: n for c, n in before.items() if c not in at and after.get(c) == n})


def read(path: Path) -> dict[str, str]:
    """One edition's codes and names."""
    with path.open(encoding="utf-8", newline="") as file:
        return {r["Code"].strip(): r["Name"].strip() for r in csv.DictReader(file, delimiter="\t")}


def entries(editions: Editions) -> list[Entry]:
    """The periods of every code under each of its names."""
    found = []
    for code in sorted(set().union(*editions.names)):
        names = [one.get(code) for one in editions.names] + [None]
        start = 0
        for place in range(1, len(names)):
            if names[place] != names[start]:
                if names[start] is not None:
                    is_last = place == len(names) - 1
                    found.append(Entry(code, str(names[start]), start, None if is_last else place))
                start = place
    return found


def stem(name: str, peoples: list[str]) -> str:
    """The part of a name that stays when its kind changes."""
    short = SUFFIX.sub("", name)
    if short.endswith("自治"):
        short = short[:-2]
    while people := next((p for p in peoples if short.endswith(p) and len(short) > len(p) + 1), None):
        short = short[: -len(people)]
    return short if len(short) > 1 else name


def with_successors(found: list[Entry], editions: Editions, peoples: list[str]) -> Iterator[Entry]:
    """The entries, those that ended with what they became."""
    told = {(w[0], w[1]): w[2] for line in KNOWN.split("\n") for one in line.split("|") if (w := one.split())}
    above: dict[str, str] = {}
    for one in sorted(found, key=lambda e: (e.code[2:] != "0000", e.code[4:] != "00", e.code)):
        names = {} if one.end is None else editions.names[one.end]
        if one.end is None or stem(names.get(one.code, ""), peoples) == stem(one.name, peoples):
            yield one
            continue
        target = told.pop((one.code, one.name), None) or _heir(one, editions, peoples, above)
        if target and one.code.endswith("00"):
            above[one.code[:4]] = target[:4]
        yield replace(one, successors=(target,) if target and target != one.code else ())
    if told:
        raise SystemExit(f"No such entries: {sorted(told)}")


def _heir(one: Entry, editions: Editions, peoples: list[str], above: Mapping[str, str]) -> str | None:
    end = one.end or 0
    now, before = editions.names[end], editions.names[end - 1]
    wanted = {stem(one.name, peoples)}
    if len(one.name) == 2 and one.name.endswith("县"):
        wanted.add(f"{one.name[0]}州")
    fresh = [
        code
        for code, name in now.items()
        if stem(name, peoples) in wanted
        and stem(before.get(code, ""), peoples) not in wanted
        and (code[:2] == one.code[:2] or MADE_OF.get(code[:2]) == one.code[:2])
        and (code.endswith("00") or not one.code.endswith("00"))
    ]
    same = [c for c in fresh if c.endswith("00") == one.code.endswith("00")] or fresh
    near = [c for c in same if c[:4] in (one.code[:4], above.get(one.code[:4]))] or same
    return near[0] if len(near) == 1 else None


def fillers(folder: Path, known: set[str]) -> Iterator[tuple[str, str, str]]:
    """Codes of the standard that hold no name of a place: code, name, end."""
    last = read(folder / "stats" / "201810.tsv")
    for file in ("200212.tsv", "200712.tsv"):
        for code, name in read(folder / file).items():
            if code not in known and name in FILLERS:
                known.add(code)
                yield code, name, "" if last.get(code) in FILLERS else "2018-10-31"
    for code, name in last.items():
        if code not in known and name in FILLERS:
            yield code, name, ""


def english(name: str) -> str:
    """A name in Pinyin, its kind in English."""
    if name in FILLERS:
        return FILLERS[name]
    kind = next((k for k in KINDS if name.endswith(k)), "")
    short = name[: len(name) - len(kind)]
    body, kind = (short, KINDS.get(kind, "")) if len(short) > 1 else (name, "")
    return f"{READ.get(body) or ''.join(lazy_pinyin(body)).capitalize()} {kind}".strip()


def parent(code: str, codes: set[str]) -> str:
    """The code above: the prefecture where there is one, else the province."""
    above = [code[:4] + "00", code[:2] + "0000"]
    return next((c for c in above if c != code and c in codes), "")


def main() -> None:
    """Read, work out, write."""
    folder = Path(sys.argv[1])
    editions = Editions()
    for path in sorted((folder / "mca").glob("*.tsv")):
        editions.marks.append(path.stem)
        editions.names.append(read(path))
    editions.bridge()
    peoples = [c.title.zh for c in library.read("code_table", "people").value.codes]
    peoples = sorted({*peoples, *(p.removesuffix("族") for p in peoples if len(p) > 2), "各族"}, key=len, reverse=True)
    found = list(with_successors(entries(editions), editions, peoples))
    old = {c.code: c for c in library.read("code_table", "division").value.codes}
    rows: list[tuple[str, ...]] = []
    codes = {e.code for e in found}
    for e in found:
        mine = old.get(e.code)
        is_same = mine is not None and mine.title.zh == e.name
        title, variants = (mine.title.en, "|".join(mine.variants)) if mine and is_same else (english(e.name), "")
        begin, end = "" if e.first == 0 else editions.day(e.first), "" if e.end is None else editions.day(e.end)
        rows.append((e.code, e.name, title, parent(e.code, codes), begin, end, "|".join(e.successors), variants))
    rows += [(c, n, english(n), parent(c, codes), "", end, "", "") for c, n, end in fillers(folder, set(codes))]
    ordered = sorted(rows, key=itemgetter(0, 4, 5))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["code", "zh", "en", "parent", "valid_from", "valid_to", "successors", "variants"])
        writer.writerows(ordered)
    ended = {e.code for e in found} - editions.names[-1].keys()
    with_heir = {e.code for e in found if e.successors} & ended
    print(f"{len(rows)} entries of {len(codes)} codes; {len(ended)} ended, {len(with_heir)} of them with a successor")


if __name__ == "__main__":
    main()
