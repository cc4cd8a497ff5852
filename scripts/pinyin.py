"""Writes src/cityloom/standard/suggest/pinyin.txt: how the characters of GB 2312 are read, one syllable a line.

The readings are those of the package pypinyin (MIT), which takes them from the Unihan database; a character that is read
in two ways in the words of tables stands under both:

    pip install pypinyin
    python scripts/pinyin.py
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from pypinyin import Style, pinyin

TARGET = Path(__file__).parents[1] / "src" / "cityloom" / "standard" / "suggest" / "pinyin.txt"
TWO_WAYS = "行重长单曾调会参种传量率处区查藏朝还乐省宿卡都校系车便分发着降厦"


def main() -> None:
    """Ask for every character, write by syllable."""
    found: dict[str, str] = defaultdict(str)
    for high in range(0xB0, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                letter = bytes((high, low)).decode("gb2312")
            except UnicodeDecodeError:
                continue
            readings = pinyin(letter, style=Style.NORMAL, heteronym=letter in TWO_WAYS)[0]
            for reading in dict.fromkeys(r.replace("ü", "v") for r in readings):
                found[reading] += letter
    TARGET.write_text("".join(f"{s} {found[s]}\n" for s in sorted(found)), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
