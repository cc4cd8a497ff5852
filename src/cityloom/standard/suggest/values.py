"""What a column's values say: which kind they are of, and how well they fit a data element."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cityloom.engines.codings import CODINGS
from cityloom.kernel.errors import CityLoomError
from cityloom.model.codes import texts_of
from cityloom.model.standard import CodeTable, Element
from cityloom.standard.base import ProgramStep, Step, build
from cityloom.standard.suggest.names import words

_HAN = "[\u3400-\u9fff]"
_NUMBER = re.compile(r"[+-]?[0-9][0-9,]*(\.[0-9]+)?%?|[+-]?\.[0-9]+", re.ASCII)
_DAY = re.compile(
    r"(1[89]|2[01])[0-9]{2}([-/.\u5e74]?)(1[0-2]|0?[1-9])([-/.\u6708]?)(3[01]|[12][0-9]|0?[1-9])(\u65e5|\u53f7)?"
    r"|(3[01]|[12][0-9]|0?[1-9])[-/.](1[0-2]|0?[1-9])[-/.](1[89]|2[01])[0-9]{2}"
    r"|(1[0-2]|0?[1-9])/(3[01]|[12][0-9]|0?[1-9])/((1[89]|2[01])[0-9]{2}|[0-9]{2})"
)
_TIME = re.compile(r".*[0-9]{1,2}(:|\u65f6)[0-9]{2}.*|(19|20)[0-9]{12}")
_PERSON = re.compile(f"{_HAN}{{2,4}}")
_FIRM = re.compile(f"{_HAN}.*")
_DATES = ("parse_date", "parse_time", "year_first", "any_date", "any_time")
_SLOW = ("address", "organisation_name", "person_name")
_TAUGHT = 60
"""Values of a column that are tried on an element."""


def kind_of(values: Sequence[str]) -> str:
    """The kind that most values are of: a coding rule, ``time``, ``date``, ``number``, ``person``, ``organisation``,
    ``address``, ``han``, ``text``; ``empty`` without values."""
    if not values:
        return "empty"
    some = values[:_TAUGHT]
    for name, test in _KINDS:
        if sum(map(test, some)) >= 0.8 * len(some):
            return name
    return "text"


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _is_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None


def _is_person(text: str) -> bool:
    return _PERSON.fullmatch(text) is not None and text[0] in words()["surnames"] and not _is_firm(text)


def _is_firm(text: str) -> bool:
    return _FIRM.match(text) is not None and any(text.endswith(e) or f"{e}(" in text for e in words()["organisation"])


def _is_address(text: str) -> bool:
    return len(text) > 5 and sum(mark in text for mark in words()["address"]) >= 2


_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("citizen_id", CODINGS["citizen_id"].is_valid),
    ("uscc", CODINGS["uscc"].is_valid),
    ("phone", CODINGS["phone"].is_valid),
    ("date", _is_day),
    ("time", lambda text: _TIME.fullmatch(text) is not None),
    ("number", _is_number),
    ("address", _is_address),
    ("organisation", _is_firm),
    ("person", _is_person),
    ("han", lambda text: re.search(_HAN, text) is not None),
)


@dataclass(frozen=True)
class Fit:
    """How well values fit an element: ``share`` of them that do, ``weight`` how telling that is, from 0 to 1.

    ``what`` names the test: ``coding``, ``codes``, ``pattern``, ``date``, ``number``, ``kind``, ``ending``;
    ``none`` where the
    element tells nothing that values could be tried on.
    """

    share: float
    weight: float
    what: str


NOTHING = Fit(0.0, 0.0, "none")


class Taster:
    """Tries values on one element.

    Args:
        element: the element.
        tables: code tables by name, its own among them where it has one.
    """

    def __init__(self, element: Element, tables: Mapping[str, CodeTable]) -> None:
        self.element = element
        self._tables = tables

    @cached_property
    def _steps(self) -> tuple[Step, ...]:
        uses = [u for u in self.element.steps if u.step not in _SLOW and not u.step.startswith("address")]
        try:
            built = [build(use, self._tables) for use in uses]
            return tuple(step for step in built if not isinstance(step, ProgramStep))
        except CityLoomError:
            return ()

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        for use in self.element.rules:
            if use.rule == "format" and isinstance(use.options.get("pattern"), str):
                return re.compile(use.options["pattern"])
        return None

    @cached_property
    def _texts(self) -> Mapping[str, str]:
        table = self._tables.get(self.element.codes or "")
        return texts_of(table) if table else {}

    @cached_property
    def _range(self) -> tuple[float, float] | None:
        for use in self.element.rules:
            if use.rule == "number_range":
                return float(use.options.get("least", "-inf")), float(use.options.get("most", "inf"))
        return None

    @cached_property
    def wants(self) -> str:
        """The kind that values of the element are of, where nothing else tells."""
        steps = {use.step for use in self.element.steps}
        form = self.element.representation
        if steps & set(_DATES) or form in ("d8", "d10", "d", "dt14", "dt19", "dt"):
            return "time" if form.startswith("dt") or steps & {"parse_time", "any_time"} else "date"
        if "person_name" in steps:
            return "person"
        if any(step.startswith("address") for step in steps):
            return "address"
        if "organisation_name" in steps:
            return "organisation"
        if form.startswith("n") and not self.element.codes and (form.startswith("n..") or "," in form):
            return "number"
        return ""

    def fit(self, values: Sequence[str], kind: str) -> Fit:
        """How well the values fit; ``kind`` is theirs."""
        if not values:
            return NOTHING
        endings = tuple(words()["text_endings"].get(self.element.name, ()))
        if endings and kind not in ("number", "date", "time"):
            share = sum(value.endswith(endings) for value in values) / len(values)
            return Fit(share, 0.5, "ending") if share >= 0.7 else Fit(0.4, 0.2, "kind")
        if self.element.coding_rule in CODINGS:
            valid = CODINGS[self.element.coding_rule].is_valid
            weight = {"citizen_id": 1.0, "uscc": 1.0, "phone": 0.7}.get(self.element.coding_rule, 0.5)
            return Fit(self._share(values, valid), weight, "coding")
        if self.element.codes and self._texts:
            return self._codes(values)
        return self._form(values, kind)

    def _form(self, values: Sequence[str], kind: str) -> Fit:
        """How well the values have the element's form."""
        if self.wants in ("date", "time"):
            return self._dates(values, kind)
        if self.wants == "number":
            return self._numbers(values)
        if self.wants:
            weight = {"person": 0.8, "organisation": 0.8, "address": 0.75}.get(self.wants, 0.5)
            return Fit(1.0, weight, "kind") if kind == self.wants else Fit(0.45 if kind in ("han", "text") else 0.0, 0.5, "kind")
        if (pattern := self._pattern) is not None:
            return Fit(self._share(values, lambda text: pattern.fullmatch(text) is not None), 0.35, "pattern")
        if kind in ("date", "time", "citizen_id", "uscc", "phone"):
            return Fit(0.2, 0.3, "kind")
        if kind == "number" and not self.element.representation.startswith(("n", "an")):
            return Fit(0.3, 0.2, "kind")
        return NOTHING

    def _share(self, values: Sequence[str], test: Callable[[str], bool]) -> float:
        return sum(1 for value in values if (x := self._cleaned(value)) is not None and test(x)) / len(values)

    def _cleaned(self, value: str) -> str | None:
        found: str | None = value
        for step in self._steps:
            found = step.value(found)
        return found

    def _codes(self, values: Sequence[str]) -> Fit:
        """Codes: names of them tell more than short numbers, many different ones more than one."""
        texts = self._texts
        hits = [v for v in values if v.strip() in texts]
        different = {v.strip() for v in hits}
        named = [v for v in different if not v.isascii()]
        long = [v for v in different if len(v) > 2]
        weight = 0.25 + 0.12 * min(4, len(named)) + 0.05 * min(3, len(long)) if named or long else 0.12
        return Fit(len(hits) / len(values), min(0.85, weight), "codes")

    def _dates(self, values: Sequence[str], kind: str) -> Fit:
        if kind in ("date", "time"):
            return Fit(1.0 if kind == self.wants else 0.75, 0.45, "date")
        share = sum(1 for v in values if _is_day(v) or _TIME.fullmatch(v)) / len(values)
        return Fit(share, 0.45, "date")

    def _numbers(self, values: Sequence[str]) -> Fit:
        low, high = self._range or (float("-inf"), float("inf"))
        count = 0
        for value in values:
            if _is_number(value):
                number = float(value.replace(",", "").rstrip("%"))
                count += low <= number <= high
        return Fit(count / len(values), 0.2 if self._range is None else 0.3, "number")
