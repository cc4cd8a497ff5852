"""The process of one attempt: ``python -m cityloom.flows.jobs FOLDER JOB ATTEMPT PARENT MEMORY_MB``."""

from __future__ import annotations

import sys
from pathlib import Path

from cityloom.flows.bootstrap import open_workspace
from cityloom.flows.jobs.worker import work
from cityloom.kernel.config import load_settings
from cityloom.kernel.i18n import set_language
from cityloom.kernel.log import configure_log


def main(folder: str, job: str, attempt: str, parent: str, memory_mb: str) -> None:
    """Open the workspace, do the attempt, record how it ended."""
    settings = load_settings(workspace=Path(folder), memory_mb=int(memory_mb))
    configure_log(settings.log_level)
    set_language(settings.language)
    workspace = open_workspace(settings)
    try:
        work(workspace, job, int(attempt), parent=int(parent))
    finally:
        workspace.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
