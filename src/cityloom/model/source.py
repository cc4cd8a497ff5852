"""Where data come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.text import STRICT, Title

MODES = ("full", "incremental", "cdc", "push", "virtual")
CYCLES = ("manual", "year", "quarter", "month", "week", "day", "hour", "continuous")


@dataclass(frozen=True, kw_only=True)
class Source:
    """数据源: a connection to a system of a department.

    ``connector`` names a plug-in of ``collect/connectors``; ``options`` are that plug-in's fields
    (secrets only as references ``env:NAME`` or ``file:PATH``); ``at_once`` how many tasks may read from it
    at the same time.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    department: str
    connector: str
    options: Mapping[str, Any] = field(default_factory=dict)
    at_once: int = 1


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When a collection task runs by itself, and what happens when it does not.

    ``cycle`` of the task says how often; ``time`` at which time of the day (``HH:MM``, China; of a cycle hour
    only the minute); ``day`` of the week (1 Monday) or month (of a quarter or a year: of its first month; a day
    that the month lacks is its last); ``cron`` five fields instead of them and of the cycle; ``workdays`` only on
    Chinese workdays (a week, month, quarter or year moves to the next one);
    ``after`` resources whose tasks must have succeeded first in this period; ``retries`` tries after a failure of
    the source, the first after ``wait_seconds``, each further one after twice as long; ``timeout_seconds`` after
    which a run is cut off as a failure of the source (0: none; a continuous task has none); ``late_minutes`` after
    its time without data of the period an alert is raised (0: none), until then it looks again for data.
    """

    __pydantic_config__ = STRICT

    time: str = "02:00"
    day: int = 1
    cron: str = ""
    workdays: bool = False
    after: tuple[str, ...] = ()
    retries: int = 3
    wait_seconds: int = 30
    timeout_seconds: int = 21_600
    late_minutes: int = 0


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a live query may cost its source: ``rows`` it may give, rows the source may have to look at
    (``scanned``, by its own estimate) and ``seconds`` it may take."""

    __pydantic_config__ = STRICT

    rows: int = 1000
    scanned: int = 200_000
    seconds: float = 5.0


@dataclass(frozen=True, kw_only=True)
class CollectionTask:
    """归集任务: what is taken from a source into a resource.

    ``what`` are the connector's fields for this task (a table, a path pattern, an address);
    ``mode`` full, incremental, cdc, push or virtual; ``cycle`` manual, year, quarter, month, week, day, hour
    or continuous, with ``schedule`` for the details;
    ``retransmission`` of a past batch: ``replace`` it or ``append`` as correction;
    ``rows_within`` how far a batch may be from the usual number of rows, as a share of it (0.5: half as many, or half
    as many again; 0: any number; not given: 0.5 in mode full, otherwise any);
    ``drift`` policy for unknown or missing columns and bad rows: ``stop``, ``quarantine`` or ``accept``;
    ``virtual`` allows live queries (虚拟入湖) within a budget: beside collecting, or alone in mode virtual.
    """

    __pydantic_config__ = STRICT

    source: str
    what: Mapping[str, Any] = field(default_factory=dict)
    mode: str = "full"
    cycle: str = "day"
    retransmission: str = "replace"
    rows_within: float | None = None
    drift: str = "quarantine"
    schedule: Schedule = field(default_factory=Schedule)
    virtual: Budget | None = None
