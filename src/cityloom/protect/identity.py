"""Who acts: accounts with passwords, keys of systems, and which roles never meet in one account.

Every change and every attempt writes its audit event in its own transaction.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from hmac import compare_digest

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import ConfigError, DeniedError, UserError
from cityloom.kernel.ids import new_id
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.model.department import Account
from cityloom.model.principal import Principal
from cityloom.store import accounts, audit
from cityloom.store.accounts import ApiKey, StoredAccount
from cityloom.store.database import Store

SEPARATED = frozenset({"system_administrator", "security_administrator", "audit_administrator"})
"""三员: no account holds two of these roles (GB/T 22239-2019, 8.1.4.2 d)."""
MOST_FAILURES = 5
LOCKED_FOR = timedelta(minutes=15)
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024
"""So that no one keeps the hasher busy with megabytes."""
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""Argon2id with 19 MiB and two passes (OWASP)."""
NOBODY = "anonymous"
"""The actor of an attempt under a name that does not exist; the name itself may be a mistyped password."""


def check_roles(roles: Iterable[str]) -> None:
    """Refuse roles that must not be in one hand.

    Raises:
        ConfigError: ``protect.roles.separated``.
    """
    held = sorted(SEPARATED & set(roles))
    if len(held) > 1:
        raise ConfigError(
            "protect.roles.separated",
            "One account cannot hold the roles {roles} together.",
            hint="Give them to different people.",
            roles=", ".join(held),
        )


def ensure_account(
    connection: sa.Connection,
    account: Account,
    clock: Clock,
    *,
    password: str | None = None,
    by: str = "system",
    hasher: PasswordHasher = HASHER,
) -> bool:
    """Bring an account to its definition; ``True`` when something had to change.

    Args:
        password: the password in clear, read from the definition's reference; ``None`` keeps the present one.
        by: the account that does this.

    Raises:
        ConfigError: ``protect.roles.separated``.
        UserError: ``protect.password.weak``.
    """
    check_roles(account.roles)
    known = accounts.find_account(connection, account.name)
    digest = known.password_hash if known else None
    if password is not None and (digest is None or not _is_right(hasher, digest, password)):
        _check_password(account.name, password)
        digest = hasher.hash(password)
    wanted = StoredAccount(
        name=account.name,
        title=account.title,
        department=account.department,
        roles=tuple(account.roles),
        password_hash=digest,
        failures=known.failures if known else 0,
        locked_until=known.locked_until if known else None,
    )
    if wanted == known:
        return False
    accounts.put_account(connection, wanted)
    kind = EventKind.ACCOUNT_CHANGED if known else EventKind.ACCOUNT_MADE
    details: dict[str, str | int] = {"department": account.department, "roles": ",".join(account.roles)}
    _note(connection, clock, kind, by, f"account:{account.name}", details)
    return True


def login(
    store: Store, name: str, password: str, clock: Clock, *, hasher: PasswordHasher = HASHER
) -> Principal:
    """Who has this name and password.

    It opens its own transaction, since a failure must be counted and logged although it ends in an error.
    Whether the name is unknown, the password wrong or the account locked is not told, and takes as long.

    Raises:
        DeniedError: ``protect.login.denied``.
    """
    name = name.encode(errors="replace").decode().replace("\x00", "?")
    with store.read() as connection:
        seen = accounts.find_account(connection, name)
    digest = seen.password_hash if seen else None
    is_right = _is_right(hasher, digest or _decoy(hasher), password) and digest is not None
    with store.write() as connection:
        known = accounts.find_account(connection, name, is_locked=True)
        is_same = known is not None and known.password_hash == digest
        principal = _settle(connection, known, clock, is_right=is_right and is_same)
    if principal is None:
        raise DeniedError(
            "protect.login.denied",
            "Name or password is wrong.",
            hint="After {failures} wrong passwords an account rests for {minutes} minutes.",
            failures=MOST_FAILURES,
            minutes=int(LOCKED_FOR.total_seconds()) // 60,
        )
    return principal


def make_key(
    connection: sa.Connection,
    account: str,
    grant: str | None,
    clock: Clock,
    expires_at: datetime | None = None,
    *,
    by: str | None = None,
) -> str:
    """Make a key for an account, bound to a grant; the text ``cl_<prefix>_<secret>`` is shown only this once.

    Args:
        expires_at: the moment from which it is no key any more; ``None`` for no end of its own.
        by: the account that does this, if another.

    Raises:
        UserError: ``protect.account.unknown``.
    """
    if accounts.find_account(connection, account) is None:
        raise UserError(
            "protect.account.unknown",
            "There is no account {account}.",
            hint="Make the account first.",
            account=account,
        )
    ends = iso(expires_at) if expires_at else None
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    key = ApiKey(
        id=new_id("k"),
        account=account,
        grant=grant,
        prefix=prefix,
        secret_hash=_digest(secret),
        created_at=iso(clock.now()),
        expires_at=ends,
    )
    accounts.put_key(connection, key)
    details: dict[str, str | int] = {"account": account, "grant": grant or "", "expires_at": ends or ""}
    _note(connection, clock, EventKind.KEY_MADE, by or account, f"key:{key.id}", details)
    return f"cl_{prefix}_{secret}"


def principal_of_key(connection: sa.Connection, key: str, clock: Clock) -> Principal | None:
    """Whose key this is, if it is one, unrevoked and within its term."""
    mark, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != "cl" or not secret or len(key) > 200 or not key.isascii():
        return None
    found = accounts.find_key(connection, prefix)
    if found is None or not compare_digest(_digest(secret), found[0].secret_hash):
        return None
    stored, account = found
    return replace(account.principal, grant=stored.grant) if stored.is_valid(iso(clock.now())) else None


def revoke_key(connection: sa.Connection, key_id: str, clock: Clock, *, by: str) -> bool:
    """End a key now; ``False`` when there is none that was still unrevoked."""
    key = accounts.revoke_key(connection, key_id, iso(clock.now()))
    if key is None:
        return False
    details: dict[str, str | int] = {"account": key.account, "grant": key.grant or ""}
    _note(connection, clock, EventKind.KEY_REVOKED, by, f"key:{key_id}", details)
    return True


def _settle(
    connection: sa.Connection, known: StoredAccount | None, clock: Clock, *, is_right: bool
) -> Principal | None:
    """Count and log an attempt; the principal when it succeeds."""
    if known is None:
        _note(connection, clock, EventKind.LOGIN_FAILED, NOBODY, "account", {"reason": "unknown"})
        return None
    subject, now = f"account:{known.name}", clock.now()
    if known.locked_until is not None and iso(now) < known.locked_until:
        _note(connection, clock, EventKind.LOGIN_FAILED, known.name, subject, {"reason": "locked"})
        return None
    if is_right:
        accounts.put_account(connection, replace(known, failures=0, locked_until=None))
        _note(connection, clock, EventKind.LOGIN_DONE, known.name, subject, {})
        return known.principal
    failures = 1 if known.locked_until else known.failures + 1
    until = iso(now + LOCKED_FOR) if failures >= MOST_FAILURES else None
    accounts.put_account(connection, replace(known, failures=failures, locked_until=until))
    _note(connection, clock, EventKind.LOGIN_FAILED, known.name, subject, {"reason": "wrong", "failures": failures})
    return None


def _note(
    connection: sa.Connection,
    clock: Clock,
    kind: EventKind,
    actor: str,
    subject: str,
    details: dict[str, str | int],
) -> None:
    audit.append(connection, AuditEvent(kind=kind, actor=actor, subject=subject, details=details), clock)


def _is_right(hasher: PasswordHasher, digest: str, password: str) -> bool:
    if len(password) > LONGEST_PASSWORD:
        return False
    try:
        return hasher.verify(digest, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False


@lru_cache(maxsize=8)
def _decoy(hasher: PasswordHasher) -> str:
    """A hash that no password fits, so that unknown names cost as much time as known ones."""
    return hasher.hash(secrets.token_urlsafe(32))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_password(name: str, password: str) -> None:
    is_short = len(password) < SHORTEST_PASSWORD
    if is_short or len(password) > LONGEST_PASSWORD or name.casefold() == password.casefold():
        raise UserError(
            "protect.password.weak",
            "The password is too weak.",
            hint="Take {shortest} to {longest} characters, and not the account's name.",
            shortest=SHORTEST_PASSWORD,
            longest=LONGEST_PASSWORD,
        )
