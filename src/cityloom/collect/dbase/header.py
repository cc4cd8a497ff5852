"""What a file says of itself: its columns, its records, its encoding."""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass
from pathlib import Path

from cityloom.kernel.errors import DataError
from cityloom.kernel.i18n import _

_FOXPRO = frozenset({0x30, 0x31, 0x32})
_SUMMARY = 32
_END = 0x0D
_LANGUAGES = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x08: "cp865", 0x09: "cp437", 0x0A: "cp850", 0x0B: "cp437",
    0x0D: "cp437", 0x0E: "cp850", 0x0F: "cp437", 0x10: "cp850", 0x11: "cp437", 0x12: "cp850", 0x13: "cp932",
    0x14: "cp850", 0x15: "cp437", 0x16: "cp850", 0x17: "cp865", 0x18: "cp437", 0x19: "cp437", 0x1A: "cp850",
    0x1B: "cp437", 0x1C: "cp863", 0x1D: "cp850", 0x1F: "cp852", 0x22: "cp852", 0x23: "cp852", 0x24: "cp860",
    0x25: "cp850", 0x26: "cp866", 0x37: "cp850", 0x40: "cp852", 0x4D: "gb18030", 0x4E: "cp949", 0x4F: "cp950",
    0x50: "cp874", 0x57: "cp1252", 0x58: "cp1252", 0x59: "cp1252", 0x64: "cp852", 0x65: "cp866", 0x66: "cp865",
    0x67: "cp861", 0x6A: "cp737", 0x6B: "cp857", 0x78: "cp950", 0x79: "cp949", 0x7A: "gb18030", 0x7B: "cp932",
    0x7C: "cp874", 0x7D: "cp1255", 0x7E: "cp1256", 0xC8: "cp1250", 0xC9: "cp1251", 0xCA: "cp1254", 0xCB: "cp1253",
}  # fmt: skip
"""Encoding by the header's byte for the language driver; code page 936 is read as its superset GB 18030."""
_KNOWN = frozenset("CNFDLMGPBWIO+YT@VQ0")
_VARIABLE = frozenset("VQ")
_MEMOS = frozenset("MGPBW")


@dataclass(frozen=True)
class Field:
    """A column: its letter, where it stands in a record, and its bits among FoxPro's flags (-1: none).

    ``is_memo`` where the record only says which memo; ``flag`` the descriptor's own.
    """

    name: str
    kind: str
    at: int
    size: int
    decimals: int
    is_memo: bool
    null_bit: int = -1
    size_bit: int = -1


@dataclass(frozen=True)
class Header:
    """What a file says of itself.

    ``count`` of its records, deleted ones too; ``start`` of the first one and ``width`` of each, in bytes;
    ``encoding`` is empty where it says none; ``flags`` is the hidden column of FoxPro's bits.
    """

    version: int
    count: int
    start: int
    width: int
    encoding: str
    fields: tuple[Field, ...]
    flags: Field | None = None

    @property
    def has_memos(self) -> bool:
        """Whether a memo file belongs to it."""
        return any(f.is_memo for f in self.fields)


def read_header(path: Path, name: str, encoding: str = "") -> Header:
    """The header of a file.

    Args:
        path: of the file.
        name: what to call it in errors.
        encoding: of the columns' names, where the file is wrong about it.

    Raises:
        DataError: ``collect.dbf.damaged`` or ``collect.dbf.locked``.
    """
    with path.open("rb") as file:
        raw = file.read(_SUMMARY)
        if len(raw) < _SUMMARY:
            raise damaged(name, _("it is too short"))
        count, start, width = struct.unpack_from("<IHH", raw, 4)
        raw += file.read(max(start - _SUMMARY, 0))
    if raw[0] & 7 not in (0, 2, 3, 4, 5) or len(raw) < max(start, _SUMMARY + 1) or not width:
        raise damaged(name, _("its header is none of dBase or FoxPro"))
    if raw[15] == 1:
        raise DataError(
            "collect.dbf.locked", "{file} is encrypted.", hint="Have it delivered unencrypted.", file=name
        )
    own = _sidecar(path) or _LANGUAGES.get(raw[29], "")
    fields, flags = _fields(raw, encoding or own, name)
    used = 1 + sum(f.size for f in fields) + (flags.size if flags else 0)
    if not fields or used > width:
        raise damaged(name, _("its columns do not fit its records"))
    return Header(raw[0], count, start, width, own, fields, flags)


def damaged(file: str, problem: str) -> DataError:
    """The error for a file that is no sound table."""
    return DataError(
        "collect.dbf.damaged",
        "{file} is no readable dBase table: {problem}.",
        hint="Pack or export it anew in the program it came from, or have it delivered anew.",
        file=file,
        problem=problem,
    )


def _sidecar(path: Path) -> str:
    """The encoding that a file ``.cpg`` beside it names."""
    for ending in (".cpg", ".CPG"):
        beside = path.with_suffix(ending)
        if beside.is_file():
            word = beside.read_text(encoding="ascii", errors="replace").strip().casefold()
            try:
                found = codecs.lookup(f"cp{word}" if word.isdigit() else word).name
            except LookupError:
                return ""
            return "gb18030" if found in ("gbk", "gb2312", "cp936") else found
    return ""


def _fields(raw: bytes, encoding: str, name: str) -> tuple[tuple[Field, ...], Field | None]:
    is_seven = raw[0] & 7 == 4
    at, size = (68, 48) if is_seven else (32, 32)
    found: list[Field] = []
    flags: Field | None = None
    place, bit = 1, 0
    while at + size <= len(raw) and raw[at] not in (_END, 0):
        field, bit = _field(raw[at : at + size], is_seven, raw[0], place, bit, encoding, name)
        if field.kind == "0":
            flags = field
        else:
            found.append(field)
        place += field.size
        at += size
    return tuple(found), flags


def _field(
    entry: bytes, is_seven: bool, version: int, place: int, bit: int, encoding: str, name: str
) -> tuple[Field, int]:
    words, rest = (entry[:32], entry[32:]) if is_seven else (entry[:11], entry[11:12] + entry[16:])
    kind, size, decimals = chr(rest[0]), rest[1], rest[2]
    option = 0 if is_seven else entry[18]
    if kind not in _KNOWN:
        text = _("a column has the unknown type {type}")
        raise damaged(name, text.format(type=kind if kind.isprintable() else rest[0]))
    if kind == "C" and not is_seven:
        size, decimals = size | decimals << 8, 0
    size_bit = null_bit = -1
    if version in _FOXPRO and kind != "0":
        if kind in _VARIABLE:
            size_bit, bit = bit, bit + 1
        if option & 2:
            null_bit, bit = bit, bit + 1
    is_memo = kind in _MEMOS and not (kind == "B" and version in _FOXPRO)
    label = words.split(b"\0")[0]
    return Field(_label(label, encoding, name), kind, place, size, decimals, is_memo, null_bit, size_bit), bit


def _label(raw: bytes, encoding: str, name: str) -> str:
    for candidate in (encoding,) if encoding else ("utf-8", "gb18030"):
        try:
            return raw.decode(candidate).strip()
        except UnicodeDecodeError:
            continue
    text = _("the name of a column is no text in {encoding}; state the option encoding")
    raise damaged(name, text.format(encoding=encoding or "gb18030"))
