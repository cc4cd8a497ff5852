"""A link to a place that is made anew when it breaks."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from cityloom.collect.place import LinkError, Place, Session
from cityloom.kernel.errors import SourceError

T = TypeVar("T")
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 30.0


class Link:
    """An open session of a folder of a place; closed by ``close`` or at the end of a ``with``.

    Args:
        place: where to.
        folder: which folder there.
    """

    def __init__(self, place: Place, folder: str) -> None:
        self.place, self.folder = place, folder
        self._open: ExitStack | None = None
        self._session: Session | None = None

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def session(self) -> Session:
        """The session, made where there is none.

        Raises:
            LinkError: when it cannot be made now.
        """
        if self._session is None:
            stack = ExitStack()
            self._session = stack.enter_context(self.place.connect(self.folder))
            self._open = stack
        return self._session

    def ask(self, do: Callable[[Session], T]) -> T:
        """Do something with the session; from the beginning again when the link breaks.

        Raises:
            SourceError: ``collect.source.unreachable`` after so many attempts as the place allows.
        """
        attempt = 0
        while True:
            try:
                return do(self.session)
            except LinkError as error:
                attempt += 1
                self.recover(attempt, error)

    def is_up(self) -> bool:
        """Whether the place gives a session now."""
        try:
            return self.session is not None
        except LinkError:
            return False

    def recover(self, attempt: int, error: LinkError) -> None:
        """Close the broken session and wait, longer from attempt to attempt (the first is 1).

        Raises:
            SourceError: ``collect.source.unreachable`` when there were enough.
        """
        self.close()
        if attempt > self.place.retries:
            raise SourceError(
                "collect.source.unreachable",
                "{url} does not answer ({problem}), after {attempts} attempts.",
                hint="Check the address and the network; ask the department whether its system is up.",
                url=self.place.address,
                problem=str(error),
                attempts=attempt,
            ) from None
        time.sleep(min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT) * random.uniform(0.8, 1.2))  # noqa: S311

    def close(self) -> None:
        """Let go of the session; the next use makes another."""
        stack, self._open, self._session = self._open, None, None
        if stack is not None:
            try:
                stack.close()
            except (LinkError, OSError, EOFError):
                return
