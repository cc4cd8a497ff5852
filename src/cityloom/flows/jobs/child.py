"""The process of an attempt, as its scheduler sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Protocol

from cityloom.flows.bootstrap import Workspace
from cityloom.model.job import Job

_LEAST_MEMORY_MB = 128


class Child(Protocol):
    """A process at work on a job."""

    def poll(self) -> int | None:
        """Its exit status; ``None`` while it runs."""
        ...

    def stop(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it now."""
        ...


Spawn = Callable[[Job], Child]


class Process:
    """A child process in a session of its own, so that a terminal's Ctrl-C reaches the scheduler only."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )

    def poll(self) -> int | None:
        """Its exit status; ``None`` while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()


def spawner(workspace: Workspace) -> Spawn:
    """Starts attempts on a workspace; the engines of all that may run at once share the memory that is set."""
    settings = workspace.settings
    memory = max(_LEAST_MEMORY_MB, settings.memory_mb // max(1, settings.jobs_at_once))

    def spawn(job: Job) -> Child:
        words = (str(workspace.folder), job.id, str(job.attempts), str(os.getpid()), str(memory))
        return Process([sys.executable, "-m", "cityloom.flows.jobs", *words])

    return spawn
