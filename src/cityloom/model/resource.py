"""The catalogued data set and its fields."""

from __future__ import annotations

from dataclasses import dataclass

from cityloom.model.cleaning import CleaningRule
from cityloom.model.source import CollectionTask
from cityloom.model.standard import RuleUse, StepUse
from cityloom.model.text import STRICT, Title

GRADES = ("public", "internal", "sensitive", "core")
"""GB/T 43697 as four levels, lowest first; a combination takes the highest of its parts."""
SHARING = ("unconditional", "conditional", "none")


@dataclass(frozen=True, kw_only=True)
class Item:
    """信息项: one field of a resource.

    ``name`` is the column in the standard layer; ``column`` the source's own column (a dotted path for
    nested data); ``element`` the data element whose steps, rules and grade it inherits; ``steps`` replace
    the element's steps when given; ``rules`` come on top of the element's; ``importance`` multiplies the weight of
    rules on it.
    """

    __pydantic_config__ = STRICT

    name: str
    column: str
    title: Title
    element: str | None = None
    required: bool = False
    steps: tuple[StepUse, ...] | None = None
    rules: tuple[RuleUse, ...] = ()
    grade: str | None = None
    importance: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Access:
    """共享属性 or 开放属性: unconditional, conditional or none, with its basis and conditions.

    A basis is mandatory whenever access is restricted.
    """

    __pydantic_config__ = STRICT

    attribute: str
    basis: str | None = None
    conditions: str | None = None


@dataclass(frozen=True, kw_only=True)
class Certification:
    """数据源认证: the system in which the data is first formally issued."""

    __pydantic_config__ = STRICT

    system: str
    at: str
    by: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """信息资源: one catalogued data set of one department, the unit of sharing.

    Its tables are ``raw_{department}__{name}`` and ``std_{department}__{name}``. ``key`` are the items
    that name a row; ``latest`` the item that tells which of several rows of a key is the newest; ``data_set`` the
    data set standard that it follows; ``importance`` its weight among the resources of its department and of the city.
    """

    __pydantic_config__ = STRICT

    name: str
    department: str
    title: Title
    abstract: Title
    category: str
    owner: str | None = None
    matter: str | None = None
    certified: Certification | None = None
    sharing: Access | None = None
    opening: Access | None = None
    grade: str = "internal"
    cycle: str = "day"
    key: tuple[str, ...] = ()
    latest: str | None = None
    items: tuple[Item, ...]
    collect: CollectionTask
    rules: tuple[RuleUse, ...] = ()
    cleaning: tuple[CleaningRule, ...] = ()
    keywords: tuple[str, ...] = ()
    data_set: str | None = None
    importance: float = 1.0

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The source's columns of the key."""
        columns = {item.name: item.column for item in self.items}
        return tuple(columns[name] for name in self.key if name in columns)

    @property
    def raw_table(self) -> str:
        """Name of its table in the raw layer."""
        return f"raw_{self.department}__{self.name}"

    @property
    def std_table(self) -> str:
        """Name of its table in the standard layer."""
        return f"std_{self.department}__{self.name}"
