"""What values mean: data elements, code tables, steps and rules as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.text import STRICT, Title

DIMENSIONS = ("conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")
"""GB/T 36344-2018: 规范性 完整性 准确性 一致性 时效性 可访问性."""


SEVERITIES = ("low", "medium", "high")
RULE_STATES = ("draft", "active", "retired")
"""A rule that is declared counts when it is active."""


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """A standardising step as a mapping uses it: the plug-in's name and its fields.

    ``inputs`` are further columns that the step looks at: an item's name means its standard value, ``raw:COLUMN`` a
    column as it came.
    """

    __pydantic_config__ = STRICT

    step: str
    options: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RuleUse:
    """质量检查规则 as it is declared on an element, an item or a resource.

    ``rule`` names a plug-in of ``quality/rules``, ``columns`` what it looks at (an element's rule looks at
    the column of that element), ``options`` the plug-in's fields, ``weight`` its part in the score, multiplied by
    ``importance`` (of the rule for the business), ``severity`` low, medium or high. ``when`` is a condition over items
    (see :mod:`cityloom.engines.predicate`): only rows in which it holds are checked. ``owner`` answers for the rule.
    Only rules in the state ``active`` that the business and the technical reviewer approved count.

    Where ``rule`` names a business rule, the technical rules of that one stand in its place; ``business`` is then its
    name. A technical rule says its ``dimension``.
    """

    __pydantic_config__ = STRICT

    rule: str
    dimension: str = ""
    name: str = ""
    title: Title | None = None
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    severity: str = "medium"
    approved_by: tuple[str, ...] = ("business", "technical")
    when: str = ""
    importance: float = 1.0
    owner: str | None = None
    state: str = "active"
    business: str = ""


@dataclass(frozen=True, kw_only=True)
class Element:
    """数据元 (GB/T 19488.2, ISO/IEC 11179): a standardised field.

    ``representation`` as in the standard: ``a..30``, ``an18``, ``n..12,2``, ``d8``, ``dt14``, ``bl``;
    ``codes`` names a code table; ``coding_rule`` a coding rule (``citizen_id``, ``uscc``, ...);
    ``steps`` bring raw values to this form; ``rules`` are inherited by every column of this element.
    """

    __pydantic_config__ = STRICT

    name: str
    identifier: str
    title: Title
    definition: Title
    representation: str
    standard: str
    codes: str | None = None
    coding_rule: str | None = None
    unit: str | None = None
    synonyms: tuple[str, ...] = ()
    grade: str = "internal"
    steps: tuple[StepUse, ...] = ()
    rules: tuple[RuleUse, ...] = ()
    version: str = "1.0"
    state: str = "published"

    @property
    def is_quantity(self) -> bool:
        """Whether its numbers can be compared and summed; digits of a code, a date or a text are none."""
        return self.representation.startswith("n") and not self.codes and not self.coding_rule


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code of a code table; ``variants`` are texts that departments use for it.

    ``valid_from`` is the first day it counts, ``valid_to`` the first on which it counts no more (days as
    ``yyyy-mm-dd``; without them it always did, or does still); ``successors`` are the codes that took its place.
    A code whose name changed stands once for each name, with periods that do not overlap.
    """

    __pydantic_config__ = STRICT

    code: str
    title: Title
    parent: str | None = None
    variants: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None
    successors: tuple[str, ...] = ()

    def is_valid(self, at: str = "") -> bool:
        """Whether the code counts on a day; without a day, whether it has not ended."""
        if not at:
            return self.valid_to is None
        return (self.valid_from or "") <= at and (self.valid_to is None or at < self.valid_to)


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """代码表: allowed codes with names and the variants that map onto them.

    Where codes have periods, :mod:`cityloom.model.codes` tells which counts when.
    """

    __pydantic_config__ = STRICT

    name: str
    title: Title
    standard: str
    codes: tuple[Code, ...]
    version: str = "1.0"
    state: str = "published"


@dataclass(frozen=True, kw_only=True)
class DataSetField:
    """One element of a data set standard, as it stands in it.

    ``name`` is the item it is called there (the element's own name when empty); ``is_key`` says that it is part of
    what names a row; ``is_mandatory`` that a resource of this standard must have it.
    """

    __pydantic_config__ = STRICT

    element: str
    name: str = ""
    title: Title | None = None
    is_mandatory: bool = False
    is_key: bool = False

    @property
    def item(self) -> str:
        """Name of the item."""
        return self.name or self.element


@dataclass(frozen=True, kw_only=True)
class Relation:
    """A relation of one data set standard to another: items here name a row there (``to_items``, its key when empty)."""

    __pydantic_config__ = STRICT

    items: tuple[str, ...]
    data_set: str
    to_items: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataSetStandard:
    """数据集标准: the elements that a data set of one matter has, what names its rows, what must be there."""

    __pydantic_config__ = STRICT

    name: str
    identifier: str
    title: Title
    definition: Title
    standard: str
    fields: tuple[DataSetField, ...]
    relations: tuple[Relation, ...] = ()
    version: str = "1.0"
    state: str = "published"


@dataclass(frozen=True, kw_only=True)
class BusinessTerm:
    """业务术语: a word of the departments with one agreed meaning, and the data elements that express it."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    definition: Title
    standard: str = "own"
    synonyms: tuple[str, ...] = ()
    broader: str | None = None
    elements: tuple[str, ...] = ()
    version: str = "1.0"
    state: str = "published"
