"""One root of errors, five families by who must act.

::

    CityLoomError
    ├── UserError      the caller asked for something that cannot be (HTTP 400, exit 2)
    ├── DeniedError    the caller may not (HTTP 403, exit 3)
    ├── SourceError    an outside system failed (HTTP 502, exit 4)
    ├── DataError      rows or files are not what was declared (HTTP 422, exit 5)
    └── ConfigError    a definition or a setting is wrong (HTTP 500, exit 6)

Each error has a stable ``code`` (``collect.source.unreachable``), a message and a hint: English templates
with ``{named}`` places, which are at the same time the message ids of the catalogs. Values of people never
go into a message; positions (file, sheet, line, column) do.
"""

from __future__ import annotations

from typing import Any, ClassVar

from cityloom.kernel.i18n import translate


class CityLoomError(Exception):
    """An error that a person can act on.

    Args:
        code: stable dotted name, ``room.noun.what``.
        message: English template; ``{name}`` places are filled from ``details``.
        hint: what to do, same form.
        details: facts for machines and for the templates; never a value of a person.
    """

    family: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, code: str, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.template = message
        self.hint_template = hint
        self.details = details

    @property
    def message(self) -> str:
        """The message in the current language."""
        return _fill(translate(self.template), self.details)

    @property
    def hint(self) -> str:
        """What to do, in the current language; may be empty."""
        return _fill(translate(self.hint_template), self.details) if self.hint_template else ""

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem object."""
        return {
            "type": f"urn:cityloom:error:{self.code}",
            "title": self.message,
            "status": self.http_status,
            "detail": self.hint,
            "code": self.code,
            **{k: v for k, v in self.details.items() if isinstance(v, (str, int, float, bool))},
        }


class UserError(CityLoomError):
    """The caller asked for something that cannot be."""

    family, exit_code, http_status = "user", 2, 400


class DeniedError(CityLoomError):
    """The caller may not do this."""

    family, exit_code, http_status = "denied", 3, 403


class SourceError(CityLoomError):
    """An outside system did not answer, or not as it should."""

    family, exit_code, http_status = "source", 4, 502


class DataError(CityLoomError):
    """Rows or files are not what was declared."""

    family, exit_code, http_status = "data", 5, 422


class ConfigError(CityLoomError):
    """A definition or a setting is wrong."""

    family, exit_code, http_status = "config", 6, 500


def _fill(template: str, details: dict[str, Any]) -> str:
    try:
        return template.format(**details)
    except (KeyError, IndexError, ValueError):
        return template
