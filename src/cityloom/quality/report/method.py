"""How scores come about, in sentences: the end of every report."""

from __future__ import annotations

from cityloom.kernel.i18n import _
from cityloom.model.report import QualityReport
from cityloom.model.standard import DIMENSIONS
from cityloom.quality.report.words import DIMENSION_TITLES


def method(report: QualityReport) -> tuple[str, ...]:
    """The sentences, with the thresholds and weights that were used."""
    scoring = report.scoring
    weights = ", ".join(f"{DIMENSION_TITLES[d]} {scoring.weight(d):g}" for d in DIMENSIONS)
    return (
        _("A rule's score is the share of the rows it applies to that keep it: 1 − broken / checked (GB/T 36344-2018)."),
        _("A dimension's score is the mean of its rules by weight; the weight of a rule is multiplied by the importance of its item."),
        _("A table's score is the mean of its dimensions by weight: {weights}. A dimension without rules has no part in it.").format(weights=weights),
        _("A department's score is the mean of its tables by their importance."),
        _("Timeliness also counts the cycles in which data came; accessibility the attempts to collect that succeeded, and whether the catalog publishes the resource bound to its table."),
        _("Only rules that the business and the technical reviewer approved count."),
        _("Scores are points of 100, rounded to two places before the light is chosen: green from {green}, yellow from {yellow}, red below.").format(
            green=f"{100 * scoring.green:g}", yellow=f"{100 * scoring.yellow:g}"
        ),
        _("For each table the newest assessment before the end of the period counts, of the rows {phase}.").format(
            phase=_("as delivered") if report.phase == "before" else _("after standardising")
        ),
        _("Examples are positions (batch and row), not values: whoever may see the rows finds them there."),
    )
