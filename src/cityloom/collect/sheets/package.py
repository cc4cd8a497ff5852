"""The parts of a zipped workbook: opened with limits, parsed without entities, network or whole trees in memory."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from lxml import etree

from cityloom.collect.sheets.model import BookError

_LARGEST = 8 << 30
"""Bytes of a part when unpacked; more is a trap."""
_RELATION = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class Package:
    """A zip of parts.

    Args:
        file: an open file of it.

    Raises:
        BookError: where it is none.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise BookError("it is no zip file") from None
        self._names = {n.casefold(): n for n in self._zip.namelist()}

    def has(self, part: str) -> bool:
        """Whether there is such a part."""
        return part.casefold() in self._names

    def open(self, part: str) -> IO[bytes]:
        """A part as a stream."""
        name = self._names.get(part.casefold())
        if name is None:
            raise BookError("a part of it is missing")
        if self._zip.getinfo(name).file_size > _LARGEST:
            raise BookError("a part of it is too large")
        return self._zip.open(name)

    def read(self, part: str) -> bytes:
        """A small part."""
        with self.open(part) as file:
            return file.read()

    def elements(self, part: str, tags: tuple[str, ...]) -> Iterator[Any]:
        """The elements of some tags (namespaces ignored), one after another, each gone from memory after its turn."""
        wanted = [f"{{*}}{tag}" for tag in tags]
        with self.open(part) as file:
            for _, element in etree.iterparse(
                file, events=("end",), tag=wanted, resolve_entities=False, no_network=True, huge_tree=True
            ):
                yield element
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]

    def relations(self, part: str) -> dict[str, str]:
        """The parts that a part refers to, by id."""
        folder, name = posixpath.split(part)
        where = f"{folder}/_rels/{name}.rels" if folder else f"_rels/{name}.rels"
        if not self.has(where):
            return {}
        root = etree.fromstring(self.read(where), etree.XMLParser(resolve_entities=False, no_network=True))
        found = {}
        for one in root.iter(_RELATION):
            target = one.get("Target", "")
            found[one.get("Id", "")] = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._zip.close()


def local(element: Any) -> str:
    """An element's tag without its namespace."""
    tag = element.tag
    return str(tag).rpartition("}")[2] if isinstance(tag, str) else ""
