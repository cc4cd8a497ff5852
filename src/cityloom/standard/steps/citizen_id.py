from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.codings import id_check, id_check_sql, is_day
from cityloom.engines.terms import found, full_match, is_real_date, shared
from cityloom.model.text import Title
from cityloom.standard.base import Case

_NOISE = " _.·'\"-"
_OLD = "[1-9][0-9]{14}"


@dataclass(frozen=True, kw_only=True)
class CitizenId:
    """A citizen id number without separators, with a capital X, and of eighteen characters.

    Numbers of fifteen digits with a real birthday are upgraded (the last three 996 to 999 were given to
    people born in the 1800s). What cannot be a valid number stays as it is: nothing is dropped.
    """

    name: ClassVar[str] = "citizen_id"
    title: ClassVar[Title] = Title("公民身份号码", "Citizen id number")
    standard: ClassVar[str] = "GB 11643"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("11010519491231002x", "11010519491231002X"),
        Case("110105 19491231 002X", "11010519491231002X"),
        Case("110105491231002", "11010519491231002X"),
        Case("110105490231002", "110105490231002"),
        Case("110105981231998", "110105189812319987"),
        Case("12345", "12345"),
        Case("护照E12345678", "护照E12345678"),
        Case(None, None),
    )

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The number; only values of fifteen digits cost more than a look."""
        bare = sql("translate(:x, :noise, :x_)", x=column, noise="x" + _NOISE, x_="X")
        text = shared(
            sql("CASE WHEN :untidy THEN :bare ELSE :x END", untidy=found(column, f"[x{_NOISE}]"), bare=bare, x=column)
        )
        old = shared(
            sql(
                "CASE WHEN length(:t) = 15 THEN CASE WHEN :shape THEN TRY_CAST(:t AS BIGINT) END END",
                t=text,
                shape=full_match(text, _OLD),
            )
        )
        return sql("CASE WHEN :old IS NULL THEN :t ELSE :new END", old=old, t=text, new=self._upgraded(old, text))

    def _upgraded(self, old: exp.Expression, text: exp.Expression) -> exp.Expression:
        century = sql("CASE WHEN :n % 1000 >= 996 THEN 18000000000 ELSE 19000000000 END", n=old)
        long = shared(sql("(:n // 1000000000) * 100000000000 + :century + :n % 1000000000", n=old, century=century))
        real = is_real_date(
            sql("(:n // 10000000) % 10000", n=long), sql("(:n // 100000) % 100", n=long), sql("(:n // 1000) % 100", n=long)
        )
        return sql(
            "CASE WHEN :real THEN CAST(:n AS VARCHAR) || :check ELSE :t END",
            real=real,
            n=long,
            check=id_check_sql(long),
            t=text,
        )

    def value(self, x: str | None) -> str | None:
        """The number."""
        if x is None:
            return None
        text = x.translate(str.maketrans("x", "X", _NOISE))
        if not re.fullmatch(_OLD, text):
            return text
        century = "18" if text[12:] >= "996" else "19"
        long = text[:6] + century + text[6:]
        if not is_day(int(long[6:10]), int(long[10:12]), int(long[12:14])):
            return text
        return long + id_check(int(long))
