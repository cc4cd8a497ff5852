"""Which encoding a file's text is in: told by a mark, by what decodes, and else by what reads most like a language.

Every encoding that could be meant decodes a sample taken from the whole file; the text that costs the fewest bits
under any language's letter frequencies (``letters.json``) wins. GB18030 stands first: another one must be
plainly better.
"""

from __future__ import annotations

import codecs
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

_BLOCK = 1 << 20
_DOUBTFUL = 10.0
_TRIED = 12
_CLEARLY = 0.8
_ASIAN = 7
_MOSTLY = 0.6
_GOOD = 6.4
"""So few bits for each byte that is not ASCII make it an Asian text; then nothing else is tried."""
_SAMPLE = 96 << 10
_PART = 1 << 17
_ENOUGH = 1 << 13
"""From each block so many bytes of the lines that are not plain ASCII."""

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
"""Byte order marks; the longer ones first."""


@dataclass(frozen=True)
class Guess:
    """An encoding, and by how many bits it is likelier than the next one that gives another text; None: proven."""

    encoding: str
    lead: float | None

    @property
    def is_sure(self) -> bool:
        """Proven, or far ahead of all others; GB18030 is what departments write, and need not be."""
        return self.lead is None or self.lead >= _DOUBTFUL or self.encoding == "gb18030"


@dataclass(frozen=True)
class Family:
    """Encodings of which each takes in all text of the one before; which languages; what using it costs in bits."""

    encodings: tuple[str, ...]
    languages: tuple[str, ...]
    cost: float


_LATIN_WEST = ("en", "de", "fr", "es", "pt", "it", "nl", "da", "nb", "nn", "sv", "fi", "is", "ca", "gl", "eu", "ga", "sq")
_LATIN_EAST = ("cs", "sk", "pl", "hu", "hr", "sl", "ro", "sr-Latn", "bs", "de")
_CYRILLIC = ("ru", "uk", "be", "bg", "mk", "sr")
FAMILIES = (
    Family(("gb18030",), ("zh-Hans",), 0),
    Family(("utf-8",), ("zh-Hans", "zh-Hant", "ja", "ko", "ru", "en", "fr", "de", "es", "cs", "tr"), 0),
    Family(("big5", "cp950", "big5hkscs"), ("zh-Hant",), 22),
    Family(("shift_jis", "cp932"), ("ja",), 24),
    Family(("euc_jp", "euc_jis_2004"), ("ja",), 24),
    Family(("euc_kr", "cp949"), ("ko",), 24),
    Family(("johab",), ("ko",), 34),
    Family(("cp1252", "iso8859_1"), _LATIN_WEST, 24),
    Family(("iso8859_15",), _LATIN_WEST, 36),
    Family(("mac_roman",), _LATIN_WEST, 40),
    Family(("cp850",), _LATIN_WEST, 40),
    Family(("iso8859_2",), _LATIN_EAST, 27),
    Family(("cp1250",), _LATIN_EAST, 26),
    Family(("cp852",), _LATIN_EAST, 40),
    Family(("cp1251",), _CYRILLIC, 24),
    Family(("koi8_r", "koi8_u"), _CYRILLIC, 25),
    Family(("iso8859_5",), _CYRILLIC, 26),
    Family(("cp866",), _CYRILLIC, 26),
    Family(("cp855",), _CYRILLIC, 28),
    Family(("mac_cyrillic",), _CYRILLIC, 28),
    Family(("cp1253", "iso8859_7"), ("el",), 24),
    Family(("cp1254", "iso8859_9"), ("tr",), 25),
    Family(("cp1255", "iso8859_8"), ("he",), 24),
    Family(("iso8859_6",), ("ar", "fa"), 26),
    Family(("cp1256",), ("ar", "fa"), 25),
    Family(("cp1257", "iso8859_13"), ("lt", "lv", "et"), 26),
    Family(("cp874", "tis_620"), ("th",), 24),
)
"""What is tried where a file is not proven to be a UTF, likeliest for a Chinese department first; the first ones are
Asian, or UTF-8 that is damaged."""

_TYPOGRAPHY = frozenset("«»„“”‘’–—…•·°§©®™€£¥№¿¡ªº±×÷\xa0")
_WORD = re.compile(r"[A-Za-z]*[^\x00-\x7f][^\x00-\x40\x5b-\x60\x7b-\x7f]*")
_RUN = re.compile(r"[^\W\d_]{2,}")
_ATTACHED = re.compile(r"(?<=[^\W\d_])[\u20ac\u00a3\u00a5\u00a7\u00a9\u00ae\u00b1\u00d7\u00f7\u00a4\u00a6\u00ac\u00b5\u00b6]")
_NUMBERED = re.compile(r"(?:(?<=[0-9])|(?<![^\W_]))[^\x00-\x7f\u2e80-\uffff](?<=[^\W\d_])[0-9]")
_UNKNOWN, _SYMBOL, _MARK, _CONTROL, _BROKEN, _ODD = 13.0, 14.0, 8.0, 19.0, 26.0, 4.0


def detect(path: Path) -> Guess:
    """The encoding of a file, told from its whole content; the byte order mark is for the caller to see."""
    sample = _look(path)
    if sample.proven:
        return Guess(sample.proven, None)
    ranked = rank(sample.text)
    best = _first_that_decodes(path, ranked)
    text, kin = sample.text.decode(best, "replace"), _kin(best)
    own = dict(ranked)[best]
    others = [pair for pair in ranked if pair[0] not in kin and sample.text.decode(pair[0], "replace") != text]
    return Guess(best, round(others[0][1] - own, 1))


def likeliest(path: Path) -> str:
    """What a file that is no UTF-8 reads most like; not checked to the last byte. Empty where it may be something else."""
    sample = _look(path)
    return "" if sample.proven else rank(sample.text)[0][0]


def _kin(encoding: str) -> tuple[str, ...]:
    return next(family.encodings for family in FAMILIES if encoding in family.encodings)


def _first_that_decodes(path: Path, ranked: list[tuple[str, float]]) -> str:
    """The cheapest one in which all is text; or one much cheaper, in which nearly all is."""
    best, least = ranked[0]
    for encoding, bits in ranked[:_TRIED]:
        if bits * _CLEARLY > least:
            break
        if decodes(path, encoding):
            return encoding
    return best


def rank(sample: bytes) -> list[tuple[str, float]]:
    """Encodings by the bits that a sample costs in them, the cheapest first; a few when they are enough."""
    priced: list[tuple[str, float]] = []
    for number, family in enumerate(FAMILIES):
        if number == _ASIAN and min(priced, key=_bits_of)[1] < _GOOD * sum(byte > 127 for byte in sample):
            break
        for encoding in family.encodings:
            text = sample.decode(encoding, "replace")
            priced.append((encoding, family.cost + _cheapest(text, family.languages)))
    return sorted(priced, key=_bits_of)


def _bits_of(pair: tuple[str, float]) -> float:
    return pair[1]


def decodes(path: Path, encoding: str) -> bool:
    """Whether every byte of a file is text in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True)
class _Sample:
    """What one pass over a file shows: lines that are not plain ASCII, and what the file can only be."""

    text: bytes
    proven: str = ""


def _look(path: Path) -> _Sample:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    taken = bytearray()
    is_utf8 = is_plain = True
    for number, block in enumerate(_blocks(path)):
        if not number and (wide := _wide(block)):
            return _Sample(b"", wide)
        if not block.isascii():
            is_plain = False
            taken += _telling(block) if len(taken) < _SAMPLE else b""
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            is_utf8 = False
        if not is_utf8 and len(taken) >= _SAMPLE:
            break
    if is_plain:
        return _Sample(b"", _escaped(path) or "utf-8")
    return _Sample(bytes(taken), "utf-8" if is_utf8 and not decoder.getstate()[0] else "")


def _telling(block: bytes) -> bytes:
    """Lines of a block that are not plain ASCII, up to a bound."""
    part = block[:_PART] if not block[:_PART].isascii() else block
    lines = [line for line in part.splitlines() if not line.isascii()]
    step = max(1, sum(map(len, lines)) // _ENOUGH)
    found = b"\n".join(lines[::step]) + b"\n"
    return found[: 2 * _ENOUGH].rpartition(b"\n")[0] + b"\n" if len(found) > 2 * _ENOUGH else found


def _wide(block: bytes) -> str:
    """UTF-16 or UTF-32 without a mark, told by where the zero bytes stand."""
    head = block[: len(block) // 4 * 4][: 64 << 10]
    if b"\0" not in head:
        return ""
    units = len(head) // 4
    first, second, third, fourth = (head[n::4].count(0) / units for n in range(4))
    even, odd = first + third, second + fourth
    for encoding, is_like in (
        ("utf-32-le", fourth > 0.98 and third > 0.9),
        ("utf-32-be", first > 0.98 and second > 0.9),
        ("utf-16-le", odd > 4 * even),
        ("utf-16-be", even > 4 * odd),
    ):
        if is_like and _reads(head.decode(encoding, "replace"), odd + even > _MOSTLY):
            return encoding
    return ""


def _reads(text: str, is_mostly_latin: bool) -> bool:
    """Whether a text has lines (or is plain Latin), and next to no characters that do not exist."""
    strange = sum(n for c, n in Counter(text).items() if c == "\ufffd" or unicodedata.category(c) in ("Cn", "Co"))
    return (is_mostly_latin or "\n" in text or "\r" in text) and strange <= len(text) / 100


def _escaped(path: Path) -> str:
    """An encoding of seven-bit bytes that switches by escapes."""
    for encoding, sign in (("iso2022_jp", b"\x1b$"), ("iso2022_kr", b"\x1b$)C"), ("hz", b"~{")):
        if any(sign in block for block in _blocks(path)):
            wider = ("iso2022_jp", "iso2022_jp_2004", "iso2022_jp_ext") if encoding == "iso2022_jp" else (encoding,)
            known = next((e for e in wider if decodes(path, e)), "")
            if known:
                return known
    return ""


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _cheapest(text: str, languages: tuple[str, ...]) -> float:
    words = "".join(_WORD.findall(text))
    counts = Counter(words.lower())
    odd = sum(map(_swaps, _RUN.findall(words[:_SAMPLE])))
    odd += len(_NUMBERED.findall(text)) + len(_ATTACHED.findall(text))
    return _ODD * odd + min(_bits(counts, language) for language in languages)


def _swaps(word: str) -> int:
    """Capitals after small letters, in a word that is not plain ASCII."""
    if word.isascii() or word.islower() or word.isupper() or word[1:].islower():
        return 0
    return sum(a.islower() and b.isupper() for a, b in zip(word, word[1:], strict=False))


def _bits(counts: Counter[str], language: str) -> float:
    known = _letters()[language]
    return sum(n * (known.get(c) or _other(c, language)) for c, n in counts.items())


@cache
def _other(char: str, language: str) -> float:
    """What a character costs that is none of the language's common letters."""
    if char.isascii():
        return _UNKNOWN if char.isalpha() else 0
    if char == "\ufffd":
        return _BROKEN
    if char in _TYPOGRAPHY:
        return _MARK
    category = unicodedata.category(char)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return _CONTROL
    if language in _HAN:
        return _han(char, _HAN[language])
    return _UNKNOWN if category[0] in "LM" else _SYMBOL


_HAN = {"zh-Hans": "gb2312", "zh-Hant": "big5", "ja": "shift_jis", "ko": "euc_kr"}
_FIRST = {"gb2312": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "shift_jis": (0x88, 0x97), "euc_kr": (0xB0, 0xC8)}


def _han(char: str, national: str) -> float:
    """Cheaper where the national standard has it among its marks or its common characters."""
    try:
        code = char.encode(national)
    except UnicodeEncodeError:
        code = b""
    if not code or len(code) > 2:
        return _CONTROL if ord(char) > 0xFFFF or not unicodedata.category(char).startswith("L") else 17.0
    first, last = _FIRST[national]
    lead = code[0]
    if lead < first:
        return _MARK + 1 if lead < 0xA4 else 15.0
    return 12.5 if lead <= last else 15.5


@cache
def _letters() -> dict[str, dict[str, float]]:
    """By language the bits that each common letter costs."""
    table = json.loads(files("cityloom.collect").joinpath("letters.json").read_text(encoding="utf-8"))
    return {
        language: {letter: int(halves) / 2 for halves, group in groups.items() for letter in group}
        for language, groups in table.items()
    }
