"""What a mask is, and how masks are laid over what leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import column
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import make
from cityloom.model.service import Mask
from cityloom.model.text import Title

MASKS = "cityloom.protect.masks"
DATE = "[0-9]{4}(-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T][0-9:.+Z-]*)?|(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01]))"
"""A date as ``1990-01-31`` (a time may follow) or ``19900131``; whether the day exists is not looked at."""


@dataclass(frozen=True)
class Case:
    """An example of a mask: what it is given, what comes out, and with which fields."""

    given: str | None
    expected: str | None
    options: Mapping[str, Any] = field(default_factory=dict)


class MaskPlugin(Protocol):
    """Hides a value, wholly or in part. NULL stays NULL; no text of two or more characters comes out as it went in,
    unless it holds stars already.

    ``value`` is the meaning; ``sql`` the same as a term over the value as text, or ``None`` where there is none:
    then the mask is for small answers only.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Case, ...]]

    def sql(self, column: exp.Expression) -> exp.Expression | None:
        """The hidden value as a term over a text column, if engines can compute it."""
        ...

    def value(self, x: str | None) -> str | None:
        """The hidden value."""
        ...


def make_mask(use: Mask, key: bytes = b"", today: str = "") -> MaskPlugin:
    """The mask that a definition asks for.

    Args:
        key: secret of masks that hash; a definition cannot set it.
        today: the day (ISO) from which ages count.

    Raises:
        ConfigError: no such mask, or options that it does not have or cannot have.
    """
    mask: MaskPlugin = make(MASKS, use.mask, use.options, key=key, today=today)
    return mask


def masked_query(query: exp.Expression, masks: Mapping[str, MaskPlugin | None]) -> exp.Expression:
    """A query over another that lets only the named columns out, each under its mask (``None``: as it is).

    Raises:
        ConfigError: ``protect.mask.no_sql`` when a mask is for small answers only.
    """
    terms = [_term(name, mask).as_(name, quoted=True) for name, mask in masks.items()]
    inner = exp.Subquery(this=query.copy(), alias=exp.TableAlias(this=exp.to_identifier("open")))
    return exp.select(*terms).from_(inner)


def masked_record(record: Mapping[str, Any], masks: Mapping[str, MaskPlugin | None]) -> dict[str, Any]:
    """A record with the named fields only, each under its mask (``None``: as it is)."""
    return {
        name: record[name] if mask is None or record[name] is None else mask.value(_text(record[name]))
        for name, mask in masks.items()
    }


def check_count(mask: str, name: str, number: Any, least: int = 0) -> None:
    """Refuse a mask's field that is no whole number from ``least`` on.

    Raises:
        ConfigError: ``protect.mask.number``.
    """
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise ConfigError(
            "protect.mask.number",
            "The field {field} of the mask {mask} must be a whole number from {least} on.",
            hint="Correct it where the mask is used.",
            field=name,
            mask=mask,
            least=least,
        )


def check_given(mask: str, name: str, given: bytes | str) -> None:
    """Refuse to mask without what the platform must supply, rather than to mask weakly.

    Raises:
        ConfigError: ``protect.mask.unset``.
    """
    if not given:
        raise ConfigError(
            "protect.mask.unset",
            "The mask {mask} was not given its {field}.",
            hint="Hand it over when the mask is made; it does not stand in definitions.",
            mask=mask,
            field=name,
        )


def _term(name: str, mask: MaskPlugin | None) -> exp.Expression:
    if mask is None:
        return column(name)
    term = mask.sql(sql("CAST(:x AS TEXT)", x=column(name)))
    if term is None:
        raise ConfigError(
            "protect.mask.no_sql",
            "The mask {mask} cannot be laid over a whole table.",
            hint="Use it for single records, or choose another mask.",
            mask=mask.name,
        )
    return term


def _text(value: Any) -> str:
    """A value as the text that an engine's cast gives."""
    return str(value).lower() if isinstance(value, bool) else str(value)
