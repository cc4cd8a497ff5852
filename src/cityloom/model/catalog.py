"""信息资源目录: a resource as the catalog holds it, its moves, and where its columns come from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cityloom.model.text import Title
from cityloom.model.transition import Side, Transition


class EntryState(StrEnum):
    """Where a catalog entry stands."""

    COMPILED = "compiled"
    PROVIDER_REVIEWED = "provider_reviewed"
    PUBLISHED = "published"
    MOUNTED = "mounted"
    RETIRED = "retired"


_S = EntryState
_OWNER = ((Side.PROVIDER, ("owner",)),)
_STEWARD = ((Side.AUTHORITY, ("steward",)),)
_ANY = (_S.COMPILED, _S.PROVIDER_REVIEWED, _S.PUBLISHED, _S.MOUNTED)
_RULE: tuple[tuple[Side, tuple[str, ...]], ...] = ((Side.RULE, ()),)

TRANSITIONS = (
    Transition(verb="review", source=_S.COMPILED, target=_S.PROVIDER_REVIEWED, who=_OWNER),
    Transition(verb="publish", source=_S.PROVIDER_REVIEWED, target=_S.PUBLISHED, who=_STEWARD),
    Transition(verb="mount", source=_S.PUBLISHED, target=_S.MOUNTED, who=_RULE),
    Transition(verb="unmount", source=_S.MOUNTED, target=_S.PUBLISHED, who=_RULE),
    *(Transition(verb="revise", source=state, target=_S.COMPILED, who=_RULE) for state in (*_ANY, _S.RETIRED)),
    *(Transition(verb="retire", source=state, target=_S.RETIRED, who=(*_STEWARD, *_RULE)) for state in _ANY),
)
"""Every move of a catalog entry. ``revise`` follows a changed definition and ``retire`` one that is gone;
``mount`` and ``unmount`` follow the comparison of catalog and real table."""


@dataclass(frozen=True, kw_only=True)
class EntryItem:
    """信息项 in the catalog: name, data element, grade and the attributes it shares with its resource."""

    name: str
    title: Title
    element: str | None
    representation: str | None
    grade: str
    sharing: str
    opening: str | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One catalogued resource.

    ``code`` is 类(1)项(2)目(3)细目(2)/sequence(6); ``digest`` that of the definition it was compiled
    from; ``version`` rises when the definition changes; ``mounted_table`` the lake table bound to it.
    """

    name: str
    code: str
    department: str
    title: Title
    abstract: Title
    category: str
    grade: str
    sharing: str
    sharing_basis: str | None
    sharing_conditions: str | None
    opening: str | None
    opening_basis: str | None
    cycle: str
    matter: str | None
    keywords: tuple[str, ...]
    items: tuple[EntryItem, ...]
    digest: str
    version: int = 1
    state: str = EntryState.COMPILED
    mounted_table: str | None = None
    published_at: str | None = None
    updated_at: str = ""


@dataclass(frozen=True, kw_only=True)
class LineageEdge:
    """血缘: ``target`` column is made from ``source`` column by ``step`` (land, standardise, fuse, serve).

    A column is written ``holder.column``: a lake table, ``source:{source}/{resource}`` or
    ``service:{name}``.
    """

    source: str
    target: str
    step: str
