"""Page by page: the records of one pull, each page checked against what was said before."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cityloom.collect.http.ask import Template, require_http, shown
from cityloom.collect.http.caller import Answer, Caller
from cityloom.collect.http.page import Course, Page, Paging, Record, repeats, unlike
from cityloom.collect.http.since import Since
from cityloom.collect.spool import Spool
from cityloom.kernel.errors import SourceError


class _Moved(Exception):  # noqa: N818 - tells what happened, not what went wrong
    """The interface's total changed."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before, self.after = before, after


@dataclass
class Pull:
    """All records of one pull; ``total`` what the interface counts, ``since`` in mode incremental."""

    make_since: Callable[[], Since] | None = None
    spool: Spool = field(default_factory=Spool)
    since: Since | None = None
    total: int | None = None
    taken: int = 0
    pages: set[bytes] = field(default_factory=set)

    def begin(self) -> None:
        """Forget what was taken."""
        self.spool.close()
        self.spool, self.total, self.taken, self.pages = Spool(), None, 0, set()
        self.since = self.make_since() if self.make_since else None

    def close(self) -> None:
        """Remove what is on disk."""
        self.spool.close()

    def take(self, records: list[Record], page: int, url: str) -> None:
        """Keep the records of a page.

        Raises:
            SourceError: ``collect.http.repeats`` for a page that was there before.
        """
        digest = hashlib.sha256(repr(records).encode("utf-8", "surrogatepass")).digest()[:16]
        if records and digest in self.pages:
            raise repeats(url, page)
        self.pages.add(digest)
        for record in records:
            self.taken += 1
            if self.since is None or self.since.take(record, page):
                self.spool.add(self.spool.count + 1, record)

    def count(self, total: int) -> None:
        """Note what the interface counts."""
        if self.total is not None and self.total != total:
            raise _Moved(self.total, total)
        self.total = total


@dataclass(frozen=True, kw_only=True)
class Puller:
    """Asks an interface for all pages.

    Args:
        caller: sends the requests.
        template: the requests, but for what changes.
        understand: reads an answer, given the number of its page.
        judge: raises where an answer with a status of a passing trouble tells of one that stays.
        paging: how pages follow each other.
        total: path of the number of all records; empty for none.
        total_header: header with it.
        count_url: address that tells it.
        success: by path, what must stand in each answer.
        since: name of the parameter that a pull goes on from.
        start: its value for the first pull.
        days: parameters that ask for a span of days.
        pause_seconds: between two pages.
        restarts: how often a pull begins anew when the total changes.
    """

    caller: Caller
    template: Template
    understand: Callable[[bytes, int], Page]
    judge: Callable[[Answer], None]
    paging: Paging
    total: str = ""
    total_header: str = ""
    count_url: str = ""
    success: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    start: str = ""
    days: Mapping[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0
    restarts: int = 0

    def pull(self, pull: Pull) -> None:
        """All pages of a pull.

        Raises:
            SourceError: ``collect.http.moved`` when the interface's total changes each time, and what else may break.
        """
        for attempt in range(self.restarts + 1):
            pull.begin()
            try:
                self._pages(pull)
                return
            except _Moved as moved:
                if attempt < self.restarts:
                    continue
                raise SourceError(
                    "collect.http.moved",
                    "{url} counts {after} records, and counted {before} on an earlier page of the same pull.",
                    hint="Nothing was kept. Let the task run at a quiet hour, or collect in mode incremental.",
                    url=shown(self.template.url),
                    before=moved.before,
                    after=moved.after,
                ) from None

    def try_first(self) -> None:
        """Ask for the first page, and understand it."""
        _, page = self._ask(Course(self.paging), self._asked(self.start))
        if page:
            page.take()

    def _pages(self, pull: Pull) -> None:
        course, url = Course(self.paging), shown(self.template.url)
        asked = self._asked((pull.since.asked if pull.since else "") or self.start)
        while True:
            number = course.number
            answer, page = self._ask(course, asked)
            if page is None:
                break
            records = page.take()
            pull.take(records, number, url)
            if not self.count_url and (self.total or self.total_header):
                pull.count(self._total(answer, page, number))
            is_whole = pull.total is not None and pull.taken >= pull.total
            if not course.step(answer, page, len(records), is_whole):
                break
            if self.pause_seconds:
                time.sleep(self.pause_seconds)
        if self.count_url:
            pull.count(self._counted(asked))

    def _asked(self, since: str) -> dict[str, str | int]:
        return {**self.days, **({self.since: since} if self.since and since else {})}

    def _ask(self, course: Course, asked: Mapping[str, str | int]) -> tuple[Answer, Page | None]:
        """A page; none where the interface says that there is nothing (status 204)."""
        if course.url:
            template = replace(self.template, url=course.url, parameters={})
            answer = self.caller.call(lambda: template.fill({}), self.judge)
        else:
            values = {**asked, **course.values}
            answer = self.caller.call(lambda: self.template.fill(values), self.judge)
        if answer.status == 204:
            return answer, None
        page = self.understand(self._content(answer), course.number)
        self._require_success(page, answer)
        return answer, page

    def _content(self, answer: Answer) -> bytes:
        if answer.status in (401, 403):
            raise self._refused("collect.http.denied", answer, "Check the key in the source's headers or auth, and that it is still valid.")
        if answer.status != 200:
            raise self._refused("collect.http.refused", answer, "Check the address and the parameters with the department.")
        return answer.content

    def _refused(self, code: str, answer: Answer, hint: str) -> SourceError:
        return SourceError(
            code, "{url} refuses with status {status}.", hint=hint, url=shown(answer.url), status=answer.status
        )

    def _require_success(self, page: Page, answer: Answer) -> None:
        for path, wanted in self.success.items():
            found = page.fact(path)
            if found != wanted:
                told = found if found and len(found) <= 20 and found.isascii() else "-"
                raise SourceError(
                    "collect.http.unsuccessful",
                    "{url} answers with {path} {found}, where success is {wanted}.",
                    hint="Ask the department what this answer means, or correct the option success.",
                    url=shown(answer.url),
                    path=path,
                    found=told,
                    wanted=wanted,
                )

    def _total(self, answer: Answer, page: Page, number: int) -> int:
        found = answer.headers.get(self.total_header) if self.total_header else page.fact(self.total)
        if found is None or not (found.isascii() and found.isdigit()):
            raise unlike(answer.url, number, self.total_header or self.total, "no number")
        return int(found)

    def _counted(self, asked: Mapping[str, str | int]) -> int:
        """The number of records, asked for by itself."""
        template = replace(self.template, url=require_http(self.count_url))
        answer = self.caller.call(lambda: template.fill(asked), self.judge)
        return self._total(answer, self.understand(self._content(answer), 1), 1)
