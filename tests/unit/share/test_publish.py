"""Services are checked and graded before they are published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cityloom.kernel.errors import ConfigError
from cityloom.model.audit import EventKind
from cityloom.model.city import City
from cityloom.model.fusion import Attribute, ObjectType
from cityloom.model.resource import Access
from cityloom.model.service import Mask, ServiceItem
from cityloom.model.text import Title
from cityloom.share.publish import run
from cityloom.store.audit import list_events
from cityloom.store.services import find_service, list_services


def population(**grades: str) -> dict[str, ObjectType]:
    attributes = tuple(Attribute(name=n, title=Title(n, n), grade=g) for n, g in grades.items())
    one = ObjectType(
        name="population", title=Title("人口", "Population"), key="citizen_id", coding_rule="citizen_id",
        attributes=attributes, contributions=(),
    )
    return {"population": one}


def test_publishing_again_changes_nothing_and_a_change_is_published(shop: Any) -> None:
    def go(city: City) -> Any:
        return run(city, store=shop.store, clock=shop.clock, actor="dsj.steward").summary["changed"]

    assert go(shop.city) == 0
    changed = replace(shop.city.services["person_lookup"], quota=7)
    assert go(City(services={**shop.city.services, "person_lookup": changed})) == 1
    with shop.store.read() as connection:
        assert find_service(connection, "person_lookup") == changed
        assert len(list_services(connection)) == 4
        assert len(list_events(connection, kind=EventKind.SERVICE_PUBLISHED)) == 5


def test_a_service_whose_definition_is_gone_is_withdrawn(shop: Any) -> None:
    run(City(services={}), store=shop.store, clock=shop.clock, actor="dsj.steward")
    with shop.store.read() as connection:
        assert list_services(connection) == []
        assert len(list_events(connection, kind=EventKind.SERVICE_WITHDRAWN)) == 4


def test_a_service_takes_the_highest_grade_of_its_fields(shop: Any) -> None:
    types = population(name="internal", phone="core", marital_state="sensitive", sex="public")
    firm = replace(
        shop.city.services["firm_lookup"], items=(ServiceItem(name="name", title=Title("名", "Name")),), grade="public"
    )
    services = {**shop.city.services, "firm_lookup": replace(firm, require=("name",))}
    run(City(services=services, object_types=types), store=shop.store, clock=shop.clock, actor="a")
    with shop.store.read() as connection:
        found = find_service(connection, "person_lookup")
        plain = find_service(connection, "firm_lookup")
    assert found is not None and found.grade == "core"
    assert plain is not None and plain.grade == "internal"


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("share.service.form", {"form": "everything"}),
        ("share.service.key", {"require": ()}),
        ("share.service.empty", {"items": ()}),
        ("share.service.basis", {"sharing": Access(attribute="conditional")}),
        ("share.service.field", {"items": (ServiceItem(name="income", title=Title("收入", "Income")),)}),
        (
            "kernel.plugin.unknown",
            {"items": (ServiceItem(name="name", title=Title("姓名", "Name"), mask=Mask(mask="none_such")),)},
        ),
    ],
)
def test_a_service_that_could_not_be_answered_lawfully_is_not_published(
    shop: Any, code: str, change: dict[str, Any]
) -> None:
    wrong = replace(shop.city.services["person_lookup"], name="wrong", **change)
    city = City(
        services={"wrong": wrong}, object_types=population(name="internal", phone="internal", marital_state="internal")
    )
    with pytest.raises(ConfigError) as refusal:
        run(city, store=shop.store, clock=shop.clock, actor="dsj.steward")
    assert refusal.value.code == code
    with shop.store.read() as connection:
        assert find_service(connection, "wrong") is None
