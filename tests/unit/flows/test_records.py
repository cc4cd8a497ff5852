"""Single records are shown to those who may look, and each look is on record."""

from types import SimpleNamespace

import pytest

from cityloom.flows.bootstrap import Workspace
from cityloom.flows.records import show_record
from cityloom.kernel.config import Settings
from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.city import City
from cityloom.model.department import Account
from cityloom.model.text import Title
from cityloom.store import audit


def account(name: str, *roles: str) -> Account:
    return Account(name=name, title=Title("某", "someone"), department="dsj", roles=roles)


@pytest.fixture
def workspace(tmp_path, engine, lake, store, clock):
    made = Workspace(Settings(), tmp_path, engine, lake, store, clock, keys=SimpleNamespace(masking=b"k" * 32))
    people = [account("s", "steward"), account("o", "owner", "officer"), account("l", "leader")]
    made.__dict__["city"] = City(accounts={a.name: a for a in people}, object_types={"population": None})
    return made


@pytest.mark.parametrize("actor", ["o", "l", "nobody"])
def test_an_account_without_the_role_is_denied(workspace, actor: str) -> None:
    with pytest.raises(DeniedError) as caught:
        show_record(workspace, "population", "990102195808280173", actor=actor)
    assert caught.value.code == "flows.record.denied"


def test_a_look_is_on_record_without_the_number(workspace, monkeypatch) -> None:
    monkeypatch.setattr("cityloom.flows.records.explain", lambda *args, **more: "found")
    assert show_record(workspace, "population", "990102195808280173", actor="s") == "found"
    with workspace.store.read() as connection:
        (event,) = audit.list_events(connection, kind=EventKind.RECORD_SHOWN)
    assert event.event.actor == "s"
    assert "990102195808280173" not in str(event)


def test_a_look_at_nobody_is_no_look(workspace, monkeypatch) -> None:
    def nobody(*args, **more):
        raise UserError("fuse.object.unknown", "nobody")

    monkeypatch.setattr("cityloom.flows.records.explain", nobody)
    with pytest.raises(UserError):
        show_record(workspace, "population", "x", actor="s")
    with workspace.store.read() as connection:
        assert audit.list_events(connection, kind=EventKind.RECORD_SHOWN) == []
