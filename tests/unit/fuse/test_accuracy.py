"""Errors against known truth."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cityloom.fuse.accuracy import errors


def test_each_way_to_be_wrong_counts_once(engine):
    golden = pa.table({"k": ["1", "2", "3", "9"], "name": ["a", None, "c", "x"], "sum": ["10", "20", "31", "1"]})
    truth = pa.table({"k": ["1", "2", "3", "4"], "name": ["a", None, "d", None], "sum": [10, 20, 30, None]})
    with engine.bound(golden) as g, engine.bound(truth) as t:
        found = errors(engine, g, t, "k", ["name", "sum"])
    assert found.shares == {"name": 0.5, "sum": 0.5}
    assert (found.objects, found.missing, found.extra) == (4, 1, 1)
    assert found.error == pytest.approx(0.5)


def test_comparing_in_parts_gives_the_same(engine, monkeypatch):
    keys = [str(n) for n in range(200)]
    golden = pa.table({"k": [*keys[5:], "extra"], "a": [f"{n % 7}" for n in range(196)]})
    truth = pa.table({"k": keys, "a": [f"{n % 11}" for n in range(200)]})
    with engine.bound(golden) as g, engine.bound(truth) as t:
        whole = errors(engine, g, t, "k", ["a"])
        monkeypatch.setattr("cityloom.fuse.accuracy.OBJECTS_A_PART", 9)
        assert errors(engine, g, t, "k", ["a"]) == whole
    assert (whole.objects, whole.missing, whole.extra) == (200, 5, 1)


def test_null_is_not_a_value_and_not_empty_text(engine):
    golden = pa.table({"k": ["1", "2", "3"], "a": pa.array([None, "", "x"], pa.string())})
    truth = pa.table({"k": ["1", "2", "3"], "a": pa.array(["", None, None], pa.string())})
    with engine.bound(golden) as g, engine.bound(truth) as t:
        assert errors(engine, g, t, "k", ["a"]).shares == {"a": 1.0}


def test_nothing_to_compare_is_no_error(engine):
    empty = pa.table({"k": pa.array([], pa.string()), "a": pa.array([], pa.string())})
    with engine.bound(empty) as g, engine.bound(empty) as t:
        found = errors(engine, g, t, "k", ["a"])
    assert (found.shares, found.objects, found.extra) == ({"a": 0.0}, 0, 0)
