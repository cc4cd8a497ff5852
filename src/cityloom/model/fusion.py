"""Object types, their attributes, and how departments agreed to choose one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Who agreed to a negotiation rule, and when."""

    __pydantic_config__ = STRICT

    by: tuple[str, ...]
    at: str


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One attribute of an object type with its one source or negotiation rule.

    ``lead`` is the department that answers for it (一数一源); ``rule`` names a negotiation rule
    (``priority``, ``most_recent``, ``majority``, ``earliest``, ``state_machine``, ...) with ``options``;
    ``order`` the departments from strongest to weakest where the rule wants an order.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    element: str | None = None
    lead: str | None = None
    rule: str = "priority"
    order: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    grade: str = "sensitive"
    agreed: Agreement | None = None


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What a resource says about an object type.

    ``key`` is the item that holds the identity key, ``at`` the item that dates the row, ``attributes``
    maps attribute to item (or to ``=text`` for a constant), ``where`` keeps only rows whose item has one
    of the given values. One resource may contribute more than once (both spouses of a marriage).
    """

    __pydantic_config__ = STRICT

    resource: str
    key: str
    attributes: Mapping[str, str]
    at: str | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ObjectType:
    """对象类型: population 人口, legal person 法人, ...

    Its golden table is ``base_{name}``. ``key`` names the identity attribute, ``coding_rule`` the rule
    that a valid key obeys; ``match`` are the attributes that together identify a record without usable key.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    key: str
    coding_rule: str
    attributes: tuple[Attribute, ...]
    contributions: tuple[Contribution, ...]
    match: tuple[tuple[str, ...], ...] = ()

    @property
    def golden_table(self) -> str:
        """Name of its table in the base layer."""
        return f"base_{self.name}"
