"""Whether data standards fit together: codes and their periods, data set standards, terms, and who follows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cityloom.content.problems import nearest
from cityloom.kernel.i18n import _
from cityloom.model.city import City
from cityloom.model.codes import is_moment
from cityloom.model.resource import Resource
from cityloom.model.standard import BusinessTerm, Code, CodeTable, DataSetStandard

Complaint = tuple[tuple[str | int, ...], str, str]
STATES = ("draft", "in_review", "published", "retired")
"""Where a standard stands in its life."""
_REPRESENTATION = re.compile(r"(an?|n|d|dt|bn)(\.\.)?[0-9]+(\.\.[0-9]+)?(,[0-9]+)?|bl|bn|d|dt", re.ASCII)


def complaints(value: object, city: City) -> Iterator[Complaint]:
    """What is wrong with a standard, or with what a resource says that it follows: place, message and advice."""
    if isinstance(value, CodeTable):
        yield from _code_table(value)
    elif isinstance(value, DataSetStandard):
        yield from _data_set(value, city)
    elif isinstance(value, BusinessTerm):
        for i, name in enumerate(value.elements):
            yield from _known(name, city.elements, ("elements", i), _("element"))
        if value.broader is not None:
            yield from _known(value.broader, city.terms, ("broader",), _("term"))
    elif isinstance(value, Resource) and value.data_set is not None:
        yield from _known(value.data_set, city.data_sets, ("data_set",), _("data set standard"))


def is_representation(text: str) -> bool:
    """Whether a text is a representation: ``a..30``, ``an18``, ``n..12,2``, ``d8``, ``dt14``, ``bl``, ``bn``."""
    return _REPRESENTATION.fullmatch(text) is not None


def _code_table(value: CodeTable) -> Iterator[Complaint]:
    seen: dict[str, list[Code]] = {}
    known = {one.code for one in value.codes}
    for i, one in enumerate(value.codes):
        for name in ("valid_from", "valid_to"):
            day = getattr(one, name)
            if day is not None and (not is_moment(day) or not day[:1].isdigit()):
                yield ("codes", i, name), _("{value} is no day.").format(value=day), _("Write yyyy-mm-dd.")
        if one.valid_from and one.valid_to and one.valid_from >= one.valid_to:
            yield ("codes", i, "valid_to"), _("the code ends before it begins."), _("Exchange the two days.")
        if any(_overlap(one, other) for other in seen.get(one.code, ())):
            text = _("the code {code} stands there twice for the same time.").format(code=one.code)
            yield ("codes", i, "code"), text, _("Take one out, or give them periods that do not overlap.")
        seen.setdefault(one.code, []).append(one)
        for name, others in (("parent", (one.parent,)), ("successors", one.successors)):
            for other in others:
                if other is not None and other not in known:
                    text = _("there is no code {code} in this table.").format(code=other)
                    yield ("codes", i, name), text, nearest(other, known)


def _overlap(one: Code, other: Code) -> bool:
    last = "9999-12-31"
    return (one.valid_from or "") < (other.valid_to or last) and (other.valid_from or "") < (one.valid_to or last)


def _data_set(value: DataSetStandard, city: City) -> Iterator[Complaint]:
    items = [one.item for one in value.fields]
    for i, one in enumerate(value.fields):
        yield from _known(one.element, city.elements, ("fields", i, "element"), _("element"))
        if items.index(one.item) != i:
            yield ("fields", i, "name"), _("there is another item of this name."), _("Give it another name.")
    if not any(one.is_key for one in value.fields):
        yield ("fields",), _("no field is part of the key."), _("Add is_key: true to those that name a row.")
    for i, relation in enumerate(value.relations):
        yield from _known(relation.data_set, city.data_sets, ("relations", i, "data_set"), _("data set standard"))
        for item in relation.items:
            yield from _known(item, items, ("relations", i, "items"), _("item"))
        if relation.data_set in city.data_sets:
            there = [one.item for one in city.data_sets[relation.data_set].fields]
            for item in relation.to_items:
                yield from _known(item, there, ("relations", i, "to_items"), _("item"))


def _known(name: str, known: Mapping[str, object] | list[str], path: tuple[str | int, ...], what: str) -> Iterator[Complaint]:
    if name not in known:
        yield path, _("there is no {what} {name}.").format(what=what, name=name), nearest(name, list(known))
