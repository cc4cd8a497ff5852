"""A text file as UTF-8 bytes: the file itself, or a copy of it recoded block by block, kept on disk."""

from __future__ import annotations

import codecs
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from cityloom.collect.delimited.records import LONGEST
from cityloom.collect.encodings import likeliest
from cityloom.collect.text import Encoded, choose, marked, prove

_BLOCK = 4 << 20
_SHARE = 100
"""Up to one line in so many may be damaged, and is set apart; more, and the file is refused."""


@dataclass(frozen=True)
class Utf8:
    """UTF-8 bytes, from ``start`` on. ``damaged`` lines are no text or hold a zero byte; such bytes stand as they
    are, or in a copy as 0xFF and their hexadecimal digits."""

    file: IO[bytes]
    start: int
    size: int
    lines: int
    damaged: int

    def close(self) -> None:
        """Close the file; a copy is gone then."""
        self.file.close()


def open_text(path: Path, name: str, wanted: str) -> tuple[Encoded, Utf8]:
    """The encoding of a file, and its bytes as UTF-8. A file that is proven to be UTF-8 is looked at once.

    Raises:
        ConfigError, DataError: as :func:`choose` and :func:`as_utf8`.
    """
    if wanted == "auto" and not marked(path):
        file = path.open("rb")
        lines, damaged, is_switched = _check(file, is_trial=True)
        if not damaged and not is_switched:
            return Encoded("utf-8", 0), Utf8(file, 0, file.seek(0, 2), lines, 0)
        file.close()
        if likeliest(path) == "gb18030":
            text = as_utf8(path, name, Encoded("gb18030", 0), is_trial=True)
            if not text.damaged:
                return Encoded("gb18030", 0, is_guessed=True), text
            text.close()
    encoded = choose(path, name, wanted)
    return encoded, as_utf8(path, name, encoded)


def as_utf8(path: Path, name: str, encoded: Encoded, *, is_trial: bool = False) -> Utf8:
    """The file as UTF-8 bytes, each line of which was looked at.

    Raises:
        DataError: ``collect.file.undecodable`` or ``collect.file.null`` where more than a hundredth of the lines are
            damaged, but not on trial.
    """
    is_same = encoded.encoding in ("utf-8", "ascii")
    source = path.open("rb")
    target = source if is_same else cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as its text
    try:
        source.seek(encoded.mark)
        lines, damaged = _check(source)[:2] if is_same else _recode(source, target, encoded.encoding)
    finally:
        if not is_same:
            source.close()
    if damaged * _SHARE > lines and not is_trial:
        target.close()
        prove(path, name, encoded)
    size = target.seek(0, 2)
    return Utf8(target, encoded.mark if is_same else 0, size, lines, damaged)


def _check(source: IO[bytes], is_trial: bool = False) -> tuple[int, int, bool]:
    """The lines, the damaged ones among them, and whether seven-bit text may switch to other characters in it.

    A trial ends at the first damage.
    """
    lines = damaged = 0
    is_open = is_switched = False
    while block := source.read(_BLOCK):
        if not block.endswith(b"\n"):
            block += source.readline(LONGEST)
        lines += _ends(block)
        is_open = not block.endswith((b"\n", b"\r"))
        if _is_damaged(block):
            if is_trial:
                return lines, 1, is_switched
            damaged += sum(map(_is_damaged, block.splitlines()))
        is_switched = is_switched or b"\x1b" in block or (b"~" in block and b"~{" in block)
    return lines + is_open, damaged, is_switched


def _recode(source: IO[bytes], target: IO[bytes], encoding: str) -> tuple[int, int]:
    decoder = codecs.getincrementaldecoder(encoding)(_ERRORS)
    lines = damaged = 0
    is_open = False
    while True:
        block = source.read(_BLOCK)
        data = decoder.decode(block, final=not block).encode("utf-8", "surrogateescape")
        target.write(data)
        lines += _ends(data)
        if b"\0" in data or b"\xff" in data:
            damaged += sum(_is_damaged(line) for line in data.splitlines())
        is_open = not data.endswith((b"\n", b"\r")) if data else is_open
        if not block:
            return lines + is_open, damaged


def _ends(block: bytes) -> int:
    return block.count(b"\n") or block.count(b"\r")


def _is_damaged(line: bytes) -> bool:
    if b"\0" in line:
        return True
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False


_ERRORS = "cityloom.mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """The byte 0xFF, which no UTF-8 has, and the digits of the bytes that are no text."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "\udcff" + "".join(f"\\x{byte:02x}" for byte in bad), error.end


codecs.register_error(_ERRORS, _mark)
