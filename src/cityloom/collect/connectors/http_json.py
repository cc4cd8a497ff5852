"""Pages of JSON records behind an HTTP interface."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.nested import at_path, flatten, parse
from cityloom.collect.periods import Span
from cityloom.collect.spool import Spool
from cityloom.kernel.config import reference
from cityloom.kernel.errors import CityLoomError, ConfigError, DataError, SourceError
from cityloom.model.text import STRICT, Title

_AGAIN = frozenset({429, 500, 502, 503, 504})
_LONGEST_WAIT = 60.0


@dataclass
class _Pull:
    """All records of one pull, and the total that the interface told."""

    spool: Spool
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class HttpJson:
    """A JSON interface, pulled page by page; one pull is one batch, kept on disk until it has landed.

    ``_row`` is the record's number in the pull. Errors of the server (500, 502, 503, 504), 429 and broken
    connections are tried again after 0.5, 1, 2, … seconds, or as long as ``Retry-After`` says. Redirects are
    not followed, so that no header goes to a stranger.

    Args:
        url: http or https address, or a reference to it.
        headers: sent with each request; values may be references.
        parameters: fixed query parameters.
        page: name of the parameter with the page's number; empty: there is one page.
        first_page: number of the first page.
        size: name of the parameter with the size of a page; empty for none.
        page_size: records a page.
        records: dotted path of the list of records in the answer.
        total: dotted path of the number of all records; empty when the interface does not tell.
        timeout_seconds: how long one answer may take.
        retries: how often a request is tried again.
        pause_seconds: between two pages.
        since: name of the parameter that takes the first day of a span of days; with ``until`` the interface can be
            asked for a past span again, a month at a time.
        until: name of the parameter that takes the last day.
        day_format: how a day is written.
        is_until_included: whether the last day itself belongs to what is asked for.
    """

    __pydantic_config__ = STRICT
    name: ClassVar[str] = "http_json"
    title: ClassVar[Title] = Title("HTTP 接口（JSON）", "HTTP interface (JSON)")
    standard: ClassVar[str] = "RFC 9110"
    capabilities: ClassVar[frozenset[str]] = frozenset({"full"})
    is_sparse: ClassVar[bool] = True
    cases: ClassVar[tuple[Mapping[str, Any], ...]] = (
        {"url": "file:sources/wj/interface.url", "records": "data.list", "total": "data.total"},
    )

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    page: str = "page"
    first_page: int = 1
    size: str = "size"
    page_size: int = 1000
    records: str = "data.list"
    total: str = "data.total"
    timeout_seconds: float = 30.0
    retries: int = 4
    pause_seconds: float = 0.0
    since: str = ""
    until: str = ""
    day_format: str = "%Y-%m-%d"
    is_until_included: bool = True
    base: Path = Path()

    def check(self) -> None:
        """Show that the interface answers its first page."""
        with self._client() as client:
            self._ask(client, self.first_page)

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice: all pages, pulled once."""
        address = httpx.URL(self._address())
        with closing(Spool()) as spool:
            pull = _Pull(spool)
            error = self._pull(pull)
            yield Slice(origin=f"{address.host}{address.path}", digest=spool.digest, error=error, held=pull)

    def between(self, start: date, end: date) -> Iterator[Slice]:
        """One slice a month: all pages of what the interface has for its days."""
        if not self.since or not self.until:
            raise ConfigError(
                "collect.http.period",
                "{url} cannot be asked for a span of days.",
                hint="Set the options since and until: the names of the parameters that take the first and the last day.",
                url=self._shown(),
            )
        for span in Span(start, end).months():
            last = span.end - timedelta(days=self.is_until_included)
            days = {self.since: f"{span.start:{self.day_format}}", self.until: f"{last:{self.day_format}}"}
            for piece in replace(self, parameters={**self.parameters, **days}).slices({}):
                yield replace(piece, origin=span.origin(piece.origin))

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The records, nested fields dotted."""
        pull: _Pull = piece.held
        return pull.spool.batches()

    def count(self, piece: Slice) -> int:
        """The total that the interface tells; where it tells none, the records of its pages."""
        pull: _Pull = piece.held
        return pull.spool.count if pull.total is None else pull.total

    def _pull(self, pull: _Pull) -> CityLoomError | None:
        try:
            with self._client() as client:
                self._pages(client, pull)
        except CityLoomError as error:
            return error
        return None

    def _pages(self, client: httpx.Client, pull: _Pull) -> None:
        before: Any = None
        number = self.first_page
        while True:
            document = self._ask(client, number)
            records = self._records(document, number)
            pull.total = self._total(document, number)
            if records and records == before:
                raise SourceError(
                    "collect.http.repeats",
                    "{url} answers page {page} with the records of the page before.",
                    hint="Check the option page: the name of the parameter with the page's number.",
                    url=self._shown(),
                    page=number,
                )
            self._keep(records, number, pull)
            is_last = not records or not self.page or (pull.total is not None and pull.spool.count >= pull.total)
            if is_last or (pull.total is None and len(records) < self.page_size):
                return
            before, number = records, number + 1
            self._wait(self.pause_seconds)

    def _keep(self, records: list[Any], page: int, pull: _Pull) -> None:
        for place, record in enumerate(records, 1):
            try:
                if not isinstance(record, dict):
                    raise ValueError("it is no JSON object")
                pull.spool.add(pull.spool.count + 1, flatten(record))
            except ValueError as error:
                raise DataError(
                    "collect.json.record",
                    "{url}, page {page}, record {place}: the record cannot be taken: {problem}.",
                    hint="Have the interface corrected.",
                    url=self._shown(),
                    page=page,
                    place=place,
                    problem=str(error),
                ) from None

    def _records(self, document: Any, page: int) -> list[Any]:
        found = self._at(document, self.records, page)
        if not isinstance(found, list):
            raise self._unlike(self.records, page, "no list")
        return found

    def _total(self, document: Any, page: int) -> int | None:
        if not self.total:
            return None
        found = self._at(document, self.total, page)
        if not isinstance(found, str) or not (found.isascii() and found.isdigit()):
            raise self._unlike(self.total, page, "no number")
        return int(found)

    def _at(self, document: Any, path: str, page: int) -> Any:
        try:
            return at_path(document, path)
        except KeyError as error:
            known = ", ".join(document) if isinstance(document, dict) else "-"
            raise self._unlike(path, page, f"without {error.args[0]}; its keys: {known}") from None

    def _unlike(self, path: str, page: int, problem: str) -> DataError:
        return DataError(
            "collect.http.unlike",
            "{url}, page {page}: the answer at {path} is {problem}.",
            hint="Correct the options records and total, or ask the department what changed.",
            url=self._shown(),
            page=page,
            path=path,
            problem=problem,
        )

    def _ask(self, client: httpx.Client, page: int) -> Any:
        parameters = dict(self.parameters)
        if self.page:
            parameters[self.page] = str(page)
        if self.size:
            parameters[self.size] = str(self.page_size)
        answer = self._tried(client, parameters)
        if answer.status_code in (401, 403):
            raise self._refused("collect.http.denied", answer, "Check the key in the source's headers, and that it is still valid.")
        if answer.status_code != 200:
            raise self._refused("collect.http.refused", answer, "Check the address and the parameters with the department.")
        try:
            return parse(answer.content)
        except ValueError:
            raise SourceError(
                "collect.http.malformed",
                "{url}, page {page}: the answer is no JSON.",
                hint="Check the address; a gateway or a login page may stand in between.",
                url=self._shown(),
                page=page,
            ) from None

    def _tried(self, client: httpx.Client, parameters: Mapping[str, str]) -> httpx.Response:
        url = self._address()
        for attempt in range(self.retries + 1):
            delay = 0.5 * 2**attempt
            try:
                answer = client.get(url, params=httpx.QueryParams(httpx.URL(url).params).merge(parameters))
                if answer.status_code not in _AGAIN:
                    return answer
                problem = str(answer.status_code)
                after = answer.headers.get("Retry-After", "")
                delay = float(after) if after.isascii() and after.isdigit() else delay
            except httpx.HTTPError as error:
                problem = type(error).__name__
            if attempt < self.retries:
                self._wait(min(delay, _LONGEST_WAIT))
        raise SourceError(
            "collect.source.unreachable",
            "{url} does not answer ({problem}), after {attempts} attempts.",
            hint="Check the address and the network; ask the department whether its system is up.",
            url=self._shown(),
            problem=problem,
            attempts=self.retries + 1,
        )

    def _refused(self, code: str, answer: httpx.Response, hint: str) -> SourceError:
        return SourceError(
            code, "{url} refuses with status {status}.", hint=hint, url=self._shown(), status=answer.status_code
        )

    def _client(self) -> httpx.Client:
        headers = {k: reference(v, base=self.base) for k, v in self.headers.items()}
        return httpx.Client(headers=headers, timeout=self.timeout_seconds, follow_redirects=False, trust_env=False)

    def _address(self) -> str:
        url = reference(self.url, base=self.base)
        if not url.startswith(("http://", "https://")):
            raise ConfigError(
                "collect.http.scheme",
                "The address of an interface begins with http:// or https://.",
                hint="Correct the source's option url.",
            )
        return url

    def _shown(self) -> str:
        """The address without what may be secret."""
        url = httpx.URL(self._address())
        return f"{url.scheme}://{url.host}{url.path}"

    def _wait(self, seconds: float) -> None:
        if seconds:
            time.sleep(seconds)
