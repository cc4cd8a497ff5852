"""XML records as text columns: children are dotted, namespaces left away, and nothing is fetched from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lxml import etree

from cityloom.kernel.errors import DataError

LIMITS = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}
"""What no parser may do: follow entities, fetch, take documents without bounds."""
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def elements(file: Any, record: str, name: str) -> Iterator[Any]:
    """Record elements one by one; what was passed is let go of."""
    events = etree.iterparse(file, events=("start", "end"), remove_comments=True, remove_pis=True, **LIMITS)
    depth = 0
    for event, element in events:
        if event == "start":
            if element.getparent() is None and element.getroottree().docinfo.doctype:
                raise doctype(name)
            depth += local(element.tag) == record
            continue
        if local(element.tag) != record:
            continue
        depth -= 1
        if depth == 0:
            yield element
            element.clear(keep_tail=False)
            while element.getprevious() is not None:
                del element.getparent()[0]


def flatten(prefix: str, element: Any, record: dict[str, str | None]) -> None:
    """Add an element's attributes (``@type``), children (``rep.name``, repeated ones ``phone[2]``) and texts to a record.

    An empty element is an empty text; one with ``xsi:nil`` is NULL.
    """
    for key, value in element.attrib.items():
        record[f"{prefix}@{local(key)}"] = value
    seen: dict[str, int] = {}
    for child in element:
        name = f"{prefix}{local(child.tag)}"
        seen[name] = number = seen.get(name, 0) + 1
        name = name if number == 1 else f"{name}[{number}]"
        if len(child):
            flatten(f"{name}.", child, record)
            if (child.text or "").strip():
                record[name] = child.text
        else:
            is_nil = child.attrib.get(_NIL) in ("true", "1")
            record[name] = None if is_nil else child.text or ""
            for key, value in child.attrib.items():
                if key != _NIL:
                    record[f"{name}.@{local(key)}"] = value


@contextmanager
def located(name: str) -> Iterator[None]:
    """Say where a document of that name is no XML."""
    try:
        yield
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise malformed(name, line or 1, column) from None


def local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]


def malformed(name: str, line: int, column: int) -> DataError:
    """The error for what is no XML."""
    return DataError(
        "collect.xml.malformed",
        "{file}, line {line}, column {column}: this is no well-formed XML.",
        hint="Have the file delivered anew, or corrected at that place.",
        file=name,
        line=line,
        column=column,
    )


def doctype(name: str) -> DataError:
    """The error for a document type."""
    return DataError(
        "collect.xml.doctype",
        "{file} declares a document type, and such files are refused.",
        hint="Have it delivered without DOCTYPE and entities.",
        file=name,
    )
