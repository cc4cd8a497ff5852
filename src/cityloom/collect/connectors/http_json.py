"""Pages of JSON records behind an HTTP interface."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cityloom.collect.http.ask import shown
from cityloom.collect.http.page import Page, Record, unlike
from cityloom.collect.http.source import HttpSource
from cityloom.collect.nested import at_path, flatten, parse
from cityloom.kernel.errors import DataError, SourceError
from cityloom.model.text import STRICT, Title


@dataclass(frozen=True, kw_only=True)
class HttpJson(HttpSource):
    """A JSON interface, pulled page by page; one pull is one batch, kept on disk until it has landed.

    ``_row`` is the record's number in the pull. A pull that breaks off lands nothing. In mode incremental it goes
    on from the greatest value of ``marker``, whose records are told apart where they come again.

    Args:
        records: dotted path of the list of records in the answer.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "http_json"
    title: ClassVar[Title] = Title("HTTP 接口（JSON）", "HTTP interface (JSON)")
    standard: ClassVar[str] = "RFC 9110"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full", "incremental"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"url": "file:sources/wj/interface.url", "records": "data.list", "total": "data.total"},
    )

    records: str = "data.list"
    total: str = "data.total"

    def quote(self, value: str) -> str:
        """A value within a JSON string."""
        return json.dumps(value, ensure_ascii=False)[1:-1]

    def understand(self, content: bytes, number: int) -> Page:
        """A JSON document; numbers keep their digits."""
        try:
            document = parse(content)
        except ValueError:
            raise SourceError(
                "collect.http.malformed",
                "{url}, page {page}: the answer is no {kind}.",
                hint="Check the address; a gateway or a login page may stand in between.",
                url=shown(self._address),
                page=number,
                kind="JSON",
            ) from None
        return Page(lambda: self._records(document, number), lambda path: _fact(document, path))

    def _records(self, document: Any, number: int) -> list[Record]:
        try:
            found = at_path(document, self.records)
        except KeyError as error:
            known = ", ".join(document) if isinstance(document, dict) else "-"
            problem = f"without {error.args[0]}; its keys: {known}"
            raise unlike(self._address, number, self.records, problem) from None
        if not isinstance(found, list):
            raise unlike(self._address, number, self.records, "no list")
        return [self._record(one, number, place) for place, one in enumerate(found, 1)]

    def _record(self, record: Any, number: int, place: int) -> Record:
        try:
            if not isinstance(record, dict):
                raise ValueError("it is no JSON object")
            return flatten(record)
        except ValueError as error:
            raise DataError(
                "collect.json.record",
                "{url}, page {page}, record {place}: the record cannot be taken: {problem}.",
                hint="Have the interface corrected.",
                url=shown(self._address),
                page=number,
                place=place,
                problem=str(error),
            ) from None


def _fact(document: Any, path: str) -> str | None:
    try:
        found = at_path(document, path)
    except KeyError:
        return None
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, str) else None
