"""Finding in the catalog, by words and by department."""

from __future__ import annotations

from cityloom.model.catalog import Entry, EntryState
from cityloom.store.catalog import find_entry, list_entries
from cityloom.store.database import Store

VISIBLE = (EntryState.PUBLISHED, EntryState.MOUNTED)


def find(store: Store, text: str = "", *, department: str | None = None, is_draft_shown: bool = False) -> list[Entry]:
    """Published resources whose titles, abstract, keywords, code or items hold every word of a text, by code."""
    states = () if is_draft_shown else VISIBLE
    with store.read() as connection:
        return list_entries(connection, words=text.split(), department=department, states=states)


def get(store: Store, name: str) -> Entry | None:
    """One resource by name, in whatever state."""
    with store.read() as connection:
        return find_entry(connection, name)
