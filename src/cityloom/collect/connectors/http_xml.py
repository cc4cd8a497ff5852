"""Records in the XML that an HTTP interface answers with, SOAP among it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from xml.sax.saxutils import escape

from lxml import etree

from cityloom.collect.http.ask import shown
from cityloom.collect.http.caller import Answer
from cityloom.collect.http.page import Page, Record, unlike
from cityloom.collect.http.source import HttpSource
from cityloom.collect.markup import LIMITS, doctype, flatten, local
from cityloom.kernel.errors import ConfigError, SourceError
from cityloom.model.text import STRICT, Title

_SOAP = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")


@dataclass(frozen=True, kw_only=True)
class HttpXml(HttpSource):
    """An interface that answers with XML, pulled page by page; one pull is one batch.

    A request in XML (a SOAP envelope) is the text ``body``, with ``{page}``, ``{size}`` or whatever the parameters
    are called where their values go. ``_row`` is the record's number in the pull; children are dotted, attributes
    have an ``@``, repeated children a number, as in files; ``xsi:nil`` is NULL. Document types are refused, entities
    are not followed, and a SOAP fault is an error.

    Args:
        record: path of the elements that are records, ``QueryResponse/items/item``; it may begin anywhere.
        namespaces: by prefix, for paths with prefixes; names without one are of any namespace.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "http_xml"
    title: ClassVar[Title] = Title("HTTP 接口（XML、SOAP）", "HTTP interface (XML, SOAP)")
    standard: ClassVar[str] = "W3C XML 1.0, SOAP 1.2"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"url": "file:sources/rs/service.url", "body": "file:sources/rs/query.xml", "record": "items/item", "total": "total"},
    )

    record: str
    namespaces: Mapping[str, str] = field(default_factory=dict)

    def quote(self, value: str) -> str:
        """A value as text of an element or an attribute."""
        return escape(value, {'"': "&quot;"})

    @property
    def media(self) -> tuple[str, str]:
        """XML; what SOAP 1.2 wants otherwise is said by a header."""
        return "text/xml, application/xml, application/soap+xml", "text/xml; charset=utf-8"

    def understand(self, content: bytes, number: int) -> Page:
        """An XML document."""
        root = self._parse(content, number)
        self._require_no_fault(root)
        return Page(lambda: self._records(root, number), lambda path: self._fact(root, path))

    def judge(self, answer: Answer) -> None:
        """A fault that the request is to blame for stays, although its status is 500."""
        if answer.status == 500 and b"Fault" in answer.content:
            try:
                root = etree.fromstring(answer.content, etree.XMLParser(**LIMITS))
            except etree.XMLSyntaxError:
                return
            self._require_no_fault(root, ("Client", "Sender"))

    def _parse(self, content: bytes, number: int) -> Any:
        parser = etree.XMLParser(remove_comments=True, remove_pis=True, **LIMITS)
        try:
            root = etree.fromstring(content, parser)
        except etree.XMLSyntaxError:
            raise SourceError(
                "collect.http.malformed",
                "{url}, page {page}: the answer is no {kind}.",
                hint="Check the address; a gateway or a login page may stand in between.",
                url=shown(self._address),
                page=number,
                kind="XML",
            ) from None
        if root.getroottree().docinfo.doctype:
            raise doctype(f"{shown(self._address)}, {number}")
        return root

    def _records(self, root: Any, number: int) -> list[Record]:
        found = list(self._find(root, self.record.split("/")))
        parent = self.record.split("/")[:-1]
        if not found and parent and not any(True for _ in self._find(root, parent)):
            raise unlike(self._address, number, self.record, "not there")
        return [self._flat(one) for one in found]

    def _flat(self, element: Any) -> Record:
        record: Record = {}
        flatten("", element, record)
        return record

    def _fact(self, root: Any, path: str) -> str | None:
        """Text of the first element at a path, or of its attribute where the path ends in ``@name``."""
        parts = path.split("/")
        attribute = parts.pop()[1:] if parts[-1].startswith("@") else ""
        element = next(self._find(root, parts), None) if parts else root
        if element is None:
            return None
        if attribute:
            return next((str(v) for k, v in element.attrib.items() if local(k) == attribute), None)
        return (element.text or "").strip() or None

    def _find(self, root: Any, path: list[str]) -> Iterator[Any]:
        wanted = [self._name(part) for part in path]
        for element in root.iter("*"):
            chain: list[str] = []
            one = element
            while one is not None and len(chain) < len(wanted):
                chain.append(one.tag)
                one = one.getparent()
            if len(chain) == len(wanted) and all(map(_fits, reversed(chain), wanted)):
                yield element

    def _name(self, part: str) -> str:
        """A part of a path as the parser names it: with its namespace in braces where it has a prefix."""
        prefix, colon, name = part.partition(":")
        if not colon:
            return part
        if prefix not in self.namespaces:
            raise ConfigError(
                "collect.xml.prefix",
                "The prefix {prefix} of the path {path} is not among the namespaces.",
                hint="Add it to the option namespaces, or leave the prefix out.",
                prefix=prefix,
                path=part,
            )
        return f"{{{self.namespaces[prefix]}}}{name}"

    def _require_no_fault(self, root: Any, blamed: tuple[str, ...] = ()) -> None:
        fault = next((root.find(f".//{{{uri}}}Fault") for uri in _SOAP if root.find(f".//{{{uri}}}Fault") is not None), None)
        if fault is None:
            return
        code = next((e.text for e in fault.iter() if local(e.tag) in ("faultcode", "Value") and e.text), "-")
        name = code.strip().rpartition(":")[2]
        if blamed and name.partition(".")[0] not in blamed:
            return
        raise SourceError(
            "collect.http.fault",
            "{url} answers with the SOAP fault {fault}.",
            hint="Check the request in the option body, and ask the department what its service expects.",
            url=shown(self._address),
            fault=name[:60],
        )


def _fits(tag: str, wanted: str) -> bool:
    return tag == wanted if wanted.startswith("{") else local(tag) == wanted
