"""Verification of the audit log away from the platform: a bundle and the public key are all it needs.

It opens no store and reads no settings. Memory does not grow with the bundle. A change of any byte of the
bundle is found; that events were dropped or rewritten *before* signing is found by comparing with checkpoints
that were kept elsewhere (``kept``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cityloom.kernel import merkle
from cityloom.kernel.errors import CityLoomError, SourceError
from cityloom.kernel.i18n import _
from cityloom.kernel.note import Checkpoint, parse_checkpoint
from cityloom.protect.crypto import Ed25519Verifier

MOST_PROBLEMS = 100
"""How many problems a report lists."""
_LONGEST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What does not fit: a stable code, the line of the bundle (0: none), and a sentence."""

    code: str
    line: int
    text: str


@dataclass(frozen=True, kw_only=True)
class VerifyReport:
    """What was found: how many events were read, the root over them, and every problem.

    ``checkpoints`` counts the signed heads that were right.
    """

    size: int
    root: bytes
    is_verified: bool
    problems: tuple[Problem, ...]
    checkpoints: int = 0


def verify_bundle(path: Path, vkey: str, kept: Sequence[str] = ()) -> VerifyReport:
    """Check a bundle's signatures, recompute its root and that at every earlier checkpoint.

    Args:
        path: the bundle, as ``store.audit.export`` writes it.
        vkey: the public key of the log, got from someone other than who gave the bundle.
        kept: signed checkpoints of the same log that were kept elsewhere; the bundle must continue them.

    Raises:
        DataError: ``kernel.note.key`` when the key is none.
        SourceError: ``protect.bundle.unreadable`` when there is no such file.
    """
    check = _Check(Ed25519Verifier.of(vkey))
    for note in kept:
        check.expect(note)
    try:
        with path.open("rb") as file:
            check.read(iter(lambda: file.readline(_LONGEST_LINE), b""))
    except OSError:
        raise SourceError(
            "protect.bundle.unreadable",
            "The bundle cannot be read.",
            hint="Check that the file is there and may be read.",
        ) from None
    return check.report()


@dataclass
class _Check:
    verifier: Ed25519Verifier
    origin: str = ""
    newest: Checkpoint | None = None
    size: int = 0
    frontier: tuple[bytes, ...] = ()
    right: int = 0
    wanted: dict[int, list[Checkpoint]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def blame(self, code: str, line: int, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(code=code, line=line, text=text))

    def signed(self, note: Any, line: int) -> Checkpoint | None:
        """The checkpoint in a note, if this log's key signed it."""
        try:
            found, _signatures = parse_checkpoint(note if isinstance(note, str) else "")
            is_signed = self.verifier.has_signed(note)
        except CityLoomError as error:
            self.blame("malformed", line, error.message)
            return None
        if not is_signed:
            self.blame("signature", line, _("The checkpoint is not signed by this key."))
            return None
        if self.origin and found.origin != self.origin:
            self.blame("origin", line, _("The checkpoint is of another log."))
            return None
        self.origin = found.origin
        return found

    def expect(self, note: str) -> None:
        """A checkpoint that was kept elsewhere must be met on the way."""
        found = self.signed(note, 0)
        if found is not None:
            self.wanted.setdefault(found.size, []).append(found)

    def read(self, lines: Iterator[bytes]) -> None:
        """Take the lines in; stop at the first that cannot follow the ones before."""
        self.newest = self.signed(_parse(next(lines, b"")).get("checkpoint"), 1)
        self.meet_wanted()
        for number, line in enumerate(lines, start=2):
            value = _parse(line)
            if value.keys() == {"checkpoint"}:
                self.meet(self.signed(value["checkpoint"], number), number)
            elif value.keys() == {"index", "leaf"} and isinstance(value["leaf"], str):
                if value["index"] != self.size or isinstance(value["index"], bool):
                    return self.blame("order", number, _("An event is missing, added or out of order."))
                self.take(value["leaf"].encode("utf-8", "surrogatepass"))
            else:
                return self.blame("malformed", number, _("The line is not as an export writes it."))
        return None

    def take(self, leaf: bytes) -> None:
        self.frontier, _made = merkle.grow(self.frontier, self.size, merkle.leaf_hash(leaf))
        self.size += 1
        self.meet_wanted()

    def meet_wanted(self) -> None:
        for found in self.wanted.pop(self.size, ()):
            self.meet(found, 0)

    def meet(self, found: Checkpoint | None, line: int) -> None:
        """Compare a signed head with the tree as it stands."""
        if found is None:
            return
        if found.size != self.size:
            self.blame("size", line, _("A checkpoint does not stand where its number of events is reached."))
        elif found.root != merkle.fold(self.frontier):
            self.blame("root", line, _("An event before this checkpoint was changed, or the checkpoint was."))
        else:
            self.right += 1

    def report(self) -> VerifyReport:
        self.meet(self.newest, 1)
        if self.wanted:
            self.blame("cut", 0, _("The log is shorter than a checkpoint that was kept elsewhere."))
        return VerifyReport(
            size=self.size,
            root=merkle.fold(self.frontier),
            is_verified=not self.problems and self.newest is not None,
            problems=tuple(self.problems),
            checkpoints=self.right,
        )


def _parse(line: bytes) -> dict[str, Any]:
    """One line as an export writes it, byte for byte; anything else is empty."""
    try:
        text = line.decode()
        value = json.loads(text)
        again = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and again == text else {}
