"""Parsing in a process of its own: a hostile file costs a time and memory limit, never the collector.

The process reads one JSON line a file (``path``, ``name``) and answers with one JSON line of features.
"""

from __future__ import annotations

import contextlib
import json
import resource
import selectors
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from cityloom.collect.documents.features import Features, features_of

_TOO_LONG = "It took longer to parse than the limit allows."
_DIED = "The parser could not bear it; the original is kept."


@dataclass
class Parser:
    """Parses files, one after another; starts its process at the first and again when it has died.

    Args:
        seconds: limit for one file.
        memory_mb: limit of the process (address space, MiB).
    """

    seconds: float = 60.0
    memory_mb: int = 4096
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def parse(self, path: Path, name: str) -> Features:
        """Features of a file; a file that cannot be parsed has a ``problem``."""
        process = self._started()
        assert process.stdin and process.stdout
        line = json.dumps({"path": str(path), "name": name})
        try:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            answer = self._answer(process.stdout)
        except BrokenPipeError:
            answer = b""
        if answer is None or not answer:
            self.close()
            return Features(problem=_TOO_LONG if answer is None else _DIED)
        return features_of(json.loads(answer))

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            command = [sys.executable, "-m", __name__, str(self.memory_mb)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._process

    def _answer(self, stream: IO[bytes]) -> bytes | None:
        """The next line; empty when the process has died, None when it takes too long."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(stream, selectors.EVENT_READ)
            return stream.readline() if waiting.select(self.seconds) else None


def main() -> None:
    """Answer until standard input ends."""
    from cityloom.collect.documents.parse import parse

    limit = int(sys.argv[1]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin.buffer:
        given: dict[str, Any] = json.loads(line)
        try:
            found = parse(Path(given["path"]), given["name"])
        except MemoryError:
            found = {"problem": _DIED}
        except Exception as error:  # a library's defect on one file is that file's problem
            found = {"problem": f"The file is damaged or not of its format ({type(error).__name__})."}
        sys.stdout.write(json.dumps(asdict(features_of(found))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
