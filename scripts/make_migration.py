"""Write a migration for what changed in the tables of the store.

``scripts/make_migration.py --name "add grants"`` adds one for the difference to the newest migration;
``--initial`` writes the first one anew, from nothing: only before the first release.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command

from cityloom.store.database import Store
from cityloom.store.migrate import SCRIPTS, load_tables, migration_config, upgrade

VERSIONS = SCRIPTS / "versions"


def main() -> None:
    """Write the file and say its name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="change the tables")
    parser.add_argument("--initial", action="store_true")
    given = parser.parse_args()
    load_tables()
    if given.initial:
        for old in VERSIONS.glob("m*.py"):
            old.unlink()
    made = write("initial" if given.initial else given.name)
    print(made.relative_to(Path.cwd()) if made else "The tables have not changed.")


def write(name: str) -> Path | None:
    """Compare a store at the newest migration with the tables; write the difference as a migration."""
    number = len(list(VERSIONS.glob("m*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/control.db")
        if number > 1:
            upgrade(store)
        with store.write() as connection:
            made = command.revision(
                migration_config(connection), name.capitalize(), autogenerate=True, rev_id=f"{number:04}"
            )
        store.close()
    path = Path(made.path)  # type: ignore[union-attr]
    if "    pass\n" in path.read_text(encoding="utf-8"):
        path.unlink()
        return None
    tidy(path)
    return path


def tidy(path: Path) -> None:
    """Take Alembic's comments out and put the file into the house's form."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.strip().startswith("# ###")]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    for step in (["format", "-q"], ["check", "-q", "--fix"]):
        subprocess.run([sys.executable, "-m", "ruff", *step, str(path)], check=True)


if __name__ == "__main__":
    main()
