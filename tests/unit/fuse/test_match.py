"""Judgements: which rows without a valid key belong to whom, and which to no one."""

from __future__ import annotations

import pytest

from cityloom.store.judgements import Judgement, list_judgements, put_judgement, reverse_judgement


def broken(key):
    return key[:17] + ("1" if key[17] != "1" else "2")


def person(key, name, **more):
    return {"citizen_id": key, "name": name, "sex": "1", "birth_date": "1980-01-01", "person_status": "1", **more}


def judgement(key, *, is_same, number="j1", row=1, at="2026-01-05"):
    return Judgement(
        id=number, object_type="population", department="wj", resource="visit", batch="b1", row=row,
        item="citizen_id", key=key, is_same=is_same, reason="对照病历", judged_by="steward", judged_at=at,
    )  # fmt: skip


def test_a_wrong_check_character_is_repaired_for_the_same_name(std, fuse, population, citizen, table):
    key = citizen(1)
    std("ga.hukou", person(key, "王一"))
    std("wj.visit", {"citizen_id": broken(key), "name": "王一", "phone": "139"})
    result, golden = fuse(population)
    assert golden[key]["phone"] == "139"
    assert result.summary["judgements"]["repaired_key"] == 1
    (link,) = table("base_population__link")
    assert (link["kind"], link["key"], link["resource"], link["row"], link["item"]) == ("repaired_key", key, "visit", 1, "citizen_id")
    assert link["id"] == golden[key]["id"]


def test_a_wrong_check_character_is_not_repaired_for_another_name(std, fuse, population, citizen, table):
    std("ga.hukou", person(citizen(1), "王一"))
    std("wj.visit", {"citizen_id": broken(citizen(1)), "name": "赵六", "phone": "139"})
    result, golden = fuse(population)
    assert golden[citizen(1)]["phone"] is None
    assert result.rejected == 1
    (row,) = table("base_population__unresolved")
    assert (row["reason"], row["department"], row["resource"], row["batch"], row["row"]) == ("bad_key", "wj", "visit", "b1", 1)


def test_a_key_that_no_one_has_makes_no_object(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), "王一"))
    std("wj.visit", {"citizen_id": broken(citizen(5)), "name": "王五"})
    assert list(fuse(population)[1]) == [citizen(1)]


def test_attributes_that_one_object_alone_has_match(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), "王一"), person(citizen(2), "王一", birth_date="1990-01-01"))
    std("wj.birth", {"name": "王一", "birth_date": "1990-01-01", "sex": "1", "updated_at": "1990-02-01"})
    result, golden = fuse(population)
    assert golden[citizen(2)]["_sources"] == 2 and golden[citizen(1)]["_sources"] == 1
    assert result.summary["judgements"]["attributes"] == 1


def test_attributes_that_two_objects_have_do_not_match(std, fuse, population, citizen, table):
    std("ga.hukou", person(citizen(1), "王一"), person(citizen(2), "王一"))
    std("wj.birth", {"name": "王一", "birth_date": "1980-01-01", "sex": "1"})
    result, golden = fuse(population)
    assert [r["_sources"] for r in golden.values()] == [1, 1]
    assert result.summary["unresolved_reasons"] == {"ambiguous": 1}


def test_sets_of_attributes_that_point_to_different_objects_do_not_match(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), "王一"), person(citizen(2), "王一", sex="2"))
    std("wj.visit", {"citizen_id": citizen(1), "name": "王一", "phone": "139"}, {"citizen_id": citizen(2), "name": "王一", "address": "乙路"})
    std("rs.insured", {"name": "王一", "phone": "139", "address": "乙路", "insured_state": "1"})
    result, _ = fuse(population)
    assert result.summary["unresolved_reasons"] == {"ambiguous": 1}


def test_a_name_alone_matches_no_one(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), "王一"))
    std("mz.death", {"name": "王一", "death_date": "2020-01-01"})
    result, golden = fuse(population)
    assert golden[citizen(1)]["living"] == "1"
    assert result.summary["unresolved_reasons"] == {"no_key": 1}


def test_a_persons_judgement_joins_a_row_and_can_be_taken_back(std, fuse, population, citizen, store, table):
    std("ga.hukou", person(citizen(1), "王一"))
    std("wj.visit", {"name": "不详", "phone": "139"})
    with store.write() as connection:
        put_judgement(connection, judgement(citizen(1), is_same=True))
    result, golden = fuse(population)
    assert golden[citizen(1)]["phone"] == "139"
    assert result.summary["judgements"]["person"] == 1
    assert [link["kind"] for link in table("base_population__link")] == ["person"]
    with store.write() as connection:
        assert reverse_judgement(connection, "j1", by="steward", at="2026-01-06")
        assert not reverse_judgement(connection, "j1", by="steward", at="2026-01-07")
    assert fuse(population)[1][citizen(1)]["phone"] is None


@pytest.mark.parametrize("said", ["valid", "broken", "none"])
def test_a_persons_refusal_keeps_a_row_away(std, fuse, population, citizen, store, said):
    key = citizen(1)
    std("ga.hukou", person(key, "王一"))
    std("rs.insured", {"citizen_id": key, "name": "王一", "phone": "139", "updated_at": "2020-01-01"})
    value = {"valid": key, "broken": broken(key), "none": None}[said]
    std("wj.visit", {"citizen_id": value, "name": "王一", "phone": "139", "address": "乙路", "visit_date": "2024-01-01"})
    assert fuse(population)[1][key]["current_address"] == "乙路"
    with store.write() as connection:
        put_judgement(connection, judgement(key, is_same=False))
    result, golden = fuse(population)
    assert golden[key]["current_address"] is None
    assert result.summary["unresolved_reasons"] == {"refused": 1}


def test_a_judgement_takes_back_those_it_contradicts(store, citizen):
    with store.write() as connection:
        put_judgement(connection, judgement(citizen(1), is_same=True))
        put_judgement(connection, judgement(citizen(2), is_same=False, number="j2", at="2026-01-06"))
        put_judgement(connection, judgement(citizen(3), is_same=True, number="j3", at="2026-01-07"))
        put_judgement(connection, judgement(citizen(3), is_same=True, number="j4", row=2, at="2026-01-07"))
    with store.read() as connection:
        assert [j.id for j in list_judgements(connection, "population")] == ["j2", "j3", "j4"]
        every = {j.id: j for j in list_judgements(connection, "population", is_standing=False)}
    assert (every["j1"].reversed_by, every["j1"].reversed_at) == ("steward", "2026-01-07")
