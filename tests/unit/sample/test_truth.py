"""The truth about the example city is consistent in itself."""

from __future__ import annotations

from typing import Any

from cityloom.sample import CityManifest

People = dict[str, dict[str, Any]]
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def test_every_citizen_id_has_its_birth_date_its_sex_and_a_right_check_character(population: People) -> None:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    for citizen_id, person in population.items():
        assert len(citizen_id) == 18
        assert (
            citizen_id[17]
            == "10X98765432"[sum(int(c) * w for c, w in zip(citizen_id, weights, strict=False)) % 11]
        )
        assert citizen_id[6:14] == person["birth_date"].replace("-", "")
        assert int(citizen_id[16]) % 2 == int(person["sex"]) % 2


def test_there_are_as_many_people_and_firms_as_asked(
    city: CityManifest, population: People, firms: People
) -> None:
    assert len(population) == city.people == city.rows["truth/population.parquet"]
    assert len(firms) == city.firms == city.people * 15 // 100


def test_every_uscc_has_right_check_characters(firms: People) -> None:
    letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for uscc in firms:
        assert len(uscc) == 18
        assert ALPHABET[-sum(ALPHABET.index(c) * 3**n for n, c in enumerate(uscc[:17])) % 31] == uscc[17]
        total = sum(letters.index(c) * w for c, w in zip(uscc[8:16], (3, 7, 9, 10, 5, 8, 4, 2), strict=True))
        assert "0123456789X"[(11 - total % 11) % 11] == uscc[16]


def test_spouses_are_mutual_living_adults_of_opposite_sex(population: People) -> None:
    married = [p for p in population.values() if p["spouse_id"]]
    assert len(married) > len(population) * 0.3
    for person in married:
        spouse = population[person["spouse_id"]]
        assert spouse["spouse_id"] == person["citizen_id"]
        assert {person["sex"], spouse["sex"]} == {"1", "2"}
        assert person["marital_state"] == "20" and person["living"] == "1"
        assert person["birth_date"] < "2006-01-01"


def test_all_marital_states_occur_and_children_are_unmarried(population: People) -> None:
    assert {p["marital_state"] for p in population.values()} == {"10", "20", "30", "40"}
    assert all(p["marital_state"] == "10" for p in population.values() if p["birth_date"] > "2006-01-01")


def test_the_dead_have_a_death_date_and_the_living_none(population: People) -> None:
    for person in population.values():
        assert (person["living"] == "0") == (person["death_date"] is not None)
        assert person["death_date"] is None or person["birth_date"] < person["death_date"] < "2026-01-01"


def test_some_live_elsewhere_than_they_are_registered(population: People) -> None:
    moved = sum(p["current_address"] != p["registered_address"] for p in population.values())
    assert 0.12 < moved / len(population) < 0.25


def test_the_insured_work_for_open_firms_and_firms_are_led_by_true_people(
    population: People, firms: People
) -> None:
    employed = [p for p in population.values() if p["employer_uscc"]]
    assert employed
    assert all(p["insured_state"] == "1" and firms[p["employer_uscc"]]["status"] == "1" for p in employed)
    assert all(population[f["legal_rep_id"]]["name"] == f["legal_rep_name"] for f in firms.values())


def test_most_are_han_and_some_names_have_a_dot(population: People) -> None:
    han = sum(p["people_code"] == "01" for p in population.values())
    assert 0.89 < han / len(population) < 0.95
    assert any("·" in p["name"] for p in population.values())
    assert {len(p["name"]) for p in population.values() if p["people_code"] == "01"} >= {2, 3}
