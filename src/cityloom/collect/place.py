"""What every place that files come from offers: listing, states and bytes from any position on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from cityloom.kernel.errors import ConfigError
from cityloom.kernel.registry import plugin
from cityloom.model.text import Title

PACKAGE = "cityloom.collect.places"


@dataclass(frozen=True)
class Entry:
    """A file or folder at a place.

    ``name`` is relative to the folder that was opened, parts joined by ``/``; ``size`` in bytes; ``modified`` and
    ``version`` are whatever text changes when the content does (a time, an entity tag).
    """

    name: str
    size: int = 0
    modified: str = ""
    version: str = ""
    is_folder: bool = False


class LinkError(Exception):
    """The link broke, or the place is busy: worth another try. Says why in few words, without any secret."""


class Session(Protocol):
    """An open link to a folder of a place. Every method may raise :class:`LinkError`, or a ``SourceError`` that stays."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands directly in a folder (``""`` the one that was opened); names are relative to the opened one."""
        ...

    def state(self, name: str) -> Entry | None:
        """A file as it is now; ``None`` when it is gone."""
        ...

    def blocks(self, entry: Entry, start: int) -> Iterator[bytes]:
        """The bytes of a file from a position on."""
        ...

    def checksum(self, entry: Entry) -> str:
        """What the place itself says of the content, as ``md5:…`` or ``sha256:…`` (hex); empty when it says nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place(ABC):
    """A place, and how files are fetched from it.

    Args:
        timeout_seconds: how long an answer may take.
        retries: how often a broken fetch goes on, without a single new byte in between.
        bytes_per_second: at most so many, to spare the place; 0 for no limit.
        settle_seconds: a new file is taken when it has not changed for so long; 0 takes it at once.
        ready: a file is taken when a second one with this ending stands beside it (``.ok``); empty for none.
        sums: name of a list of digests as ``sha256sum`` writes it; only files on it are taken, and must be so.
        keep: whether fetched files stay on this machine after they were taken in.
    """

    name: ClassVar[str]
    title: ClassVar[Title]
    standard: ClassVar[str]
    cases: ClassVar[tuple[Mapping[str, Any], ...]]

    timeout_seconds: float = 30.0
    retries: int = 5
    bytes_per_second: int = 0
    settle_seconds: float = 2.0
    ready: str = ""
    sums: str = ""
    keep: bool = False
    base: Path = Path()

    @property
    @abstractmethod
    def address(self) -> str:
        """What to call the place in errors and file names; no secret."""

    @abstractmethod
    def connect(self, folder: str) -> AbstractContextManager[Session]:
        """A link to a folder of the place.

        Raises:
            LinkError: when it is worth another try.
            SourceError: ``collect.source.unreachable``, ``collect.place.denied`` and the like.
        """

    def path(self, folder: str, name: str) -> Path | None:
        """The file itself where the place is this machine; such files are read where they are."""
        return None


def build_place(options: Mapping[str, Any], base: Path) -> Place:
    """The place that the option ``place`` of a source names; without ``kind`` this machine.

    Raises:
        ConfigError: ``kernel.plugin.unknown`` or ``collect.place.invalid``.
    """
    kind = str(options.get("kind", "local"))
    cls = plugin(PACKAGE, kind)
    given = {k: v for k, v in options.items() if k != "kind"}
    try:
        return cast(Place, TypeAdapter(cls).validate_python({**given, "base": base}))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise ConfigError(
            "collect.place.invalid",
            "The option {option} of the place {kind} is wrong: {problem}.",
            hint="Valid options: {valid}.",
            option=".".join(str(p) for p in first["loc"]) or "-",
            kind=kind,
            problem=first["msg"],
            valid=", ".join(f.name for f in fields(cls) if f.name != "base"),
        ) from None
