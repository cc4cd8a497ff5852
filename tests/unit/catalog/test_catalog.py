"""The catalog: codes, bases, moves with their audit, mounting, finding, lineage."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from cityloom.catalog import lineage, search
from cityloom.catalog.compile import compile_entry
from cityloom.catalog.publish import diagram, move
from cityloom.catalog.run import run
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.lake.tables import Lake
from cityloom.model.audit import EventKind
from cityloom.model.catalog import TRANSITIONS, EntryState
from cityloom.model.city import City
from cityloom.model.department import Account, Department
from cityloom.model.fusion import Attribute, Contribution, ObjectType
from cityloom.model.principal import Principal
from cityloom.model.resource import Access, Item, Resource
from cityloom.model.service import Service, ServiceItem
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.store.audit import list_events
from cityloom.store.catalog import list_entry_moves
from cityloom.store.database import Store
from cityloom.store.findings import list_findings

LAW = Access(attribute="conditional", basis="个人信息保护法", conditions="法定职责")


def resource(name: str = "hukou", department: str = "ga", **more: object) -> Resource:
    values: dict[str, object] = {
        "name": name,
        "department": department,
        "title": Title("户籍人口", "Household register"),
        "abstract": Title("本市户籍", "Registered people"),
        "category": "人口/户籍管理/户籍人口/登记",
        "sharing": LAW,
        "items": (
            Item(name="citizen_id", column="身份号码", title=Title("公民身份号码", "Id"), grade="sensitive"),
            Item(name="name", column="姓名", title=Title("姓名", "Name")),
        ),
        "collect": CollectionTask(source="ga_files"),
    }
    return Resource(**{**values, **more})  # type: ignore[arg-type]


def account(name: str, department: str, role: str) -> Account:
    return Account(name=name, title=Title(name, name), department=department, roles=(role,))


def city(*resources: Resource, **more: object) -> City:
    accounts = [account("ga.owner", "ga", "owner"), account("dsj.steward", "dsj", "steward")]
    departments = [Department(name=n, title=Title(n, n)) for n in ("ga", "mz", "dsj")]
    return City(
        resources={r.name: r for r in resources},
        accounts={a.name: a for a in accounts},
        departments={d.name: d for d in departments},
        **more,  # type: ignore[arg-type]
    )


def write(lake: Lake, table: str, **columns: list[str | None]) -> None:
    rows = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    with lake.engine.bound(rows) as relation:
        lake.replace(table, [f"SELECT * FROM {relation.sql(dialect='duckdb')}"])


def go(place: City, store: Store, lake: Lake, clock: FixedClock) -> dict[str, object]:
    return dict(run(place, store=store, lake=lake, clock=clock, actor="dsj.system").summary)


def entry(store: Store, name: str = "hukou"):  # type: ignore[no-untyped-def]
    found = search.get(store, name)
    assert found is not None
    return found


def test_a_resource_goes_from_definition_to_mounted_with_an_event_for_each_move(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    write(lake, "std_ga__hukou", citizen_id=["1"], name=["a"], _row=["1"])
    summary = go(city(resource()), store, lake, clock)
    found = entry(store)
    assert (found.state, found.mounted_table, found.version) == (EntryState.MOUNTED, "std_ga__hukou", 1)
    assert summary["moves"] == 4 and summary["mounted"] == 1
    with store.read() as connection:
        moves = list_entry_moves(connection, "hukou")
        events = [e.event for e in list_events(connection, subject="resource:hukou")]
    assert [(m[0], m[2]) for m in moves] == [
        ("revise", "rule"),
        ("review", "ga.owner"),
        ("publish", "dsj.steward"),
        ("mount", "rule"),
    ]
    assert len(events) == 4
    published = next(e for e in events if e.kind == EventKind.RESOURCE_PUBLISHED)
    assert published.actor == "dsj.system" and published.details["on_behalf_of"] == "dsj.steward"


def test_a_second_run_moves_nothing(store: Store, lake: Lake, clock: FixedClock) -> None:
    write(lake, "std_ga__hukou", citizen_id=["1"], name=["a"])
    go(city(resource()), store, lake, clock)
    before = entry(store)
    summary = go(city(resource()), store, lake, clock)
    assert summary["moves"] == 0 and summary["lineage_changed"] is False
    assert entry(store) == before


def test_a_changed_definition_is_reviewed_again_as_a_new_version_under_its_code(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    go(city(resource()), store, lake, clock)
    code = entry(store).code
    go(city(resource(matter="户口登记")), store, lake, clock)
    found = entry(store)
    assert (found.version, found.code, found.state) == (2, code, EntryState.PUBLISHED)


def test_codes_follow_the_four_levels_and_are_never_given_twice(store: Store, lake: Lake, clock: FixedClock) -> None:
    first = [
        resource(),
        resource("b", category="人口/户籍管理/户籍人口/登记"),
        resource("c", category="人口/婚姻登记"),
        resource("d", category="法人/市场主体/登记注册/登记"),
    ]
    go(city(*first), store, lake, clock)
    codes = {name: entry(store, name).code for name in ("b", "c", "d", "hukou")}
    assert codes["b"] == "10100101/000001" and codes["hukou"] == "10100101/000002"
    assert codes["c"] == "10200000/000001" and codes["d"] == "20100101/000001"
    go(city(resource("a"), *first), store, lake, clock)
    assert entry(store, "a").code == "10100101/000003"
    assert {name: entry(store, name).code for name in codes} == codes


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("catalog.sharing.missing", {"sharing": None}),
        ("catalog.basis.missing", {"sharing": Access(attribute="none", basis=" ")}),
        ("catalog.basis.missing", {"opening": Access(attribute="conditional")}),
        ("catalog.access.unknown", {"sharing": Access(attribute="maybe")}),
        (
            "catalog.access.contradictory",
            {"sharing": Access(attribute="none", basis="保密"), "opening": Access(attribute="unconditional")},
        ),
    ],
)
def test_access_that_is_restricted_without_basis_or_contradicts_itself_is_refused(
    code: str, change: dict[str, object], store: Store, lake: Lake, clock: FixedClock
) -> None:
    with pytest.raises(ConfigError) as refusal:
        go(city(resource("good"), resource(**change)), store, lake, clock)
    assert refusal.value.code == code
    assert search.find(store, is_draft_shown=True) == []


def test_an_entry_takes_the_highest_grade_of_its_items() -> None:
    place = city(resource(grade="internal"))
    assert compile_entry(place.resources["hukou"], place).grade == "sensitive"


def test_without_an_owner_the_entry_waits_for_one_and_only_a_steward_publishes(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    go(city(resource("marriage", "mz")), store, lake, clock)
    assert entry(store, "marriage").state == EntryState.COMPILED
    owner = Principal(account="mz.owner", department="mz", roles=("owner",))
    stranger = Principal(account="ga.owner", department="ga", roles=("owner",))
    steward = Principal(account="dsj.steward", department="dsj", roles=("steward",))
    with pytest.raises(DeniedError, match="review"):
        move("marriage", "review", stranger, store=store, clock=clock)
    with pytest.raises(UserError, match="publish"):
        move("marriage", "publish", steward, store=store, clock=clock)
    move("marriage", "review", owner, store=store, clock=clock)
    with pytest.raises(DeniedError):
        move("marriage", "publish", owner, store=store, clock=clock)
    assert move("marriage", "publish", steward, store=store, clock=clock).published_at is not None


def test_an_entry_comes_loose_where_its_table_lacks_an_item(store: Store, lake: Lake, clock: FixedClock) -> None:
    write(lake, "std_ga__hukou", citizen_id=["1"], name=["a"])
    go(city(resource()), store, lake, clock)
    write(lake, "std_ga__hukou", citizen_id=["1"])
    go(city(resource()), store, lake, clock)
    found = entry(store)
    assert (found.state, found.mounted_table) == (EntryState.PUBLISHED, None)
    with store.read() as connection:
        findings = list_findings(connection, kind="catalog")
    assert [(f.code, f.count) for f in findings] == [("catalog.mount.drift", 1)]


def test_an_entry_whose_definition_is_gone_is_retired_and_may_come_back(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    go(city(resource(), resource("b")), store, lake, clock)
    code = entry(store, "b").code
    assert go(city(resource()), store, lake, clock)["moves"] == 1
    assert entry(store, "b").state == EntryState.RETIRED
    assert [e.name for e in search.find(store)] == ["hukou"]
    assert go(city(resource()), store, lake, clock)["moves"] == 0
    go(city(resource(), resource("b")), store, lake, clock)
    assert (entry(store, "b").state, entry(store, "b").code, entry(store, "b").version) == ("published", code, 2)


def test_a_resource_that_a_steward_retired_stays_retired(store: Store, lake: Lake, clock: FixedClock) -> None:
    go(city(resource()), store, lake, clock)
    steward = Principal(account="dsj.steward", department="dsj", roles=("steward",))
    move("hukou", "retire", steward, store=store, clock=clock)
    assert go(city(resource()), store, lake, clock)["moves"] == 0
    assert entry(store).state == EntryState.RETIRED


def test_finding_by_words_and_department_shows_published_resources_only(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    other = resource("marriage", "mz", title=Title("婚姻登记", "Marriages 100%"))
    go(city(resource(), other), store, lake, clock)
    assert [e.name for e in search.find(store, "户籍 NAME")] == ["hukou"]
    assert search.find(store, "婚姻") == []
    assert [e.name for e in search.find(store, "100%", is_draft_shown=True)] == ["marriage"]
    assert search.find(store, "0_%", is_draft_shown=True) == []
    assert search.find(store, department="mz") == []


def test_lineage_leads_from_the_source_column_to_the_service_field_and_back(
    store: Store, lake: Lake, clock: FixedClock
) -> None:
    population = ObjectType(
        name="population",
        title=Title("人口", "Population"),
        key="citizen_id",
        coding_rule="citizen_id",
        attributes=(Attribute(name="name", title=Title("姓名", "Name")),),
        contributions=(
            Contribution(resource="hukou", key="citizen_id", attributes={"name": "name", "living": "=1"}),
        ),
    )
    service = Service(
        name="person_lookup",
        title=Title("查询", "Look-up"),
        form="lookup",
        department="dsj",
        table="base_population",
        require=("citizen_id", "name"),
        items=(ServiceItem(name="name", title=Title("姓名", "Name")),),
        sharing=LAW,
    )
    place = city(resource(), object_types={"population": population}, services={"person_lookup": service})
    go(place, store, lake, clock)
    back = [(e.source, e.step) for e in lineage.origin(store, "service:person_lookup.name")]
    assert sorted(back) == [
        ("base_population.name", "serve"),
        ("raw_ga__hukou.姓名", "standardise"),
        ("source:ga_files/hukou.姓名", "land"),
        ("std_ga__hukou.name", "fuse"),
    ]
    ahead = {e.target for e in lineage.impact(store, "raw_ga__hukou.姓名")}
    assert ahead == {"std_ga__hukou.name", "base_population.name", "service:person_lookup.name"}
    assert lineage.origin(store, "base_population.living") == []


def test_the_diagram_shows_every_move() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2" and len(lines) == 2 + len(TRANSITIONS)
    assert any("provider_reviewed --> published: publish (authority steward)" in line for line in lines)


def test_a_state_and_its_event_are_written_together_or_not_at_all(
    store: Store, lake: Lake, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("cityloom.catalog.publish.audit.append", fail)
    with pytest.raises(RuntimeError):
        go(city(replace(resource())), store, lake, clock)
    assert search.find(store, is_draft_shown=True) == []
