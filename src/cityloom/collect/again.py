"""Batches taken in once more: proved to be equal, or put right from the source."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from cityloom.collect import verify
from cityloom.collect.base import Slice, build
from cityloom.collect.landing import Landing
from cityloom.collect.verify import CHANGED, DAMAGED, EQUAL, Check
from cityloom.kernel.clock import Clock, iso
from cityloom.kernel.errors import CityLoomError
from cityloom.lake.tables import Lake
from cityloom.model.batch import Batch
from cityloom.model.resource import Resource
from cityloom.model.run import StageResult
from cityloom.model.source import Source
from cityloom.store.database import Store

_RIGHTED = ("restored", "replaced", "added")


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a batch that was to be taken in once more.

    ``outcome``: ``equal``, nothing was to be done; ``restored`` in the lake; ``replaced`` or ``added``, as the task
    treats a batch that is sent again; ``passed``, it cannot be read again and is sound; ``failed`` (``reason``).
    ``new`` is the batch that it is now.
    """

    batch: str
    origin: str
    outcome: str
    new: str = ""
    rows: int = 0
    reason: str = ""


def run(
    resource: Resource,
    source: Source,
    *,
    lake: Lake,
    store: Store,
    clock: Clock,
    base: Path,
    actor: str = "system",
    batch: str | None = None,
) -> StageResult:
    """Read the source of batches that stand once more. What is equal stays; what is not lands again.

    Rows that are damaged in the lake are restored, where the source still has them. What changed at the source is
    treated as the task says (``retransmission``).

    Args:
        resource: whose batches.
        source: read again.
        lake: holds, and takes, their rows.
        store: holds, and takes, batches and receipts.
        clock: tells the time.
        base: folder on which relative paths and ``file:`` references stand.
        actor: who asks for it, for the audit.
        batch: only this one.

    Returns:
        ``read`` batches, ``written`` those that are right now; ``summary``: ``batches``, a dictionary each.
    """
    connector = build(resource, source, base)
    landing = Landing(resource=resource, connector=connector, lake=lake, store=store, clock=clock, actor=actor)
    chosen = verify.standing(store, resource, batch)
    done: dict[str, Replayed] = {}
    checks: list[Check] = []
    for one, piece in verify.pieces_of(resource, connector, chosen):
        check = verify.check_lake(lake, resource, one)
        check = verify.compare(check, one, piece, resource, connector, lake.engine, iso(clock.now()))
        done[one.id] = _replay(landing, one, piece, check)
        if done[one.id].outcome not in _RIGHTED:
            checks.append(check)
    for one in chosen:
        if one.id not in done:
            checks.append(verify.check_lake(lake, resource, one))
            done[one.id] = _judged(checks[-1])
    verify.record(store, resource, checks)
    found = [done[b.id] for b in chosen]
    right = sum(r.outcome != "failed" for r in found)
    return StageResult(
        read=len(found), written=right, rejected=len(found) - right, summary={"batches": [asdict(r) for r in found]}
    )


def _replay(landing: Landing, batch: Batch, piece: Slice | None, check: Check) -> Replayed:
    is_needed = check.lake == DAMAGED or check.source == CHANGED
    if piece is None or not is_needed or check.source not in (EQUAL, CHANGED):
        return _judged(check)
    landed = landing.land(piece) if check.lake != DAMAGED else landing.land_anew(piece, batch)
    if not landed.is_new and not landed.error:
        landed = landing.land_anew(piece, batch)  # the same bytes, read otherwise: the definition has changed
    if landed.error:
        return _failed(check, landed.error)
    outcome = "restored" if check.lake == DAMAGED else "replaced"
    if outcome == "replaced" and landing.resource.collect.retransmission != "replace":
        outcome = "added"
    receipt = landed.batch.receipt
    rows = receipt.landed_rows if receipt else 0
    return Replayed(batch=batch.id, origin=batch.origin, outcome=outcome, new=landed.batch.id, rows=rows)


def _judged(check: Check) -> Replayed:
    """A batch that is left as it is."""
    if check.lake == DAMAGED:
        reason = check.reason or f"damaged in the lake, and at the source {check.source}"
        return Replayed(batch=check.batch, origin=check.origin, outcome="failed", reason=reason)
    if check.source == EQUAL:
        return Replayed(batch=check.batch, origin=check.origin, outcome="equal", rows=check.rows)
    outcome = "failed" if check.source == verify.UNREADABLE else "passed"
    return Replayed(batch=check.batch, origin=check.origin, outcome=outcome, rows=check.rows, reason=check.reason)


def _failed(check: Check, error: CityLoomError) -> Replayed:
    return Replayed(batch=check.batch, origin=check.origin, outcome="failed", reason=str(error))
