"""One rule as people write it outside a definition: a YAML file, options of a command, the body of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cityloom.content.bounds import is_bounded
from cityloom.content.problems import explain, nearest
from cityloom.kernel.errors import ConfigError
from cityloom.kernel.i18n import _
from cityloom.model.standard import DIMENSIONS, SEVERITIES, RuleUse

_ADAPTER: TypeAdapter[RuleUse] = TypeAdapter(RuleUse)
_HEAVIEST = 1000
_LONGEST_NAME = 80
_MOST_COLUMNS = 50
_MOST_VALUES, _MOST_LEVELS = 100_000, 10
_LARGEST = 1 << 20
"""Bytes of a file with one rule."""
_PLATFORM = ("approved_by", "state", "business")
"""What the review says, and not who proposes a rule."""


def read_use(file: Path) -> RuleUse:
    """The rule that a YAML file describes.

    Raises:
        ConfigError: ``content.rule.unreadable``, ``content.rule.large``, ``content.rule.wrong``.
    """
    if file.is_file() and file.stat().st_size > _LARGEST:
        raise ConfigError(
            "content.rule.large",
            "{file} is larger than {most} KiB.",
            hint="Long lists of values belong into a code table.",
            file=file.name,
            most=_LARGEST >> 10,
        )
    try:
        body = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise ConfigError(
            "content.rule.unreadable",
            "{file} cannot be read as YAML: {problem}.",
            hint="It holds one rule: rule, dimension, columns, options, when, …",
            file=file.name,
            problem=str(getattr(error, "problem", None) or getattr(error, "strerror", None) or type(error).__name__),
        ) from None
    return use_of(body)


def use_of(body: Any) -> RuleUse:
    """The rule that a mapping describes, without what only a review can say.

    Raises:
        ConfigError: ``content.rule.wrong``, with the key and what is wrong; ``content.rule.large``.
    """
    if not is_bounded(body, values=_MOST_VALUES, levels=_MOST_LEVELS):
        raise ConfigError(
            "content.rule.large",
            "The rule holds more than {most} values, or nests deeper than {levels} levels.",
            hint="Long lists of values belong into a code table.",
            most=_MOST_VALUES,
            levels=_MOST_LEVELS,
        )
    given = dict(body) if isinstance(body, Mapping) else body
    if isinstance(given, dict):
        given = {key: value for key, value in given.items() if key not in _PLATFORM}
    try:
        return _ADAPTER.validate_python(given)
    except ValidationError as error:
        path, message, hint = next(iter(explain(error, RuleUse)))
        raise _wrong(".".join(map(str, path)) or "-", message, hint) from None


def check_use(use: RuleUse, known: Mapping[str, Collection[str]], business: Collection[str]) -> None:
    """Refuse a rule of an unknown name, dimension or severity, and figures and names that no rule has.

    Args:
        use: the rule.
        known: technical rules with their options.
        business: names of business rules.

    Raises:
        ConfigError: ``content.rule.wrong``.
    """
    if use.rule not in known and use.rule not in business:
        raise _wrong("rule", use.rule, nearest(use.rule, [*known, *business]))
    if use.rule in known and use.dimension not in DIMENSIONS:
        raise _wrong("dimension", use.dimension or "-", nearest(use.dimension, DIMENSIONS))
    if use.severity not in SEVERITIES:
        raise _wrong("severity", use.severity, nearest(use.severity, SEVERITIES))
    for key in ("weight", "importance"):
        if not 0 <= getattr(use, key) <= _HEAVIEST:
            raise _wrong(key, str(getattr(use, key)), _("It is a number from 0 to {most}.").format(most=_HEAVIEST))
    if len(use.name) > _LONGEST_NAME or not use.name.isprintable():
        raise _wrong("name", use.name[:20], _("It has at most {most} printable characters.").format(most=_LONGEST_NAME))
    if len(set(use.columns)) != len(use.columns) or len(use.columns) > _MOST_COLUMNS:
        raise _wrong("columns", ", ".join(use.columns[:3]), _("They are different, and at most {most}.").format(most=_MOST_COLUMNS))


def _wrong(key: str, problem: str, hint: str) -> ConfigError:
    return ConfigError(
        "content.rule.wrong",
        "The rule is wrong at {key}: {problem}",
        hint="{advice}",
        key=key,
        problem=problem,
        advice=hint,
    )
