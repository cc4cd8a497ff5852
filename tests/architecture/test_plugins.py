"""A plug-in is one file: named as the file, with a title in both languages, its standard, and its cases."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import Any

import pytest

from cityloom.kernel.registry import plugins
from cityloom.model.text import Title

KINDS = (
    "collect.connectors",
    "collect.places",
    "standard.steps",
    "quality.rules",
    "fuse.rules",
    "protect.masks",
    "assess.measures",
    "share.exporters",
)


def every_plugin() -> list[tuple[str, type[Any]]]:
    """Package and class of each plug-in of the core."""
    found: list[tuple[str, type[Any]]] = []
    for kind in KINDS:
        package = f"cityloom.{kind}"
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            if not package.startswith(str(error.name)):
                raise
            continue
        found += [(package, cls) for cls in plugins(package).values()]
    return found


PLUGINS = [pytest.param(package, cls, id=f"{package[9:]}.{cls.name}") for package, cls in every_plugin()]


@pytest.mark.parametrize(("package", "cls"), PLUGINS)
def test_a_plugin_says_what_it_is(package: str, cls: type[Any]) -> None:
    assert cls.__module__ == f"{package}.{cls.name}"
    assert isinstance(cls.title, Title)
    assert cls.title.zh and cls.title.en and cls.title.zh != cls.title.en
    assert isinstance(cls.standard, str) and cls.standard.strip()
    assert len(cls.cases) > 0
    assert (cls.__doc__ or "").strip()


@pytest.mark.parametrize(("package", "cls"), PLUGINS)
def test_a_plugin_is_frozen_and_set_by_keyword(package: str, cls: type[Any]) -> None:
    assert dataclasses.is_dataclass(cls)
    assert getattr(cls, "__dataclass_params__").frozen  # noqa: B009
    assert [field.name for field in dataclasses.fields(cls) if not field.kw_only] == []


@pytest.mark.parametrize("package", sorted({package for package, _ in every_plugin()}))
def test_a_file_of_a_plugin_package_holds_one_plugin(package: str) -> None:
    home = importlib.import_module(package)
    names = {info.name for info in pkgutil.iter_modules(home.__path__) if not info.name.startswith("_")}
    assert names <= set(plugins(package))
