"""The parts of an address behind its divisions: road, number, place, building, unit, floor, room, and what is none."""

from __future__ import annotations

import re
from collections.abc import Callable

Span = tuple[int, int, str]
"""Where a part begins and ends, and its label."""
Reader = Callable[[str, int, "Tail"], int]

_HAN_NUMBER = "[一二三四五六七八九十百零〇两]"
_NUMBER = rf"(?:[A-Za-z]{{0,3}}[0-9]+[A-Za-z]?|[A-Za-z]{{1,2}}|[甲乙丙丁东南西北]|{_HAN_NUMBER}{{1,4}})"
_UNITS = {
    "号楼": "houseno", "号幢": "houseno", "号栋": "houseno", "幢楼": "houseno", "幢": "houseno", "栋": "houseno", "座": "houseno",
    "#楼": "houseno", "#": "houseno", "橦": "houseno", "号院": "roadno", "单元": "cellno", "门": "cellno", "楼": "floorno", "层": "floorno",
    "F": "floorno", "f": "floorno", "室": "roomno", "房": "roomno", "户": "roomno", "号": "", "弄": "roadno", "组": "roadno", "队": "roadno",
    "区": "subpoi", "期": "subpoi", "号门": "subpoi", "号店": "roomno", "号店面": "roomno", "号店铺": "roomno", "号房": "roomno",
    "号室": "roomno", "号铺": "roomno", "号商铺": "roomno", "号摊位": "roomno", "楼层": "floorno", "号厂房": "houseno", "号库": "houseno",
}  # fmt: skip
_WITH_UNIT = re.compile(
    rf"(?P<number>{_NUMBER}(?:[-~、.&/]{_NUMBER})*)(?P<unit>{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![路街道])"
)
_BARE = re.compile(r"[A-Za-z]{0,3}[0-9]+[A-Za-z]?|[A-Za-z](?=-?[0-9]|-|$)")
_SEPARATOR = re.compile(r"[\s\-_,，.。、/\\|·;；:：+*=~?？!！()（）\[\]【】<>\"'“”]+")
_ASSIST = re.compile("(?:斜?对面|正对面|对过|附近|旁边?|隔壁|后面|前面|门口|边上|楼下|院内|路口|交叉口|交汇处|交界处|[东南西北][侧边面])")
_CROSSING = re.compile("[与和](?=[一-龥]{1,6}[路街道])")
_NOISE = re.compile("电联|null|丰巢$")
_ROAD_END = "街路|大道|大街|公路|马路|老街|步行街|胡同|高速|路|街|巷|弄|里(?=[0-9])|道(?=[0-9])"
_DIRECTION = "[东南西北中]"
_PLACE_END = (
    "大厦|广场|花园|小区|公寓|家园|苑|市场|商城|商贸城|工业园区|工业园|工业区|科技园|产业园|创业园|园区|中心|医院|学校|大学|学院|中学|小学|幼儿园"
    "|酒店|宾馆|有限公司|公司|厂(?!房)|超市|山庄|名邸|公馆|新村|村委会|政府|派出所|写字楼|商务楼|(?<![长东南西北金新县古府老大])城(?![东南西北区市乡中])"
)
_PIECE = re.compile(
    rf"[^\W0-9_]{{1,16}}?(?:(?P<zone>(?:经济技术|经济|高新技术产业|高新技术|高新)?开发区|高新区)"
    rf"|(?P<road>(?:{_ROAD_END})(?:{_DIRECTION}[一二三]?段|{_HAN_NUMBER}段)?(?![村镇场厂城]))"
    rf"|(?P<community>社区居委会|居委会|社区|行政村|自然村|村)(?!{_DIRECTION}?(?:{_HAN_NUMBER}|[0-9])?[路街巷弄委民]|大道|卫生|小学|中学)"
    rf"|(?P<place>(?:{_PLACE_END})(?:[一-龥]{{0,2}}?(?:{_PLACE_END}))*)(?!{_DIRECTION}?{_HAN_NUMBER}?(?:{_ROAD_END})))"
)
_GATE = re.compile("[东南西北正后前侧大]大?门(?![一-龥]{0,3}[路街])")
_STOP = rf"[\s\-_,，.。、/\\|·;；:：()（）\[\]【】0-9A-Za-z]|{_HAN_NUMBER}+(?:号楼|[栋幢座楼层期区组号队社]|单元)|斜?对面|附近|旁边|隔壁|门口|楼下|电联|[东南西北]侧"
_OTHER = re.compile(rf"[一-龥](?:(?!{_STOP}).)*|.")
_LETTERS = re.compile("[A-Za-z&]{2,}[一-龥]*")


class Tail:
    """What has been read of a tail so far."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.seen: set[str] = set()
        self.last = ""
        self.is_place = False

    def take(self, start: int, end: int, label: str) -> int:
        """Add a part; returns its end."""
        self.spans.append((start, end, label))
        if label not in ("redundant", "assist"):
            self.seen.add(label)
            self.last = label
        return end


def parts(text: str, start: int) -> list[Span]:
    """The parts from a place to the end of a text; every letter is in one of them."""
    tail = Tail()
    place = start
    while place < len(text):
        for reader in _READERS:
            end = reader(text, place, tail)
            if end > place:
                place = end
                break
    return tail.spans


def _separator(text: str, place: int, tail: Tail) -> int:
    found = _SEPARATOR.match(text, place) or _NOISE.match(text, place)
    return tail.take(place, found.end(), "redundant") if found else place


def _aside(text: str, place: int, tail: Tail) -> int:
    found = _ASSIST.match(text, place) or _CROSSING.match(text, place)
    return tail.take(place, found.end(), "assist") if found and tail.spans else place


def _gate(text: str, place: int, tail: Tail) -> int:
    found = _GATE.match(text, place)
    if not found or not tail.spans:
        return place
    return tail.take(place, found.end(), "subpoi" if "poi" in tail.seen else "poi")


def _unit(text: str, place: int, tail: Tail) -> int:
    found = _WITH_UNIT.match(text, place)
    if not found:
        return place
    if "-" in found["number"] and found["unit"] in ("", "号", "室") and "road" not in (tail.last, "") and tail.last != "road":
        return place
    return tail.take(place, found.end(), _UNITS[found["unit"]] or _number_label(text, found.end(), tail))


def _number_label(text: str, end: int, tail: Tail) -> str:
    """What a number with a plain ``号`` counts, by what stands before it."""
    if tail.last == "houseno":
        return "cellno" if text[end : end + 1].isdigit() else "roomno"
    if tail.last in ("cellno", "floorno", "roomno"):
        return "roomno"
    if tail.last == "subRoad":
        return "subroadno"
    if tail.last in ("poi", "subpoi") and tail.is_place:
        return "houseno"
    return "roadno" if "roadno" not in tail.seen else "houseno"


def _bare(text: str, place: int, tail: Tail) -> int:
    """Numbers in a row, as in ``12-3-1001``: building, unit, room; after a road its number first."""
    found = _BARE.match(text, place)
    if not found:
        return place
    left = re.compile(r"[A-Za-z0-9]*(?:[-_—][A-Za-z0-9]+)*").match(text, place)
    rest = re.split("[-_—]", left[0]) if left else []
    digits = sum(c.isdigit() for c in found[0])
    if tail.last in ("road", "subRoad") and tail.last + "no" not in tail.seen:
        label = "roadno" if tail.last == "road" else "subroadno"
    elif tail.last == "community" or (tail.last == "poi" and not tail.is_place and digits < 3 and len(rest) == 1):
        label = "roadno"
    elif tail.last == "houseno" and digits < 3:
        label = "cellno"
    elif tail.last in ("houseno", "cellno", "floorno", "roomno") or len(rest) == 1 and digits >= 3:
        label = "roomno"
    else:
        label = "houseno"
    return tail.take(place, found.end(), label)


def _piece(text: str, place: int, tail: Tail) -> int:
    found = _PIECE.match(text, place)
    if not found:
        return place
    label = {"zone": "devZone", "place": "poi"}.get(found.lastgroup or "", found.lastgroup or "")
    if label == "road":
        label = "subRoad" if "road" in tail.seen else "road"
    if label == "poi":
        label = "subpoi" if "poi" in tail.seen else "poi"
        tail.is_place = True
    return tail.take(place, found.end(), label)


def _other(text: str, place: int, tail: Tail) -> int:
    found = _LETTERS.match(text, place) or _OTHER.match(text, place)
    assert found is not None
    if tail.last in ("floorno", "roomno", "cellno"):
        label = "person"
    else:
        label = "subpoi" if "poi" in tail.seen else "poi"
    return tail.take(place, found.end(), label)


_READERS: tuple[Reader, ...] = (_separator, _aside, _gate, _unit, _bare, _piece, _other)
