"""The technical log: structlog, JSON lines on standard error. Findings and audit are records, not log lines.

Events are named ``room.noun.past_verb``. No value of a person is ever logged: only names of tables and
resources, counts and positions.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from cityloom.kernel.errors import ConfigError

LEVELS = ("debug", "info", "warning", "error")


def configure_log(level: str = "warning") -> None:
    """Set the log up once per process.

    Raises:
        ConfigError: ``kernel.setting.level`` for a level that there is not.
    """
    if level.lower() not in LEVELS:
        raise ConfigError(
            "kernel.setting.level",
            "There is no log level {level}.",
            hint="Known: {known}.",
            level=level,
            known=", ".join(LEVELS),
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_log(name: str) -> Any:
    """A logger bound to a room's name."""
    return structlog.get_logger(room=name)
