"""The lake-entry gate: each of the six conditions alone decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.collect.conftest import ANY, make_resource

from cityloom.collect.gate import check
from cityloom.model.resource import Access, Certification
from cityloom.model.standard import Element

ELEMENT = Element(name="e", identifier="1", title=ANY, definition=ANY, representation="a..30", standard="own")
FULL = replace(
    make_resource(["a", "b"]),
    owner="li",
    certified=Certification(system="x", at="2026-01-01", by="li"),
    sharing=Access(attribute="unconditional"),
)
FULL = replace(FULL, items=tuple(replace(i, element="e") for i in FULL.items))


def unmet(resource, elements=None, *, has_batches=True, is_assessed=True):
    found = check(resource, elements={"e": ELEMENT} if elements is None else elements, has_batches=has_batches, is_assessed=is_assessed)
    assert [c.name for c in found] == ["owner", "standard", "certified", "sharing", "assessed", "registered"]
    for one in found:
        assert one.title.zh
        assert one.who.en
        assert bool(one.missing.zh) == bool(one.missing.en) == (not one.is_met)
    return [c.name for c in found if not c.is_met]


def test_a_complete_resource_passes():
    assert unmet(FULL) == []


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"owner": None}, "owner"),
        ({"certified": None}, "certified"),
        ({"sharing": None}, "sharing"),
        ({"sharing": Access(attribute="conditional")}, "sharing"),
        ({"grade": "secret"}, "sharing"),
        ({"items": (replace(FULL.items[0], element=None),)}, "standard"),
        ({"items": (replace(FULL.items[0], column=""),)}, "registered"),
    ],
)
def test_what_is_missing_is_named(change, name):
    assert unmet(replace(FULL, **change)) == [name]


def test_the_platforms_own_part_is_named():
    assert unmet(FULL, has_batches=False) == ["registered"]
    assert unmet(FULL, is_assessed=False) == ["assessed"]
    assert unmet(FULL, {}) == ["standard"]
    assert unmet(FULL, {"e": replace(ELEMENT, state="draft")}) == ["standard"]


def test_restricted_sharing_with_a_basis_passes():
    assert unmet(replace(FULL, sharing=Access(attribute="none", basis="law"))) == []
