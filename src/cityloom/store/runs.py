"""Runs of steps: who is at work, what was read and written, what went wrong.

A running run holds the lock of its step and subject, and shows life by its heartbeat; one whose lock is free
counts as lost, and its step is done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from cityloom.model.run import Run, StageResult
from cityloom.store.database import metadata

run_table = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("step", sa.String(40), nullable=False),
    sa.Column("subject", sa.String(120), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("spec_digest", sa.String(64), nullable=False),
    sa.Column("started_at", sa.String(32), nullable=False),
    sa.Column("alive_at", sa.String(32), nullable=False),
    sa.Column("ended_at", sa.String(32)),
    sa.Column("seconds", sa.Float),
    sa.Column("inputs", sa.JSON, nullable=False),
    sa.Column("outputs", sa.JSON, nullable=False),
    sa.Column("result", sa.JSON),
    sa.Column("error_code", sa.String(80)),
    sa.Column("error_text", sa.Text),
    sa.Index("ix_run_step_subject", "step", "subject", "started_at"),
)


def open_run(connection: sa.Connection, run: Run) -> None:
    """Record that a run has begun."""
    connection.execute(
        run_table.insert().values(
            id=run.id,
            step=run.step,
            subject=run.subject,
            state="running",
            spec_digest=run.spec_digest,
            started_at=run.started_at,
            alive_at=run.started_at,
            inputs=dict(run.inputs),
            outputs={},
        )
    )


def beat(connection: sa.Connection, run_id: str, at: str) -> None:
    """Show that a run is alive."""
    connection.execute(run_table.update().where(run_table.c.id == run_id).values(alive_at=at))


def close_run(connection: sa.Connection, run: Run) -> None:
    """Record how a run ended."""
    connection.execute(
        run_table.update()
        .where(run_table.c.id == run.id)
        .values(
            state=run.state,
            ended_at=run.ended_at,
            seconds=run.seconds,
            outputs=dict(run.outputs),
            result=asdict(run.result) if run.result else None,
            error_code=run.error_code,
            error_text=run.error_text,
        )
    )


def running(connection: sa.Connection) -> list[tuple[str, str]]:
    """Step and subject of the runs that have not ended, each once."""
    t = run_table
    query = sa.select(t.c.step, t.c.subject).where(t.c.state == "running").distinct().order_by(t.c.step, t.c.subject)
    return [(row.step, row.subject) for row in connection.execute(query)]


def lose_runs(connection: sa.Connection, step: str, subject: str, *, now: str) -> int:
    """Mark a step's running runs on a subject as lost; returns how many. To be called under the step's lock."""
    t = run_table
    left = sa.and_(t.c.step == step, t.c.subject == subject, t.c.state == "running")
    return int(connection.execute(t.update().where(left).values(state="lost", ended_at=now)).rowcount)


def last_done(connection: sa.Connection, step: str, subject: str) -> Run | None:
    """The newest run of a step on a subject that ended well."""
    t = run_table
    row = connection.execute(
        sa.select(t)
        .where(t.c.step == step, t.c.subject == subject, t.c.state == "done")
        .order_by(t.c.ended_at.desc())
        .limit(1)
    ).mappings().first()
    return _run(row) if row else None


def list_runs(connection: sa.Connection, *, step: str | None = None, limit: int = 200) -> Sequence[Run]:
    """Runs, newest first."""
    query = sa.select(run_table).order_by(run_table.c.started_at.desc()).limit(limit)
    if step:
        query = query.where(run_table.c.step == step)
    return [_run(row) for row in connection.execute(query).mappings()]


def _run(row: Mapping[str, Any] | sa.RowMapping) -> Run:
    values = {k: row[k] for k in Run.__dataclass_fields__ if k != "result"}
    result = StageResult(**row["result"]) if row["result"] else None
    return Run(**values, result=result)
