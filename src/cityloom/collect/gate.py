"""The lake-entry gate (入湖标准): six conditions under which a resource's data enter the standard layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cityloom.model.resource import GRADES, SHARING, Resource
from cityloom.model.standard import Element
from cityloom.model.text import Title

_PROVIDER = Title("数据提供部门", "providing department")
_STEWARD = Title("数据管家", "data steward")
_PLATFORM = Title("平台管理员", "platform operator")
_NOTHING = Title("", "")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One condition: whether it is met, who must act if not, and what is missing (empty when met)."""

    name: str
    title: Title
    is_met: bool
    who: Title
    missing: Title


def check(
    resource: Resource, *, elements: Mapping[str, Element], has_batches: bool, is_assessed: bool
) -> tuple[Condition, ...]:
    """The six conditions, in order; the gate is open when all are met.

    Args:
        resource: as it is declared.
        elements: the data elements in force.
        has_batches: whether its raw table holds a reconciled batch.
        is_assessed: whether the quality of its raw rows has been assessed; the score may be low.
    """
    return (
        _owner(resource),
        _standard(resource, elements),
        _certified(resource),
        _sharing(resource),
        _assessed(is_assessed),
        _registered(resource, has_batches),
    )


def _owner(resource: Resource) -> Condition:
    missing = None if resource.owner else Title("未指定数据所有者", "no owner is named")
    return _condition("owner", Title("明确数据所有者", "Owner named"), _PROVIDER, missing)


def _standard(resource: Resource, elements: Mapping[str, Element]) -> Condition:
    lacking = [
        i.name
        for i in resource.items
        if i.element is None or i.element not in elements or elements[i.element].state != "published"
    ]
    named = ", ".join(lacking)
    missing = Title(f"信息项没有已发布的数据元：{named}", f"items without a published data element: {named}")
    return _condition(
        "standard", Title("发布数据标准", "Data standard published"), _STEWARD, missing if lacking else None
    )


def _certified(resource: Resource) -> Condition:
    missing = None if resource.certified else Title("数据源未认证", "its source is not certified")
    return _condition("certified", Title("认证数据源", "Source certified"), _STEWARD, missing)


def _sharing(resource: Resource) -> Condition:
    access = resource.sharing
    missing = None
    if access is None or access.attribute not in SHARING:
        missing = Title("未定义共享属性", "the sharing attribute is not defined")
    elif access.attribute != "unconditional" and not access.basis:
        missing = Title("限制共享而未写明依据", "sharing is restricted without a basis")
    elif resource.grade not in GRADES:
        missing = Title("未定义数据分级", "the grade is not defined")
    return _condition(
        "sharing", Title("定义共享属性与分级", "Sharing attribute and grade defined"), _PROVIDER, missing
    )


def _assessed(is_assessed: bool) -> Condition:
    missing = None if is_assessed else Title("数据质量尚未评估", "its quality has not been assessed")
    return _condition("assessed", Title("评估数据质量", "Quality assessed"), _PLATFORM, missing)


def _registered(resource: Resource, has_batches: bool) -> Condition:
    missing = None
    if not resource.items or any(not i.column for i in resource.items):
        missing = Title("信息项未对应到字段", "items are not mapped to columns")
    elif not has_batches:
        missing = Title("资源尚未对应到数据表：没有已对账的批次", "no table behind it yet: no batch has been reconciled")
    return _condition("registered", Title("注册元数据", "Metadata registered"), _PLATFORM, missing)


def _condition(name: str, title: Title, who: Title, missing: Title | None) -> Condition:
    return Condition(name=name, title=title, is_met=missing is None, who=who, missing=missing or _NOTHING)
