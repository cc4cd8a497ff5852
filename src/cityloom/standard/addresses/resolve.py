"""Which division the head of an address names: level after level, each narrowing what the ones before may mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cityloom.standard.addresses.gazetteer import CITY, COUNTY, PROVINCE, TOWN, Gazetteer

LABELS = {PROVINCE: "prov", CITY: "city", COUNTY: "district", TOWN: "town"}
_BLANK = re.compile(r"(?:[\s\-—_,，.。、/\\|·;；:：+*=~?？!！]+|null|城区以[内外]|(?<=[区县市])城区(?![^区县市]{0,2}[路街])|市辖区|县辖区|省直辖县级行政区划|自治区直辖县级行政区划)+")
_COUNTRY = re.compile("(?:中华人民共和国|中国)(?=.{3})")
_ROADLIKE = re.compile("[东南西北中新老上下前后]?(?:[一二三四五六七八九十]{1,2}|[0-9]+)?[路街巷弄道]|大[道街桥]|立交|胡同|高速|公路|国道")
_NAMELIKE = re.compile(
    "[镇乡村桥江湖河山岛门站港寺塔]|[东南西北]?[一二三四五六七八九十][区期村里]|景苑|新村|社区|公园|医院|大?学|中学|小学|花[园苑]|小区|广场|国际|银行|饭店|酒店|宾馆|机场|火车|汽车|人民|商"
    "|石化|钢|[日晚]报|电|图书|体育|博物|中心|市场|山庄|苑|园|家|集团|公司|有限|股份|实业|科技|大厦|工业|开发区|经济|高新|食品|服装|一中|二中"
)
_MARKET = re.compile("市[北南中]区")
_INNER = "城区"
_VAGUE = re.compile("[东西南北新]?城区|[东西南北新郊矿市]区")
"""Names that stand for a part of nearly every city: they contradict nothing."""
_BODY = re.compile(
    "人民(?:医院|政府|法院|检察院|公园)|博物|图书|体育|医院|第?[一二三四五六七八九十]*[中小]学|大学|公安|集团|有限|公司|银行|邮政|供电|电力|税务|中医|妇幼"
    "|实验|党校|[政市区县]?[府委]|财政|教育|卫生|气象|消防|职业|技师"
)
_TOWN_END = re.compile("(?:街道办事处|街道|办事处|[^村路街巷弄道号0-9]{0,3}族乡|镇(?![东西南北中]?[路街]|中学|小学|政府|人民)|乡(?![村路街])|苏木)")
_ANY_TOWN = re.compile("[一-龥]{2,5}?(?:街道办事处|街道|镇(?![路街]|中学|小学|政府|人民)|乡(?![村路街])|苏木)")
_TYPO_END = re.compile("[市区县旗州盟]")
_AMBIGUOUS_TOWN_GUARD = re.compile("[东南西北中一二三四五六七八九十]?[路街巷弄道桥村]|社区|新村|大[道街厦]|工业|广场|花园|小区|家园|公寓|市场|中心|国际|医院|中学|小学|[东南西北]区|[一二三四五六七八九十][区期]|经济|高新|开发")


@dataclass
class Head:
    """What the head of an address says.

    ``found`` holds the divisions that it may mean (numbers of the gazetteer; more than one when it is ambiguous),
    ``spans`` what was read where (start, end, label), ``end`` where the rest begins, ``reasons`` what was not plain;
    ``limit`` how many levels are left by contradictions.
    """

    found: tuple[int, ...] = ()
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    end: int = 0
    reasons: list[str] = field(default_factory=list)
    level: int = 0
    town: str = ""
    is_anew: bool = False
    limit: int = TOWN
    path: frozenset[int] = frozenset()
    path_of: tuple[int, ...] = ()

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
        self._above = [frozenset(path[:-1]) for path in places.paths]
        self._levels = [one.level for one in places.divisions]
        presumed = places.number_of(within.ljust(6, "0")) if within else None
        self._within = -1 if presumed is None else presumed

    def read(self, text: str) -> Head:
        """Read as many divisions as stand at the head of a text."""
        head = Head()
        place = 0
        while place < len(text):
            blank = _BLANK.match(text, place) or (_COUNTRY.match(text, place) if place == 0 or head.level else None)
            if blank and not self._is_inner(text, place, head):
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

    def _is_inner(self, text: str, place: int, head: Head) -> bool:
        """Whether what usually says nothing is the name of a district here: three cities call one just so."""
        numbers = self._places.names.get(_INNER, ()) if text.startswith(_INNER, place) else ()
        return bool(numbers) and bool(self._below(numbers, head) or self._on_path(numbers, head))

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
        lengths = self._lengths_at(text, place)
        names, short = self._places.names, self._places.short
        for length in lengths:
            end = place + length
            name = text[place:end]
            if name in names and self._whole(text, place, end, head, names[name]):
                return end
            if name in short and self._short(text, place, end, head, short[name]):
                return end
        if head.found and lengths and not self._former_fits(text, place, head):
            return self._conflict(text, place, head)
        return place

    def _lengths_at(self, text: str, place: int) -> Sequence[int]:
        """How long names that begin here may be, longest first."""
        found = self._places.lengths.get(text[place : place + 2], ())
        return found if not found or place + found[0] <= len(text) else [n for n in found if place + n <= len(text)]

    def _town_lengths_at(self, text: str, place: int) -> Sequence[int]:
        found = self._places.town_lengths.get(text[place : place + 2], ())
        return found if not found or place + found[0] <= len(text) else [n for n in found if place + n <= len(text)]

    def _whole(self, text: str, place: int, end: int, head: Head, numbers: Sequence[int]) -> bool:
        """Whether a whole name is that of what lies below, or of what was said already; then it is taken."""
        if self._is_market(text, end, numbers):
            return False
        if fitting := self._below(numbers, head):
            return bool(self._take(head, place, end, fitting))
        if self._on_path(numbers, head) and not self._is_part(text, end):
            return bool(self._repeat(head, place, end, numbers))
        return False

    def _short(self, text: str, place: int, end: int, head: Head, numbers: Sequence[int]) -> bool:
        """Whether an abbreviation is that of what lies below, or of what was said already when more names follow."""
        if self._goes_on(text, place, end, head):
            return False
        fitting = self._below(numbers, head)
        if fitting and self._short_fits(text, end, fitting, head):
            head.tell("abbreviated")
            return bool(self._take(head, place, end, fitting))
        if self._on_path(numbers, head) and (end == len(text) or self._names_more(text, end)):
            return bool(self._repeat(head, place, end, numbers))
        return False

    def _conflict(self, text: str, place: int, head: Head) -> int:
        """A whole name of what lies elsewhere."""
        for length in self._lengths_at(text, place):
            name, end = text[place : place + length], place + length
            numbers = self._places.names.get(name)
            if numbers and not self._on_path(numbers, head) and not _VAGUE.fullmatch(name):
                return place if self._is_part(text, end) else self._contradict(head, place, end, numbers)
        return place

    def _is_market(self, text: str, end: int, numbers: Sequence[int]) -> bool:
        """Whether the last letter of a city's name is the first of its district's: the north of a city, its middle."""
        if text[end - 1] != "市" or not _MARKET.match(text, end - 1):
            return False
        name = text[end - 1 : end + 2]
        inner = (*self._places.names.get(name, ()), *self._places.former.get(name, ()))
        return any(not set(numbers).isdisjoint(self._paths[n]) for n in inner)

    def _contradict(self, head: Head, start: int, end: int, numbers: Sequence[int]) -> int:
        """Two that exclude each other: what holds both is what is left."""
        head.tell("contradiction")
        head.spans.append((start, end, "redundant"))
        paths = [self._paths[n] for n in head.found]
        shared = max(
            sum(a == b for a, b in zip(p, self._paths[n], strict=False)) for p in paths for n in numbers
        )
        head.limit = min(head.limit, shared)
        return end

    def _goes_on(self, text: str, place: int, end: int, head: Head) -> bool:
        """Whether an abbreviation is the beginning of a road's name or of a former name that fits."""
        if _ROADLIKE.match(text, end) and not self._names_more(text, end):
            return True
        longer = end + (2 if text.startswith("地区", end) else 1)
        return text[longer - 1 : longer] in ("县", "市", "区") and bool(
            self._below(self._places.former.get(text[place:longer], ()), head)
        )

    def _is_part(self, text: str, end: int) -> bool:
        """Whether a name goes on as that of something else."""
        return bool(_ROADLIKE.match(text, end) or _BODY.match(text, end)) and not self._names_more(text, end)

    def _short_fits(self, text: str, end: int, fitting: Sequence[int], head: Head) -> bool:
        if not head.found:
            top = min(self._levels[n] for n in fitting)
            return top < COUNTY or (len(fitting) == 1 and end < len(text) and not _NAMELIKE.match(text, end))
        return not _NAMELIKE.match(text, end) or self._names_more(text, end)

    def _names_more(self, text: str, place: int) -> bool:
        places = self._places
        names = (text[place : place + n] for n in self._lengths_at(text, place))
        return any(name in places.names or name in places.former or name in places.short for name in names)

    def _former_fits(self, text: str, place: int, head: Head) -> bool:
        lengths = self._lengths_at(text, place)
        found = (self._places.former.get(text[place : place + length], ()) for length in lengths)
        return any(self._below(numbers, head) or self._same(numbers, head) for numbers in found)

    def _former(self, text: str, place: int, head: Head) -> int:
        for length in self._lengths_at(text, place):
            name = text[place : place + length]
            numbers = self._places.former.get(name, ())
            fitting = self._below(numbers, head) or self._same(numbers, head)
            if fitting and head.level == COUNTY and self._levels[fitting[0]] == COUNTY and fitting[0] in head.found:
                return self._repeat(head, place, place + length, fitting)
            is_whole = name[-1] in "县区旗市" and length > 2
            if fitting and not self._is_part(text, place + length) and (head.found or len(fitting) == 1 or is_whole):
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
        children = self._places.children
        near = children.get(head.found[0], ())
        far = [n for one in near for n in children.get(one, ())]
        below = [n for n in (*near, *far) if _one_off(given, self._places.divisions[n].name)]
        if len(below) != 1:
            return place
        head.tell("typo")
        return self._take(head, place, stop.end(), tuple(below))

    def _town(self, text: str, place: int, head: Head) -> int:
        places = self._places
        for length in self._town_lengths_at(text, place):
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
        found, above = head.found, self._above
        if len(numbers) == 1:
            return tuple(numbers) if not above[numbers[0]].isdisjoint(found) else ()
        return tuple(n for n in numbers if not above[n].isdisjoint(found))

    def _on_path(self, numbers: Sequence[int], head: Head) -> bool:
        return not self._path_of(head).isdisjoint(numbers)

    def _path_of(self, head: Head) -> frozenset[int]:
        """Everything on the way to what is found; kept with the head until that changes."""
        if head.path_of is not head.found:
            head.path_of = head.found
            head.path = frozenset(n for one in head.found for n in self._paths[one])
        return head.path

    def _take(self, head: Head, start: int, end: int, fitting: tuple[int, ...], level: int = 0) -> int:
        levels = self._levels
        head.level = max(level, levels[fitting[0]] if len(fitting) == 1 else min(levels[n] for n in fitting))
        head.found = fitting
        label = LABELS[head.level]
        if label == "prov" and self._places.divisions[fitting[0]].name.endswith("市") and end - start > 2:
            label = "city"
        head.spans.append((start, end, label))
        return end

    def _repeat(self, head: Head, start: int, end: int, numbers: Sequence[int]) -> int:
        """What comes again from a higher level on counts, and what came before is redundant: the writer began anew."""
        head.tell("repeated")
        on = self._path_of(head)
        again = next(n for n in numbers if n in on)
        if len(head.found) > 1:
            head.found = tuple(n for n in head.found if not set(numbers).isdisjoint(self._paths[n]))
        label = LABELS[self._levels[again]]
        if label == "prov" and self._places.divisions[again].name.endswith("市"):
            label = "city"
        head.is_anew = head.is_anew or self._levels[again] < head.level
        if not head.is_anew:
            head.spans.append((start, end, "redundant"))
            return end
        head.spans = [(a, b, "redundant" if one == label else one) for a, b, one in head.spans]
        head.spans.append((start, end, label))
        return end

    def _repeated(self, text: str, place: int, head: Head) -> int:
        """After a town only what was said already may come again."""
        for length in self._lengths_at(text, place):
            numbers = self._places.names.get(text[place : place + length], ())
            if numbers and self._on_path(numbers, head) and not self._is_part(text, place + length):
                return self._repeat(head, place, place + length, numbers)
        for length in self._town_lengths_at(text, place):
            ending = _TOWN_END.match(text, place + length)
            numbers = self._places.towns.get(text[place : place + length], ())
            if ending and self._on_path(numbers, head):
                return self._repeat(head, place, ending.end(), numbers)
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
            head.found = tuple({self._paths[n][: head.limit][-1] for n in head.found} if head.limit else ())
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

