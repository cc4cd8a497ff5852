"""Runs the commands of a document as one shell session, as its reader does."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARK = "--8<-- block "
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PORT = "8651"
"""The port that documents name; the tests put a free one in its place."""


@dataclass(frozen=True)
class Block:
    """Fenced text of a document: ``sh`` is run, ``text`` must be seen, ``yaml`` is a file."""

    language: str
    text: str


class Documents:
    """Reads and executes documents."""

    root = ROOT

    def blocks(self, page: Path) -> list[Block]:
        """Fenced blocks in order."""
        return [Block(*found.groups()) for found in _FENCE.finditer(page.read_text(encoding="utf-8"))]

    def session(self, blocks: list[str], folder: Path, seconds: int = 570) -> list[str]:
        """Run shell blocks in one session; returns what each printed. A command that fails ends it."""
        port = str(_free_port())
        parts = [f"echo '{MARK}{i}'\n{text.replace(_PORT, port)}" for i, text in enumerate(blocks)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CITYLOOM_")}
        environment |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
            "COLUMNS": "220",
            "NO_COLOR": "1",
            "PYTHONUTF8": "1",
        }
        process = subprocess.Popen(
            ["sh", "-e"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            said, _none = process.communicate("{\n" + "\n".join(parts) + "\n}\n", timeout=seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        outputs = re.split(rf"^{re.escape(MARK)}\d+$\n?", said, flags=re.MULTILINE)[1:]
        assert process.returncode == 0, f"block {len(outputs)} failed:\n{outputs[-1] if outputs else said}"
        return [text.replace(port, _PORT) for text in outputs]

    def missing(self, blocks: list[Block], folder: Path) -> str:
        """Run a document's commands; says which of the lines it shows were not printed, and what was."""
        outputs = iter(self.session([b.text for b in blocks if b.language == "sh"], folder))
        said, found = "", []
        for block in blocks:
            if block.language == "sh":
                said = next(outputs)
            elif block.language == "text" and (unseen := self.unseen(block.text, said)):
                found.append("NOT SEEN:\n" + "\n".join(unseen) + "\nPRINTED:\n" + said)
        return "\n".join(found)

    def unseen(self, shown: str, said: str) -> list[str]:
        """Lines of a document's output that were not printed; ``…`` stands for anything, blanks do not count."""
        printed = [_bare(line) for line in said.splitlines()]
        return [line for line in shown.splitlines() if line.strip() and not _is_printed(_bare(line), printed)]


@pytest.fixture(scope="session")
def documents() -> Documents:
    """Reads and executes documents."""
    return Documents()


def _is_printed(line: str, printed: list[str]) -> bool:
    pattern = re.compile(".*".join(re.escape(part) for part in line.split("…")))
    return any(pattern.search(one) for one in printed)


def _bare(line: str) -> str:
    return re.sub(r"\s+", "", line)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
