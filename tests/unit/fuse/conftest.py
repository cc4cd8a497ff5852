"""A small city: the example's fusion definitions, and standard tables made from a few rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from cityloom.engines.base import sql
from cityloom.engines.codings import id_check
from cityloom.fuse.run import run
from cityloom.kernel.clock import FixedClock
from cityloom.lake.tables import Lake
from cityloom.model.fusion import ObjectType
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import CollectionTask
from cityloom.model.text import Title
from cityloom.store.database import Store

ROOT = Path(__file__).parents[3]
ITEMS = {
    "ga.hukou": "citizen_id,name,sex,people_code,birth_date,registered_address,registered_division,person_status,changed_date",
    "mz.marriage": "registration_no,kind,registered_date,male_name,male_id,female_name,female_id",
    "mz.death": "death_no,name,citizen_id,death_date,registered_date",
    "wj.birth": "cert_no,citizen_id,name,sex,birth_date,mother_id,father_id,hospital,updated_at",
    "wj.visit": "visit_no,citizen_id,name,phone,address,visit_date",
    "rs.insured": "citizen_id,name,sex,phone,address,employer_uscc,insured_state,updated_at",
    "zj.housing": "house_no,certificate_no,owner_name,citizen_id,address,area_m2,registered_date,self_occupied",
    "rs.unit": "uscc,name,address,legal_rep_name,industry,status,updated_at",
    "sj.firm": "uscc,name,legal_rep_name,legal_rep_id,address,division,status,founded_date,industry,capital_cny",
    "sw.taxpayer": "uscc,name,address,legal_rep_name,status,registered_date",
}
Rows = Sequence[Mapping[str, Any]]


def declared(name: str) -> ObjectType:
    """An object type of the example city."""
    document = YAML(typ="safe").load(ROOT / "city" / "fusion" / f"{name}.yml")
    assert document.pop("kind") == "object_type"
    return TypeAdapter(ObjectType).validate_python(document)


def resource(full: str) -> Resource:
    department, name = full.split(".")
    title = Title(name, name)
    return Resource(
        name=name, department=department, title=title, abstract=title, category="x", items=(),
        collect=CollectionTask(source="x"),
    )  # fmt: skip


def put(lake: Lake, full: str, rows: Rows, batch: str = "b1") -> None:
    """Append rows to a standard table; ``_current`` is true unless a row says otherwise."""
    names = ITEMS[full].split(",")
    columns = {n: pa.array([r.get(n) for r in rows], pa.string()) for n in names}
    columns["_batch"] = pa.array([batch] * len(rows), pa.string())
    columns["_row"] = pa.array([r.get("_row", i + 1) for i, r in enumerate(rows)], pa.int64())
    columns["_current"] = pa.array([r.get("_current", True) for r in rows], pa.bool_())
    table = pa.table(columns)
    lake.append(resource(full).std_table, table.to_batches(), part=batch, schema=table.schema)


@pytest.fixture
def population() -> ObjectType:
    return declared("population")


@pytest.fixture
def legal_person() -> ObjectType:
    return declared("legal_person")


@pytest.fixture
def resources() -> dict[str, Resource]:
    return {full.split(".")[1]: resource(full) for full in ITEMS}


@pytest.fixture
def std(lake: Lake) -> Callable[..., None]:
    """Appends rows to a standard table."""
    return lambda full, *rows, batch="b1": put(lake, full, rows, batch)


@pytest.fixture
def fuse(
    lake: Lake, store: Store, clock: FixedClock, resources: dict[str, Resource]
) -> Callable[..., tuple[StageResult, dict[str, dict[str, Any]]]]:
    """Fuses an object type; gives the result and the golden records by key."""

    def work(object_type: ObjectType, **more: Any) -> tuple[StageResult, dict[str, dict[str, Any]]]:
        result = run(object_type, resources=resources, lake=lake, store=store, clock=clock, **more)
        records = lake.engine.records(sql("SELECT * FROM :t", t=lake.relation(object_type.golden_table)))
        assert result.read == result.written + result.rejected
        return result, {r[object_type.key]: r for r in records}

    return work


@pytest.fixture
def table(lake: Lake) -> Callable[[str], list[dict[str, Any]]]:
    """Reads a whole table."""
    return lambda name: lake.engine.records(sql("SELECT * FROM :t", t=lake.relation(name)))


@pytest.fixture
def citizen() -> Callable[[int], str]:
    """A valid citizen id number for each small number."""
    def made(n: int) -> str:
        body = 51010019800101000 + n
        return f"{body}{id_check(body)}"

    return made
