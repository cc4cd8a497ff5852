"""Where data come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class Source:
    """数据源: a connection to a system of a department.

    ``connector`` names a plug-in of ``collect/connectors``; ``options`` are that plug-in's fields
    (secrets only as references ``env:NAME`` or ``file:PATH``).
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    department: str
    connector: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CollectionTask:
    """归集任务: what is taken from a source into a resource.

    ``what`` are the connector's fields for this task (a table, a path pattern, an address);
    ``mode`` full, incremental or cdc; ``cycle`` year, quarter, month, week, day, hour or continuous;
    ``retransmission`` of a past batch: ``replace`` it or ``append`` as correction;
    ``drift`` policy for unknown or missing columns and bad rows: ``stop``, ``quarantine`` or ``accept``.
    """

    __pydantic_config__ = STRICT

    source: str
    what: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "full"
    cycle: str = "day"
    retransmission: str = "replace"
    drift: str = "quarantine"
