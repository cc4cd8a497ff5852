"""Who may move a thing from one state to another: one table a kind of thing, read by code and by people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cityloom.kernel.errors import DeniedError, UserError
from cityloom.model.principal import Principal


class Side(StrEnum):
    """On whose behalf a move is made."""

    CONSUMER = "consumer"
    """A person of the department that asks."""
    PROVIDER = "provider"
    """A person of the department that answers for the data."""
    AUTHORITY = "authority"
    """A person of the data authority, whichever department is concerned."""
    RULE = "rule"
    """Nobody: the move follows from the catalog or from the calendar."""


@dataclass(frozen=True, kw_only=True)
class Transition:
    """One allowed move: its verb, from where to where, by which roles of which sides."""

    verb: str
    source: str
    target: str
    who: tuple[tuple[Side, tuple[str, ...]], ...]

    def admits(self, actor: Principal, *, consumer: str | None, provider: str) -> bool:
        """Whether the actor's role and department allow the move."""
        home = {Side.CONSUMER: consumer, Side.PROVIDER: provider, Side.AUTHORITY: actor.department}
        return any(
            actor.department == home.get(side) and not set(roles).isdisjoint(actor.roles) for side, roles in self.who
        )

    @property
    def is_automatic(self) -> bool:
        """Whether no person makes this move."""
        return any(side is Side.RULE for side, _ in self.who)


def transition(table: Sequence[Transition], verb: str, state: str) -> Transition:
    """The move that a verb makes from a state.

    Raises:
        UserError: ``model.transition.impossible``, with the verbs that are possible.
    """
    for one in table:
        if one.verb == verb and one.source == state:
            return one
    possible = [t.verb for t in table if t.source == state and not t.is_automatic]
    raise UserError(
        "model.transition.impossible",
        "{verb} is not possible in the state {state}.",
        hint="Possible now: {possible}.",
        verb=verb,
        state=state,
        possible=", ".join(possible) or "-",
    )


def check_actor(move: Transition, actor: Principal, *, consumer: str | None, provider: str) -> None:
    """Refuse a move that the actor's role and department do not allow.

    Raises:
        DeniedError: ``model.transition.denied``, with the roles that may.
    """
    if not move.admits(actor, consumer=consumer, provider=provider):
        raise DeniedError(
            "model.transition.denied",
            "{account} may not {verb}.",
            hint="It is done by: {who}.",
            account=actor.account,
            verb=move.verb,
            who=_who(move),
        )


def diagram(table: Iterable[Transition], initial: str) -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {initial}"]
    lines += [f"    {t.source} --> {t.target}: {t.verb} ({_who(t)})" for t in table]
    return "\n".join(lines) + "\n"


def _who(move: Transition) -> str:
    return ", ".join(f"{side.value} {'/'.join(roles)}".strip() for side, roles in move.who)
