"""Who provides and uses data."""

from __future__ import annotations

from dataclasses import dataclass

from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Department:
    """部门: an organisation that provides or uses data.

    ``name`` is the short code used in table names (``ga``); ``uscc`` the unified social credit code;
    ``level`` one of province, city, district, street, village.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    level: str = "city"
    parent: str | None = None
    uscc: str | None = None
    contact: str | None = None


@dataclass(frozen=True, kw_only=True)
class Account:
    """A person or a system that acts, with a department and roles (system administrator, security
    administrator, audit administrator, officer, owner, steward, consumer, leader, analyst)."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    department: str
    roles: tuple[str, ...]
    password: str | None = None
    """A reference (``env:``, ``file:``); in the example city ``demo:`` and a text."""
