"""One rule as people write it outside a definition: a YAML file, options of a command, the body of a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cityloom.content.problems import explain, nearest
from cityloom.kernel.errors import ConfigError
from cityloom.model.standard import DIMENSIONS, SEVERITIES, RuleUse

_ADAPTER: TypeAdapter[RuleUse] = TypeAdapter(RuleUse)
_PLATFORM = ("approved_by", "state", "business")
"""What the review says, and not who proposes a rule."""


def read_use(file: Path) -> RuleUse:
    """The rule that a YAML file describes.

    Raises:
        ConfigError: ``content.rule.unreadable``, ``content.rule.wrong``.
    """
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
        ConfigError: ``content.rule.wrong``, with the key and what is wrong.
    """
    given = dict(body) if isinstance(body, Mapping) else body
    if isinstance(given, dict):
        given = {key: value for key, value in given.items() if key not in _PLATFORM}
    try:
        return _ADAPTER.validate_python(given)
    except ValidationError as error:
        path, message, hint = next(iter(explain(error, RuleUse)))
        raise _wrong(".".join(map(str, path)) or "-", message, hint) from None


def check_use(use: RuleUse, known: Mapping[str, Collection[str]], business: Collection[str]) -> None:
    """Refuse a rule of an unknown name, dimension or severity.

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


def _wrong(key: str, problem: str, hint: str) -> ConfigError:
    return ConfigError(
        "content.rule.wrong",
        "The rule is wrong at {key}: {problem}",
        hint="{advice}",
        key=key,
        problem=problem,
        advice=hint,
    )
