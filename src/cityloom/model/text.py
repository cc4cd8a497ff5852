"""A text in the two languages of the platform."""

from __future__ import annotations

from dataclasses import dataclass

from cityloom.kernel.i18n import current_language

STRICT = {"extra": "forbid"}
"""How YAML is checked against a dataclass: a key that is not a field is an error."""


@dataclass(frozen=True)
class Title:
    """A name or sentence in Chinese and English."""

    __pydantic_config__ = STRICT

    zh: str
    en: str

    def __str__(self) -> str:
        return self.en if current_language() == "en" else self.zh
