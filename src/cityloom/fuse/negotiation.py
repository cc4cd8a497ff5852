"""What a negotiation rule is: an order among candidates, as SQL over sets and as plain Python.

A candidate is what one source row says about one attribute of one object. In SQL each candidate gets a
*rank*, a HUGEINT: in front the rule's own order (48 bits), behind it the row's pointer (60 bits) and the role
in which the row speaks of the object (12 bits, backwards: of one row the first role counts), so that no two
candidates are equal and the winner's rank tells where it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin
from cityloom.model.fusion import Attribute
from cityloom.model.text import Title

POINTER_BITS = 60
ROLE_BITS = 12
ROW_BITS = 40
AT_LIMIT = 1 << 40
"""Seconds since year 1 stay below it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What one row says: ``value``, and where: department, resource, batch, row. ``at`` are seconds since
    0001-01-01, 0 when the row is not dated."""

    value: str
    department: str
    resource: str
    batch: str
    row: int
    at: int = 0

    @property
    def place(self) -> tuple[str, str, str, int]:
        """Where it stands; decides when all else is equal (the greatest wins)."""
        return (self.department, self.resource, self.batch, self.row)


@dataclass(frozen=True, kw_only=True)
class Said:
    """The columns of candidates in SQL: ``value`` text, ``department`` number in ``departments``, ``at``
    seconds, ``spot`` HUGEINT (see ``spot_of``)."""

    value: exp.Expression
    department: exp.Expression
    at: exp.Expression
    spot: exp.Expression
    departments: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pick:
    """Two aggregates over an object's candidates: the chosen value, and the chosen candidate's rank."""

    value: exp.Expression
    rank: exp.Expression


class Rule(Protocol):
    """A negotiation rule."""

    name: ClassVar[str]
    title: ClassVar[Title]
    order: tuple[str, ...]

    def rank(self, said: Said) -> exp.Expression:
        """Rank of each candidate, NULL for what is none."""
        ...

    def pick(self, value: exp.Expression, rank: exp.Expression) -> Pick:
        """The choice among all candidates of a group."""
        ...

    def choose(self, candidates: Sequence[Candidate]) -> tuple[str, Candidate] | None:
        """The same choice in plain Python: the value and the candidate it comes from. Of equal candidates
        (one row in two roles) the first given counts."""
        ...


def rule_of(attribute: Attribute) -> Rule:
    """The rule of an attribute: its lead department first, then its order, then its options.

    Raises:
        ConfigError: ``kernel.plugin.unknown`` or ``fuse.rule.options``.
    """
    order = tuple(dict.fromkeys(([attribute.lead] if attribute.lead else []) + list(attribute.order)))
    cls = plugin("cityloom.fuse.rules", attribute.rule)
    options = {k: v for k, v in attribute.options.items() if k not in DERIVATIONS}
    try:
        rule: Rule = cls(order=order, **{k: _frozen(v) for k, v in options.items()})
    except TypeError as error:
        raise ConfigError(
            "fuse.rule.options",
            "The options of {attribute} do not fit the rule {rule}.",
            hint="Given: {given}.",
            attribute=attribute.name,
            rule=attribute.rule,
            given=", ".join(options),
        ) from error
    return rule


DERIVATIONS = ("default", "only_if", "becomes", "ended_by", "coding_rule", "compare")
"""Options of any attribute, apart from its rule: see ``fuse.golden``."""


def strength(order: Sequence[str], department: str) -> int:
    """How strong a department's word is: the first of the order most, one not named 0."""
    return len(order) - order.index(department) if department in order else 0


def strength_of(order: Sequence[str], said: Said) -> exp.Expression:
    """The same in SQL."""
    case = exp.Case(default=exp.Literal.number(0))
    ranked = [(n, strength(order, d)) for n, d in enumerate(said.departments)]
    for number, value in ranked:
        if value:
            case = case.when(sql(":d = :n", d=said.department, n=number), exp.convert(value))
    return case if case.args.get("ifs") else exp.Literal.number(0)


def ranked(said: Said, order: exp.Expression) -> exp.Expression:
    """A rank from the rule's own order (a BIGINT of 48 bits) and the spot (72 bits)."""
    return sql(
        "CASE WHEN :v IS NOT NULL THEN CAST(:o AS HUGEINT) * 4722366482869645213696 + :p END",
        v=said.value,
        o=order,
        p=said.spot,
    )


def spot_of(pointer: exp.Expression, role: exp.Expression) -> exp.Expression:
    """The lower bits of a rank: where a candidate stands, and in which role its row speaks."""
    return sql("CAST(:p AS HUGEINT) * 4096 + (4095 - :r)", p=pointer, r=role)


def pointer_in(rank: exp.Expression) -> exp.Expression:
    """The pointer that a rank holds, a BIGINT; NULL for NULL."""
    return sql("CAST((:r >> :role) & :mask AS BIGINT)", r=rank, role=ROLE_BITS, mask=(1 << POINTER_BITS) - 1)


def greatest(value: exp.Expression, rank: exp.Expression) -> Pick:
    """The value of the highest rank."""
    return Pick(value=sql("arg_max(:v, :r)", v=value, r=rank), rank=sql("max(:r)", r=rank))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
