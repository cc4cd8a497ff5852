"""What a step of the chain did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """Counts of one step: ``read = written + rejected`` is checked by the chain.

    ``summary`` holds figures for reports (no values of persons).
    """

    read: int
    written: int
    rejected: int = 0
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """运行: one execution of one step on one subject, with the versions it read and wrote.

    ``state`` is ``running``, ``done``, ``failed`` or ``lost`` (its process died); ``spec_digest`` the digest
    of everything that decides the outcome besides the input versions.
    """

    id: str
    step: str
    subject: str
    state: str
    spec_digest: str
    started_at: str
    ended_at: str | None = None
    seconds: float | None = None
    inputs: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, int] = field(default_factory=dict)
    result: StageResult | None = None
    error_code: str | None = None
    error_text: str | None = None
