"""The audit log: appending events, exporting the bundle, verifying it as an outsider.

The peer of all three is the hashing alone: SHA-256 of every leaf and of every inner node.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from cities import workspace
from harness import Bench, Outcome, Part, Timer, run

from cityloom.flows.bootstrap import Workspace
from cityloom.model.audit import AuditEvent, EventKind
from cityloom.protect.verify import verify_bundle
from cityloom.store import audit

_BATCH = 1000
_BUNDLE = "bundle.jsonl"


def events(size: int) -> Iterator[AuditEvent]:
    """Made-up answers of a service, as large as real ones."""
    for number in range(size):
        details: dict[str, str | int] = {
            "call": f"c_{number:020d}",
            "version": "1",
            "grant": "g_00000000000000000001",
            "purpose": "housing_eligibility",
            "rows": 1,
            "digest": f"{number:032x}",
            "subject": f"{number * 7919:032x}",
        }
        yield AuditEvent(kind=EventKind.SERVICE_ANSWERED, actor="zj.reader", subject="service:person_lookup", details=details)


def _append(made: Workspace, size: int) -> None:
    batch: list[AuditEvent] = []
    for number, event in enumerate(events(size), start=1):
        batch.append(event)
        if len(batch) == _BATCH or number == size:
            with made.store.write() as connection:
                audit.append_all(connection, batch, made.clock)
            batch = []


def nothing(folder: Path, size: int) -> None:
    """An empty workspace, and as many leaves as lines for the hashing alone."""
    with workspace(folder):
        pass
    _leaves(folder, size)


def log(folder: Path, size: int) -> None:
    """A log of that many events, exported, and its leaves as lines."""
    with workspace(folder) as made:
        _append(made, size)
        _export(made, folder)
    _leaves(folder, size)


def _leaves(folder: Path, size: int) -> None:
    with (folder / "leaves").open("w", encoding="utf-8") as file:
        for event in events(size):
            leaf = {"actor": event.actor, "details": dict(event.details), "kind": str(event.kind), "subject": event.subject}
            file.write(json.dumps({**leaf, "time": "2026-01-01T00:00:00.000000Z"}, sort_keys=True, separators=(",", ":")) + "\n")


def append(folder: Path, size: int, timer: Timer) -> Outcome:
    """Durably, a thousand in a transaction."""
    with workspace(folder) as made, timer:
        _append(made, size)
    return Outcome(size)


def append_one(folder: Path, size: int, timer: Timer) -> Outcome:
    """Durably, each in a transaction of its own."""
    with workspace(folder) as made, timer:
        for event in events(size):
            with made.store.write() as connection:
                audit.append(connection, event, made.clock)
    return Outcome(size)


def _export(made: Workspace, folder: Path) -> None:
    with made.store.write() as connection:
        audit.export(connection, made.clock, made.keys.audit, made.settings.audit_origin, folder / _BUNDLE)


def export(folder: Path, size: int, timer: Timer) -> Outcome:
    """Sign the head and write the bundle."""
    with workspace(folder) as made, timer:
        _export(made, folder)
    return Outcome(size)


def verify(folder: Path, size: int, timer: Timer) -> Outcome:
    """Verify the bundle with the public key."""
    with workspace(folder) as made:
        key = made.keys.vkey
    with timer:
        report = verify_bundle(folder / _BUNDLE, key)
    if not report.is_verified or report.size != size:
        raise SystemExit("The bundle does not verify.")
    return Outcome(size)


def hashing(folder: Path, size: int, timer: Timer) -> Outcome:
    """The tree's hashes and nothing else."""
    with (folder / "leaves").open("rb") as file, timer:
        stack: list[tuple[int, bytes]] = []
        for line in file:
            level, value = 0, hashlib.sha256(b"\0" + line[:-1]).digest()
            while stack and stack[-1][0] == level:
                value = hashlib.sha256(b"\1" + stack.pop()[1] + value).digest()
                level += 1
            stack.append((level, value))
    return Outcome(size)


def _bench(name: str, base: int, ours: Part, made: bool) -> Bench:
    return Bench(name=name, base=base, unit="events", prepare=log if made else nothing, ours=ours, peers={"hashing alone": hashing})


if __name__ == "__main__":
    run(
        _bench("audit_append", 20_000, append, made=False),
        _bench("audit_append_one", 500, append_one, made=False),
        _bench("audit_export", 20_000, export, made=True),
        _bench("audit_verify", 20_000, verify, made=True),
    )
