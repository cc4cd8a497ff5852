"""Which regular expressions mean the same on every engine: RE2, Java and Python alike."""

from __future__ import annotations

import re
import warnings

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _

_LONGEST = 500
_ESCAPED = re.compile(r"\\(?![tnrf]|x[0-9A-Fa-f]{2})[A-Za-z0-9\x80-\U0010ffff]")
_GROUP = re.compile(r"\(\?(?!:)")
_GREEDY = re.compile(r"(?<!\\)[*+?}]\+")
_REPEAT = re.compile(r"\{([0-9]+)?(?:,([0-9]+)?)?\}")
_BRACE = re.compile(r"(?<!\\)\{(?![0-9]+(?:,[0-9]*)?\})")
_CLASS = re.compile(r"(?<!\\)\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_MOST_REPEATS = 1000


def check_pattern(pattern: str) -> str:
    """The pattern as it is, when every engine reads it alike; it is meant to match a text as a whole.

    Allowed are characters (``\\t``, ``\\n``, ``\\r``, ``\\f`` and ``\\x7f`` too), classes (``[0-9]``), ``.``, groups ``( )`` and ``(?: )``, ``|`` and repetition. Not
    allowed are ``\\d`` and its kin, look-around, back-references, ``^`` and ``$``.

    Raises:
        ConfigError: ``engines.pattern.unfit``, with what is wrong.
    """
    problem = _problem(pattern)
    if problem:
        raise ConfigError(
            "engines.pattern.unfit",
            "The pattern {pattern} cannot be used: {problem}.",
            hint="Write classes as [0-9]; the pattern is for the whole text, without ^ and $.",
            pattern=pattern[:80],
            problem=problem,
        )
    return pattern


def _problem(pattern: str) -> str:
    if len(pattern) > _LONGEST:
        return _("it is longer than {most} characters").format(most=_LONGEST)
    if _ESCAPED.search(pattern.replace("\\\\", "")):
        return _("a backslash before a letter or a digit differs between engines")
    outside = _CLASS.sub("c", pattern.replace("\\\\", "b"))
    for shape, words in (
        (_GROUP, _("of the groups that begin with (? only (?: is known everywhere")),
        (_GREEDY, _("a repetition that gives nothing back is not known everywhere")),
        (_BRACE, _("a brace that begins no repetition differs between engines")),
        (re.compile(r"(?<!\\)[\^$]"), _("^ and $ differ between engines")),
    ):
        if shape.search(outside):
            return words
    if any(int(n) > _MOST_REPEATS for found in _REPEAT.findall(outside) for n in found if n):
        return _("it repeats more than {most} times").format(most=_MOST_REPEATS)
    return _compiles(pattern) or _repeats_too_much(outside)


def _repeats_too_much(outside: str) -> str:
    """Repetitions within repetitions: engines write them out, and refuse what becomes too long."""
    groups, place = [(1, 1)], 0
    while place < len(outside):
        most, last = groups[-1]
        count = _REPEAT.match(outside, place)
        if count:
            times = int(count[2] or count[1] or 1)
            groups[-1] = (max(most, last * max(times, 1)), last * max(times, 1))
        elif outside[place] == "(":
            groups.append((1, 1))
        elif outside[place] == ")" and len(groups) > 1:
            groups.pop()
            groups[-1] = (max(groups[-1][0], most), most)
        elif outside[place] not in "*+?|":
            groups[-1] = (most, 1)
        place = count.end() if count else place + (2 if outside[place] == "\\" else 1)
    is_too_much = max(most for most, _last in groups) > _MOST_REPEATS
    return _("it repeats more than {most} times").format(most=_MOST_REPEATS) if is_too_much else ""


def _compiles(pattern: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, FutureWarning, DeprecationWarning, RecursionError, OverflowError) as error:
        return str(error) or type(error).__name__
    return ""
