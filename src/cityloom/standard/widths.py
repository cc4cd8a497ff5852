"""Characters that look alike and mean the same: full and half width, blanks of many kinds."""

from __future__ import annotations

FULL = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
"""Full-width forms of the printable ASCII characters ``!`` to ``~``."""
HALF = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F))
BLANKS = "\t\n\v\f\r\u0085\u00a0\u2028\u2029\u202f\u3000"
"""Blanks other than the space."""
VOID = "\u200b\u200c\u200d\u2060\ufeff"
"""Characters without width, which leave."""

WIDEN = FULL + BLANKS + VOID
NARROW = HALF + " " * len(BLANKS)
WIDE = "[\t-\r\u0085\u00a0\u2028\u2029\u202f\u3000\u200b-\u200d\u2060\ufeff\uff01-\uff5e]"
"""Pattern of a character that ``translate`` from ``WIDEN`` changes."""
LOOSE = rf"{WIDE}|  |^ | \z"
"""Pattern of a text that tidying changes: most match nowhere, and cost one look."""
UNTIDY = "[\t-\r \u0085\u00a0\u2028\u2029\u202f\u3000\u200b-\u200d\u2060\ufeff\uff01-\uff5e]"
"""Pattern of any character that tidying may touch."""

TABLE = str.maketrans(FULL + BLANKS, NARROW, VOID)
