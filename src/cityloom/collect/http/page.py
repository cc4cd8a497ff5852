"""What connectors over HTTP read out of one answer, and how they get from one page to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx

from cityloom.collect.http.ask import is_same_host, shown
from cityloom.collect.http.caller import Answer
from cityloom.kernel.errors import DataError, SourceError

Kind = Literal["page", "offset", "cursor", "link", "next"]
Record = dict[str, str | None]


@dataclass(frozen=True)
class Page:
    """One answer, understood.

    ``take`` gives the records, flat and in order; ``fact`` the text at a path of the answer, ``None`` where there is
    none (or null).
    """

    take: Callable[[], list[Record]]
    fact: Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True)
class Paging:
    """How pages follow each other; see the options of :class:`cityloom.collect.http.source.HttpSource`."""

    kind: Kind
    page: str
    first_page: int
    size: str
    page_size: int
    next: str
    more: str
    first_cursor: str
    is_short_last: bool


@dataclass
class Course:
    """Where a pull stands among the pages.

    ``number`` of the page from 1; ``values`` parameters of the request for it; ``url`` where it is when the page
    before said so, else empty.
    """

    paging: Paging
    number: int = 1
    url: str = ""
    _offset: int = 0
    _cursor: str = ""
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._cursor = self.paging.first_cursor

    @property
    def values(self) -> dict[str, str | int]:
        """Parameters that say which page is meant."""
        p, found = self.paging, dict[str, str | int]()
        if self.url:
            return found
        if p.page and p.kind == "page":
            found[p.page] = p.first_page + self.number - 1
        elif p.page and p.kind == "offset":
            found[p.page] = self._offset
        elif p.page and p.kind == "cursor" and self._cursor:
            found[p.page] = self._cursor
        if p.size:
            found[p.size] = p.page_size
        return found

    def step(self, answer: Answer, page: Page, count: int, is_whole: bool) -> bool:
        """Go to the next page; false when this was the last one.

        Args:
            answer: of this page.
            page: the same, understood.
            count: of its records.
            is_whole: whether the records so far are as many as the interface counts.

        Raises:
            SourceError: ``collect.http.repeats`` where it leads to a page that was there, ``collect.http.redirect``
                where it leads to another host.
        """
        if self.paging.kind in ("page", "offset"):
            is_last = not count or not self.paging.page or is_whole
            is_short = self.paging.is_short_last and count < self.paging.page_size
            self._offset += count
            self.number += 1
            return not (is_last or is_short)
        target = self._target(answer, page)
        if not target:
            return False
        if target in self._seen:
            raise repeats(shown(answer.url), self.number)
        self._seen.add(target)
        self.number += 1
        return True

    def _target(self, answer: Answer, page: Page) -> str:
        """The next cursor or address; empty where there is none."""
        if self.paging.more and (page.fact(self.paging.more) or "").lower() in ("", "false", "0", "n", "no"):
            return ""
        if self.paging.kind == "cursor":
            self._cursor = page.fact(self.paging.next) or ""
            return self._cursor
        link = answer.next if self.paging.kind == "link" else page.fact(self.paging.next)
        if not link:
            return ""
        url = answer.url.join(link)
        if not is_same_host(answer.url, url):
            raise SourceError(
                "collect.http.redirect",
                "{url} sends on to {target}, which is another host.",
                hint="Nothing was sent there. If the interface moved, correct the source's option url.",
                url=shown(answer.url),
                target=shown(url),
            )
        self.url = str(url)
        return self.url


def repeats(url: str, page: int) -> SourceError:
    """The error for a page that was there before."""
    return SourceError(
        "collect.http.repeats",
        "{url} answers page {page} with what an earlier page held.",
        hint="Check the options paging and page: how the interface is told which page is meant. Where the last page "
        "comes again and again, set last_page to short.",
        url=url,
        page=page,
    )


def unlike(url: httpx.URL | str, page: int, path: str, problem: str) -> DataError:
    """The error for an answer that is not as agreed."""
    return DataError(
        "collect.http.unlike",
        "{url}, page {page}: the answer at {path} is {problem}.",
        hint="Correct the options that say where records and total are, or ask the department what changed.",
        url=shown(url),
        page=page,
        path=path,
        problem=problem,
    )
