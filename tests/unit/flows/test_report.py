"""What the report says of the definitions: the city's name, and the titles of the groups that departments are scored in."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cityloom.flows import report
from cityloom.model.city import City, CityName
from cityloom.model.service import IndexSystem, Indicator
from cityloom.model.text import Title

YUNLAN = CityName(name="yunlan", title=Title("云澜市", "Yunlan"))
SHARING = Title("数据共享", "Sharing")


def workspace(**parts: Any) -> Any:
    return SimpleNamespace(city=City(**parts), folder=Path("work") / "mine")


def test_the_report_is_headed_by_the_name_that_the_definitions_give_the_city() -> None:
    assert report._city(workspace(cities={"yunlan": YUNLAN})) == {"name_zh": "云澜市", "name_en": "Yunlan"}


def test_a_city_without_a_name_goes_by_its_workspace() -> None:
    assert report._city(workspace()) == {"name_zh": "mine", "name_en": "mine"}


def test_groups_of_indicators_are_titled_once_in_the_order_of_the_index() -> None:
    other = Title("数据质量", "Quality")
    indicators = tuple(
        Indicator(name=str(i), title=other, group=group, measure="shared", weight=1.0)
        for i, group in enumerate((SHARING, other, SHARING))
    )
    index = IndexSystem(name="public_data", title=other, indicators=indicators)
    assert report._group_titles(workspace(indexes={"public_data": index})) == {
        "数据共享": {"zh": "数据共享", "en": "Sharing"},
        "数据质量": {"zh": "数据质量", "en": "Quality"},
    }
