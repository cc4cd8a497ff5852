from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import full_match, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_SHAPE = r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
_UPPER, _LOWER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_NOISE = " <>\t\r\n\u3000"
_FULL, _HALF = "＠．", "@."


@dataclass(frozen=True, kw_only=True)
class Email:
    """An e-mail address without blanks, ``mailto:`` and brackets, its domain in small letters; what is none becomes
    missing and is counted."""

    name: ClassVar[str] = "email"
    title: ClassVar[Title] = Title("电子邮箱", "E-mail address")
    standard: ClassVar[str] = "RFC 5322"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("Li.Wei@Example.COM", "Li.Wei@example.com"),
        Case("mailto:a@b.cn", "a@b.cn"),
        Case(" <a@b.cn> ", "a@b.cn"),
        Case("a＠b．cn", "a@b.cn"),
        Case("a@b", None),
        Case("a@b@c.cn", None),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The address."""
        bare = shared(
            sql(
                "regexp_replace(translate(:x, :given, :taken), '^mailto:', '')",
                x=column,
                given=_FULL + _NOISE,
                taken=_HALF,
            )
        )
        domain = sql("regexp_extract(:t, '@(.*)', 1)", t=bare)
        return sql(
            "CASE WHEN :good THEN regexp_extract(:t, '^([^@]*)@', 1) || '@' || translate(:domain, :upper, :lower) END",
            good=full_match(bare, _SHAPE),
            t=bare,
            domain=domain,
            upper=_UPPER,
            lower=_LOWER,
        )

    def value(self, x: str | None) -> str | None:
        """The address."""
        if x is None:
            return None
        bare = x.translate(str.maketrans(_FULL, _HALF, _NOISE)).removeprefix("mailto:")
        if not re.fullmatch(_SHAPE, bare):
            return None
        name, _, domain = bare.partition("@")
        return f"{name}@{domain.translate(str.maketrans(_UPPER, _LOWER))}"
