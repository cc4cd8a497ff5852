"""Rules as data: business rules that combine technical ones, and rules that people propose, review and retire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cityloom.model.standard import RuleUse
from cityloom.model.text import STRICT, Title

PART = ":"
"""Stands in the name of a rule between the business rule and its part: ``citizen_id.identity_check:missing``."""


@dataclass(frozen=True, kw_only=True)
class BusinessRule:
    """业务规则: technical rules under one name, declared once and used by elements, items and resources.

    Where it is used, ``rules`` stand in its place. A rule of it that names no ``columns`` looks at the columns of the
    use; ``$1``, ``$2``, … stand for the first, the second, … of them. ``owner`` is the account or department that
    answers for it; ``basis`` the law, standard or decision behind it.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    rules: tuple[RuleUse, ...]
    owner: str | None = None
    basis: str | None = None


class RuleState(StrEnum):
    """Where a rule of the store stands."""

    DRAFT = "draft"
    """Proposed; the two reviews are under way."""
    ACTIVE = "active"
    """Both approved: it counts."""
    REJECTED = "rejected"
    """One of the two refused it."""
    REPLACED = "replaced"
    """A newer version counts in its place."""
    RETIRED = "retired"
    """Taken out of force."""


@dataclass(frozen=True, kw_only=True)
class RuleTarget:
    """What a rule hangs on: a ``resource`` as a whole, an ``item`` of it, or a data ``element``."""

    resource: str = ""
    item: str = ""
    element: str = ""

    @property
    def label(self) -> str:
        """One text for it."""
        return f"element {self.element}" if self.element else f"{self.resource}.{self.item}" if self.item else self.resource


@dataclass(frozen=True, kw_only=True)
class RuleRecord:
    """One version of a rule of the store. ``evidence`` says why it is proposed: figures and words, no values."""

    name: str
    version: int
    target: RuleTarget
    use: RuleUse
    author: str
    state: RuleState
    made_at: str
    changed_at: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RuleReview:
    """What one reviewer said of one version; ``role`` is ``business`` or ``technical``."""

    rule: str
    version: int
    role: str
    reviewer: str
    is_approved: bool
    words: str
    at: str
