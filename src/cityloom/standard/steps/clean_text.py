from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot import exp

from cityloom.engines.base import sql
from cityloom.engines.terms import found, is_one_of, shared, trimmed
from cityloom.model.text import Title
from cityloom.standard.base import Case
from cityloom.standard.widths import LOOSE, NARROW, TABLE, WIDE, WIDEN

STAND_INS = ("无", "不详", "未知", "暂无", "不明", "空", "-", "--", "/", "NULL", "null", "None", "N/A", "n/a")


@dataclass(frozen=True, kw_only=True)
class CleanText:
    """Full-width ASCII becomes half-width, runs of blanks one space, outer blanks leave, and a text that only
    stands in for a missing value becomes missing.

    ``stand_ins`` are the texts that mean "no value" here; the empty text always does.
    """

    name: ClassVar[str] = "clean_text"
    title: ClassVar[Title] = Title("清理文本", "Clean text")
    standard: ClassVar[str] = "own"
    cases: ClassVar[tuple[Case, ...]] = (
        Case("张伟", "张伟"),
        Case("　ＡＢＣ１２３　", "ABC123"),
        Case(" 人民  路\t1 号\n", "人民 路 1 号"),
        Case("\ufeff李\u200b娜", "李娜"),
        Case("　", None),
        Case("不详", None),
        Case("－", None),
        Case("9999", None, {"stand_ins": ("9999",)}),
        Case("不详", "不详", {"stand_ins": ()}),
        Case(None, None),
    )

    stand_ins: tuple[str, ...] = STAND_INS

    def sql(self, column: exp.Expression) -> exp.Expression:
        """The cleaned text; values with nothing to tidy cost one look, and only those with wide characters a
        translation (which is dear: some 5 µs)."""
        loose = shared(found(column, LOOSE))
        narrow = shared(
            sql(
                "CASE WHEN :loose THEN CASE WHEN :is_wide THEN translate(:x, :wide, :narrow) ELSE :x END ELSE :x END",
                loose=loose,
                is_wide=found(column, WIDE),
                x=column,
                wide=WIDEN,
                narrow=NARROW,
            )
        )
        single = shared(
            sql("CASE WHEN :loose THEN regexp_replace(:x, '  +', ' ', 'g') ELSE :x END", loose=loose, x=narrow)
        )
        text = shared(sql("CASE WHEN :loose THEN :trimmed ELSE :x END", loose=loose, trimmed=trimmed(single, " "), x=single))
        return sql("CASE WHEN :missing THEN NULL ELSE :text END", missing=is_one_of(text, ("", *self.stand_ins)), text=text)

    def value(self, x: str | None) -> str | None:
        """The cleaned text."""
        if x is None:
            return None
        text = re.sub(" +", " ", x.translate(TABLE)).strip(" ")
        return None if text == "" or text in self.stand_ins else text
