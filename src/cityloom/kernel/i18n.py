"""Language of messages: Chinese by default, English as the source text.

Message ids are the English sentences; ``locales/zh/*.mo`` hold the Chinese ones, one catalog a room, so no
catalog is edited by everyone. ``make locales`` compiles them from the ``.po`` files beside them.
"""

from __future__ import annotations

import gettext
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib import resources

LANGUAGES = ("zh", "en")
_language: ContextVar[str] = ContextVar("language", default="zh")


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    chain = gettext.NullTranslations()
    folder = resources.files("cityloom") / "locales" / language
    if folder.is_dir():
        for entry in sorted(folder.iterdir(), key=lambda e: e.name):
            if entry.name.endswith(".mo"):
                with entry.open("rb") as file:
                    catalog = gettext.GNUTranslations(file)
                catalog.add_fallback(chain)
                chain = catalog
    return chain


def translate(message: str) -> str:
    """The message in the current language; the English text itself where no translation is known."""
    language = _language.get()
    return message if language == "en" or not message else _catalog(language).gettext(message)


_ = translate


def set_language(language: str) -> None:
    """Choose the language for the rest of this context; an unknown one falls back to Chinese."""
    _language.set(language if language in LANGUAGES else "zh")


def current_language() -> str:
    """``zh`` or ``en``."""
    return _language.get()


@contextmanager
def use_language(language: str) -> Iterator[None]:
    """Choose the language inside a ``with`` block."""
    token = _language.set(language if language in LANGUAGES else "zh")
    try:
        yield
    finally:
        _language.reset(token)
