"""A batch is shown as it was, to those who may look, and the look goes on record."""

import pytest

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.chain import collect_step
from cityloom.flows.runner import Runner
from cityloom.flows.shown import show_batch
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.batch import Batch
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.resource import Item, Resource
from cityloom.model.source import CollectionTask, Source
from cityloom.model.text import Title
from cityloom.store import audit, batches

ANY = Title("例", "example")


def account(name: str, department: str, *roles: str) -> Account:
    return Account(name=name, title=ANY, department=department, roles=roles)


@pytest.fixture
def workspace(tmp_path, engine, lake, store, clock):
    made = Workspace(Settings(), tmp_path, engine, lake, store, clock, keys=None)
    items = tuple(Item(name=n, column=n, title=ANY) for n in ("id", "text"))
    resource = Resource(
        name="things", department="ga", title=ANY, abstract=ANY, category="c", items=items,
        collect=CollectionTask(source="s"),
    )  # fmt: skip
    accounts = [account("ga.officer", "ga", "officer"), account("ga.guest", "ga", "consumer"),
                account("mz.officer", "mz", "officer"), account("dsj.steward", "dsj", "steward")]  # fmt: skip
    made.__dict__["city"] = City(
        resources={"things": resource},
        sources={"s": Source(name="s", title=ANY, department="ga", connector="csv_files", options={"folder": "."})},
        accounts={a.name: a for a in accounts},
    )
    for text in ("甲", "乙"):
        (tmp_path / "a.csv").write_text(f"id,text\n1,{text}\n2,x\n3,y\n", encoding="utf-8")
        Runner(made).do(collect_step(made, resource))
    return made


def ids(workspace) -> list[str]:
    with workspace.store.read() as connection:
        return [b.id for b in batches.list_batches(connection, "things")]


@pytest.mark.parametrize("actor", ["ga.officer", "dsj.steward"])
def test_a_replaced_batch_is_shown_as_it_was(workspace, actor: str) -> None:
    old, new = ids(workspace)
    found = show_batch(workspace, old, actor=actor, limit=2)
    assert (found.batch.state, [(r["_row"], r["text"]) for r in found.rows]) == ("superseded", [(2, "甲"), (3, "x")])
    assert [r["text"] for r in show_batch(workspace, new, actor=actor, limit=9).rows] == ["乙", "x", "y"]
    with workspace.store.read() as connection:
        events = audit.list_events(connection, kind=EventKind.BATCH_SHOWN)
    assert {(e.event.actor, e.event.details["batch"]) for e in events} == {(actor, old), (actor, new)}


@pytest.mark.parametrize("actor", ["ga.guest", "mz.officer", "nobody", ""])
def test_others_may_not_look(workspace, actor: str) -> None:
    with pytest.raises(DeniedError) as caught:
        show_batch(workspace, ids(workspace)[0], actor=actor, limit=1)
    assert caught.value.code == "flows.batch.denied"


def test_what_never_landed_has_no_rows(workspace) -> None:
    at = "2026-01-05T02:00:00.000000Z"
    failed = Batch(id="b_failed", resource="things", origin="x", digest="d", state="failed", started_at=at)
    with workspace.store.write() as connection:
        batches.put_batch(connection, failed)
    for name in ("b_failed", "b_none"):
        with pytest.raises(UserError) as caught:
            show_batch(workspace, name, actor="dsj.steward", limit=1)
        assert caught.value.code == "flows.batch.rowless"
