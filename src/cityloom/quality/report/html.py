"""Reports and profiles as pages: one file, readable offline, printable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cityloom.model.profile import Drift, FieldProfile, TableProfile, together
from cityloom.model.report import QualityReport
from cityloom.model.text import Title
from cityloom.quality.report.method import method
from cityloom.quality.report.pages import render


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where a page stands: alone (no ``style_href``: the style is in it), or in the console with ``places`` to go to."""

    style_href: str = ""
    places: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """A profile with what the page says beside it.

    ``items`` are titles by field, ``grades`` and ``elements`` (declared or inferred) likewise; ``drifts`` what changed
    since the profile of version ``since``; ``is_open`` false where values are left out because nobody showed who asks.
    """

    title: Title
    department: Title
    phase: str
    profile: TableProfile
    items: Mapping[str, str] = field(default_factory=dict)
    grades: Mapping[str, str] = field(default_factory=dict)
    elements: Mapping[str, str] = field(default_factory=dict)
    drifts: Sequence[Drift] = ()
    since: int | None = None
    is_open: bool = True

    @property
    def times(self) -> tuple[str, str] | None:
        """The time range: from the earliest to the latest of the dates that may be shown."""
        dated = [f for f in self.profile.fields if f.type in ("date", "time") and f.first and f.last]
        return (min(f.first or "" for f in dated), max(f.last or "" for f in dated)) if dated else None

    def is_concealed(self, one: FieldProfile) -> bool:
        """Whether values of a field are kept back."""
        return one.filled > 0 and (not self.is_open or self.grades.get(one.name) in ("sensitive", "core"))


def to_html(report: QualityReport, titles: Mapping[str, dict[str, str]], frame: Frame | None = None) -> str:
    """A report in the current language; ``titles`` are those of items by resource and item."""
    at = frame or Frame()
    return render("report.html", r=report, titles=titles, method=method(report), style_href=at.style_href, places=at.places)


def profile_to_html(one: Profiled, frame: Frame | None = None) -> str:
    """The profile of a table in the current language."""
    at = frame or Frame()
    return render("profile.html", p=one, t=one.profile, style_href=at.style_href, places=at.places)


def profiles_to_html(some: Sequence[Profiled], title: Title, frame: Frame | None = None, hrefs: Mapping[str, str] | None = None) -> str:
    """The profile of a data set: several tables together, each by its name (with a link, where there is one)."""
    at = frame or Frame()
    whole = together(tuple(one.profile for one in some))
    return render(
        "profiles.html", some=some, whole=whole, title=title, hrefs=hrefs or {}, style_href=at.style_href, places=at.places
    )
