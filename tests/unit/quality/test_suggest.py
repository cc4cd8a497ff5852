"""Rules suggested from data alone: what is in the data is found, what is not is not suggested."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse
from cityloom.model.text import Title
from cityloom.quality.suggest import Suggestion, suggest
from cityloom.quality.suggest.forms import form_of
from cityloom.quality.suggest.values import slips

T = Title("甲", "a")
TOWNS = {"A1": "Ashford", "B2": "Bolton", "C3": "Camden", "D4": "Dorset", "E5": "Exeter"}


def land(lake: Lake, columns: dict[str, Sequence[str | None]], **changes: Any) -> Resource:
    """Columns as a raw table; each becomes an item."""
    items = tuple(Item(name=name, column=name, title=T) for name in columns)
    fields: dict[str, Any] = {"name": "dirt", "department": "ga", "title": T, "abstract": T, "category": "c"}
    resource = Resource(**{**fields, "items": items, "collect": CollectionTask(source="files"), **changes})
    size = len(next(iter(columns.values())))
    table = pa.table(
        {
            **{name: pa.array(values, pa.string()) for name, values in columns.items()},
            "_batch": ["b"] * size,
            "_row": pa.array(range(size), pa.int64()),
        }
    )
    lake.append(resource.raw_table, table.to_batches(), part="b", schema=table.schema)
    return resource


def towns(rows: int = 100) -> dict[str, list[str | None]]:
    """Codes with their towns, in turns."""
    codes = [list(TOWNS)[i % 5] for i in range(rows)]
    return {"code": list(codes), "town": [TOWNS[code] for code in codes]}


def found(lake: Lake, clock: FixedClock, columns: dict[str, Any], **changes: Any) -> dict[str, Suggestion]:
    resource = land(lake, columns, **changes)
    return {one.use.name: one for one in suggest(resource, phase="before", lake=lake, clock=clock)}


def test_a_dependency_is_found_in_spite_of_errors(lake: Lake, clock: FixedClock) -> None:
    columns = towns()
    columns["town"][7] = "Exeter"
    columns["town"][30] = "Bolton"
    one = found(lake, clock, columns)["code->town.dependency"]
    assert (one.checked, one.broken) == (100, 2)
    assert one.share == 0.98 and one.confidence > 0.5
    assert "town" in one.reason.en and "town" in one.reason.zh


def test_two_right_values_are_no_dependency(lake: Lake, clock: FixedClock) -> None:
    columns = towns()
    columns["road"] = [f"{code} {'north' if i % 10 < 5 else 'south'}" for i, code in enumerate(columns["code"])]
    names = found(lake, clock, columns)
    assert "road->code.dependency" in names
    assert "code->road.dependency" not in names


def test_chance_is_no_dependency(lake: Lake, clock: FixedClock) -> None:
    columns: dict[str, Any] = {"a": [str(i * 7 % 10) for i in range(200)], "b": [str(i * i % 11 % 7) for i in range(200)]}
    assert not [name for name in found(lake, clock, columns) if name.endswith("dependency")]


def test_slips_are_told_from_rare_values(lake: Lake, clock: FixedClock) -> None:
    columns = towns()
    columns["town"][0], columns["town"][11] = "Ashfrod", "Bxlton"
    one = found(lake, clock, columns)["town.domain"]
    assert one.broken == 2
    assert set(one.use.options["values"]) == set(TOWNS.values())


@pytest.mark.parametrize(
    ("rare", "is_slip"),
    [("Wyane", True), ("Wayn", True), ("Wayxe", True), ("Route 13", False), ("Oakland", False), ("Wayne County", False)],
)
def test_slip(rare: str, is_slip: bool) -> None:
    counts = Counter({"Wayne": 60, "Route 12": 40, rare: 1})
    assert (rare in slips(counts, frozenset())) is is_slip


def test_a_rare_value_that_another_column_confirms_is_no_slip() -> None:
    counts = Counter({"al": 98, "ak": 2})
    assert slips(counts, frozenset()) == {"ak": "al"}
    assert slips(counts, frozenset({"ak"})) == {}


def test_numbers_with_units_of_several_spellings(lake: Lake, clock: FixedClock) -> None:
    sizes = [f"{12 + i % 5}{(' oz', ' oz.', ' ounce')[i % 3]}" for i in range(60)]
    one = found(lake, clock, {"size": sizes})["size.number"]
    assert one.broken == 60


def test_a_check_character_is_no_unit(lake: Lake, clock: FixedClock) -> None:
    ids = [f"51010{i:012d}{'X' if i % 11 == 0 else i % 10}" for i in range(200)]
    ids[7], ids[8] = "5101", "51010000000000O123"
    one = found(lake, clock, {"id": ids})
    assert "id.number" not in one
    assert one["id.form"].broken == 2
    weights = [f"{100000 + i}{' kg' if i % 5 == 0 else ''}" for i in range(200)]
    assert "weight.number" in found(lake, clock, {"weight": weights}, name="other")


def test_one_unit_is_part_of_the_form(lake: Lake, clock: FixedClock) -> None:
    sizes = [f"{12 + i} patients" for i in range(60)]
    sizes[5] = "17 paxients"
    one = found(lake, clock, {"size": sizes})["size.number"]
    assert one.broken == 1


def test_values_of_another_form(lake: Lake, clock: FixedClock) -> None:
    ids = [f"CT{7100 + i}-00-L{i % 7}" for i in range(60)]
    ids[4] = "CT710-400-L4"
    one = found(lake, clock, {"id": ids})["id.form"]
    assert one.broken == 1


def test_outliers_lie_outside_bounds(lake: Lake, clock: FixedClock) -> None:
    sizes = [str(50 + i % 20) for i in range(100)]
    sizes[3], sizes[50] = "990", "-400"
    one = found(lake, clock, {"size": sizes})["size.number_range"]
    assert one.broken == 2


def test_a_long_tail_is_no_outlier(lake: Lake, clock: FixedClock) -> None:
    sizes = [str(int(1.08**i)) for i in range(20, 120)]
    one = found(lake, clock, {"size": sizes}).get("size.number_range")
    assert one is None or one.broken == 0


def test_scattered_numbers_break_a_few_frequent_ones(lake: Lake, clock: FixedClock) -> None:
    codes = [str(i % 4) for i in range(400)]
    for place in range(0, 60, 2):
        codes[place] = str(50 + place)
    columns = {"code": codes, "size": [str(int(1.04**i)) for i in range(40)] * 10, "id": [str(i) for i in range(400)]}
    resource = land(lake, columns)
    one = {s.use.name: s for s in suggest(resource, phase="before", lake=lake, clock=clock)}["code.domain"]
    assert (set(one.use.options["values"]), one.broken) == ({"0", "1", "2", "3"}, 30)
    assert not [u for u in suggest(resource, phase="before", lake=lake, clock=clock) if u.use.name == "size.domain"]
    graded = replace(resource, items=tuple(replace(i, grade="core") for i in resource.items))
    assert "code.domain" not in {s.use.name for s in suggest(graded, phase="before", lake=lake, clock=clock)}


def test_words_among_numbers_are_not_out_of_range(lake: Lake, clock: FixedClock) -> None:
    values = [str(100 + i % 37) for i in range(200)]
    values[7], values[9] = "90000", "-70000"
    for place in range(20, 30):
        values[place] = "closed"
    one = found(lake, clock, {"select": values})["select.number_range"]
    assert (one.use.when, one.checked, one.broken) == ('is_number("select")', 190, 2)


def test_no_bounds_where_the_middle_half_is_one_number(lake: Lake, clock: FixedClock) -> None:
    names = found(lake, clock, {"paid": ["0"] * 80 + ["500"] * 4 + [str(37 * i + 11) for i in range(16)]})
    assert not [name for name in names if name.startswith("paid.") and name.endswith(("range", "domain"))]


def test_losses_and_gains_of_all_sizes_are_no_outliers(lake: Lake, clock: FixedClock) -> None:
    amounts = [str(round((-1) ** i * 1.08**i)) for i in range(120)]
    assert "balance.number_range" not in {n for n, s in found(lake, clock, {"balance": amounts}).items() if s.broken}


def test_numbers_near_the_most_frequent_one_are_in_their_own_right(lake: Lake, clock: FixedClock) -> None:
    near = ["542975"] * 80 + [str(543000 + 7 * i) for i in range(20)]
    far = ["2018"] * 80 + [str(1200 + 97 * i) for i in range(20)]
    names = found(lake, clock, {"near": near, "far": far})
    assert names["far.domain"].use.options["values"] == ("2018",)
    assert "near.domain" not in names


def test_a_key_of_which_a_few_values_repeat(lake: Lake, clock: FixedClock) -> None:
    key = [f"K{i}" for i in range(200)]
    key[100:130] = ["K5", "K6", "K7"] * 10
    none = [f"K{i}" if i < 170 else "K0" for i in range(200)]
    twice = [f"K{i // 2 if i < 60 else i}" for i in range(200)]
    names = found(lake, clock, {"key": key, "twice": twice, "none": none})
    assert names["key.duplicate"].broken == 30
    assert "none.duplicate" not in names
    assert "twice.duplicate" not in names


def test_slips_are_told_however_many(lake: Lake, clock: FixedClock) -> None:
    words = ["Residential", "Commercial", "Industrial", "Agricultural"]
    chance = random.Random(1)
    values = [chance.choice(words) for _ in range(400)]
    for i in range(0, 200):
        place = chance.randrange(len(values[i]))
        values[i] = values[i][:place] + chance.choice("abcdefghij") + values[i][place:]
    one = found(lake, clock, {"use": values})["use.domain"]
    assert set(one.use.options["values"]) == set(words)
    assert 195 <= one.broken <= 200


def test_a_value_that_slipped_into_the_neighbour(lake: Lake, clock: FixedClock) -> None:
    states = [("CA", "NY", "TX")[i % 3] for i in range(60)]
    cities = [("Fresno", "Albany", "Austin")[i % 3] for i in range(60)]
    for i in (3, 10, 20, 30):
        cities[i], states[i] = f"{cities[i]} {states[i]}", ""
    one = found(lake, clock, {"city": cities, "state": states})["city+state.merged"]
    assert one.broken == 4


def test_gaps_and_keys_and_orders(lake: Lake, clock: FixedClock) -> None:
    days = [f"2026-01-{1 + i % 28:02}" for i in range(60)]
    later = [f"2026-02-{1 + i % 28:02}" for i in range(60)]
    ids = [str(1000 + i) for i in range(60)]
    ids[8] = ids[9]
    names: list[str | None] = [f"n{i % 9}" for i in range(60)]
    names[4] = "无"
    rules = found(lake, clock, {"id": ids, "start": days, "end": later, "name": names})
    assert rules["id.duplicate"].broken == 1
    assert rules["start+end.order"].broken == 0
    assert rules["name.missing"].broken == 1


def test_values_of_graded_items_are_not_listed(lake: Lake, clock: FixedClock) -> None:
    columns = towns()
    items = tuple(Item(name=name, column=name, title=T, grade="sensitive") for name in columns)
    rules = found(lake, clock, columns, items=items)
    assert not [name for name in rules if name.endswith((".domain", ".merged"))]


def test_what_is_declared_is_not_suggested_again(lake: Lake, clock: FixedClock) -> None:
    columns = towns()
    use = RuleUse(rule="dependency", dimension="consistency", columns=("code", "town"))
    assert "code->town.dependency" not in found(lake, clock, columns, rules=(use,))


def test_suggestions_are_drafts_in_order(lake: Lake, clock: FixedClock) -> None:
    rules = list(found(lake, clock, towns()).values())
    assert rules and all(one.use.approved_by == () for one in rules)
    assert [one.confidence for one in rules] == sorted((one.confidence for one in rules), reverse=True)


def test_an_empty_table_suggests_nothing(lake: Lake, clock: FixedClock) -> None:
    assert found(lake, clock, {"a": [], "b": []}) == {}


def test_forms() -> None:
    assert form_of("AB-12 c") == (("A", 2), ("-", 1), ("9", 2), (" ", 1), ("a", 1))
