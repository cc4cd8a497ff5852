"""Topics with named parts: ``lamp/{vendor}/{id}/state`` is what to ask the broker for, and what to read from a topic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_PART = re.compile(r"\{([a-z_][a-z0-9_]*)\}", re.ASCII)


@dataclass(frozen=True)
class Topics:
    """A pattern of topics.

    Args:
        pattern: levels of fixed text, wildcards of the broker, and ``{name}`` for a level that is wanted.
        separator: between levels.
        one: the broker's wildcard for one level.
        rest: its wildcard for all that follow.
    """

    pattern: str
    separator: str = "/"
    one: str = "+"
    rest: str = "#"

    @property
    def filter(self) -> str:
        """What the broker is asked for."""
        return _PART.sub(lambda _: self.one, self.pattern)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parts that are wanted."""
        return tuple(_PART.findall(self.pattern))

    def parts(self, topic: str) -> dict[str, str]:
        """The named parts of a topic; none where it does not fit."""
        found = self._expression.fullmatch(topic)
        return found.groupdict() if found else {}

    def fits(self, topic: str) -> bool:
        """Whether a topic is one of these."""
        return self._expression.fullmatch(topic) is not None

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        level = f"[^{re.escape(self.separator)}]*"
        levels = []
        for text in self.pattern.split(self.separator):
            named = _PART.fullmatch(text)
            if named:
                levels.append(f"(?P<{named[1]}>{level})")
            elif text == self.one:
                levels.append(level)
            elif text == self.rest:
                levels.append(".*")
            else:
                levels.append(re.escape(text))
        return re.compile(re.escape(self.separator).join(levels), re.DOTALL)
