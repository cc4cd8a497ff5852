"""Text files: which encoding they are in, proven over the whole file, and where one goes wrong."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path

from cityloom.collect.encodings import MARKS, detect
from cityloom.kernel.errors import ConfigError, DataError

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Encoded:
    """How a file is encoded, and how many bytes of mark stand before its text.

    ``is_guessed``: neither declared nor proven, but what its text reads like.
    """

    encoding: str
    mark: int
    is_guessed: bool = False

    def open(self, path: Path) -> io.TextIOWrapper:
        """The file as text, line ends untouched."""
        raw = path.open("rb")
        raw.seek(self.mark)
        return io.TextIOWrapper(raw, encoding=self.encoding, errors="strict", newline="")


def resolve(path: Path, name: str, wanted: str) -> Encoded:
    """The encoding of a file, checked to its last byte.

    Args:
        path: the file.
        name: what to call it in errors.
        wanted: an encoding's name, or ``auto``: the byte order mark, else what the whole file reads like.

    Raises:
        ConfigError: ``collect.encoding.unknown``.
        DataError: ``collect.encoding.doubtful``, ``collect.file.undecodable`` or ``collect.file.null``, the last
            two with line and column (byte).
    """
    found = choose(path, name, wanted)
    prove(path, name, found)
    return found


def choose(path: Path, name: str, wanted: str) -> Encoded:
    """The encoding of a file, as far as its mark or its text tells; not checked to the last byte.

    Raises:
        ConfigError: ``collect.encoding.unknown``.
        DataError: ``collect.encoding.doubtful``.
    """
    mark = marked(path)
    if wanted != "auto":
        return _declared(wanted, mark)
    if mark:
        return mark
    guess = detect(path)
    if not guess.is_sure and not _fault(path, Encoded(guess.encoding, 0)):
        raise _doubtful(path, name, guess.encoding)
    return Encoded(guess.encoding, 0, is_guessed=guess.lead is not None)


def marked(path: Path) -> Encoded | None:
    """The encoding that a byte order mark tells."""
    with path.open("rb") as file:
        start = file.read(4)
    return next((Encoded(encoding, len(bom)) for bom, encoding in MARKS if start.startswith(bom)), None)


def prove(path: Path, name: str, encoded: Encoded) -> None:
    """Check that all bytes of a file are text.

    Raises:
        DataError: ``collect.file.undecodable`` or ``collect.file.null``, with line and column (byte).
    """
    fault = _fault(path, encoded)
    if fault is None:
        return
    if fault.is_null:
        raise DataError(
            "collect.file.null",
            "{file}, line {line}, column {column}: a zero byte; this is no text in {encoding}.",
            hint="Check whether the file is damaged, or state its encoding.",
            file=name,
            line=fault.line,
            column=fault.column,
            encoding=encoded.encoding,
        )
    raise DataError(
        "collect.file.undecodable",
        "{file}, line {line}, column {column}: the bytes are no text in {encoding}.",
        hint="State the file's encoding in the source (for example gb18030), or have the file delivered anew.",
        file=name,
        line=fault.line,
        column=fault.column,
        encoding=encoded.encoding,
    )


@dataclass(frozen=True)
class _Fault:
    """Where text ends to be text: line and byte of the line from 1."""

    line: int
    column: int
    is_null: bool


def _declared(wanted: str, marked: Encoded | None) -> Encoded:
    try:
        name = codecs.lookup(wanted).name
        "".encode(name)
    except LookupError:
        raise ConfigError(
            "collect.encoding.unknown",
            "There is no encoding {encoding}.",
            hint="Use auto, utf-8, gb18030, gbk, big5 or utf-16.",
            encoding=wanted,
        ) from None
    plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    if marked and (marked.encoding == plain or marked.encoding.startswith(f"{name}-")):
        return marked
    return Encoded(plain, 0)


def _doubtful(path: Path, name: str, encoding: str) -> DataError:
    first = _fault(path, Encoded("utf-8", 0)) or _Fault(1, 1, False)
    return DataError(
        "collect.encoding.doubtful",
        "{file}, line {line}, column {column}: this is no UTF-8, and too little else tells the encoding; it reads most like {encoding}.",
        hint="State the encoding in the source's options, for example gb18030 or {encoding}.",
        file=name,
        line=first.line,
        column=first.column,
        encoding=encoding,
    )


def _fault(path: Path, encoded: Encoded) -> _Fault | None:
    decoder = codecs.getincrementaldecoder(encoded.encoding)("strict")
    line, tail = 1, ""
    with path.open("rb") as file:
        file.seek(encoded.mark)
        while True:
            block = file.read(_BLOCK)
            broken = False
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                broken = True
                text = error.object[: error.start].decode(encoded.encoding, "ignore")
            null = text.find("\0")
            if null >= 0 or broken:
                text = text[:null] if null >= 0 else text
                line += text.count("\n")
                tail = (tail + text).rpartition("\n")[2]
                return _Fault(line, len(tail.encode(encoded.encoding)) + 1, null >= 0)
            if not block:
                return None
            if "\n" in text:
                line += text.count("\n")
                tail = text.rpartition("\n")[2]
            else:
                tail += text
