"""Root causes over a workspace: what came broken, what standardising broke, with which batch it began; profiles of what is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.flows.intake_town import Town, define, make_tables, push

from cityloom.flows import chain
from cityloom.flows.causes import root_causes
from cityloom.flows.profile_pages import data_set, profiled
from cityloom.flows.profiles import profile_all
from cityloom.flows.runner import Runner
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import UserError
from cityloom.model.cause import RootCause
from cityloom.protect.keys import load_or_make_keys
from cityloom.quality.report.html import profile_to_html, profiles_to_html
from cityloom.store.database import Store

PERSONS = ("110105194912310021", "440524188001010014")


@pytest.fixture
def at(tmp_path, engine, lake, clock):
    store = Store(f"sqlite:///{tmp_path / 'control.db'}")
    made = Town(Settings(workspace=tmp_path), tmp_path, engine, lake, store, clock, keys=load_or_make_keys(tmp_path / "keys"))
    make_tables(made)
    define(made, DRIFT="accept")
    yield made
    store.close()


def rows(first: int, count: int, broken: int) -> list[dict[str, Any]]:
    """Payments; the last ones name a telephone that is none."""
    made = []
    for i in range(first, first + count):
        is_broken = i >= first + count - broken
        made.append({"ffdh": f"AAAA{i}", "sfzh": PERSONS[i % 2], "xm": "张三", "xb": "女" if i % 3 else "男", "lxdh": "12" if is_broken else "13800138000", "ffrq": "2026-01-05"})
    return made




def cause(at: Town, rule: str) -> RootCause:
    (found,) = root_causes(at, "welfare", rule)
    return found


def test_a_problem_that_begins_with_a_batch_is_traced_to_it(at) -> None:
    assert push(at, rows(0, 60, 0), key="one").batch
    second = push(at, rows(60, 60, 40), key="two").batch
    chain.assess_raw(at, Runner(at))
    found = cause(at, "phone.coding_rule")
    assert (found.origin.first, found.origin.came) == ("source", 40)
    assert found.origin.connector == "push"
    assert found.origin.begins == second
    assert [(b.batch, b.broken, b.rows) for b in found.origin.batches][0] == (second, 40, 60)
    assert [(c.column, c.values) for c in found.causes[0].conditions] == [("_batch", (second,))]
    assert found.causes[0].coverage == 1.0


def test_without_a_rule_those_that_cost_most_are_told(at) -> None:
    push(at, rows(0, 60, 30), key="one")
    chain.assess_raw(at, Runner(at))
    told = [one.rule for one in root_causes(at, "welfare")]
    assert "sex.code" in told
    assert len(told) <= 3


def test_what_cannot_be_told_is_said(at) -> None:
    with pytest.raises(UserError, match="has not been assessed"):
        root_causes(at, "welfare")
    push(at, rows(0, 20, 5), key="one")
    chain.assess_raw(at, Runner(at))
    with pytest.raises(UserError, match="has no rule nothing"):
        root_causes(at, "welfare", "nothing")
    with pytest.raises(UserError, match="There is no phase"):
        root_causes(at, "welfare", phase="during")


def test_a_profile_is_a_page_that_keeps_values_back(at) -> None:
    push(at, rows(0, 40, 0), key="one")
    profile_all(at, Runner(at))
    text = profile_to_html(profiled(at, "welfare", is_open=True))
    for shown in ("Key candidates", "Duplicate rows", "Stand-ins", "Storage", "Drift", "Foreign keys found", "99999999999"):
        assert shown in text
    assert "13800138000" not in text
    assert PERSONS[0] not in text
    assert "女" in text
    assert "<script" not in text
    shut = profile_to_html(profiled(at, "welfare"))
    assert '<span title="2026-01-05">' in text
    assert '<span title="2026-01-05">' not in shut
    assert "Values are left out" in shut
    whole = data_set(at, "mz")
    assert [one.profile.records for one in whole] == [40]
    assert "Mean storage of a table" in profiles_to_html(whole, whole[0].department)


def test_the_element_of_an_item_without_one_is_inferred(at) -> None:
    push(at, rows(0, 40, 0), key="one")
    resource = at.city.resource("welfare")
    items = tuple(replace(i, element=None) if i.name == "citizen_id" else i for i in resource.items)
    at.city.resources["welfare"] = replace(resource, items=items)
    profile_all(at, Runner(at))
    said = profiled(at, "welfare").elements
    assert said["citizen_id"].startswith("Citizen id")
    assert "?" in said["citizen_id"]
    assert "?" not in said["sex"]
    at.city.resources["welfare"] = resource


def test_a_followed_table_is_profiled_as_it_is_now(at) -> None:
    define(at, MODE="cdc")
    resource = at.city.resource("welfare")
    changes = [("r", "1", "A1", "张三"), ("r", "2", "A2", "张三"), ("u", "3", "A1", "李四"), ("d", "4", "A2", None), ("c", "5", "A3", "王五")]
    table = pa.table(
        {
            "ffdh": [c[2] for c in changes],
            "xm": [c[3] for c in changes],
            "_op": [c[0] for c in changes],
            "_position": [c[1] for c in changes],
            "_batch": ["b_1"] * len(changes),
            "_row": list(range(len(changes))),
        }
    )
    at.lake.append(resource.raw_table, table.to_batches(), part="b_1", schema=table.schema)
    profile_all(at, Runner(at))
    found = profiled(at, "welfare").profile
    assert found.records == 2
    assert {f.name: (f.filled, f.unique) for f in found.fields} == {"payment_no": (2, 2), "name": (2, 2)}


def test_a_profile_that_is_not_there_is_missed(at) -> None:
    with pytest.raises(UserError, match="has not been profiled"):
        profiled(at, "welfare")


