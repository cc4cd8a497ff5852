"""A source behind HTTP: all pages of one pull, kept on disk until they have landed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import httpx
import pyarrow as pa

from cityloom.collect.base import RejectSink, Slice
from cityloom.collect.http.ask import Template, require_http, resolve, shown
from cityloom.collect.http.auth import Auth, signer
from cityloom.collect.http.caller import Answer, Caller, Patience
from cityloom.collect.http.days import Days
from cityloom.collect.http.page import Kind, Page, Paging
from cityloom.collect.http.pull import Pull, Puller
from cityloom.collect.http.since import Since
from cityloom.collect.periods import Span
from cityloom.kernel.clock import SystemClock
from cityloom.kernel.errors import CityLoomError, ConfigError


@dataclass(frozen=True, kw_only=True)
class HttpSource(ABC):
    """What every connector over HTTP can be told.

    Args:
        url: http or https address, or a reference to it.
        method: of the requests; empty is POST where there is a body, else GET.
        headers: sent with each request; values may be references.
        parameters: fixed query parameters; values may be references.
        body: of each request: an object, or a text (or a reference to one) with ``{name}`` places for what changes.
        form: send the object as a form, not as JSON.
        in_body: put what changes from page to page into the body (dotted names), not into the query.
        auth: credentials: ``kind`` bearer, basic, key, oauth2 or signed, and what that kind needs.
        paging: ``page`` number, ``offset`` of the first record, ``cursor`` from the page before, ``link`` header
            (RFC 8288), or ``next`` address in the answer.
        page: name of the parameter with the page's number, offset or cursor; empty: there is one page.
        first_page: number of the first page.
        size: name of the parameter with the size of a page; empty for none.
        page_size: records a page.
        next: dotted path of the next cursor or address in the answer.
        more: dotted path of what says whether there is a next page; empty when nothing does.
        first_cursor: cursor of the first page; empty for none.
        last_page: without a total, pages end with an ``empty`` one, or with one that is ``short``.
        total: dotted path of the number of all records; empty when the interface does not tell.
        total_header: header with that number.
        count_url: address that answers with the number at ``total``, asked after the pull.
        success: by dotted path, what must stand in each answer: ``{code: "0"}``.
        since: in mode incremental, name of the parameter with what was reached before.
        marker: the field of a record that says how far the pull reached.
        start: value of ``since`` for the first pull; empty leaves the parameter out.
        since_characters: how many characters of the marker ``since`` takes (10 for a date); 0 for all.
        inclusive: whether the interface answers with records at the marker, too.
        days: how the interface is asked for a past span of days: names of the parameters ``first`` and ``last``,
            ``form`` of a day (%Y-%m-%d), ``is_last_included``.
        timeout_seconds: how long the interface may be silent.
        answer_seconds: how long one answer may take.
        answer_limit_mb: how large one answer may be, unpacked.
        pull_seconds: how long all answers of a pull may take.
        pull_limit_mb: how large all of them may be.
        retries: how often a request is tried again.
        restarts: how often a pull begins anew when the interface's total changes under it.
        pause_seconds: between two pages.
        per_second: requests, at most; 0 for no limit.
        longest_wait_seconds: an interface that asks for a longer pause is left until the next run.
        ca: file with the certificates that are trusted; empty for the system's.
    """

    url: str
    method: Literal["", "GET", "POST"] = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | str = ""
    form: bool = False
    in_body: bool = False
    auth: Auth | None = None
    paging: Kind = "page"
    page: str = "page"
    first_page: int = 1
    size: str = "size"
    page_size: int = 1000
    next: str = ""
    more: str = ""
    first_cursor: str = ""
    last_page: Literal["empty", "short"] = "empty"
    total: str = ""
    total_header: str = ""
    count_url: str = ""
    success: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    marker: str = ""
    start: str = ""
    since_characters: int = 0
    inclusive: bool = True
    days: Days | None = None
    timeout_seconds: float = 30.0
    answer_seconds: float = 300.0
    answer_limit_mb: int = 256
    pull_seconds: float = 21600.0
    pull_limit_mb: int = 10240
    retries: int = 4
    restarts: int = 2
    pause_seconds: float = 0.0
    per_second: float = 0.0
    longest_wait_seconds: float = 300.0
    ca: str = ""
    mode: str = "full"
    base: Path = Path()

    @abstractmethod
    def understand(self, content: bytes, number: int) -> Page:
        """One answer's records and facts.

        Raises:
            CityLoomError: where it is not as agreed; ``number`` is the page's.
        """

    def quote(self, value: str) -> str:
        """A value as it stands in a text that is the body."""
        return value

    def judge(self, answer: Answer) -> None:  # noqa: B027 - most interfaces need none
        """Raise where an answer with a status of a passing trouble tells of one that stays."""

    @property
    def media(self) -> tuple[str, str]:
        """Media types: those asked for, and that of a text that is the body."""
        return "application/json", "application/json; charset=utf-8"

    def check(self) -> None:
        """Show that the interface answers its first page."""
        with self._caller() as caller:
            self._puller(caller).try_first()

    def slices(self, done: Mapping[str, str]) -> Iterator[Slice]:
        """One slice: all pages, pulled once; none when nothing new came in mode incremental."""
        address = httpx.URL(self._address)
        origin = f"{address.host}{address.path}"
        position = done.get(origin, "")
        goes_on = self._goes_on

        def make() -> Since:
            return Since(self.marker, position, self.since_characters, self.inclusive, shown(address))

        with closing(Pull(make if goes_on else None)) as pull:
            error = self._pull(pull)
            reached = pull.since.reached if pull.since else None
            if reached is None or pull.spool.count or error:
                yield Slice(origin=origin, digest=pull.spool.digest, position=reached, error=error, held=pull)

    def between(self, start: date, end: date) -> Iterator[Slice]:
        """One slice a month: all pages of what the interface has for its days."""
        address = httpx.URL(self._address)
        if self.days is None:
            raise ConfigError(
                "collect.http.days",
                "{url} cannot be asked for a span of days.",
                hint="Set the option days: first and last are the names of the parameters that take the days.",
                url=shown(address),
            )
        for span in Span(start, end).months():
            with closing(Pull(None)) as pull:
                error = self._pull(pull, self.days.asked(span))
                origin = span.origin(f"{address.host}{address.path}")
                yield Slice(origin=origin, digest=pull.spool.digest, error=error, held=pull)

    def read(self, piece: Slice, sink: RejectSink) -> Iterator[pa.RecordBatch]:
        """The records, nested fields dotted."""
        pull: Pull = piece.held
        return pull.spool.batches()

    def count(self, piece: Slice) -> int:
        """The total that the interface tells; where it tells none, the records of its pages."""
        pull: Pull = piece.held
        dropped = pull.since.dropped if pull.since else 0
        return pull.spool.count if pull.total is None else pull.total - dropped

    @property
    def _goes_on(self) -> bool:
        """Whether a pull goes on from the one before."""
        if self.mode != "incremental":
            return False
        if not (self.since and self.marker):
            raise ConfigError(
                "collect.http.incremental",
                "Mode incremental needs the options since (the parameter) and marker (the field).",
                hint="State both, or collect in mode full.",
            )
        return True

    @property
    def _address(self) -> str:
        return require_http(resolve(self.url, self.base))

    def _pull(self, pull: Pull, days: Mapping[str, str] | None = None) -> CityLoomError | None:
        try:
            with self._caller() as caller:
                puller = self._puller(caller)
                (replace(puller, since="", days=days) if days else puller).pull(pull)
        except CityLoomError as error:
            return error
        return None

    def _caller(self) -> Caller:
        patience = Patience(
            timeout_seconds=self.timeout_seconds,
            answer_seconds=self.answer_seconds,
            answer_bytes=self.answer_limit_mb << 20,
            pull_seconds=self.pull_seconds,
            pull_bytes=self.pull_limit_mb << 20,
            retries=self.retries,
            per_second=self.per_second,
            longest_wait_seconds=self.longest_wait_seconds,
        )
        clock = SystemClock()
        caller = Caller(patience, clock, self.base / self.ca if self.ca else None)
        if self.auth:
            caller.signer = signer(self.auth, self.base, clock, caller.send)
        return caller

    def _puller(self, caller: Caller) -> Puller:
        body = resolve(self.body, self.base)
        accepted, sent = self.media
        headers = {"Accept": accepted} | ({"Content-Type": sent} if body and isinstance(body, str) else {})
        template = Template(
            method=self.method or ("POST" if body or self.in_body else "GET"),
            url=self._address,
            headers=headers | resolve(self.headers, self.base),
            parameters=resolve(self.parameters, self.base),
            body=body,
            form=self.form,
            in_body=self.in_body,
            quote=self.quote,
        )
        return Puller(
            caller=caller,
            template=template,
            understand=self.understand,
            judge=self.judge,
            paging=Paging(
                kind=self.paging,
                page=self.page,
                first_page=self.first_page,
                size=self.size,
                page_size=self.page_size,
                next=self.next,
                more=self.more,
                first_cursor=self.first_cursor,
                is_short_last=self.last_page == "short",
            ),
            total=self.total,
            total_header=self.total_header,
            count_url=resolve(self.count_url, self.base),
            success=self.success,
            since=self.since if self._goes_on else "",
            start=self.start,
            pause_seconds=self.pause_seconds,
            restarts=self.restarts,
        )
