"""Where the real data lie that some tests read: a folder ``real-data`` beside the repository.

They are optional. Where the repository stands beside ``shared/data/unpack``, that script lays them out. It runs when
the first process of a test run imports this, before the others start: what tests are parametrised by is then the same
for each process that collects them.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[2]
_SCRIPT = _BESIDE / "shared" / "data" / "unpack"
if _SCRIPT.is_file() and "PYTEST_XDIST_WORKER" not in os.environ:
    subprocess.run([str(_SCRIPT)], capture_output=True, check=True)

REAL = _BESIDE / "real-data"
"""The folder; without the data it does not exist."""
REASON = "the real data are neither in ../real-data nor in ../shared/data"
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=REASON)
"""A mark: without the data the test is skipped."""
