"""Code tables whose codes stand in a CSV file beside the definition: ``codes_file: division.csv``."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cityloom.kernel.i18n import _

KEY = "codes_file"
COLUMNS = ("code", "zh", "en", "parent", "valid_from", "valid_to", "successors", "variants")
"""Columns of the file; only the first three must be there. Several texts in a cell are parted by ``|``."""
_LISTS = ("successors", "variants")


class CodesFileError(ValueError):
    """What is wrong with the file, and what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def with_codes(kind: str, body: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """A code table's body with the codes of its file in place of the file's name; any other body as it is.

    Args:
        kind: of the definition.
        body: as it stands in YAML.
        folder: where the YAML file is; the codes file is named relative to it.

    Raises:
        CodesFileError: there is no such file, or it has not the form.
    """
    if kind != "code_table" or KEY not in body:
        return body
    path = folder / str(body[KEY])
    hint = _("Write a CSV file in UTF-8 with the columns {columns}.").format(columns=", ".join(COLUMNS))
    if "codes" in body:
        raise CodesFileError(_("there are codes and a file of codes."), _("Keep one of them."))
    if not path.resolve().is_relative_to(folder.resolve()):
        raise CodesFileError(_("the file of codes is not beside the definition."), _("Put it into the same folder."))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = list(reader.fieldnames or ())
            if set(columns) - set(COLUMNS) or not {"code", "zh", "en"} <= set(columns):
                raise CodesFileError(_("the columns of {file} are not those of codes.").format(file=path.name), hint)
            codes = [_code(row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise CodesFileError(_("{file} cannot be read.").format(file=path.name), hint) from None
    return {**{k: v for k, v in body.items() if k != KEY}, "codes": codes}


def _code(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"code": row["code"], "title": {"zh": row["zh"], "en": row["en"] or row["zh"]}}
    for name in COLUMNS[3:]:
        if row.get(name):
            found[name] = row[name].split("|") if name in _LISTS else row[name]
    return found
