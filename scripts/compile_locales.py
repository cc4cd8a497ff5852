"""Compile ``locales/*/*.po`` to the ``.mo`` files beside them, which are what the program reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from babel.messages.mofile import write_mo
from messages import SOURCE, catalog


def main() -> None:
    """Compile all, and remove what no ``.po`` stands beside any more."""
    sources = sorted((SOURCE / "locales").glob("*/*.po"))
    for path in sources:
        compile_catalog(path)
    for compiled in (SOURCE / "locales").glob("*/*.mo"):
        if not compiled.with_suffix(".po").exists():
            compiled.unlink()
    print(f"Compiled {len(sources)} catalogs.")


def compile_catalog(path: Path) -> None:
    """Compile one; sentences still to be translated are left out, and the same source gives the same bytes."""
    entries = catalog(path)
    entries.creation_date = entries.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, entries)


if __name__ == "__main__":
    main()
