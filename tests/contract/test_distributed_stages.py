"""Whole stages on the distributed engine: the same tables, counts and golden records as on the embedded one.

A small town goes through standardising, assessing and fusing twice: in one workspace with the setting ``engine`` as it is
by default, in the other with ``spark``. What came before the last batches was done by the embedded engine in both: an
engine goes on from what another one wrote.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conftest import HOSTILE, server
from tests.contract.test_stages_agree import cleaning_of

from cityloom.content.load import city_of, load
from cityloom.engines.base import sql
from cityloom.flows import causes, chain, profiles
from cityloom.flows.bootstrap import Workspace, open_workspace
from cityloom.flows.runner import Runner
from cityloom.fuse import run as fuse
from cityloom.fuse.digest import digest
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.kernel.registry import plugins
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.quality import run as quality
from cityloom.quality.base import RULES
from cityloom.standard import explain
from cityloom.standard import run as standard
from cityloom.standard.history import HISTORY
from cityloom.store import quality as quality_store
from cityloom.store.batches import put_batch
from cityloom.store.corrections import RowCorrection, add_corrections
from cityloom.store.gates import GateState, put_gate

CLOCK = FixedClock(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))
TOWN = city_of(load(Path(__file__).parent / "two_engines"))
Rows = list[dict[str, str | None]]


def weighed(number: str) -> str:
    """A citizen id of its first 17 digits."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number))
    return number + "10X98765432"[total % 11]


def persons(hand: random.Random) -> Rows:
    """People as a department writes them."""
    made: Rows = []
    for n in range(60):
        year, day = 1970 + n % 40, hand.randint(1, 28)
        id_ = weighed(f"510104{year}03{day:02d}{n:03d}")
        name = hand.choice("王李张刘陈杨") + hand.choice("伟芳娜敏静丽强磊")
        born = hand.choice((f"{year}-03-{day:02d}", f"{year}年3月{day}日", f"{day} Mar {year}", f"{year}.4.{day}", "2026-12-31", "不详"))
        place = hand.choice(("四川省成都市武侯区桐梓林街道1号", "成都市青羊区金河路2号", "某处"))
        area = hand.choice(("90㎡", "0.5亩", "88.5 平方米", "约80", "12"))
        phones = (hand.choice(("13800138000", "138-0013-8000", f"1380013800{n % 10}", "", "x")), hand.choice((None, "02887654321")))
        said = f"2025-12-{hand.randint(1, 5):02d}T08:0{n % 10}:00"
        columns = ("证件号码", "姓名", "性别", "出生", "住址", "面积", "电话", "手机", "登记")
        values = (id_, name, hand.choice("男女旧?"), born, place, area, *phones, said)
        made.append(dict(zip(columns, values, strict=True)))
    return made


def spoiled(rows: Rows, hand: random.Random) -> Rows:
    """The same people once more, some values replaced by another's or by something that hurts."""
    hostile = [text for text in HOSTILE if len(text or "") < 1000]

    def value(name: str, text: str | None) -> str | None:
        chance = hand.random()
        if chance < 0.08:
            return hand.choice(hostile)
        if chance < 0.12 and text:
            return hand.choice((text + "\n", "\u3000" + text, text[:-1] + "0", text.lower()))
        return hand.choice(rows)[name] if chance < 0.2 else text

    return [{name: value(name, text) for name, text in row.items()} for row in rows]


def payments(people: Rows, hand: random.Random) -> Rows:
    """What some of them paid."""
    return [
        {"参保人": one["证件号码"], "姓名": hand.choice((one["姓名"], "赵一")), "月份": f"2025-{m:02d}", "金额": hand.choice(("90元", "12", "约5"))}
        for one in people[::2]
        for m in (11, 12)
    ]


PLACES = (
    ([{"编号": f"{n}", "名称": "金河西路", "类": "路"} for n in range(10)], "rrrrrrrrrr"),
    (
        [
            {"编号": "1", "名称": "b", "类": "桥"},
            {"编号": "2", "名称": None, "类": None},
            {"编号": "10", "名称": "金河 路", "类": None},
            {"编号": "3", "名称": "\ufffd\x07", "类": "路"},
            {"编号": "4", "名称": "金诃西路", "类": "路"},
            {"编号": "5", "名称": "\u3000", "类": "路"},
            {"编号": "1", "名称": "c\n", "类": "路"},
        ],
        "udcuuuu",
    ),
)


class Made:
    """A workspace of the town, and its batches as collecting would land them."""

    def __init__(self, settings: Settings) -> None:
        self.workspace = open_workspace(settings, clock=CLOCK)
        self.stand: dict[str, Batch] = {}

    def land(self, name: str, batch: str, rows: Rows, ops: str = "") -> None:
        """A batch; of payments it takes the place of the one before."""
        resource, lake = TOWN.resources[name], self.workspace.lake
        at = f"2026-01-0{batch[-1]}T00:00:00.000000Z"
        columns = {n: pa.array([row[n] for row in rows], pa.string()) for n in rows[0]}
        columns |= {"_batch": pa.array([batch] * len(rows)), "_row": pa.array(range(1, len(rows) + 1), pa.int64()), "_at": pa.array([at] * len(rows))}
        if ops:
            columns |= {"_op": pa.array(list(ops)), "_position": pa.array([f"{batch}.{n:03d}" for n in range(len(rows))])}
        table, old = pa.table(columns), self.stand.get(name) if name == "payment" else None
        commit = lake.append(resource.raw_table, table.to_batches(), part=batch, schema=table.schema, replaces=[old.id] if old else [])
        origin = "payments" if name == "payment" else batch
        self.stand[name] = Batch(
            id=batch, resource=name, origin=origin, digest=batch, state="reconciled", started_at=at, version=commit.version
        )  # fmt: skip
        with self.workspace.store.write() as connection:
            put_batch(connection, self.stand[name])
            if old:
                put_batch(connection, replace(old, state="superseded"))

    def correct(self) -> None:
        """Somebody put two rows right."""
        found = [
            RowCorrection(
                resource="person", batch="p_1", row=n, by_batch="p_2", by_row=n, columns=("姓名",), account="ga.owner", why="-", at="2026-01-04"
            )
            for n in (3, 4)
        ]  # fmt: skip
        with self.workspace.store.write() as connection:
            add_corrections(connection, found)

    def standardise(self, lake: Lake, *names: str) -> None:
        for name in names:
            resource = TOWN.resources[name]
            given = {"codes": TOWN.codes, "today": quality.today(CLOCK)}
            cleaning = [cleaning_of(resource, rule, given) for rule in resource.cleaning]
            standard.run(
                resource, elements={}, codes=TOWN.codes, lake=lake, clock=CLOCK, cleaning=cleaning, store=self.workspace.store
            )  # fmt: skip

    def assess(self, lake: Lake, phase: str, *names: str) -> None:
        for name in names:
            manner = quality.Manner(resources=TOWN.resources)
            quality.run(
                TOWN.resources[name], phase=phase, elements={}, codes=TOWN.codes, lake=lake, store=self.workspace.store, clock=CLOCK, manner=manner
            )  # fmt: skip

    def live(self) -> None:
        """First batches by the embedded engine, the others by the one that the settings choose."""
        hand = random.Random(20260105)
        people, near, wide = persons(hand), self.workspace.lake, self.workspace.wide_lake
        self.land("person", "p_1", people[:40])
        self.land("payment", "m_1", payments(people, hand))
        self.land("place", "o_1", *PLACES[0])
        self.standardise(near, "person", "payment", "place")
        self.assess(near, "before", "place", "person")
        self.assess(near, "after", "person")
        self.land("person", "p_2", [*spoiled(people[:40], hand), *people[40:]])
        self.land("payment", "m_2", spoiled(payments(people, hand)[5:], hand))
        self.land("place", "o_2", *PLACES[1])
        self.correct()
        self.standardise(wide, "payment", "person", "place")
        self.assess(wide, "before", "place")
        self.assess(wide, "after", "person")
        fuse.run(TOWN.object_types["resident"], resources=TOWN.resources, lake=wide, store=self.workspace.store, clock=CLOCK)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """The workspace by the embedded engine, and the one by the distributed."""
    url, folder = server("TEST_SPARK_URL"), tmp_path_factory.mktemp("both")
    settings = Settings(workspace=folder / "embedded", memory_mb=256, threads=2)
    wide = replace(settings, workspace=folder / "distributed", engine="spark", spark_url=url)
    made = [Made(one) for one in (settings, wide)]
    for one in made:
        one.live()
    yield made[0].workspace, made[1].workspace
    for one in made:
        one.workspace.close()


def rows(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    return workspace.lake.engine.records(sql("SELECT * FROM :t ORDER BY ALL", t=workspace.lake.relation(table)))


def seen(workspace: Workspace, table: str, column: str) -> set[Any]:
    return {row[column] for row in rows(workspace, table)}


def test_the_distributed_engine_was_at_work(both: tuple[Workspace, Workspace]) -> None:
    assert [workspace.wide_lake.engine.name for workspace in both] == ["duckdb", "spark"]
    assert [workspace.lake.engine.name for workspace in both] == ["duckdb", "duckdb"]


def test_every_table_is_the_same_row_by_row(both: tuple[Workspace, Workspace]) -> None:
    embedded, distributed = both
    names = embedded.lake.names()
    assert names == distributed.lake.names()
    assert {r.std_table for r in TOWN.resources.values()} <= set(names)
    for name in names:
        assert rows(embedded, name) == rows(distributed, name), name
        assert embedded.lake.columns(name) == distributed.lake.columns(name)


def test_programs_cleaning_corrections_and_history_were_there(both: tuple[Workspace, Workspace]) -> None:
    distributed = both[1]
    person = TOWN.resources["person"].std_table
    programs = [name for name in distributed.lake.names() if name.startswith(f"{person}__") and "_given" in distributed.lake.columns(name)]
    assert len(programs) == 3 and all(distributed.lake.count(name) > 2 for name in programs)
    flags = " ".join(filter(None, seen(distributed, person, "_flags")))
    assert "complete:sex_of_number@1" in flags and "tolerate:no_phone@1" in flags and "replaced" in flags
    assert seen(distributed, person + standard.SET_APART, "_rule") == {"no_such_day@1"}
    for name in ("person", "payment", "place"):
        table = TOWN.resources[name].std_table + HISTORY
        assert len(seen(distributed, table, "_from")) > 1
    assert seen(distributed, TOWN.resources["place"].std_table + HISTORY, "_is_gone") == {True, False}


def test_every_rule_counts_the_same(both: tuple[Workspace, Workspace]) -> None:
    found = []
    for workspace in both:
        with workspace.store.read() as connection:
            made = quality_store.list_assessments(connection)
            found.append([(a.resource, a.phase, a.rows, r.rule, r.plugin, r.checked, r.broken) for a in made for r in a.results])
    assert found[0] == found[1]
    assert {plugin for *_, plugin, checked, _ in found[1] if checked} == set(plugins(RULES))
    assert {plugin for *_, plugin, _, broken in found[1] if broken} == set(plugins(RULES))


def test_golden_records_have_the_same_digest(both: tuple[Workspace, Workspace]) -> None:
    names: Sequence[str] = tuple(TOWN.object_types)
    assert digest(both[0].lake, names) == digest(both[1].lake, names)
    assert both[0].lake.count("base_resident") > 10


@pytest.fixture
def unreachable(tmp_path: Path) -> Iterator[Workspace]:
    """The town as the embedded engine left it, with the setting that names a server where none is."""
    made = Made(Settings(workspace=tmp_path / "w", memory_mb=256, threads=2))
    made.live()
    found = made.workspace
    yield replace(found, settings=replace(found.settings, engine="spark", spark_url="sc://127.0.0.1:1"))
    found.close()


def test_what_spark_does_not_do_never_asks_it(unreachable: Workspace) -> None:
    workspace = with_town(unreachable)
    runner, person = Runner(workspace), TOWN.resources["person"]
    assert [(run.state, run.subject) for run in profiles.profile_all(workspace, runner, ["person"], phase="after")] == [("done", "person")]
    (cause,) = causes.root_causes(workspace, "person", "id+name.agreement", phase="after")
    assert cause.rule == "id+name.agreement"
    explained = explain.explain(person, "p_1", 1, elements={}, codes=TOWN.codes, lake=workspace.lake)
    assert explained
    assert [(run.state, run.subject) for run in chain.pass_gate(workspace, runner, ["person"])] == [("done", "person")]


def test_without_a_server_nothing_is_begun(unreachable: Workspace) -> None:
    workspace = with_town(unreachable)
    versions = {name: workspace.lake.version(name) for name in workspace.lake.names()}
    with workspace.store.write() as connection:
        put_gate(connection, GateState(resource="person", is_open=True, missing={}, checked_at="2026-01-05"))
    for stage, name in ((chain.assess_raw, "person"), (chain.standardise, "person"), (chain.assess_standard, "person"), (chain.fuse, "resident")):
        runner = Runner(workspace, force=True)
        assert stage(workspace, runner, [name]) == []
        assert [run.error_code for run in runner.failed] == ["engine.spark.unreachable"]
    assert {name: workspace.lake.version(name) for name in workspace.lake.names()} == versions


def with_town(workspace: Workspace) -> Workspace:
    """The workspace with the town's definitions in force."""
    workspace.__dict__["city"] = TOWN
    return workspace


def test_a_setting_that_names_no_engine_or_no_server_is_told(tmp_path: Path) -> None:
    workspace = open_workspace(Settings(workspace=tmp_path / "w"), clock=CLOCK)
    for settings, family, code in (
        ({"engine": "hive"}, ConfigError, "engine.name.unknown"),
        ({"engine": "spark"}, ConfigError, "engine.spark.address"),
        ({"engine": "spark", "spark_url": "sc://127.0.0.1:1"}, SourceError, "engine.spark.unreachable"),
    ):
        with pytest.raises(family) as found:
            assert replace(workspace, settings=replace(workspace.settings, **settings)).wide_lake
        assert found.value.code == code
    workspace.close()
