"""What conforms to a data element, and what a representation says."""

import re

import pytest
from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.duckdb import DuckDBEngine
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Code, CodeTable, DataSetField, DataSetStandard, Element
from cityloom.model.text import Title
from cityloom.standard.conformance import conformance, gaps, share_of
from cityloom.standard.representation import parse

T = Title("名", "Name")


def element(name: str, representation: str, **more: object) -> Element:
    return Element(
        name=name, identifier=name, title=Title("性别" if name == "sex" else name, name), definition=T, representation=representation, standard="own", **more  # type: ignore[arg-type]
    )  # fmt: skip


def resource(*items: Item, **more: object) -> Resource:
    return Resource(
        name="r", department="d", title=T, abstract=T, category="c", items=items, collect=CollectionTask(source="s"), **more  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("representation", "good", "bad"),
    [
        ("a..3", ["", "汉字名", "ab"], ["abcd"]),
        ("an18", ["x" * 18], ["x" * 17, "x" * 19]),
        ("n..5,2", ["123.45", "-1", "0.5"], ["1234", "1.234", "a"]),
        ("n6", ["123456"], ["12345", "1234567"]),
        ("n6..12", ["123456", "123456789012"], ["12345"]),
        ("d8", ["20240131", "2024-01-31"], ["2024-13-01", "31.01.2024"]),
        ("dt14", ["20240131120000", "2024-01-31 12:00:00", "2024-01-31T12:00Z"], ["20240131"]),
        ("bl", ["1", "是", "true"], ["2", "ja"]),
        ("a", ["anything"], []),
        ("a..4000", ["甲" * 4000], ["甲" * 4001]),
    ],
)
def test_a_representation_tells_form_and_length(engine: DuckDBEngine, representation: str, good: list[str], bad: list[str]) -> None:
    found = parse(representation)
    assert found is not None

    def fits(text: str) -> bool:
        is_kind = found.kind_pattern is None or re.fullmatch(found.kind_pattern, text) is not None
        return is_kind and (not found.has_length or found.has_such_length(text))

    assert [fits(text) for text in good] == [True] * len(good)
    assert not any(fits(text) for text in bad)
    if found.has_length:
        asked = engine.rows(exp.select(*(found.length_sql(exp.convert(text)) for text in [*good, *bad])))[0]
        assert list(asked) == [found.has_such_length(text) for text in [*good, *bad]]


def test_what_is_no_representation() -> None:
    assert parse("x..3") is None
    assert parse("") is None


def test_items_conform_in_name_form_length_and_codes(engine: DuckDBEngine) -> None:
    tables = {"sex": CodeTable(name="sex", title=T, standard="s", codes=(Code(code="1", title=T), Code(code="2", title=T)))}
    elements = {e.name: e for e in (element("sex", "n1", codes="sex"), element("age", "n..3"), element("id", "an3"))}
    one = resource(
        Item(name="sex", column="性别", title=T, element="sex"),
        Item(name="age", column="nl", title=T, element="age"),
        Item(name="id", column="ID", title=T, element="id"),
        Item(name="free", column="free", title=T),
        Item(name="gone", column="gone", title=T, element="age"),
    )
    rows = exp.Subquery(this=sql("SELECT * FROM (VALUES ('1','7','abc','x'),('2','71','abcd',''),('男',NULL,' ',NULL)) AS t(a, b, c, d)"))
    terms = {name: sql(f'"{place}"') for name, place in (("sex", "a"), ("age", "b"), ("id", "c"), ("free", "d"))}
    found = conformance(one, elements, tables, engine=engine, relation=rows, terms=terms, is_raw=True, least=0.9)
    by_name = {f.item: f for f in found}
    assert (by_name["sex"].name, by_name["sex"].codes, by_name["sex"].shares["codes"]) == (True, False, 2 / 3)
    assert (by_name["age"].name, by_name["age"].type, by_name["age"].length, by_name["age"].filled) == (False, True, True, 2)
    assert (by_name["id"].name, by_name["id"].length) == (True, False)
    assert (by_name["free"].is_bound, by_name["free"].is_conforming) == (False, False)
    assert (by_name["gone"].type, by_name["gone"].filled) == (None, 0)
    share = share_of("city", "", found)
    assert (share.items, share.bound, share.conforming, share.bound_rate) == (5, 4, 0, 0.8)
    lax = conformance(one, elements, tables, engine=engine, relation=rows, terms=terms, is_raw=False, least=0.5)
    assert share_of("city", "", lax).by_aspect["codes"] == 1.0
    assert [f.is_conforming for f in lax] == [True, True, True, False, False]


def test_gaps_to_a_data_set_standard() -> None:
    standard = DataSetStandard(
        name="s", identifier="s", title=T, definition=T, standard="own",
        fields=(DataSetField(element="id", is_key=True), DataSetField(element="sex", name="gender"), DataSetField(element="age")),
    )  # fmt: skip
    one = resource(Item(name="number", column="c", title=T, element="id"), Item(name="gender", column="g", title=T))
    assert {(g.item, g.problem) for g in gaps(one, standard)} == {("number", "key"), ("gender", "other_element"), ("age", "optional")}
