"""What values mean: data elements, code tables, steps and rules as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cityloom.model.text import STRICT, Title

DIMENSIONS = ("conformity", "completeness", "accuracy", "consistency", "timeliness", "accessibility")
"""GB/T 36344-2018: 规范性 完整性 准确性 一致性 时效性 可访问性."""


@dataclass(frozen=True, kw_only=True)
class StepUse:
    """A standardising step as a mapping uses it: the plug-in's name and its fields."""

    __pydantic_config__ = STRICT

    step: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RuleUse:
    """质量检查规则 as it is declared on an element, an item or a resource.

    ``rule`` names a plug-in of ``quality/rules``, ``columns`` what it looks at (an element's rule looks at
    the column of that element), ``options`` the plug-in's fields, ``weight`` its part in the score,
    ``severity`` low, medium or high. Only rules approved by the business and the technical reviewer count.
    """

    __pydantic_config__ = STRICT

    rule: str
    dimension: str
    name: str = ""
    title: Title | None = None
    columns: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 1.0
    severity: str = "medium"
    approved_by: tuple[str, ...] = ("business", "technical")


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


@dataclass(frozen=True, kw_only=True)
class Code:
    """One code of a code table; ``variants`` are texts that departments use for it."""

    __pydantic_config__ = STRICT

    code: str
    title: Title
    parent: str | None = None
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CodeTable:
    """代码表: allowed codes with names and the variants that map onto them."""

    __pydantic_config__ = STRICT

    name: str
    title: Title
    standard: str
    codes: tuple[Code, ...]
    version: str = "1.0"
