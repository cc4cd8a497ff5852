"""Explanations: the golden value, its place, what others said, and why."""

from __future__ import annotations

import pytest

from cityloom.fuse.explain import explain
from cityloom.fuse.lineage import ColumnEdge, lineage
from cityloom.kernel.errors import UserError
from cityloom.store.judgements import Judgement, put_judgement


@pytest.fixture
def told(lake, resources, population):
    return lambda key: explain(population, key, resources=resources, lake=lake)


def person(key, name, **more):
    return {"citizen_id": key, "name": name, "sex": "1", "birth_date": "1980-01-01", "person_status": "1", **more}


def test_a_value_is_told_with_rule_winner_and_losers(std, fuse, population, citizen, told):
    key = citizen(1)
    std("ga.hukou", person(citizen(2), "别人"), person(key, "王一", changed_date="2020-02-03"))
    std("rs.insured", {"citizen_id": key, "name": "王乙", "updated_at": "2024-01-01"})
    fuse(population)
    found = told(key).value("name")
    assert (found.value, found.because, found.rule, found.lead) == ("王一", "rule", "priority", "ga")
    assert (found.department, found.resource, found.batch, found.row) == ("ga", "hukou", "b1", 2)
    assert found.title.en == "Name" and found.agreed is not None
    said = [(c.value, c.department, c.at, c.is_winner) for c in found.candidates]
    assert said == [("王一", "ga", "2020-02-03", True), ("王乙", "rs", "2024-01-01", False)]


def test_reasons_beyond_the_rule_are_named(std, fuse, population, citizen, told):
    dead, widow = citizen(1), citizen(2)
    std("ga.hukou", person(dead, "王一"), person(widow, "李二", sex="2"))
    std("mz.marriage", {"kind": "1", "registered_date": "2001-01-01", "male_id": dead, "female_id": widow})
    std("mz.death", {"citizen_id": dead, "death_date": "2020-01-01"})
    std("rs.insured", {"citizen_id": dead, "insured_state": "1"})
    fuse(population)
    assert (told(widow).value("marital_state").value, told(widow).value("marital_state").because) == ("30", "ended_by")
    assert told(widow).value("marital_state").resource == "death"
    assert (told(widow).value("spouse_id").value, told(widow).value("spouse_id").because) == (None, "only_if")
    assert told(dead).value("insured_state").because == "becomes"
    assert told(dead).value("phone").because == "nothing"
    assert told(widow).value("living").because == "rule"


def test_rows_joined_by_a_judgement_are_told_and_rows_judged_away_are_not(std, fuse, population, citizen, told, store):
    a, b = citizen(1), citizen(2)
    std("ga.hukou", person(a, "王一"), person(b, "李二"))
    broken = a[:17] + ("1" if a[17] != "1" else "2")
    std("wj.visit", {"citizen_id": broken, "name": "王一", "phone": "131"}, {"citizen_id": a, "name": "李二", "phone": "132"})
    with store.write() as connection:
        put_judgement(
            connection,
            Judgement(
                id="j", object_type="population", department="wj", resource="visit", batch="b1", row=2, item="citizen_id",
                key=b, is_same=True, reason="", judged_by="s", judged_at="2026-01-05",
            ),
        )  # fmt: skip
    fuse(population)
    assert [c.value for c in told(a).value("phone").candidates] == ["131"]
    assert [c.value for c in told(b).value("phone").candidates] == ["132"]
    assert told(b).sources == 2


def test_every_golden_value_is_what_the_plain_rule_chooses(std, fuse, population, citizen, told):
    key = citizen(1)
    std("ga.hukou", person(key, "王一", registered_address="甲路"))
    for n, day in enumerate(["2021-01-01", "2023-01-01", "2022-01-01"]):
        std("wj.visit", {"citizen_id": key, "address": f"路{n}", "phone": f"13{n}", "visit_date": day}, batch=f"v{n}")
    _, golden = fuse(population)
    for value in told(key).values:
        if value.because == "rule":
            assert [c.value for c in value.candidates if c.is_winner] == [value.value]
    assert golden[key]["current_address"] == "路1"


def test_an_unknown_key_is_an_error_without_the_key(std, fuse, population, citizen, told):
    std("ga.hukou", person(citizen(1), "王一"))
    fuse(population)
    with pytest.raises(UserError) as caught:
        told(citizen(7))
    assert caught.value.code == "fuse.object.unknown"
    assert citizen(7) not in str(caught.value)


def test_lineage_leads_from_items_to_attributes(population, resources):
    edges = lineage(population, resources)

    def edge(source, column, target):
        return ColumnEdge(source_table=source, source_column=column, target_table="base_population", target_column=target)

    assert edge("std_ga__hukou", "name", "name") in edges
    assert edge("std_mz__marriage", "female_id", "spouse_id") in edges
    assert edge("std_ga__hukou", "person_status", "living") in edges
    assert edge("std_mz__death", "citizen_id", "living") in edges
    assert not [e for e in edges if e.source_column.startswith("=")]
