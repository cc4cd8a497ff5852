"""Sends requests: not too many, again where it helps, within limits, and never with credentials to a stranger."""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from cityloom.collect.http.ask import Ask, is_same_host, shown
from cityloom.collect.http.auth import Signer
from cityloom.kernel.clock import Clock
from cityloom.kernel.errors import SourceError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOVED = frozenset({301, 302, 303, 307, 308})
_REDIRECTS = 5
_FIRST_WAIT = 0.5


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How an interface is spoken to.

    Args:
        timeout_seconds: how long it may be silent.
        answer_seconds: how long one whole answer may take.
        answer_bytes: how large one answer may be, unpacked.
        pull_seconds: how long all answers of a pull may take.
        pull_bytes: how large all of them may be.
        retries: how often a request is tried again.
        per_second: requests, at most; 0 for no limit.
        longest_wait_seconds: an interface that asks for a longer pause is left until the next run.
    """

    timeout_seconds: float
    answer_seconds: float
    answer_bytes: int
    pull_seconds: float
    pull_bytes: int
    retries: int
    per_second: float
    longest_wait_seconds: float


@dataclass(frozen=True)
class Answer:
    """What came back; ``next`` the address of the next page as the Link header has it (RFC 8288)."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: httpx.URL
    next: str = ""


class _Slow(Exception):  # noqa: N818 - an answer that drips
    """The answer did not come whole in its time."""


class Caller:
    """Speaks to one interface for the length of a pull.

    Args:
        patience: the limits.
        clock: tells the time.
        ca: file with the certificates that are trusted; ``None`` for the system's.
    """

    def __init__(self, patience: Patience, clock: Clock, ca: Path | None = None) -> None:
        self.patience, self.clock = patience, clock
        self.signer: Signer | None = None
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
        self._client = httpx.Client(
            timeout=patience.timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            verify=context,
            headers={"Accept-Encoding": "gzip, deflate"},
        )
        self._not_before = 0.0
        self._end = clock.tick() + patience.pull_seconds
        self._left = patience.pull_bytes

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, make: Callable[[], Ask], judge: Callable[[Answer], None] | None = None) -> Answer:
        """The answer to a request, whatever its status, once it is none of those that are tried again.

        Args:
            make: makes the request, anew for each attempt, so that its signature is fresh.
            judge: raises where an answer that would be tried again tells of a trouble that stays.

        Raises:
            SourceError: ``collect.source.unreachable``, ``collect.http.busy``, ``collect.http.redirect``,
                ``collect.http.large``, ``collect.http.long``.
        """
        attempt, is_renewed = 0, False
        while True:
            ask = make()
            delay = _FIRST_WAIT * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                answer = self._redirected(ask)
                if answer.status == 401 and not is_renewed and self.signer and self.signer.renew():
                    is_renewed = True
                    continue
                if answer.status not in AGAIN:
                    return answer
                if judge:
                    judge(answer)
                problem = str(answer.status)
                delay = max(delay, self._asked_wait(answer)) if "Retry-After" in answer.headers else delay
            except (httpx.HTTPError, _Slow) as error:
                problem = "too slow" if isinstance(error, _Slow) else type(error).__name__
            attempt += 1
            if attempt > self.patience.retries:
                raise self._unreachable(ask.url, problem, attempt)
            self._wait(delay)

    def send(self, ask: Ask) -> tuple[int, bytes]:
        """Status and bytes for a request that carries its own credentials."""
        signer, self.signer = self.signer, None
        try:
            answer = self.call(lambda: ask)
        finally:
            self.signer = signer
        return answer.status, answer.content

    def _redirected(self, ask: Ask) -> Answer:
        """The answer at the end of redirects, which stay on the host that the credentials are for."""
        for _ in range(_REDIRECTS):
            if self.signer:
                self.signer.sign(ask)
            answer = self._once(ask)
            target = answer.headers.get("Location")
            if answer.status not in _MOVED or not target:
                return answer
            url = ask.url.join(target)
            if not is_same_host(ask.url, url):
                raise SourceError(
                    "collect.http.redirect",
                    "{url} sends on to {target}, which is another host.",
                    hint="Nothing was sent there. If the interface moved, correct the source's option url.",
                    url=shown(ask.url),
                    target=shown(url),
                )
            keeps = answer.status in (307, 308)
            ask = Ask(ask.method if keeps else "GET", url, ask.headers, ask.content if keeps else b"")
        raise self._unreachable(ask.url, "too many redirects", 1)

    def _once(self, ask: Ask) -> Answer:
        self._take_turn()
        end = self.clock.tick() + self.patience.answer_seconds
        with self._client.stream(ask.method, ask.url, headers=ask.headers, content=ask.content or None) as got:
            content = bytearray()
            for block in got.iter_bytes():
                content += block
                if len(content) > min(self.patience.answer_bytes, self._left):
                    raise self._large(ask.url, len(content) > self.patience.answer_bytes)
                if self.clock.tick() > min(end, self._end):
                    raise _Slow
        self._left -= len(content)
        self._note_limits(got.headers)
        return Answer(got.status_code, got.headers, bytes(content), ask.url, _next(got))

    def _take_turn(self) -> None:
        """Wait until the next request may go."""
        if self.clock.tick() > self._end:
            raise SourceError(
                "collect.http.long",
                "The pull takes longer than {limit} s.",
                hint="Nothing was kept. Pull less at a time (mode incremental), or raise the option pull_seconds.",
                limit=round(self.patience.pull_seconds),
            )
        self._wait(self._not_before - self.clock.tick())
        if self.patience.per_second:
            self._not_before = self.clock.tick() + 1 / self.patience.per_second

    def _note_limits(self, headers: httpx.Headers) -> None:
        """Honour what the interface says is left (RateLimit and RateLimit-Remaining of the IETF draft)."""
        left = reset = ""
        for part in headers.get("RateLimit", "").replace(";", ",").split(","):
            name, _, value = part.strip().partition("=")
            left, reset = (value if name in ("remaining", "r") else left), (value if name in ("reset", "t") else reset)
        left = left or headers.get("RateLimit-Remaining", headers.get("X-RateLimit-Remaining", ""))
        reset = reset or headers.get("RateLimit-Reset", "")
        if left.strip() == "0" and reset.strip().isdigit():
            pause = min(float(reset), self.patience.longest_wait_seconds)
            self._not_before = max(self._not_before, self.clock.tick() + pause)

    def _asked_wait(self, answer: Answer) -> float:
        """Seconds that the interface asks to wait.

        Raises:
            SourceError: ``collect.http.busy`` when that is too long for this run.
        """
        text = answer.headers["Retry-After"].strip()
        try:
            seconds = float(text) if text.isdigit() else (parsedate_to_datetime(text) - self.clock.now()).total_seconds()
        except (ValueError, TypeError):
            return 0.0
        if seconds > self.patience.longest_wait_seconds:
            raise SourceError(
                "collect.http.busy",
                "{url} asks to be left alone for {seconds} s.",
                hint="Let the task run again after that, ask less often, or raise the option longest_wait_seconds.",
                url=shown(answer.url),
                seconds=round(seconds),
            )
        return max(0.0, seconds)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds)

    def _large(self, url: httpx.URL, is_answer: bool) -> SourceError:
        limit = self.patience.answer_bytes if is_answer else self.patience.pull_bytes
        return SourceError(
            "collect.http.large",
            "{url} gives more than {limit} MiB.",
            hint="Nothing was kept. Make page_size smaller, or raise answer_limit_mb or pull_limit_mb if that is right.",
            url=shown(url),
            limit=limit >> 20,
        )

    def _unreachable(self, url: httpx.URL, problem: str, attempts: int) -> SourceError:
        return SourceError(
            "collect.source.unreachable",
            "{url} does not answer ({problem}), after {attempts} attempts.",
            hint="Check the address and the network; ask the department whether its system is up.",
            url=shown(url),
            problem=problem,
            attempts=attempts,
        )


def _next(answer: httpx.Response) -> str:
    return answer.links.get("next", {}).get("url", "")
