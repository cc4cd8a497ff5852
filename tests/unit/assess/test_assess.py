"""Departments are scored from records, with evidence, weights, places; what does not apply costs nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from cityloom.assess.records import Records
from cityloom.assess.run import MEASURES, run
from cityloom.kernel.clock import FixedClock, iso
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin, plugins
from cityloom.lake.tables import Lake
from cityloom.model.audit import EventKind
from cityloom.model.batch import Batch, Receipt
from cityloom.model.catalog import Entry, EntryState
from cityloom.model.city import City
from cityloom.model.department import Department
from cityloom.model.fusion import Attribute, Contribution, ObjectType
from cityloom.model.quality import Assessment, Score
from cityloom.model.request import Request, RequestState
from cityloom.model.resource import Access, Item, Resource
from cityloom.model.score import Share
from cityloom.model.service import IndexSystem, Indicator
from cityloom.model.source import CollectionTask
from cityloom.model.standard import Element
from cityloom.model.text import Title
from cityloom.store.audit import list_events
from cityloom.store.batches import put_batch
from cityloom.store.catalog import put_entry
from cityloom.store.database import Store
from cityloom.store.quality import put_assessment
from cityloom.store.requests import put_request
from cityloom.store.scores import list_snapshots, read_scores

T = Title("甲", "A")
NAME = Element(name="person_name", identifier="1", title=T, definition=T, representation="a..30", standard="own")


def resource(name: str, department: str = "ga", sharing: str = "conditional") -> Resource:
    return Resource(
        name=name,
        department=department,
        title=T,
        abstract=T,
        category="人口",
        sharing=Access(attribute=sharing, basis="法"),
        items=(
            Item(name="name", column="姓名", title=T, element="person_name"),
            Item(name="note", column="备注", title=T),
        ),
        collect=CollectionTask(source="files"),
    )


def batch(resource: str, state: str = "reconciled", day: int = 1, landed: int = 3, rejected: int = 1) -> Batch:
    return Batch(
        id=f"b_{resource}_{day}",
        resource=resource,
        origin="file",
        digest="d",
        state=state,
        started_at=f"2026-01-{day:02}T00:00:00.000000Z",
        receipt=Receipt(source_rows=landed + rejected, landed_rows=landed, rejected_rows=rejected),
    )


def entry(name: str, state: EntryState) -> Entry:
    return Entry(
        name=name, code=f"c/{name}", department="ga", title=T, abstract=T, category="人口", grade="internal",
        sharing="conditional", sharing_basis="法", sharing_conditions=None, opening=None, opening_basis=None,
        cycle="day", matter=None, keywords=(), items=(), digest="d", state=state,
    )


def request(name: str, deadline: str, decided_at: str | None = None, sharing: str = "conditional") -> Request:
    return Request(
        id=name, service="s", version="1", provider="ga", consumer="zj", requested_by="zj.officer", purpose="p",
        purpose_title=T, basis="法", items=(), days=1, sharing=sharing, created_at="2026-01-01",
        state=RequestState.APPROVED if decided_at else RequestState.SUBMITTED, deadline=deadline, decided_at=decided_at,
    )


@pytest.fixture
def city() -> City:
    own = [resource("hukou"), resource("permit", sharing="none"), resource("marriage", "mz")]
    return City(
        departments={n: Department(name=n, title=T) for n in ("ga", "mz", "zj")},
        resources={r.name: r for r in own},
        elements={"person_name": NAME},
    )


def count(name: str, city: City, store: Store, lake: Lake, clock: FixedClock, department: str = "ga") -> Share:
    with store.read() as connection:
        share: Share = plugin(MEASURES, name)().count(department, Records(city, connection, lake, iso(clock.now())))
    return share


def index(**weights: float) -> IndexSystem:
    indicators = tuple(
        Indicator(name=m, title=T, group=T, measure=m, weight=w) for m, w in weights.items()
    )
    return IndexSystem(name="public_data", title=T, indicators=indicators)


@pytest.mark.parametrize("name", sorted(plugins(MEASURES)))
def test_a_measure_does_not_apply_to_a_department_without_records(
    name: str, city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    assert count(name, city, store, lake, clock, "zj").score is None


def test_collected_looks_at_the_newest_batch_that_counts(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    with store.write() as connection:
        put_batch(connection, batch("hukou", day=1))
        put_batch(connection, batch("hukou", state="superseded", day=2))
        put_batch(connection, batch("permit", day=1))
        put_batch(connection, batch("permit", state="failed", day=2))
    share = count("collected", city, store, lake, clock)
    assert (share.score, share.records) == (0.5, ("b_hukou_1",))
    assert count("collected", city, store, lake, clock, "mz").score == 0


def test_rejected_is_the_share_of_rows_that_entered(city: City, store: Store, lake: Lake, clock: FixedClock) -> None:
    with store.write() as connection:
        put_batch(connection, batch("hukou", landed=6, rejected=2))
        put_batch(connection, batch("permit", landed=2, rejected=0))
    share = count("rejected", city, store, lake, clock)
    assert (share.score, share.records, share.counts["rejected"]) == (0.8, ("b_hukou_1",), 2)


def test_catalogued_counts_what_is_mounted(city: City, store: Store, lake: Lake, clock: FixedClock) -> None:
    with store.write() as connection:
        put_entry(connection, entry("hukou", EntryState.MOUNTED))
        put_entry(connection, entry("permit", EntryState.PUBLISHED))
        put_entry(connection, entry("gone", EntryState.MOUNTED))
    share = count("catalogued", city, store, lake, clock)
    assert (share.score, share.records) == (0.5, ("c/hukou",))


def test_described_and_shared_come_from_the_definitions(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    described = count("described", city, store, lake, clock)
    assert (described.score, described.records) == (0.5, ("hukou.note", "permit.note"))
    shared = count("shared", city, store, lake, clock)
    assert (shared.score, shared.records) == (0.5, ("permit",))


def test_answered_counts_what_is_due_and_late(city: City, store: Store, lake: Lake, clock: FixedClock) -> None:
    with store.write() as connection:
        put_request(connection, request("in_time", "2026-01-04", decided_at="2026-01-03"))
        put_request(connection, request("late", "2026-01-02", decided_at="2026-01-03"))
        put_request(connection, request("overdue", "2026-01-04"))
        put_request(connection, request("waiting", "2026-02-01"))
        put_request(connection, request("at_once", "2026-02-01", decided_at="2026-01-03", sharing="unconditional"))
    share = count("answered", city, store, lake, clock)
    assert (share.part, share.whole, set(share.records)) == (1, 3, {"late", "overdue"})


def assessment(resource: str, version: int, total: float, phase: str = "before") -> Assessment:
    scores = (
        Score(dimension="accuracy", score=0.1, light="red", weight=1.0),
        Score(dimension="total", score=total, light="green", weight=1.0),
    )
    return Assessment(
        resource=resource, phase=phase, table="t", version=version, rows=1, at="2026-01-01", results=(), scores=scores
    )


def test_quality_is_the_mean_of_the_newest_totals_of_what_was_delivered(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    with store.write() as connection:
        put_assessment(connection, assessment("hukou", 1, 0.0))
        put_assessment(connection, assessment("hukou", 2, 1.0))
        put_assessment(connection, assessment("permit", 1, 0.5))
        put_assessment(connection, assessment("marriage", 1, 0.2, phase="after"))
    share = count("quality", city, store, lake, clock)
    assert (share.score, share.records) == (0.75, ("hukou@2", "permit@1"))
    assert count("quality", city, store, lake, clock, "mz").score is None


def test_agreement_counts_attributes_of_objects_and_what_lost(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    attributes = tuple(Attribute(name=n, title=T) for n in ("name", "phone"))
    people = ObjectType(
        name="population", title=T, key="citizen_id", coding_rule="citizen_id", attributes=attributes,
        contributions=(
            Contribution(
                resource="hukou", key="id", attributes={"name": "name", "phone": "tel", "living": "=1"},
                where={"kind": ("a", "b")},
            ),
            Contribution(resource="marriage", key="id", attributes={"name": "name"}),
        ),
    )
    fused = replace(city, object_types={"population": people})
    rows = {
        "id": ["1", "1", "2", "3", None],
        "name": ["x", "x", "y", "z", "q"],
        "tel": [None, "5", "", "7", "8"],
        "kind": ["a", "b", "a", "c", "a"],
    }
    write(lake, "std_ga__hukou", rows)
    assert count("agreement", fused, store, lake, clock).score is None
    write(lake, "base_population__conflict", {"id": ["1"], "attribute": ["phone"], "winner": ["mz"], "other": ["ga"]})
    share = count("agreement", fused, store, lake, clock)
    assert (share.part, share.whole) == (2, 3)
    assert share.counts == {"values": 3, "lost": 1, "population.phone": 1}


def test_a_department_to_which_too_little_applies_is_not_compared(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    with store.write() as connection:
        put_request(connection, replace(request("in_time", "2026-01-04", decided_at="2026-01-03"), provider="zj"))
    run(index(answered=40, described=60), city=city, store=store, lake=lake, clock=clock)
    with store.read() as connection:
        scores = {s.department: s for s in read_scores(connection, "public_data")}
    assert (scores["zj"].points, scores["zj"].rank) == (None, None)
    assert scores["zj"].indicators[0].score == 1
    assert scores["ga"].points == 50


def test_points_follow_the_weights_and_weights_that_do_not_apply_go_to_the_others(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    system = index(described=45, shared=15, answered=40)
    run(system, city=city, store=store, lake=lake, clock=clock)
    with store.read() as connection:
        scores = {s.department: s for s in read_scores(connection, "public_data")}
        events = list_events(connection, kind=EventKind.SCORES_MADE)
    assert scores["ga"].points == 50.0
    assert scores["mz"].points == pytest.approx(0.5 * 75 + 1.0 * 25)
    assert scores["zj"].points is None and scores["zj"].rank is None
    assert (scores["mz"].rank, scores["ga"].rank) == (1, 2)
    parts = {i.indicator: i for i in scores["mz"].indicators}
    assert list(parts) == ["described", "shared", "answered"]
    assert parts["answered"].score is None and parts["answered"].points == 0
    assert parts["described"].evidence.records == ("marriage.note",)
    assert len(events) == 1


def test_equal_points_share_a_place_and_snapshots_are_kept(
    city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    system = index(described=100)
    result = run(system, city=city, store=store, lake=lake, clock=clock)
    first = result.summary["at"]
    clock.at = clock.at.replace(hour=5)
    changed = replace(city, elements={})
    run(system, city=changed, store=store, lake=lake, clock=clock)
    with store.read() as connection:
        assert len(list_snapshots(connection, "public_data")) == 2
        assert {s.rank for s in read_scores(connection, "public_data", first)} == {1, None}
        assert [s.points for s in read_scores(connection, "public_data")] == [0.0, 0.0, None]


@pytest.mark.parametrize(("measure", "weight"), [("luck", 1.0), ("described", 0.0)])
def test_an_index_that_cannot_be_computed_is_refused(
    measure: str, weight: float, city: City, store: Store, lake: Lake, clock: FixedClock
) -> None:
    with pytest.raises(ConfigError):
        run(index(**{measure: weight}), city=city, store=store, lake=lake, clock=clock)


def write(lake: Lake, table: str, rows: dict[str, list[Any]]) -> None:
    with lake.engine.bound(pa.table(rows)) as relation:
        lake.replace(table, [f"SELECT * FROM {relation.sql(dialect='duckdb')}"])
