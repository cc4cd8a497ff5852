"""Published ways to get data, and the rights to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.resource import Access
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Mask:
    """脱敏: a mask plug-in of ``protect/masks`` and its fields."""

    __pydantic_config__ = STRICT

    mask: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ServiceItem:
    """One field that a service may give, with the mask under which it leaves."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    mask: Mask | None = None


@dataclass(frozen=True, kw_only=True)
class Service:
    """接口服务: of the form ``lookup`` it gives a record's items, ``verify`` answers yes or no without giving data.

    ``table`` is the lake table behind it; ``require`` the parameters without which it does not answer
    (to read a person one must already know e.g. id and name); ``quota`` calls per day and grant.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    form: str
    department: str
    table: str
    require: tuple[str, ...]
    items: tuple[ServiceItem, ...] = ()
    compare: tuple[str, ...] = ()
    version: str = "1"
    grade: str = "sensitive"
    sharing: Access
    quota: int = 1000


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """考核指标: one figure of the index system, computed from the platform's own records.

    ``group`` is the part of the index system it belongs to, told from others by its Chinese title; ``measure``
    names a measure of ``assess``; ``weight`` its points out of the system's total.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    group: Title
    measure: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class IndexSystem:
    """指标体系: the indicators by which departments are scored."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    indicators: tuple[Indicator, ...]


@dataclass(frozen=True, kw_only=True)
class Demand:
    """A use that the example shows: who asks for which service, for what, who answers and with what ``reasons``."""

    __pydantic_config__ = STRICT

    name: str
    service: str
    consumer: str
    purpose: Title
    basis: str
    items: tuple[str, ...]
    approver: str
    reasons: Title = Title("依法定职责所需，准予使用。", "Needed for a duty laid down by law; use is granted.")
    days: int = 365
