"""Writes src/cityloom/collect/letters.json: how often each letter comes in a language, as bits that it costs.

The counts are of an installed Django's translations (BSD-3-Clause; sentences in many languages) and, for simplified
Chinese, of public lists of places, firms and addresses beside, for departments write more names than sentences:

    python scripts/letters.py SITE_PACKAGES/django LIST.txt LIST.csv …

Only the counts are kept: by language, half bits and the letters that cost as many.
"""

from __future__ import annotations

import json
import math
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src" / "cityloom" / "collect" / "letters.json"
LANGUAGES = (
    "ar be bg bs ca cs cy da de el en es et eu fa fi fr ga gl he hr hu is it ja ko lt lv mk nb nl nn pl pt ro ru sk sl "
    "sq sr sr_Latn sv th tr uk zh_Hans zh_Hant"
)
ENTRY = r'((?:"(?:[^"\\]|\\.)*"\s*)+)'
TRANSLATED = re.compile(rf"msgstr(?:\[\d\])? {ENTRY}")
ORIGINAL = re.compile(rf"msgid(?:_plural)? {ENTRY}")
NO_TEXT = re.compile(r"%\(\w+\)\w|%\w|\\.|<[^>]*>|\{[^}]*\}")
MOST, RAREST, READ = 1600, 2e-5, 2_000_000
SAME = (("\u0219", "\u015f"), ("\u021b", "\u0163"))
"""Romanian letters that older encodings have with a cedilla."""


def sentences(catalogs: Path, language: str) -> Iterator[str]:
    """What the catalogs of a language say."""
    for path in sorted(catalogs.rglob(f"locale/{language}/**/*.po")):
        text = path.read_text(encoding="utf-8").split("\n\n", 1)[1]
        for entry in (ORIGINAL if language == "en" else TRANSLATED).findall(text):
            yield NO_TEXT.sub(" ", "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', entry)))


def counted(catalogs: Path, language: str) -> Counter[str]:
    """How often each letter comes; of a language in another script only those of that script."""
    letters: Counter[str] = Counter()
    for sentence in sentences(catalogs, language):
        letters.update(c for c in sentence.lower() if unicodedata.category(c)[0] in "LM" and c != "\u0307")
    far = sum(n for c, n in letters.items() if ord(c) > 0x24F)
    if far * 2 > letters.total():
        letters = Counter({c: n for c, n in letters.items() if ord(c) > 0x7F})
    if language == "ro":
        for comma, cedilla in SAME:
            letters[comma] = letters[cedilla] = max(letters[comma], letters[cedilla])
    return letters


def mixed(letters: Counter[str], lists: list[Path]) -> Counter[str]:
    """Characters of sentences and of lists, each list as much as a third of the sentences."""
    shares = {c: 3 * n / letters.total() for c, n in letters.items() if ord(c) > 0x2E80}
    for path in lists:
        found = Counter(c for c in path.read_text(encoding="utf-8", errors="ignore")[:READ] if "\u4e00" <= c <= "\u9fff")
        for char, count in found.items():
            shares[char] = shares.get(char, 0.0) + count / found.total()
    scaled = Counter({c: int(share * 1e5) for c, share in shares.items()})
    return Counter(dict(scaled.most_common(MOST)))


def grouped(letters: Counter[str]) -> dict[str, str]:
    """Letters by the half bits that they cost."""
    total = letters.total()
    groups: defaultdict[str, str] = defaultdict(str)
    for char, count in sorted(letters.items(), key=lambda pair: (-pair[1], pair[0])):
        if count / total >= RAREST:
            groups[str(round(-2 * math.log2(count / total)))] += char
    return dict(sorted(groups.items(), key=lambda pair: int(pair[0])))


def main() -> None:
    """Write the table."""
    catalogs, *lists = map(Path, sys.argv[1:])
    lines = []
    for language in LANGUAGES.split():
        letters = counted(catalogs, language)
        letters = mixed(letters, lists) if language == "zh_Hans" else letters
        name = json.dumps(language.replace("_", "-"))
        lines.append(f" {name}: {json.dumps(grouped(letters), ensure_ascii=False)}")
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
