"""Errors that connectors of messages share."""

from __future__ import annotations

from cityloom.kernel.errors import SourceError

UNREACHABLE = "collect.source.unreachable"


def unreachable(source: str, problem: str) -> SourceError:
    """The source does not answer."""
    return SourceError(
        "collect.source.unreachable",
        "{source} does not answer: {problem}.",
        hint="Check address, network and whether it is up; the next run goes on where this one ended.",
        source=source,
        problem=problem,
    )


def denied(source: str) -> SourceError:
    """The source does not let us in."""
    return SourceError(
        "collect.source.denied",
        "{source} refuses the user, the password or the right to read.",
        hint="Check user and password of the source, and what the user may read there.",
        source=source,
    )


def missing(source: str, name: str) -> SourceError:
    """The topic, stream or queue is not there."""
    return SourceError(
        "collect.topic.missing",
        "{source} has no {name}.",
        hint="Correct its name in the definition, or have it made.",
        source=source,
        name=name,
    )


def lost(source: str, wanted: str, found: str, gap: str) -> SourceError:
    """The source no longer holds what was not yet collected; ``gap`` names the position before it."""
    return SourceError(
        "collect.log.lost",
        "{source} no longer holds what comes next: {wanted} is wanted, and it has {found}.",
        hint="What was not yet collected was removed there, or it was made anew. Have it sent again if you can, and"
        " have it kept for longer. To go on after this gap, set accept_gap: {gap} in the source.",
        source=source,
        wanted=wanted,
        found=found,
        gap=gap,
    )
