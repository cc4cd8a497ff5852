"""How values are written: the forms that most have, units, fillers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby

from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.forms import CLASSES, class_of
from cityloom.quality.suggest.base import Draft, Sample, share

PLAIN = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
"""A plain number."""
_QUANTITY = re.compile(rf"({PLAIN})\s*([^0-9\s][^0-9]{{0,14}})?")
_NORMAL = 0.9
"""A unit that so many values have is part of the form."""
_CODE = 6
"""Characters of a number that may be a code."""
_LONGEST = 400
_UNITS = 12
"""More ways of writing are no units."""
_MAJOR = 0.03
_COVERED = 0.75
_LOOSE = 0.97
_FILLERS = "*?#~^"
Form = tuple[tuple[str, int], ...]


def is_quantity(counts: Counter[str]) -> bool:
    """Whether nearly all values are a number, with or without a unit."""
    return sum(n for v, n in counts.items() if _QUANTITY.fullmatch(v)) >= 0.8 * counts.total()


def forms(sample: Sample, confirmed: Mapping[str, frozenset[str]]) -> Iterator[Draft]:
    """One rule a column on how its values are written: a quantity without its unit, or one of a few forms.

    A form that values break which another column confirms is none.
    """
    for name in sample.names:
        counts = sample.counts[name]
        if counts.total() >= 10:
            draft = _quantity(name, counts) or _form(name, counts)
            if draft is None or len(str(draft.use.options["pattern"])) > _LONGEST:
                continue
            if _is_fair(draft, counts, confirmed.get(name, frozenset())):
                yield draft


def fillers(sample: Sample) -> Iterator[Draft]:
    """Signs that are repeated instead of a value, where few values hold them."""
    for name in sample.names:
        counts = sample.counts[name]
        for sign in _FILLERS:
            rows = sum(n for v, n in counts.items() if sign * 2 in v)
            if 0 < rows <= 0.3 * counts.total():
                one = f"[{sign}]" if sign != "^" else r"\^"
                other = f"[^{sign}]"
                pattern = rf"{other}*(?:{one}{other}+)*{one}?"
                reason = Title(f"{rows} 行有连续的 {sign}", f"{rows} rows hold {sign} several times in a row")
                yield Draft(use=_use(name, pattern, "filler"), confidence=0.8, reason=reason)


def _is_fair(draft: Draft, counts: Counter[str], confirmed: frozenset[str]) -> bool:
    """Whether hardly any row that breaks the form has a value that is right."""
    form = re.compile(str(draft.use.options["pattern"]))
    wrong = {value: n for value, n in counts.items() if not form.fullmatch(value)}
    right = sum(n for value, n in wrong.items() if value in confirmed)
    return draft.use.name.endswith(".number") or right <= 0.15 * sum(wrong.values())


def has_filler(text: str) -> bool:
    """Whether a sign is repeated in a text."""
    return any(sign * 2 in text for sign in _FILLERS)


def form_of(text: str) -> Form:
    """The classes of a text's letters with their runs: ``AB-12`` is two capitals, a hyphen, two digits."""
    return tuple((kind, len(list(run))) for kind, run in groupby(map(class_of, text)))


def _use(name: str, pattern: str, suffix: str) -> RuleUse:
    return RuleUse(
        rule="format",
        dimension="conformity",
        name=f"{name}.{suffix}",
        columns=(name,),
        options={"pattern": pattern},
        approved_by=(),
    )


def _quantity(name: str, counts: Counter[str]) -> Draft | None:
    """Numbers with units: the number alone where units differ or few have one, otherwise with the unit that most have."""
    total = counts.total()
    units: Counter[str] = Counter()
    for value, n in counts.items():
        found = _QUANTITY.fullmatch(value)
        if found is not None:
            units[found[2] or ""] += n
    if not is_quantity(counts) or len(units) > _UNITS or _is_code(counts):
        return None
    unit, rows = units.most_common(1)[0]
    is_plain = unit == "" or rows < _NORMAL * units.total()
    pattern = PLAIN if is_plain else rf"{PLAIN} *{re.escape(unit)}"
    pattern = _with_words(pattern, counts, total)
    kinds = len(units)
    reason = (
        Title(f"数值带 {kinds} 种单位写法,应统一为数值", f"numbers with {kinds} ways of writing the unit: the number alone is meant")
        if is_plain and kinds > 1
        else Title(f"{share(rows, total)} 的值是这种数值写法", f"{share(rows, total)} of the values are numbers of this form")
    )
    return Draft(use=_use(name, pattern, "number"), confidence=0.85, reason=reason)


def _is_code(counts: Counter[str]) -> bool:
    """Whether values with a sign behind the digits are as long as those without: a check character, and no unit."""
    plain, marked = Counter[int](), Counter[int]()
    for value, n in counts.items():
        found = _QUANTITY.fullmatch(value)
        if found is not None:
            (marked if found[2] else plain)[len(value)] += n
    if not plain or marked.total() < _MAJOR * counts.total():
        return False
    width, rows = plain.most_common(1)[0]
    return width >= _CODE and rows >= _NORMAL * plain.total() and marked[width] >= _NORMAL * marked.total()


def _with_words(pattern: str, counts: Counter[str], total: int) -> str:
    """The pattern, or one of the words that many rows have instead of a number."""
    words = [v for v, n in counts.items() if n >= _MAJOR * total and not _QUANTITY.fullmatch(v)]
    return "|".join([pattern, *(re.escape(word) for word in words)])


def _form(name: str, counts: Counter[str]) -> Draft | None:
    """The forms that most values have, with lengths if that is enough, otherwise without."""
    total = counts.total()
    exact: Counter[Form] = Counter()
    for value, n in counts.items():
        exact[form_of(value)] += n
    loose: Counter[Form] = Counter()
    for form, n in exact.items():
        loose[_loose(form)] += n
    for found, needs in ((exact, _COVERED), (loose, _LOOSE)):
        major = {form: n for form, n in found.items() if n >= max(3, _MAJOR * total)}
        covered = sum(major.values())
        rest = [n for form, n in found.items() if form not in major]
        if len(counts) < 10 or not major or len(major) > 6 or covered < needs * total:
            continue
        has_digits = all(any(kind == "9" for kind, _ in form) for form in major)
        if not has_digits and covered < _LOOSE * total:
            continue
        if len(rest) and covered < _LOOSE * total and max(rest) > 0.02 * total + 1:
            continue
        if found is exact and covered < _LOOSE * total and _are_lengths(exact, set(major)):
            continue
        pattern = "|".join(_pattern(form) for form in sorted(major, key=lambda f: -major[f]))
        reason = Title(
            f"{share(covered, total)} 的值是 {len(major)} 种写法之一", f"{share(covered, total)} of the values have one of {len(major)} forms"
        )
        return Draft(use=_use(name, pattern, "form"), confidence=0.5 + 0.4 * (covered / total), reason=reason)
    return None


def _loose(form: Form) -> Form:
    return tuple((kind, 0 if kind in CLASSES else size) for kind, size in form)


def _are_lengths(exact: Mapping[Form, int], major: set[Form]) -> bool:
    """Whether most of the other values differ from the major forms in lengths only."""
    bases = {_loose(form) for form in major}
    rest = {form: n for form, n in exact.items() if form not in major}
    return sum(n for form, n in rest.items() if _loose(form) in bases) > 0.5 * sum(rest.values())


def _pattern(form: Form) -> str:
    parts = []
    for kind, size in form:
        one = CLASSES.get(kind, re.escape(kind))
        parts.append(f"{one}+" if size == 0 else one if size == 1 else f"{one}{{{size}}}")
    return "".join(parts)
