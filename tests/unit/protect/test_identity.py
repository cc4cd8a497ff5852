"""Accounts, passwords, keys, and roles that never meet in one account."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from cityloom.kernel.clock import FixedClock
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.model.audit import EventKind
from cityloom.model.department import Account
from cityloom.model.principal import Principal
from cityloom.model.text import Title
from cityloom.protect import identity
from cityloom.store import accounts, audit
from cityloom.store.database import Store

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
ACCOUNT = Account(name="li", title=Title("李", "Li"), department="gjj", roles=("consumer",))
PASSWORD = "correct horse"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 21, 7, 0, tzinfo=UTC))


@pytest.fixture
def store(store: Store, clock: FixedClock) -> Store:
    """The control store with one account."""
    with store.write() as connection:
        identity.ensure_account(connection, ACCOUNT, clock, password=PASSWORD, hasher=CHEAP)
    return store


def login(store: Store, clock: FixedClock, password: str = PASSWORD, name: str = "li") -> Principal:
    return identity.login(store, name, password, clock, hasher=CHEAP)


def kinds(store: Store) -> list[EventKind]:
    with store.read() as connection:
        return [e.event.kind for e in audit.list_events(connection)][::-1]


def refusal(store: Store, clock: FixedClock, password: str, name: str = "li") -> str:
    with pytest.raises(DeniedError) as caught:
        login(store, clock, password, name)
    return f"{caught.value.code} {caught.value}"


def test_the_right_password_shows_who_it_is(store: Store, clock: FixedClock) -> None:
    assert login(store, clock) == Principal(account="li", department="gjj", roles=("consumer",))
    assert kinds(store) == [EventKind.ACCOUNT_MADE, EventKind.LOGIN_DONE]


def test_unknown_wrong_and_locked_are_told_alike(store: Store, clock: FixedClock) -> None:
    told = {refusal(store, clock, "wrong password"), refusal(store, clock, PASSWORD, "nobody")}
    for _ in range(5):
        refusal(store, clock, "wrong password")
    told.add(refusal(store, clock, PASSWORD))
    assert len(told) == 1
    assert "nobody" not in told.pop()


def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(store: Store, clock: FixedClock) -> None:
    for _ in range(5):
        refusal(store, clock, "wrong password")
    refusal(store, clock, PASSWORD)
    clock.at += timedelta(minutes=14, seconds=59)
    refusal(store, clock, PASSWORD)
    clock.at += timedelta(seconds=1)
    assert login(store, clock).account == "li"
    assert kinds(store)[-1] == EventKind.LOGIN_DONE


def test_attempts_while_locked_do_not_lock_for_longer(store: Store, clock: FixedClock) -> None:
    for _ in range(9):
        refusal(store, clock, "wrong password")
    clock.at += timedelta(minutes=15)
    refusal(store, clock, "wrong password")
    assert login(store, clock).account == "li"


def test_a_login_forgives_the_failures_before(store: Store, clock: FixedClock) -> None:
    for _ in range(3):
        for _ in range(4):
            refusal(store, clock, "wrong password")
        assert login(store, clock).account == "li"


def test_guesses_at_the_same_time_are_all_counted(store: Store, clock: FixedClock) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: refusal(store, clock, f"wrong {n}"), range(12)))
    with store.read() as connection:
        found = accounts.find_account(connection, "li")
        reasons = [e.event.details["reason"] for e in audit.list_events(connection, EventKind.LOGIN_FAILED)]
    assert found is not None and found.failures == 5 and found.locked_until is not None
    assert sorted(reasons) == ["locked"] * 7 + ["wrong"] * 5


def test_an_unknown_name_is_not_written_down(store: Store, clock: FixedClock) -> None:
    refusal(store, clock, "x", "my-password-by-mistake")
    with store.read() as connection:
        newest = audit.list_events(connection, limit=1)[0].event
        text = connection.scalars(sa.select(audit.event_table.c.leaf)).all()
    assert newest.actor == identity.NOBODY and newest.details == {"reason": "unknown"}
    assert "by-mistake" not in "".join(text)


@pytest.mark.parametrize("password", ["", "\ud800", "x" * 2_000_000, "\x00"])
@pytest.mark.parametrize("name", ["li", "", "\ud800", "a\x00b", "' OR 1=1 --"])
def test_hostile_input_is_only_refused(store: Store, clock: FixedClock, name: str, password: str) -> None:
    refusal(store, clock, password, name)


def test_an_account_without_password_cannot_log_in(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        identity.ensure_account(connection, replace(ACCOUNT, name="system"), clock, hasher=CHEAP)
    refusal(store, clock, "", "system")


def test_ensuring_again_changes_nothing_and_logs_nothing(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        assert not identity.ensure_account(connection, ACCOUNT, clock, password=PASSWORD, hasher=CHEAP)
        assert not identity.ensure_account(connection, ACCOUNT, clock, hasher=CHEAP)
        moved = replace(ACCOUNT, roles=("steward",))
        assert identity.ensure_account(connection, moved, clock, password="another one", hasher=CHEAP)
    assert kinds(store) == [EventKind.ACCOUNT_MADE, EventKind.ACCOUNT_CHANGED]
    assert login(store, clock, "another one").roles == ("steward",)
    refusal(store, clock, PASSWORD)


def test_ensuring_does_not_unlock(store: Store, clock: FixedClock) -> None:
    for _ in range(5):
        refusal(store, clock, "wrong password")
    with store.write() as connection:
        identity.ensure_account(connection, replace(ACCOUNT, roles=("steward",)), clock, hasher=CHEAP)
    refusal(store, clock, PASSWORD)


@pytest.mark.parametrize("pair", list(combinations(sorted(identity.SEPARATED), 2)))
def test_no_account_holds_two_of_the_three_administrators(
    store: Store, clock: FixedClock, pair: tuple[str, str]
) -> None:
    with store.write() as connection:
        with pytest.raises(ConfigError) as caught:
            identity.ensure_account(connection, replace(ACCOUNT, roles=("owner", *pair)), clock, hasher=CHEAP)
        assert caught.value.code == "protect.roles.separated"
        for role in pair:
            assert identity.ensure_account(connection, replace(ACCOUNT, roles=("owner", role)), clock, hasher=CHEAP)


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_a_weak_password_is_refused(store: Store, clock: FixedClock, password: str) -> None:
    with store.write() as connection, pytest.raises(UserError) as caught:
        identity.ensure_account(connection, replace(ACCOUNT, name="wang"), clock, password=password, hasher=CHEAP)
    assert caught.value.code == "protect.password.weak"


def test_passwords_are_kept_as_argon2id_and_never_shown(store: Store, clock: FixedClock) -> None:
    with store.read() as connection:
        found = accounts.find_account(connection, "li")
    assert found is not None and found.password_hash is not None
    assert found.password_hash.startswith("$argon2id$")
    assert "argon2" not in repr(found)


def test_a_key_shows_its_account_and_grant(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        key = identity.make_key(connection, "li", "g_1", clock, by="steward")
        principal = identity.principal_of_key(connection, key, clock)
        kept = accounts.list_keys(connection, account="li", grant="g_1")
        row = connection.execute(sa.select(accounts.key_table)).one()
        newest = audit.list_events(connection, limit=1)[0].event
    assert principal == Principal(account="li", department="gjj", roles=("consumer",), grant="g_1")
    assert (newest.kind, newest.actor, newest.subject) == (EventKind.KEY_MADE, "steward", f"key:{kept[0].id}")
    secret = key.split("_", 2)[2]
    assert all(secret not in str(text) for text in (*row, newest.details))


def test_a_key_ends_with_its_term_or_when_it_is_revoked(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        key = identity.make_key(connection, "li", None, clock, clock.at + timedelta(days=1))
        other = identity.make_key(connection, "li", None, clock)
        ids = {k.prefix: k.id for k in accounts.list_keys(connection)}
        assert identity.revoke_key(connection, ids[other.split("_")[1]], clock, by="li")
        assert not identity.revoke_key(connection, ids[other.split("_")[1]], clock, by="li")
        assert identity.principal_of_key(connection, other, clock) is None
        assert identity.principal_of_key(connection, key, clock) is not None
        clock.at += timedelta(days=1)
        assert identity.principal_of_key(connection, key, clock) is None
    assert kinds(store)[-1] == EventKind.KEY_REVOKED


def test_no_other_text_is_a_key(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        key = identity.make_key(connection, "li", None, clock)
        mark, prefix, secret = key.split("_", 2)
        wrong = ["", "cl", "cl_", f"cl_{prefix}", f"cl_{prefix}_", f"cl_{prefix}_{secret}x", f"cl_{prefix}_{secret[:-1]}"]
        wrong += [f"xx_{prefix}_{secret}", f"cl_{prefix[:-1]}_{secret}", key + "\n", " " + key, "cl_\ud800_x", "cl_a_" + "x" * 9999]
        for text in wrong:
            assert identity.principal_of_key(connection, text, clock) is None, text


def test_no_key_for_an_unknown_account(store: Store, clock: FixedClock) -> None:
    with store.write() as connection, pytest.raises(UserError) as caught:
        identity.make_key(connection, "nobody", None, clock)
    assert caught.value.code == "protect.account.unknown"


def test_accounts_are_listed_by_department(store: Store, clock: FixedClock) -> None:
    with store.write() as connection:
        identity.ensure_account(connection, replace(ACCOUNT, name="a", department="ga"), clock, hasher=CHEAP)
        assert [a.name for a in accounts.list_accounts(connection)] == ["a", "li"]
        assert [a.name for a in accounts.list_accounts(connection, "ga")] == ["a"]
