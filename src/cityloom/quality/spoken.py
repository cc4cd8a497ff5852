"""What people say with a move or a report: needed, short, readable, and without a number that names a person."""

from __future__ import annotations

import re

from cityloom.kernel.errors import UserError

LONGEST = 2000
"""Characters of what is said."""
_PERSON = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|1[3-9][0-9]{9})(?![0-9])")
"""Citizen identity numbers (GB 11643) and mobile numbers."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")


def check_words(words: str, verb: str, *, is_needed: bool = True) -> None:
    """Refuse words that say nothing, too much, or what others must not read; none of them stands in the error.

    Raises:
        UserError: ``quality.words.missing``, ``quality.words.long``, ``quality.words.controls``, ``quality.words.person``.
    """
    if is_needed and not words.strip():
        raise UserError(
            "quality.words.missing",
            "{verb} needs words: the other side must know why.",
            hint="Say it in a sentence, without any value of a person.",
            verb=verb,
        )
    if len(words) > LONGEST:
        raise UserError(
            "quality.words.long",
            "The words are longer than {most} characters.",
            hint="Say it shorter; what is long belongs into a file.",
            most=LONGEST,
        )
    if _CONTROLS.search(words):
        raise UserError("quality.words.controls", "The words hold control characters.", hint="Write plain text.")
    if _PERSON.search(words):
        raise UserError(
            "quality.words.person",
            "The words hold what looks like an identity or a mobile number.",
            hint="Others read them: name the record by its batch and row, or by the id of the call that gave it.",
        )
