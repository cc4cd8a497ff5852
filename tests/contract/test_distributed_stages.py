"""Whole stages on the distributed engine: the same tables, counts and golden records as on the embedded one.

Two copies of one workspace, with rows that a seeded hand has spoiled, go through the chain: one has the setting
``engine`` as it is by default, the other ``spark``.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.conftest import HOSTILE, server

from cityloom.engines.base import sql
from cityloom.flows import chain
from cityloom.flows.apply import apply
from cityloom.flows.bootstrap import Workspace, example_content, open_workspace
from cityloom.flows.runner import Runner
from cityloom.flows.surroundings import CITY, example_interface
from cityloom.fuse.digest import digest
from cityloom.kernel.clock import FixedClock
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.model.resource import Resource
from cityloom.sample import generate
from cityloom.store import quality as quality_store
from cityloom.store.database import metadata

CLOCK = FixedClock(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))
RESOURCES = ("marriage", "firm", "taxpayer")
OBJECT_TYPES = ("legal_person",)
STAGES = (chain.assess_raw, chain.pass_gate, chain.standardise, chain.assess_standard)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, Workspace]]:
    """The workspace by the embedded engine, and the one by the distributed."""
    url, folder = server("TEST_SPARK_URL"), tmp_path_factory.mktemp("both")
    settings = Settings(workspace=folder / "embedded", memory_mb=256, threads=2)
    workspace = open_workspace(settings, clock=CLOCK)
    generate(workspace.folder / CITY, people=120, seed=7, engine=workspace.engine)
    with workspace.store.write() as connection:
        metadata.create_all(connection)
    apply(workspace, example_content(), actor="dsj.steward")
    with example_interface(workspace.folder):
        chain.collect(workspace, Runner(workspace), RESOURCES)
    for name in RESOURCES:
        add_spoiled(workspace, workspace.city.resource(name), random.Random(name))
    workspace.close()
    shutil.copytree(settings.workspace, folder / "distributed")
    wide = replace(settings, workspace=folder / "distributed", engine="spark", spark_url=url)
    opened = [open_workspace(one, clock=CLOCK) for one in (settings, wide)]
    for one in opened:
        for stage in STAGES:
            assert [run.subject for run in stage(one, Runner(one), RESOURCES)] == list(RESOURCES), stage
        assert len(chain.fuse(one, Runner(one), OBJECT_TYPES)) == len(OBJECT_TYPES)
    yield opened[0], opened[1]
    for one in opened:
        one.close()


def add_spoiled(workspace: Workspace, resource: Resource, hand: random.Random) -> None:
    """Append the raw rows once more, some values of each replaced by another row's or by something hostile."""
    found = rows(workspace, resource.raw_table)
    pools = {name: [row[name] for row in found] for name in found[0] if not name.startswith("_")}
    hostile = [text for text in HOSTILE if len(text or "") < 1000]

    def spoiled(text: str | None, pool: list[str | None]) -> str | None:
        chance = hand.random()
        if chance < 0.05:
            return hand.choice(hostile)
        if chance < 0.1 and text:
            return hand.choice((text + "\n", "\u3000" + text, text[:-1] + "0", text.lower(), text[:15]))
        return hand.choice(pool) if chance < 0.15 else text

    values = {name: pa.array([spoiled(row[name], pool) for row in found], pa.string()) for name, pool in pools.items()}
    system = {"_batch": ["b_spoiled"] * len(found), "_row": range(1, len(found) + 1), "_at": [row["_at"] for row in found]}
    table = pa.table({**values, **system})
    workspace.lake.append(resource.raw_table, table.to_batches(), part="b_spoiled", schema=table.schema)


def rows(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    return workspace.lake.engine.records(sql("SELECT * FROM :t ORDER BY ALL", t=workspace.lake.relation(table)))


def test_the_distributed_engine_was_at_work(both: tuple[Workspace, Workspace]) -> None:
    assert [workspace.wide_lake.engine.name for workspace in both] == ["duckdb", "spark"]
    assert [workspace.lake.engine.name for workspace in both] == ["duckdb", "duckdb"]


def test_every_table_is_the_same_row_by_row(both: tuple[Workspace, Workspace]) -> None:
    embedded, distributed = both
    names = embedded.lake.names()
    assert names == distributed.lake.names()
    assert {embedded.city.resource(name).std_table for name in RESOURCES} <= set(names)
    for name in names:
        assert rows(embedded, name) == rows(distributed, name), name
        assert embedded.lake.columns(name) == distributed.lake.columns(name)


def test_every_rule_counts_the_same(both: tuple[Workspace, Workspace]) -> None:
    found = []
    for workspace in both:
        with workspace.store.read() as connection:
            made = quality_store.list_assessments(connection)
            found.append([(a.resource, a.phase, a.rows, r.rule, r.checked, r.broken) for a in made for r in a.results])
    assert found[0] == found[1]
    assert sum(broken > 0 for *_, broken in found[0]) > 20


def test_golden_records_have_the_same_digest(both: tuple[Workspace, Workspace]) -> None:
    assert digest(both[0].lake, OBJECT_TYPES) == digest(both[1].lake, OBJECT_TYPES)
    assert both[0].lake.count("base_legal_person") > 10


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
