"""Text files: which encoding they are in, proven over the whole file, and where one goes wrong."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from pathlib import Path

from cityloom.kernel.errors import ConfigError, DataError

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Encoded:
    """How a file is encoded, and how many bytes of mark stand before its text."""

    encoding: str
    mark: int

    def open(self, path: Path) -> io.TextIOWrapper:
        """The file as text, line ends untouched."""
        raw = path.open("rb")
        raw.seek(self.mark)
        return io.TextIOWrapper(raw, encoding=self.encoding, errors="strict", newline="")


@dataclass(frozen=True)
class _Fault:
    """Where text ends to be text: line and byte of the line from 1, byte of the file from 0."""

    encoding: str
    line: int
    column: int
    at: int
    is_null: bool


def resolve(path: Path, name: str, wanted: str) -> Encoded:
    """The encoding of a file, checked to its last byte.

    Args:
        path: the file.
        name: what to call it in errors.
        wanted: an encoding's name, or ``auto``: the byte order mark, else UTF-8, else GB18030, both strict.

    Raises:
        ConfigError: ``collect.encoding.unknown``.
        DataError: ``collect.file.undecodable`` or ``collect.file.null``, with line and column (byte).
    """
    faults = []
    for candidate in _candidates(path, wanted):
        fault = _fault(path, candidate)
        if fault is None:
            return candidate
        if fault.is_null:
            raise DataError(
                "collect.file.null",
                "{file}, line {line}, column {column}: a zero byte; this is no text in {encoding}.",
                hint="Check whether the file is damaged, or state its encoding.",
                file=name,
                line=fault.line,
                column=fault.column,
                encoding=fault.encoding,
            )
        faults.append(fault)
    worst = max(faults, key=lambda f: f.at)
    raise DataError(
        "collect.file.undecodable",
        "{file}, line {line}, column {column}: the bytes are no text in {encoding}.",
        hint="State the file's encoding in the source (for example gb18030), or have the file delivered anew.",
        file=name,
        line=worst.line,
        column=worst.column,
        encoding=worst.encoding,
    )


def _candidates(path: Path, wanted: str) -> list[Encoded]:
    with path.open("rb") as file:
        start = file.read(4)
    marked = next((Encoded(encoding, len(bom)) for bom, encoding in _BOMS if start.startswith(bom)), None)
    if wanted == "auto":
        return [marked] if marked else [Encoded("utf-8", 0), Encoded("gb18030", 0)]
    try:
        name = codecs.lookup(wanted).name
    except LookupError:
        raise ConfigError(
            "collect.encoding.unknown",
            "There is no encoding {encoding}.",
            hint="Use auto, utf-8, gb18030, gbk, big5 or utf-16.",
            encoding=wanted,
        ) from None
    plain = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(name, name)
    if marked and (marked.encoding == plain or name == "utf-16"):
        return [marked]
    return [Encoded(plain, 0)]


def _fault(path: Path, encoded: Encoded) -> _Fault | None:
    decoder = codecs.getincrementaldecoder(encoded.encoding)("strict")
    line, tail, at = 1, "", encoded.mark
    with path.open("rb") as file:
        file.seek(encoded.mark)
        while True:
            block = file.read(_BLOCK)
            broken = False
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                broken = True
                text = error.object[: error.start].decode(encoded.encoding, "ignore")
            null = text.find("\0")
            if null >= 0 or broken:
                text = text[:null] if null >= 0 else text
                at += len(text.encode(encoded.encoding)) - pending
                line += text.count("\n")
                tail = (tail + text).rpartition("\n")[2]
                return _Fault(encoded.encoding, line, len(tail.encode(encoded.encoding)) + 1, at, null >= 0)
            if not block:
                return None
            at += len(block)
            if "\n" in text:
                line += text.count("\n")
                tail = text.rpartition("\n")[2]
            else:
                tail += text
