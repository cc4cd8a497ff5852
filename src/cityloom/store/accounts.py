"""Accounts of people and systems, and the keys that systems call with. Secrets are kept as digests only."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from cityloom.model.principal import Principal
from cityloom.model.text import Title
from cityloom.store.database import metadata

account_table = sa.Table(
    "account",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("title", sa.JSON, nullable=False),
    sa.Column("department", sa.String(40), nullable=False, index=True),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("locked_until", sa.String(32)),
)
key_table = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("account", sa.String(80), nullable=False, index=True),
    sa.Column("grant", sa.String(40), index=True),
    sa.Column("prefix", sa.String(16), nullable=False, unique=True),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("created_at", sa.String(32), nullable=False),
    sa.Column("expires_at", sa.String(32)),
    sa.Column("revoked_at", sa.String(32)),
)


@dataclass(frozen=True, kw_only=True)
class StoredAccount:
    """An account as the store keeps it.

    ``password_hash`` is Argon2id text, or nothing for an account that only has keys; ``failures`` counts
    wrong passwords in a row; until ``locked_until`` (UTC, ISO) no password is right.
    """

    name: str
    title: Title
    department: str
    roles: tuple[str, ...]
    password_hash: str | None = field(default=None, repr=False)
    failures: int = 0
    locked_until: str | None = None

    @property
    def principal(self) -> Principal:
        """The account as one who acts."""
        return Principal(account=self.name, department=self.department, roles=self.roles)


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key of an account: what is known of it without its secret, of which only SHA-256 is kept."""

    id: str
    account: str
    prefix: str
    secret_hash: str = field(repr=False)
    created_at: str
    grant: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None

    def is_valid(self, now: str) -> bool:
        """Whether it is neither revoked nor past its term at a moment (UTC, ISO)."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def put_account(connection: sa.Connection, account: StoredAccount) -> None:
    """Write an account's record anew."""
    t = account_table
    values = {
        "title": {"zh": account.title.zh, "en": account.title.en},
        "department": account.department,
        "roles": list(account.roles),
        "password_hash": account.password_hash,
        "failures": account.failures,
        "locked_until": account.locked_until,
    }
    done = connection.execute(t.update().where(t.c.name == account.name).values(**values))
    if done.rowcount == 0:
        connection.execute(t.insert().values(name=account.name, **values))


def find_account(connection: sa.Connection, name: str, *, is_locked: bool = False) -> StoredAccount | None:
    """One account by name; ``is_locked`` holds its row until the transaction ends."""
    query = sa.select(account_table).where(account_table.c.name == name)
    row = connection.execute(query.with_for_update() if is_locked else query).mappings().first()
    return _account(row) if row else None


def list_accounts(connection: sa.Connection, department: str | None = None) -> list[StoredAccount]:
    """Accounts of a department, or of all, by name."""
    query = sa.select(account_table).order_by(account_table.c.name)
    if department is not None:
        query = query.where(account_table.c.department == department)
    return [_account(row) for row in connection.execute(query).mappings()]


def put_key(connection: sa.Connection, key: ApiKey) -> None:
    """Write a new key's record."""
    values = {name: getattr(key, name) for name in ApiKey.__dataclass_fields__}
    connection.execute(key_table.insert().values(**values))


def find_key(connection: sa.Connection, prefix: str) -> tuple[ApiKey, StoredAccount] | None:
    """A key by the prefix that it shows, with the account it belongs to."""
    k, a = key_table, account_table
    query = sa.select(k, a).join(a, a.c.name == k.c.account).where(k.c.prefix == prefix)
    row = connection.execute(query).mappings().first()
    return (_key(row), _account(row)) if row else None


def list_keys(connection: sa.Connection, account: str | None = None, grant: str | None = None) -> list[ApiKey]:
    """Keys of an account, of a grant, or all, newest first."""
    query = sa.select(key_table).order_by(key_table.c.created_at.desc(), key_table.c.id)
    if account is not None:
        query = query.where(key_table.c.account == account)
    if grant is not None:
        query = query.where(key_table.c.grant == grant)
    return [_key(row) for row in connection.execute(query).mappings()]


def revoke_key(connection: sa.Connection, key_id: str, at: str) -> ApiKey | None:
    """End a key now; the key, or nothing when there is none that was still unrevoked."""
    k = key_table
    unrevoked = (k.c.id == key_id, k.c.revoked_at.is_(None))
    done = connection.execute(k.update().where(*unrevoked).values(revoked_at=at))
    if done.rowcount == 0:
        return None
    return _key(connection.execute(sa.select(k).where(k.c.id == key_id)).mappings().one())


def _account(row: sa.RowMapping) -> StoredAccount:
    a = account_table.c
    return StoredAccount(
        name=row[a.name],
        title=Title(**row[a.title]),
        department=row[a.department],
        roles=tuple(row[a.roles]),
        password_hash=row[a.password_hash],
        failures=row[a.failures],
        locked_until=row[a.locked_until],
    )


def _key(row: sa.RowMapping) -> ApiKey:
    return ApiKey(**{name: row[key_table.c[name]] for name in ApiKey.__dataclass_fields__})
