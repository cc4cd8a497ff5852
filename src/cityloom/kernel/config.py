"""The settings of one installation: one table, each with default, unit and a sentence.

Nothing else reads the environment. ``docs/reference/settings.md`` is generated from this table.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cityloom.kernel.errors import ConfigError

PREFIX = "CITYLOOM_"


def _setting(default: Any, unit: str, sentence: str) -> Any:
    return field(default=default, metadata={"unit": unit, "sentence": sentence})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator may set, by ``CITYLOOM_<NAME>`` in the environment."""

    workspace: Path = _setting(Path("cityloom-demo"), "folder", "Where lake, control store and keys live.")
    language: str = _setting("zh", "zh or en", "Language of messages and pages.")
    database: str = _setting("", "SQLAlchemy URL", "Control store; empty means SQLite inside the workspace.")
    memory_mb: int = _setting(640, "MiB", "What the embedded engine may hold in memory before it spills to disk.")
    threads: int = _setting(0, "threads", "Threads of the embedded engine; 0 means one per processor.")
    engine: str = _setting("duckdb", "duckdb or spark", "Where whole tables are standardised, assessed and fused.")
    spark_url: str = _setting(
        "", "address", "Of the Spark Connect server: sc://host:15002; env:NAME or file:PATH where it holds a token."
    )
    plugins: str = _setting("", "folder", "Own plug-ins, one file each, in subfolders named like ours: connectors, steps, rules.")
    host: str = _setting("127.0.0.1", "address", "Where the server listens.")
    intake_mb: int = _setting(512, "MiB", "Largest delivery that a department may push or upload.")
    port: int = _setting(8650, "port", "Where the server listens; 0 takes a free one.")
    log_level: str = _setting("warning", "level", "Least level of the technical log: debug, info, warning, error.")
    audit_origin: str = _setting("cityloom.local/audit", "name", "Name of the audit log, the first line of each checkpoint.")
    lease_seconds: int = _setting(60, "seconds", "A job that shows no life for so long counts as lost.")
    jobs_at_once: int = _setting(4, "jobs", "So many tasks run by themselves at the same time; continuous ones not counted.")
    busy_seconds: int = _setting(30, "seconds", "A command waits so long for another that works on the same.")


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from the environment, over them what is given by the caller (``None`` means not given).

    Raises:
        ConfigError: ``kernel.setting.unknown`` or ``kernel.setting.invalid``.
    """
    env = os.environ if environ is None else environ
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, Any] = {}
    for key, text in env.items():
        if not key.startswith(PREFIX):
            continue
        name = key[len(PREFIX) :].lower()
        if name not in known:
            raise ConfigError(
                "kernel.setting.unknown",
                "There is no setting {key}.",
                hint="Known settings: {known}.",
                key=key,
                known=", ".join(PREFIX + n.upper() for n in known),
            )
        values[name] = _convert(key, text, known[name].default)
    values |= {k: v for k, v in given.items() if v is not None}
    return Settings(**values)


def reference(value: str, *, base: Path, environ: Mapping[str, str] | None = None) -> str:
    """A value, or what it refers to: ``env:NAME`` an environment variable, ``file:PATH`` a file's text.

    Secrets and addresses that change stand in definitions as references only.

    Raises:
        ConfigError: ``kernel.reference.missing`` when there is no such variable or file.
    """
    kind, _, name = value.partition(":")
    if kind == "env":
        found = (os.environ if environ is None else environ).get(name)
    elif kind == "file":
        path = base / name
        found = path.read_text(encoding="utf-8").strip() if path.is_file() else None
    else:
        return value
    if found is None:
        raise ConfigError(
            "kernel.reference.missing",
            "{kind}:{name} is referred to, and is not there.",
            hint="Set the variable, or write the file, and try again.",
            kind=kind,
            name=name,
        )
    return found


def _convert(key: str, text: str, default: Any) -> Any:
    try:
        found = type(default)(text)
        if isinstance(found, int) and found < 0:
            raise ValueError
        return found
    except ValueError:
        raise ConfigError(
            "kernel.setting.invalid",
            "{key} must be of type {type}, and not below zero.",
            hint="Correct it in the environment, or unset it to use the default.",
            key=key,
            type=type(default).__name__,
        ) from None
