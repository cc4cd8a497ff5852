"""Golden records: which value wins, where it stands, what follows from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cityloom.fuse.digest import digest
from cityloom.kernel.errors import ConfigError, DataError
from cityloom.kernel.ids import stable_id
from cityloom.store.findings import list_findings


def person(key, name="王一", **more):
    return {
        "citizen_id": key, "name": name, "sex": "1", "people_code": "01", "birth_date": "1980-01-01",
        "registered_address": "甲路1号", "registered_division": "510100", "person_status": "1",
        "changed_date": "2020-01-01", **more,
    }  # fmt: skip


def wedding(number, kind, day, man, woman, batch_row=None):
    return {
        "registration_no": number, "kind": kind, "registered_date": day,
        "male_name": "男", "male_id": man, "female_name": "女", "female_id": woman,
    }  # fmt: skip


def test_the_lead_department_wins_and_the_value_says_where_it_stands(std, fuse, population, citizen):
    key = citizen(1)
    std("ga.hukou", person(key, "王一"))
    std("rs.insured", {"citizen_id": key, "name": "王乙", "phone": "139", "updated_at": "2024-01-01"}, batch="b7")
    _, golden = fuse(population)
    record = golden[key]
    assert (record["name"], record["name__from"]) == ("王一", "ga|hukou|b1|1")
    assert (record["phone"], record["phone__from"]) == ("139", "rs|insured|b7|1")
    assert record["_sources"] == 2
    assert record["id"] == stable_id("p", "population", key)


def test_what_no_one_says_is_null_or_the_default(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), people_code=None))
    record = fuse(population)[1][citizen(1)]
    assert record["people_code"] is None and record["people_code__from"] is None
    assert (record["marital_state"], record["marital_state__from"]) == ("10", None)
    assert record["spouse_id"] is None


def test_rows_that_are_not_current_say_nothing(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1), "旧", _current=False), person(citizen(1), "新"))
    result, golden = fuse(population)
    assert golden[citizen(1)]["name"] == "新"
    assert result.read == 1


def test_the_newest_address_wins_and_registration_is_a_fallback(std, fuse, population, citizen):
    a, b = citizen(1), citizen(2)
    std("ga.hukou", person(a, changed_date="2025-12-01"), person(b))
    std("rs.insured", {"citizen_id": a, "address": "乙路", "updated_at": "2023-01-01"})
    std("wj.visit", {"citizen_id": a, "address": "丙路", "visit_date": "2024-06-01T08:00:00"})
    house = {"citizen_id": a, "address": "丁路", "registered_date": "2025-01-01", "self_occupied": "0"}
    std("zj.housing", house)
    _, golden = fuse(population)
    assert golden[a]["current_address"] == "丙路"
    assert golden[b]["current_address"] == "甲路1号"


def test_the_newest_event_of_marriage_decides(std, fuse, population, citizen):
    man, first, second = citizen(1), citizen(2), citizen(3)
    std("ga.hukou", *[person(k) for k in (man, first, second)])
    std(
        "mz.marriage",
        wedding("3", "1", "2015-05-05", man, second),
        wedding("1", "1", "2005-05-05", man, first),
        wedding("2", "2", "2010-05-05", man, first),
    )
    _, golden = fuse(population)
    assert (golden[man]["marital_state"], golden[man]["spouse_id"]) == ("20", second)
    assert (golden[first]["marital_state"], golden[first]["spouse_id"]) == ("40", None)
    assert (golden[second]["marital_state"], golden[second]["spouse_id"]) == ("20", man)
    assert golden[man]["marital_state__from"] == "mz|marriage|b1|1"


def test_a_spouses_death_widows_unless_one_married_again_or_died_before(std, fuse, population, citizen):
    widow, dead, again, new, gone, left = (citizen(n) for n in range(1, 7))
    std("ga.hukou", *[person(k) for k in (widow, dead, again, new, gone, left)])
    std(
        "mz.marriage",
        wedding("1", "1", "2005-01-01", dead, widow),
        wedding("2", "1", "2005-01-01", gone, again),
        wedding("3", "1", "2022-01-01", new, again),
        wedding("4", "1", "2006-01-01", left, citizen(9)),
    )
    std(
        "mz.death",
        {"citizen_id": dead, "death_date": "2020-01-01", "registered_date": "2020-01-05"},
        {"citizen_id": gone, "death_date": "2020-01-01", "registered_date": "2020-01-05"},
        {"citizen_id": left, "death_date": "2018-01-01", "registered_date": "2018-01-05"},
        {"citizen_id": citizen(9), "death_date": "2021-01-01", "registered_date": "2021-01-05"},
    )
    _, golden = fuse(population)
    assert (golden[widow]["marital_state"], golden[widow]["spouse_id"]) == ("30", None)
    assert golden[widow]["marital_state__from"] == "mz|death|b1|1"
    assert (golden[again]["marital_state"], golden[again]["spouse_id"]) == ("20", new)
    assert golden[left]["marital_state"] == "20"
    assert golden[dead]["marital_state"] == "20" and golden[dead]["spouse_id"] is None


def test_a_death_ends_life_and_insurance_but_a_cancelled_registration_does_not(std, fuse, population, citizen):
    dead, moved = citizen(1), citizen(2)
    std("ga.hukou", person(dead), person(moved, person_status="2"))
    std("mz.death", {"citizen_id": dead, "death_date": "2020-01-01", "registered_date": "2020-01-05"})
    uscc = "91510100MA00000017"
    std("rs.insured", *[{"citizen_id": k, "insured_state": "1", "employer_uscc": uscc} for k in (dead, moved)])
    _, golden = fuse(population)
    assert (golden[dead]["living"], golden[dead]["death_date"]) == ("0", "2020-01-01")
    assert (golden[dead]["insured_state"], golden[dead]["employer_uscc"]) == ("3", None)
    assert (golden[moved]["living"], golden[moved]["living__from"]) == ("1", None)
    assert (golden[moved]["insured_state"], golden[moved]["employer_uscc"]) == ("1", uscc)


def test_a_spouses_number_with_a_wrong_check_character_is_put_right(std, fuse, population, citizen):
    man, woman = citizen(1), citizen(2)
    wrong = woman[:17] + ("1" if woman[17] != "1" else "2")
    std("ga.hukou", person(man), person(woman, "女"))
    std("mz.marriage", wedding("1", "1", "2005-01-01", man, wrong))
    _, golden = fuse(population)
    assert golden[man]["spouse_id"] == woman
    assert golden[woman]["spouse_id"] == man


def test_disagreement_is_recorded_by_pair_of_departments_without_values(std, fuse, population, citizen, table, store):
    key = citizen(1)
    std("ga.hukou", person(key, "王一"), person(citizen(2), "李二"))
    std("rs.insured", {"citizen_id": key, "name": "王乙", "sex": "1"}, {"citizen_id": citizen(2), "name": "李二"})
    std("mz.death", {"citizen_id": key, "name": "王一", "death_date": "2020-01-01"})
    result, _ = fuse(population)
    found = {(c["attribute"], c["winner"], c["other"], c["winner_from"], c["other_from"]) for c in table("base_population__conflict")}
    assert found == {
        ("name", "ga", "rs", "ga|hukou|b1|1", "rs|insured|b1|1"),
        ("living", "mz", "ga", "mz|death|b1|1", "ga|hukou|b1|1"),
    }
    assert {"attribute": "name", "winner": "ga", "other": "rs", "count": 1} in result.summary["conflicts"]
    with store.read() as connection:
        codes = [f.code for f in list_findings(connection, "fusion", "population")]
    assert codes == ["fuse.conflict", "fuse.conflict"]


def test_a_key_shared_by_different_people_is_a_finding(std, fuse, population, citizen, store):
    key = citizen(1)
    std("ga.hukou", person(key, "王一"))
    std("wj.birth", {"citizen_id": key, "name": "赵六", "birth_date": "2001-02-03", "sex": "1"})
    result, golden = fuse(population)
    assert (golden[key]["name"], golden[key]["birth_date"]) == ("王一", "1980-01-01")
    assert result.summary["shared_keys"] == 1
    with store.read() as connection:
        assert "fuse.key.shared" in [f.code for f in list_findings(connection, "fusion", "population")]


def test_the_answer_does_not_depend_on_parts_or_repetition(std, fuse, population, citizen, lake):
    std("ga.hukou", *[person(citizen(n), f"人{n}") for n in range(60)])
    std("mz.marriage", *[wedding(str(n), "1", "2005-01-01", citizen(n), citizen(n + 1)) for n in range(0, 50, 2)])
    std("mz.death", *[{"citizen_id": citizen(n), "death_date": "2020-01-01"} for n in range(0, 30, 3)])
    std("rs.insured", *[{"citizen_id": None, "name": f"人{n}", "sex": "1", "phone": str(n)} for n in range(9)])
    result, golden = fuse(population)
    whole = digest(lake, ["population"])
    again, parted = fuse(population, rows_a_part=7)
    assert result.summary["parts"] == 1 and again.summary["parts"] > 10
    assert parted == golden
    assert digest(lake, ["population"]) == whole


def test_the_digest_sees_a_changed_value(std, fuse, population, citizen, lake):
    std("ga.hukou", person(citizen(1), "王一"))
    fuse(population)
    before = digest(lake, ["population"])
    std("ga.hukou", person(citizen(2), "李二"), batch="b2")
    fuse(population)
    assert digest(lake, ["population"]) != before
    assert digest(lake, ["population", "legal_person"]) != digest(lake, ["population"])


def test_firms_are_fused_with_the_market_registry_first(std, fuse, legal_person):
    key = "91350100M000100Y43"
    std("sj.firm", {"uscc": key, "name": "甲公司", "status": "1", "capital_cny": "1000000", "founded_date": "2001-01-01"})
    std("rs.unit", {"uscc": key, "name": "甲公司", "address": "甲路", "status": "2", "updated_at": "2024-01-01"})
    std("sw.taxpayer", {"uscc": key[:17] + "9", "name": "甲公司", "address": "乙路", "status": "1", "registered_date": "2002-01-01"})
    result, golden = fuse(legal_person)
    assert list(golden) == [key]
    assert golden[key]["status"] == "1" and golden[key]["capital_cny"] == "1000000"
    assert (golden[key]["address"], golden[key]["address__from"]) == ("乙路", "sw|taxpayer|b1|1")
    assert result.summary["judgements"]["repaired_key"] == 1
    assert golden[key]["id"].startswith("l_")


def test_progress_goes_on_to_the_end(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1)))
    seen = []
    fuse(population, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]


def test_nothing_to_fuse_is_an_error_that_names_what_lacks(fuse, population):
    with pytest.raises(DataError) as caught:
        fuse(population)
    assert caught.value.code == "fuse.input.missing"


def test_departments_that_have_not_delivered_are_named(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1)))
    result, _ = fuse(population)
    assert "marriage" in result.summary["missing_resources"]
    assert "hukou" not in result.summary["missing_resources"]


def test_an_item_that_is_not_there_is_an_error_of_the_definition(std, fuse, population, citizen):
    std("ga.hukou", person(citizen(1)))
    wrong = replace(population.contributions[0], attributes={"name": "nom"})
    with pytest.raises(ConfigError) as caught:
        fuse(replace(population, contributions=(wrong,)))
    assert caught.value.code == "fuse.item.unknown"


def test_no_intermediate_file_stays(std, fuse, population, citizen, lake):
    std("ga.hukou", person(citizen(1)))
    fuse(population)
    assert list((lake.root / ".fuse").iterdir()) == []
