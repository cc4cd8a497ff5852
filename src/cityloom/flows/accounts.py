"""Makes the accounts that the definitions name, once."""

from __future__ import annotations

from pathlib import Path

from cityloom.flows.bootstrap import Workspace
from cityloom.kernel.config import reference
from cityloom.model.department import Account
from cityloom.protect.identity import ensure_account
from cityloom.store.accounts import find_account

_DEMO = "demo:"


def make_accounts(workspace: Workspace) -> int:
    """Make each account of the definitions that has a password and is not there yet; returns how many there are."""
    accounts = [a for a in workspace.city.accounts.values() if a.password]
    for account in accounts:
        with workspace.store.write() as connection:
            is_new = find_account(connection, account.name) is None
            password = password_of(account, workspace.folder) if is_new else None
            ensure_account(connection, account, workspace.clock, password=password)
    return len(accounts)


def password_of(account: Account, base: Path) -> str:
    """An account's first password: the text after ``demo:``, or what its reference leads to."""
    text = account.password or ""
    return text.removeprefix(_DEMO) if text.startswith(_DEMO) else reference(text, base=base)
