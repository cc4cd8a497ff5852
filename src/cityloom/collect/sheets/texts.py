"""The texts that a workbook keeps once for many cells; in a file when they are many."""

from __future__ import annotations

import mmap
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, cast, overload

_IN_MEMORY = 32 << 20
"""Characters that are held in memory."""


def keep_texts(texts: Iterable[str]) -> Sequence[str]:
    """Texts by number: a tuple while they are few, else in a temporary file of which memory holds the positions."""
    source = iter(texts)
    held: list[str] = []
    size = 0
    for text in source:
        held.append(text)
        size += len(text)
        if size > _IN_MEMORY:
            return Texts(held, source)
    return tuple(held)


class Texts(Sequence[str]):
    """Texts on disk. The file goes with the object."""

    def __init__(self, first: Sequence[str], rest: Iterator[str]) -> None:
        self._ends = array("Q", [0])
        self._file = cast(IO[bytes], tempfile.TemporaryFile())  # noqa: SIM115 - lives as long as the texts
        end = 0
        for part in (first, rest):
            for text in part:
                raw = text.encode("utf-8", "surrogatepass")
                self._file.write(raw)
                end += len(raw)
                self._ends.append(end)
        self._file.flush()
        self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    @overload
    def __getitem__(self, number: int) -> str: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[str]: ...

    def __getitem__(self, number: int | slice) -> str | Sequence[str]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(len(self)))]
        if number < 0:
            raise IndexError(number)
        return self._bytes[self._ends[number] : self._ends[number + 1]].decode("utf-8", "surrogatepass")

    def __len__(self) -> int:
        return len(self._ends) - 1
