"""dlt beside us: installed into an environment of its own at first use, run in a process of its own.

As a script it runs there, and prints what one pipeline took from its start to its end: rows of a table or of a
file of text, to Parquet files in a folder. What it imports is not measured.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[2] / ".servers" / "dlt"
PACKAGES = ("dlt[filesystem,parquet]", "connectorx", "numpy", "pandas", "psycopg[binary]", "pymysql", "sqlalchemy")
BACKENDS = ("sqlalchemy", "pyarrow", "connectorx")


def interpreter() -> str | None:
    """A Python that has dlt; ``None``, and a word about it, when it cannot be installed."""
    python = HOME / "bin" / "python"
    if not (HOME / "ready").exists():
        print("Installing dlt for the comparison, once.", file=sys.stderr)
        commands = [[sys.executable, "-m", "venv", "--clear", str(HOME)], [str(python), "-m", "pip", "install", "-q", *PACKAGES]]
        try:
            for command in commands:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError):
            print("dlt could not be installed: it is left out of the comparison.", file=sys.stderr)
            return None
        (HOME / "ready").touch()
    return str(python)


def run(source: str, backend: str) -> dict[str, Any] | None:
    """Seconds, CPU seconds, peak MB and rows of one pipeline; ``None`` where dlt cannot do it."""
    python = interpreter()
    if python is None:
        return None
    environment = os.environ | {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    command = [python, __file__, source, backend]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        print(f"dlt with {backend} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(source: str, backend: str) -> None:
    """One pipeline; prints its figures."""
    import dlt
    from dlt.sources.filesystem import filesystem, read_csv
    from dlt.sources.sql_database import sql_table

    work = Path(tempfile.mkdtemp(prefix="cityloom-bench-dlt-"))
    began = (time.perf_counter(), _cpu())
    if backend == "csv":
        path = Path(source)
        files = filesystem(bucket_url=f"file://{path.parent}", file_glob=path.name)
        rows: Any = (files | read_csv(chunksize=50_000, dtype=str, keep_default_na=False)).with_name("person")
    else:
        given = {"backend_kwargs": {"conn": _plain(source)}} if backend == "connectorx" else {}
        rows = sql_table(credentials=source, table="person", backend=backend, chunk_size=50_000, **given)
    target = dlt.destinations.filesystem(bucket_url=f"file://{work}/out")
    pipeline = dlt.pipeline("bench", destination=target, dataset_name="bench", pipelines_dir=str(work / "pipelines"))
    pipeline.run(rows, loader_file_format="parquet")
    taken = (time.perf_counter() - began[0], _cpu() - began[1])
    counts = pipeline.last_trace.last_normalize_info.row_counts
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shutil.rmtree(work)
    print(json.dumps({"seconds": taken[0], "cpu_seconds": taken[1], "peak_mb": peak, "rows": counts["person"]}))


def _plain(url: str) -> str:
    scheme, rest = url.split("://", 1)
    return f"{scheme.split('+')[0]}://{rest}"


def _cpu() -> float:
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


if __name__ == "__main__":
    main(*sys.argv[1:])
