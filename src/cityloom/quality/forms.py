"""The classes of letters by which the form of a value is told."""

from __future__ import annotations

import re

from sqlglot import exp

from cityloom.engines.base import sql

CLASSES = {"9": "[0-9]", "a": "[a-z]", "A": "[A-Z]", "汉": "[\u3400-\u9fff\uf900-\ufaff]"}
"""By its sign the letters of a class, as a regular expression."""
_COMPILED = {sign: re.compile(letters) for sign, letters in CLASSES.items()}


def class_of(letter: str) -> str:
    """The sign of a letter's class, or the letter itself."""
    return next((sign for sign, letters in _COMPILED.items() if letters.fullmatch(letter)), letter)


def form_of(text: exp.Expression) -> exp.Expression:
    """The form of a text: ``9`` a digit, ``A`` a capital, ``a`` a small letter, ``汉`` a Chinese character, ``+`` several."""
    form = text
    for sign in "汉a":
        letters = CLASSES[sign]
        form = sql("regexp_replace(:x, :p, :s, 'g')", x=form, p=f"{letters}{letters}+", s=f"{sign}+")
    for sign, letters in CLASSES.items():
        form = sql("regexp_replace(:x, :p, :s, 'g')", x=form, p=letters, s=sign)
    return form
