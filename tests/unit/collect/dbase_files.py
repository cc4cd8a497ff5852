"""Makes tables of dBase and FoxPro, byte by byte, for the tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

Column = tuple[str, str, int, int]
"""Name, letter, size, decimals."""


def table(
    path: Path,
    columns: Sequence[Column],
    records: Sequence[tuple[bytes, Sequence[bytes]]],
    *,
    version: int = 0x03,
    language: int = 0,
    encoding: str = "gb18030",
    options: Sequence[int] = (),
    end: bytes = b"\x1a",
    count: int | None = None,
) -> Path:
    """Write a table: ``records`` are marks (``b" "`` or ``b"*"``) with fields, which are padded with blanks."""
    entries = b""
    for n, (name, kind, size, decimals) in enumerate(columns):
        option = options[n] if options else 0
        label = name.encode(encoding).ljust(11, b"\0")[:11]
        entries += label + kind.encode() + b"\0" * 4 + bytes([size & 255, size >> 8 or decimals, option]) + b"\0" * 13
    rest = b"\0" * 263 if version >= 0x30 and version < 0x40 else b""
    start = 32 + len(entries) + 1 + len(rest)
    width = 1 + sum(size for _, _, size, _ in columns)
    total = len(records) if count is None else count
    head = struct.pack("<B3BIHH", version, 126, 1, 5, total, start, width).ljust(29, b"\0") + bytes([language, 0, 0])
    body = b"".join(
        mark + b"".join(v.ljust(size)[:size] if kind in "CNFDLM" else v for v, (_, kind, size, _) in zip(fields, columns, strict=True))
        for mark, fields in records
    )
    path.write_bytes(head + entries + b"\r" + rest + body + end)
    return path


def memo_three(path: Path, *texts: bytes) -> None:
    """A memo file of dBase III; the memos have the numbers 1, 2, …, of one block each."""
    path.write_bytes(b"".join([struct.pack("<I", len(texts) + 1).ljust(512, b"\0"), *(t.ljust(512, b"\x1a") for t in texts)]))


def memo_four(path: Path, *texts: bytes, block: int = 64) -> None:
    """A memo file of dBase IV with blocks of another size than usual."""
    head = struct.pack("<I16xH", 1, block).ljust(512, b"\0")
    body = b"".join((b"\xff\xff\x08\0" + struct.pack("<I", len(t) + 8) + t).ljust(block, b"\0") for t in texts)
    path.write_bytes(head + body)


def memo_foxpro(path: Path, *texts: bytes, block: int = 64) -> None:
    """A memo file of FoxPro; the first memo has the number 512 / block."""
    head = struct.pack(">IHH", 99, 0, block).ljust(512, b"\0")
    body = b"".join((struct.pack(">II", 1, len(t)) + t).ljust(block, b"\0") for t in texts)
    path.write_bytes(head + body)
