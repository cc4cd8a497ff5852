"""The report of the main job as the page reads it: ``report.json`` in the workspace, checked on the way in.

What a report leaves out is shown as absent; what it gives in a wrong form is an error that names the place.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cityloom.kernel.errors import DataError
from cityloom.model.text import Title

FILE = "report.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class CityName(_Part):
    """What the city is called."""

    name_zh: str = ""
    name_en: str = ""

    @property
    def title(self) -> Title:
        """Both names as one title."""
        return Title(zh=self.name_zh, en=self.name_en)


class SourceRow(_Part):
    """What was read from one source: ``read = landed + rejected`` rows, ``reconciled`` with the source's count."""

    name: str
    department: str
    title: Title
    form: Title | str = ""
    read: int = 0
    landed: int = 0
    rejected: int = 0
    reconciled: bool = False


class Quality(_Part):
    """Score by dimension (0 to 1) of the rows as they came and as they were standardised."""

    before: dict[str, float | None] = Field(default_factory=dict)
    after: dict[str, float | None] = Field(default_factory=dict)


class Fusion(_Part):
    """How many objects were fused, and the share of wrong values by attribute measured against the truth."""

    people: int = 0
    firms: int = 0
    error: dict[str, float | None] = Field(default_factory=dict)
    led: list[str] = Field(default_factory=list)
    judgements: dict[str, int] = Field(default_factory=dict)
    unresolved: int = 0


class Conflict(_Part):
    """How often the value of ``winner`` was taken where ``other`` said something else, for objects of ``type``."""

    attribute: str
    winner: str
    other: str
    count: int
    type: str = ""


class Origin(_Part):
    """One value of a golden record and where it came from."""

    attribute: str
    value: Any = None
    meaning: Title | None = None
    department: str = ""
    resource: str = ""
    batch: str = ""
    row: int | str = ""


class Person(_Part):
    """One golden record."""

    id: str = ""
    values: list[Origin] = Field(default_factory=list)


class Shared(_Part):
    """A call of a service: what was asked, under which grant, what left, and which items left masked."""

    request: dict[str, Any] = Field(default_factory=dict)
    grant: dict[str, Any] = Field(default_factory=dict)
    answer: dict[str, Any] = Field(default_factory=dict)
    masked: list[str] = Field(default_factory=list)


class Proof(_Part):
    """The audit log: number of events, root of its tree, whether the bundle was checked."""

    size: int = 0
    root: str = ""
    verified: bool = False
    bundle: str = ""
    key: str = ""


class Score(_Part):
    """What a department reached: points out of 100, place, what it reached by group of indicators (see ``group_titles``)."""

    department: str
    score: float | None = None
    rank: int | None = None
    groups: dict[str, float | None] = Field(default_factory=dict)


class DemoAccount(_Part):
    """An account of the example city."""

    name: str
    title: Title
    department: str = ""
    roles: list[str] = Field(default_factory=list)
    password: str = ""


class Report(_Part):
    """What the main job did."""

    city: CityName = CityName()
    sources: list[SourceRow] = Field(default_factory=list)
    quality: Quality = Quality()
    fusion: Fusion = Fusion()
    conflicts: list[Conflict] = Field(default_factory=list)
    departments: dict[str, Title] = Field(default_factory=dict)
    attributes: dict[str, Title] = Field(default_factory=dict)
    person: Person | None = None
    service: Shared | None = None
    audit: Proof | None = None
    scores: list[Score] = Field(default_factory=list)
    group_titles: dict[str, Title] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    peak_mb: float | None = None
    digest: str = ""
    accounts: list[DemoAccount] = Field(default_factory=list)


def read_report(folder: Path) -> Report | None:
    """The report of a workspace; nothing where the main job has not run yet.

    Raises:
        DataError: ``web.report.broken``, naming the place in the file and no value.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        return Report.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        raise _broken(".".join(str(part) for part in error.errors()[0]["loc"])) from None
    except ValueError:
        raise _broken("1") from None


def _broken(place: str) -> DataError:
    return DataError(
        "web.report.broken",
        "The report in the workspace cannot be read, at {place}.",
        hint="Run the main job again: cityloom demo.",
        place=place,
    )
