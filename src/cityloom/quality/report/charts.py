"""Charts as figures first, then as SVG: the same places serve the page and the paper."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from cityloom.model.scoring import Scoring

_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A line over periods in a field of ``width`` × ``height``: ``points`` hold label, score, x, y (from the top);
    ``grid`` score and y of the lines behind; ``limits`` light and y of the thresholds that lie in the field."""

    width: float
    height: float
    points: tuple[tuple[str, float | None, float, float], ...]
    grid: tuple[tuple[float, float], ...]
    limits: tuple[tuple[str, float], ...]


def trend(values: Sequence[tuple[str, float | None]], scoring: Scoring, width: float, height: float) -> Trend:
    """Where everything of a trend stands. The axis shows what moves, and always ends at 1 or below."""
    left, right, top, bottom = 44.0, 16.0, 14.0, 26.0
    known = [score for _label, score in values if score is not None]
    low, step = _axis(min(known, default=0.0))

    def y(score: float) -> float:
        return top + (1 - score) / (1 - low) * (height - top - bottom)

    space = (width - left - right) / max(1, len(values) - 1)
    start = left if len(values) > 1 else (left + width - right) / 2
    lines = []
    at = 1.0
    while at >= low - 1e-9:
        lines.append((at, y(at)))
        at -= step
    return Trend(
        width=width,
        height=height,
        points=tuple((label, score, start + i * space, y(score) if score is not None else 0.0) for i, (label, score) in enumerate(values)),
        grid=tuple(lines),
        limits=tuple((name, y(limit)) for name, limit in (("green", scoring.green), ("yellow", scoring.yellow)) if low <= limit < 1),
    )


def trend_svg(values: Sequence[tuple[str, float | None]], scoring: Scoring, label: str, *, width: float = 680, height: float = 200) -> Markup:
    """The trend as inline SVG; ``label`` says to those who do not see it what it is."""
    found = trend(values, scoring, width, height)
    parts = [f'<svg class="trend" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">']
    for score, y in found.grid:
        parts.append(f'<path class="grid" d="M44 {y:.1f}H{width - 16:.1f}"/><text class="axis" x="38" y="{y + 4:.1f}" text-anchor="end">{100 * score:g}</text>')
    parts += [f'<path class="limit {name}" d="M44 {y:.1f}H{width - 16:.1f}"/>' for name, y in found.limits]
    parts.append(f'<path class="line" d="{_path(found)}"/>')
    last = max((i for i, p in enumerate(found.points) if p[1] is not None), default=-1)
    every = max(1, round(len(found.points) / 8))
    for i, (name, value, x, y) in enumerate(found.points):
        if value is not None:
            parts.append(f'<circle class="{scoring.light(value)}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(name)}: {100 * value:.2f}</title></circle>')
        if i == last:
            parts.append(f'<text class="value" x="{x:.1f}" y="{y - 9 if y > 26 else y + 18:.1f}" text-anchor="{"end" if i else "middle"}">{100 * (value or 0):.2f}</text>')
        if (len(found.points) - 1 - i) % every == 0:
            parts.append(f'<text class="axis" x="{x:.1f}" y="{height - 8:g}" text-anchor="{"end" if x > width - 30 else "middle"}">{escape(name)}</text>')
    return Markup("".join(parts) + "</svg>")


def spark_svg(values: Sequence[float | None], label: str, *, width: float = 120, height: float = 28) -> Markup:
    """A small line without axes."""
    known = [v for v in values if v is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    space = (width - 6) / max(1, len(values) - 1)
    places = [
        (3 + i * space, 4 + (high - v) / ((high - low) or 1) * (height - 8) if high > low else height / 2)
        for i, v in enumerate(values)
        if v is not None
    ]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    end = f'<circle cx="{places[-1][0]:.1f}" cy="{places[-1][1]:.1f}" r="2.6"/>'
    return Markup(f'<svg class="spark" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}"><path d="{path}"/>{end}</svg>')


def box_svg(quantiles: Sequence[float], label: str, *, width: float = 280, height: float = 34) -> Markup:
    """Five quantiles (5, 25, 50, 75, 95 %) as a box with whiskers, and the ends in figures."""
    low, high = quantiles[0], quantiles[-1]
    room = (high - low) or 1.0
    x = [4 + (q - low) / room * (width - 8) if high > low else width / 2 for q in quantiles]
    ends = f'<text class="axis" x="2" y="{height - 2:g}">{_short(low)}</text><text class="axis" x="{width - 2:g}" y="{height - 2:g}" text-anchor="end">{_short(high)}</text>'
    return Markup(
        f'<svg class="box trend" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}"><title>{escape(label)}</title>'
        f'<path class="whisker" d="M{x[0]:.1f} 10H{x[4]:.1f}M{x[0]:.1f} 5V15M{x[4]:.1f} 5V15"/>'
        f'<rect class="half" x="{x[1]:.1f}" y="3" width="{max(x[3] - x[1], 1):.1f}" height="14" rx="2"/>'
        f'<path class="mid" d="M{x[2]:.1f} 3V17"/>{ends}</svg>'
    )


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.4g}"


def _axis(least: float) -> tuple[float, float]:
    """Lower end of the axis and the step of its grid: about five steps up to 1."""
    room = max(1 - least, 0.004) * 1.15
    step = next((s for s in _STEPS if room / s <= 5), 0.25)
    low = 1.0
    while low > max(1 - room, 0) + 1e-9:
        low -= step
    return max(0.0, round(low, 6)), step


def _path(found: Trend) -> str:
    """The line, broken where nothing is known."""
    text, is_drawing = "", False
    for _label, score, x, y in found.points:
        if score is None:
            is_drawing = False
            continue
        text += f"{'L' if is_drawing else 'M'}{x:.1f} {y:.1f}"
        is_drawing = True
    return text
