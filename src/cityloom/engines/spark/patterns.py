"""Patterns as Java reads them: the same texts match as by the embedded engine's RE2.

What the two read differently is written out: classes inside classes, what ends a line, ``\\s`` and the names
of scripts. What only one of them knows is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

_BLANKS = "\\t\\n\\f\\r "
_PLAIN = frozenset("dDwWaftnrvzQE") - frozenset("vaQE")
"""Letters behind a backslash with the same meaning for both."""
_SCRIPTS = ("Han", "Latin", "Greek", "Cyrillic", "Hiragana", "Katakana", "Hangul", "Arabic", "Tibetan", "Mongolian")


class UnlikeError(ValueError):
    """A part of a pattern that has no equal on the other engine."""


@lru_cache(maxsize=4096)
def java(pattern: str) -> str:
    """The pattern for Java.

    Raises:
        UnlikeError: with the part of it that has no equal.
    """
    made, at, depth = ["(?d)"], 0, 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            part, at = _escaped(pattern, at, inside=depth > 0)
            made.append(part)
            continue
        if depth:
            part, at, depth = _inside(pattern, at)
            made.append(part)
            continue
        if char == "[":
            part, at = _opening(pattern, at)
            made.append(part)
            depth = 1
            continue
        if char == "(" and pattern.startswith("(?", at):
            part, at = _group(pattern, at)
            made.append(part)
            continue
        made.append("\\z" if char == "$" else char)
        at += 1
    return "".join(made)


def _opening(pattern: str, at: int) -> tuple[str, int]:
    """The beginning of a class, with a bracket that stands first and means itself."""
    part = "[^" if pattern.startswith("[^", at) else "["
    at += len(part)
    return (part + "\\]", at + 1) if pattern.startswith("]", at) else (part, at)


def _inside(pattern: str, at: int) -> tuple[str, int, int]:
    """One character of a class; ``[`` and ``&`` mean themselves."""
    char = pattern[at]
    if char == "]":
        return "]", at + 1, 0
    if pattern.startswith("[:", at):
        raise UnlikeError("[:")
    return ("\\" + char if char in "[&" else char), at + 1, 1


def _group(pattern: str, at: int) -> tuple[str, int]:
    for opening, made in (("(?:", "(?:"), ("(?P<", "(?<"), ("(?i)", "(?iu)"), ("(?s)", "(?s)")):
        if pattern.startswith(opening, at):
            return made, at + len(opening)
    raise UnlikeError(pattern[at : at + 4])


def _escaped(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    """What a backslash begins, and where it ends."""
    char = pattern[at + 1 : at + 2]
    special: dict[str, Callable[[], str]] = {
        "s": lambda: _BLANKS if inside else f"[{_BLANKS}]",
        "S": lambda: _refused("\\S", inside) or f"[^{_BLANKS}]",
        "A": lambda: _refused("\\A", inside) or "^",
        "v": lambda: "\\x0B",
        "a": lambda: "\\x07",
    }
    if char in special:
        return special[char](), at + 2
    if char in ("p", "P"):
        return _script(pattern, at)
    if char == "x":
        return "\\x", at + 2
    if char and (char in _PLAIN or not char.isalnum()):
        return "\\" + char, at + 2
    raise UnlikeError("\\" + char)


def _refused(part: str, inside: bool) -> str:
    if inside:
        raise UnlikeError(part)
    return ""


def _script(pattern: str, at: int) -> tuple[str, int]:
    end = pattern.find("}", at)
    name = pattern[at + 3 : end]
    if pattern[at + 2 : at + 3] != "{" or name not in _SCRIPTS:
        raise UnlikeError(pattern[at : at + 3])
    return f"{pattern[at : at + 2]}{{Is{name}}}", end + 1
