"""What every place that files come from offers: listing, states and bytes from any position on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from pydantic import TypeAdapter, ValidationError

from cityloom.kernel.errors import ConfigError, SourceError
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
    """An open link to a folder of a place. Every method may raise :class:`LinkError`, or a ``SourceError`` that stays.

    ``is_exact`` false: times in a listing are rough, and :meth:`state` knows better.
    """

    @property
    def is_exact(self) -> bool:
        """Whether a listing tells as much as :meth:`state`."""
        ...

    def entries(self, folder: str) -> Iterator[Entry]:
        """What stands directly in a folder (``""`` the one that was opened); names are relative to the opened one."""
        ...

    def state(self, name: str) -> Entry | None:
        """A file as it is now; ``None`` when it is gone."""
        ...

    def blocks(self, entry: Entry, start: int) -> Generator[bytes]:
        """The bytes of a file from a position on."""
        ...

    def checksum(self, entry: Entry) -> str:
        """What the place itself says of the content, as ``md5:…``, ``sha256:…`` or ``md5/<bytes>:…`` (hex; the last
        one over the digests of parts of that size); empty when it says nothing."""
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
        total_limit_mb: what an archive may unpack to, MiB.
        ratio_limit: how many times its packed size a member of more than 10 MiB may unpack to.
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
    total_limit_mb: int = 65536
    ratio_limit: int = 200
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


def absent(address: str, folder: str) -> SourceError:
    """The error for a folder that is not at the place."""
    return SourceError(
        "collect.source.unreachable",
        "The folder {folder} is not at {url}.",
        hint="Correct the source's option folder, or ask the department where it delivers to.",
        folder=folder or "/",
        url=address,
    )


def denied(address: str) -> SourceError:
    """The error for a place that does not let us in."""
    return SourceError(
        "collect.place.denied",
        "{url} refuses the user, the password or the key.",
        hint="Check what the place's references name, and that it is still valid.",
        url=address,
    )


def refused(address: str, name: str) -> SourceError:
    """The error for a file or folder that a place does not give."""
    return SourceError(
        "collect.place.refused",
        "{url} does not give {file} to this user.",
        hint="Ask the department for the right to read it.",
        url=address,
        file=name or "/",
    )


def gone(name: str) -> SourceError:
    """The error for a file that is no longer there."""
    return SourceError(
        "collect.file.gone",
        "{file} went away while it was fetched.",
        hint="Run the task again; have files moved only after they were taken in.",
        file=name,
    )


def decode_name(raw: bytes, encoding: str, address: str) -> str:
    """A file's name as text.

    Raises:
        SourceError: ``collect.place.encoding``.
    """
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise unreadable_names(address, encoding) from None


def unreadable_names(address: str, encoding: str) -> SourceError:
    """The error for names that are in another encoding."""
    return SourceError(
        "collect.place.encoding",
        "{url} holds names that are no text in {encoding}.",
        hint="State the encoding of names in the place's option encoding, for example gb18030.",
        url=address,
        encoding=encoding,
    )
