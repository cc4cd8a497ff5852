"""Which division the head of an address names: level after level, each narrowing what the ones before may mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cityloom.standard.addresses.gazetteer import CITY, COUNTY, PROVINCE, TOWN, Gazetteer

LABELS = {PROVINCE: "prov", CITY: "city", COUNTY: "district", TOWN: "town"}
_BLANK = re.compile(r"(?:[\s\-—_,，.。、/\\|·;；:：+*=~?？!！]+|null|市辖区|县辖区|省直辖县级行政区划|自治区直辖县级行政区划)+")
_COUNTRY = re.compile("(?:中华人民共和国|中国)(?=.{3})")
_ROADLIKE = re.compile("[东南西北中新老上下前后]?(?:[一二三四五六七八九十]{1,2}|[0-9]+)?[路街巷弄道]|大[道街桥]|立交|胡同|高速|公路|国道")
_NAMELIKE = re.compile(
    "[镇乡村桥江湖河山岛门站港寺塔]|新村|社区|公园|医院|大?学|中学|小学|花[园苑]|小区|广场|国际|银行|饭店|酒店|宾馆|机场|火车|汽车|人民|商"
    "|石化|钢|[日晚]报|电|图书|体育|博物|中心|市场|山庄|苑|园|家|集团|公司|有限|股份|实业|科技|大厦|工业|开发区|经济|高新|食品|服装|一中|二中"
)
_BODY = re.compile(
    "人民(?:医院|政府|法院|检察院|公园)|博物|图书|体育|医院|第?[一二三四五六七八九十]*[中小]学|大学|公安|集团|有限|公司|银行|邮政|供电|电力|税务|中医|妇幼"
    "|实验|党校|[政市区县]?[府委]|财政|教育|卫生|气象|消防|职业|技师"
)
_TOWN_END = re.compile("(?:街道办事处|街道|办事处|[^村路街巷弄道号0-9]{0,3}族乡|镇(?![路街中东西南北小])|乡(?![村路街])|苏木)")
_ANY_TOWN = re.compile("[一-龥]{2,5}?(?:街道办事处|街道|镇(?![路街]|中学|小学|政府|人民)|乡(?![村路街])|苏木)")
_TYPO_END = re.compile("[市区县旗州盟]")
_AMBIGUOUS_TOWN_GUARD = re.compile("[东南西北中一二三四五六七八九十]?[路街巷弄道桥村]|社区|新村|大[道街厦]|工业|广场|花园|小区|家园|公寓|市场|中心|国际|医院|中学|小学|[东南西北]区|[一二三四五六七八九十][区期]")


@dataclass
class Head:
    """What the head of an address says.

    ``found`` holds the divisions that it may mean (numbers of the gazetteer; more than one when it is ambiguous),
    ``spans`` what was read where (start, end, label), ``end`` where the rest begins, ``reasons`` what was not plain.
    """

    found: tuple[int, ...] = ()
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    end: int = 0
    reasons: list[str] = field(default_factory=list)
    level: int = 0
    town: str = ""

    def tell(self, reason: str) -> None:
        """Add a reason, once."""
        if reason not in self.reasons:
            self.reasons.append(reason)


class Resolver:
    """Reads heads of addresses.

    Args:
        places: the divisions that there are.
        within: division that addresses without a hint are presumed to be in (2, 4 or 6 digits); none when empty.
    """

    def __init__(self, places: Gazetteer, within: str = "") -> None:
        self._places = places
        self._paths = places.paths
        self._levels = [one.level for one in places.divisions]
        self._within = places.by_code.get(within[:2] if within.endswith("0000") else within[:4] if len(within) == 6 and within.endswith("00") else within, -1)

    def read(self, text: str) -> Head:
        """Read as many divisions as stand at the head of a text."""
        head = Head()
        place = 0
        while place < len(text):
            blank = _BLANK.match(text, place) or (_COUNTRY.match(text, place) if place == 0 or head.level else None)
            if blank:
                label = "redundant" if blank.re is _BLANK or head.level else "country"
                head.spans.append((place, blank.end(), label))
                place = blank.end()
                continue
            end = self._next(text, place, head)
            if end == place:
                break
            place = end
        while head.spans and head.spans[-1][2] == "redundant" and _BLANK.fullmatch(text, *head.spans[-1][:2]):
            place = head.spans.pop()[0]
        head.end = head.spans[-1][1] if head.spans else 0
        self._settle(head)
        return head

    def _next(self, text: str, place: int, head: Head) -> int:
        """Where the next division ends; ``place`` when there is none."""
        if head.level == TOWN and not head.town:
            return self._repeated(text, place, head)
        for read in (self._named, self._former, self._typo, self._town):
            end = read(text, place, head)
            if end > place:
                return end
        return place

    def _named(self, text: str, place: int, head: Head) -> int:
        places = self._places
        conflict: tuple[int, tuple[int, ...]] | None = None
        for length in places.lengths.get(text[place : place + 2], ()):
            name = text[place : place + length]
            end = place + length
            if numbers := places.names.get(name):
                if fitting := self._below(numbers, head):
                    return self._take(head, place, end, fitting)
                if self._on_path(numbers, head) and not self._is_part(text, end):
                    return self._repeat(head, place, end)
                conflict = conflict or (None if self._on_path(numbers, head) else (end, numbers))
            if (numbers := places.short.get(name)) and not self._goes_on(text, place, end, head):
                fitting = self._below(numbers, head)
                if fitting and self._short_fits(text, end, fitting, head):
                    head.tell("abbreviated")
                    return self._take(head, place, end, fitting)
                if self._on_path(numbers, head) and not _NAMELIKE.match(text, end):
                    return self._repeat(head, place, end)
        if conflict and head.found and not self._former_fits(text, place, head):
            if self._is_part(text, conflict[0]):
                return place
            head.tell("contradiction")
            head.spans.append((place, conflict[0], "redundant"))
            return conflict[0]
        return place

    def _goes_on(self, text: str, place: int, end: int, head: Head) -> bool:
        """Whether an abbreviation is the beginning of a road's name or of a former name that fits."""
        if _ROADLIKE.match(text, end):
            return True
        return text[end : end + 1] in ("县", "市", "区") and bool(
            self._below(self._places.former.get(text[place : end + 1], ()), head)
        )

    def _is_part(self, text: str, end: int) -> bool:
        """Whether a name goes on as that of something else."""
        return bool(_ROADLIKE.match(text, end) or _BODY.match(text, end))

    def _short_fits(self, text: str, end: int, fitting: Sequence[int], head: Head) -> bool:
        if not head.found:
            top = min(self._levels[n] for n in fitting)
            return top < COUNTY or (len(fitting) == 1 and end < len(text) and not _NAMELIKE.match(text, end))
        return not _NAMELIKE.match(text, end) or (
            self._levels[fitting[0]] <= CITY and self._names_more(text, end)
        )

    def _names_more(self, text: str, place: int) -> bool:
        return any(
            text[place : place + n] in self._places.names for n in self._places.lengths.get(text[place : place + 2], ())
        )

    def _former_fits(self, text: str, place: int, head: Head) -> bool:
        return any(
            self._below(self._places.former.get(text[place : place + n], ()), head)
            for n in self._places.lengths.get(text[place : place + 2], ())
        )

    def _former(self, text: str, place: int, head: Head) -> int:
        for length in self._places.lengths.get(text[place : place + 2], ()):
            name = text[place : place + length]
            numbers = self._places.former.get(name, ())
            fitting = self._below(numbers, head) or self._same(numbers, head)
            if fitting and not _ROADLIKE.match(text, place + length) and (head.found or len(fitting) == 1):
                head.tell("former_name")
                return self._take(head, place, place + length, fitting, COUNTY if name[-1] in "县区旗" else 0)
        return place

    def _same(self, numbers: Sequence[int], head: Head) -> tuple[int, ...]:
        """Former names that lead to what is found already: the division that they lay in."""
        return tuple(n for n in numbers if n in head.found)

    def _typo(self, text: str, place: int, head: Head) -> int:
        """A whole name with one other letter, of a division right below the one that is sure."""
        if len(head.found) != 1 or head.level >= COUNTY:
            return place
        stop = _TYPO_END.search(text, place + 2, place + 8)
        if not stop:
            return place
        given = text[place : stop.end()]
        below = [n for n in self._places.children.get(head.found[0], ()) if _one_off(given, self._places.divisions[n].name)]
        if len(below) != 1:
            return place
        head.tell("typo")
        return self._take(head, place, stop.end(), tuple(below))

    def _town(self, text: str, place: int, head: Head) -> int:
        places = self._places
        for length in places.town_lengths.get(text[place : place + 2], ()):
            numbers = places.towns.get(text[place : place + length])
            if not numbers:
                continue
            ending = _TOWN_END.match(text, place + length)
            end = ending.end() if ending else place + length
            fitting = self._towns_below(numbers, head, ending is not None)
            if not fitting or not (ending or self._bare_town(text, end, fitting, head)):
                continue
            if ending is None or town_name(text[place:end]) != places.divisions[fitting[0]].name:
                head.tell("town_renamed" if ending else "abbreviated")
            return self._take(head, place, end, fitting)
        found = _ANY_TOWN.match(text, place) if not head.town else None
        if found and found.end() - place <= 8:
            head.town = found[0]
            head.level = TOWN
            head.tell("town_unknown")
            head.spans.append((place, found.end(), "town"))
            return found.end()
        return place

    def _bare_town(self, text: str, end: int, fitting: Sequence[int], head: Head) -> bool:
        return head.level >= CITY and len(fitting) == 1 and end < len(text) and not _AMBIGUOUS_TOWN_GUARD.match(text, end)

    def _towns_below(self, numbers: Sequence[int], head: Head, is_whole: bool) -> tuple[int, ...]:
        if not head.found:
            return tuple(numbers) if is_whole else ()
        fitting = self._below(numbers, head)
        if fitting or head.level < COUNTY:
            return fitting
        beside = self._beside(numbers, head)
        if len(beside) == 1 and is_whole and ("former_name" in head.reasons or "typo" in head.reasons):
            head.tell("by_town")
            return beside
        return ()

    def _beside(self, numbers: Sequence[int], head: Head) -> tuple[int, ...]:
        """Towns of the same city: after a former name the division may have been parted."""
        above = {self._paths[n][-2] for n in head.found if len(self._paths[n]) > 1}
        return tuple(n for n in numbers if above & set(self._paths[n]))

    def _below(self, numbers: Sequence[int], head: Head) -> tuple[int, ...]:
        if not head.found:
            return tuple(numbers)
        found = head.found
        return tuple(n for n in numbers if any(above in found for above in self._paths[n][:-1]))

    def _on_path(self, numbers: Sequence[int], head: Head) -> bool:
        on = {n for one in head.found for n in self._paths[one]}
        return not on.isdisjoint(numbers)

    def _take(self, head: Head, start: int, end: int, fitting: tuple[int, ...], level: int = 0) -> int:
        head.level = max(level, min(self._levels[n] for n in fitting))
        if self._levels[fitting[0]] == head.level or not level:
            head.level = max(head.level, self._levels[fitting[0]]) if len(fitting) == 1 else head.level
        head.found = fitting
        head.spans.append((start, end, LABELS[head.level]))
        return end

    def _repeat(self, head: Head, start: int, end: int) -> int:
        head.tell("repeated")
        head.spans.append((start, end, "redundant"))
        return end

    def _repeated(self, text: str, place: int, head: Head) -> int:
        """After a town only what was said already may come again."""
        for length in self._places.lengths.get(text[place : place + 2], ()):
            numbers = self._places.names.get(text[place : place + length], ())
            if numbers and self._on_path(numbers, head) and not self._is_part(text, place + length):
                return self._repeat(head, place, place + length)
        for length in self._places.town_lengths.get(text[place : place + 2], ()):
            ending = _TOWN_END.match(text, place + length)
            if ending and self._on_path(self._places.towns.get(text[place : place + length], ()), head):
                return self._repeat(head, place, ending.end())
        return place

    def _settle(self, head: Head) -> None:
        """Of several meanings the one within the presumed division; nothing when they contradict each other."""
        if self._within >= 0:
            inside = tuple(n for n in head.found if self._within in self._paths[n])
            if inside and len(inside) < len(head.found):
                head.tell("within")
                head.found = inside
            elif not head.found:
                head.tell("within")
                head.found = (self._within,)
        if "contradiction" in head.reasons:
            head.found = ()
        if len(head.found) > 1:
            head.tell("ambiguous")
            shared = [n for n in head.found if all(n in self._paths[one] for one in head.found)]
            head.found = tuple(shared) or head.found


def town_name(text: str) -> str:
    """A town's name as the statistical codes have it."""
    return text.removesuffix("办事处") if text.endswith("街道办事处") else text


def _one_off(given: str, name: str) -> bool:
    """Whether two names of three letters or more differ in one letter that is not the last."""
    if len(given) != len(name) or len(name) < 3 or given[-1] != name[-1]:
        return False
    return sum(a != b for a, b in zip(given, name, strict=True)) == 1

