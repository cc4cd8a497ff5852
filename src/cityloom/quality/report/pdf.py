"""The report on paper: A4, with a font of its own that is embedded, so that Chinese is shown and can be copied anywhere.

Nothing of the system is needed: ReportLab is a wheel of plain Python, the font comes with CityLoom (see ``fonts``).
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any
from xml.sax.saxutils import escape

from cityloom.kernel.extras import require
from cityloom.kernel.i18n import _
from cityloom.model.report import QualityReport, RuleLine
from cityloom.quality.report import rows, words
from cityloom.quality.report.charts import trend
from cityloom.quality.report.method import method
from cityloom.quality.report.period import local_minute

FONT = "CityLoom"
_LIGHTS = {"green": "#2c9a63", "yellow": "#e0a32e", "red": "#c94a4a"}
_INK, _SOFT, _DEEP, _LINE, _WASH, _TEAL = "#15242f", "#566775", "#0b2c40", "#dfe6ea", "#f4f7f9", "#0f7285"
_MARGIN = 40.0
_RULES, _ORDERS = 40, 40


def to_pdf(report: QualityReport, titles: Mapping[str, dict[str, str]]) -> bytes:
    """The PDF in the current language.

    Raises:
        ConfigError: ``kernel.extra.missing`` without ReportLab.
    """
    require("reportlab", extra="reports")
    _register()
    return _Paper(report, titles).made()


def _register() -> None:
    from reportlab.pdfbase import pdfmetrics, ttfonts  # noqa: PLC0415

    if FONT in pdfmetrics.getRegisteredFontNames():
        return
    packed = resources.files("cityloom.quality.report").joinpath("fonts", "wqy-microhei.ttf.xz").read_bytes()
    pdfmetrics.registerFont(ttfonts.TTFont(FONT, io.BytesIO(lzma.decompress(packed))))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=FONT, italic=FONT, boldItalic=FONT)


class _Paper:
    """Lays the parts of one report out."""

    def __init__(self, report: QualityReport, titles: Mapping[str, dict[str, str]]) -> None:
        from reportlab.lib import pagesizes  # noqa: PLC0415

        self.report = report
        self.titles = titles
        self.size = pagesizes.A4
        self.width = self.size[0] - 2 * _MARGIN - 12
        self.story: list[Any] = []

    def made(self) -> bytes:
        """The file."""
        from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

        target = io.BytesIO()
        name = f"{self.report.title} {_('Data quality report')} {self.report.period.name}"
        paper = SimpleDocTemplate(
            target, pagesize=self.size, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=44, bottomMargin=46,
            title=name, author="CityLoom", subject=_("Data quality report"), lang="zh-CN", invariant=1,
        )  # fmt: skip
        for part in (self.head, self.summary, self.dimensions, self.tables, self.rules, self.records, self.orders, self.departments, self.method):
            part()
        paper.build(self.story, onFirstPage=self.frame, onLaterPages=self.frame)
        return target.getvalue()

    def frame(self, canvas: Any, document: Any) -> None:
        """Foot of a page: what it is, and its number."""
        canvas.saveState()
        canvas.setFont(FONT, 8)
        canvas.setFillColor(_SOFT)
        canvas.drawString(_MARGIN, 26, f"{self.report.title} · {_('Data quality report')} · {self.report.period.name}")
        canvas.drawRightString(self.size[0] - _MARGIN, 26, str(document.page))
        canvas.setStrokeColor(_LINE)
        canvas.line(_MARGIN, 38, self.size[0] - _MARGIN, 38)
        canvas.restoreState()

    def text(self, words_: str, size: float = 9, colour: str = _INK, *, after: float = 0, before: float = 0, right: bool = False) -> Any:
        """A paragraph; what stands in ``words_`` is marked up already."""
        from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
        from reportlab.platypus import Paragraph  # noqa: PLC0415

        style = ParagraphStyle(
            "t", fontName=FONT, fontSize=size, leading=size * 1.45, textColor=colour, spaceAfter=after, spaceBefore=before,
            wordWrap=None if words_.isascii() else "CJK", splitLongWords=0, alignment=2 if right else 0,
        )  # fmt: skip
        return Paragraph(words_, style)

    def title(self, words_: str, lead: str = "") -> None:
        """The head of a part, with room for the beginning of what follows."""
        from reportlab.platypus import CondPageBreak  # noqa: PLC0415

        self.story += [CondPageBreak(110), self.text(escape(words_), 13, _DEEP, before=12, after=3)]
        if lead:
            self.story.append(self.text(escape(lead), 8.5, _SOFT, after=5))

    def head(self) -> None:
        """Who, what, when."""
        r = self.report
        self.story.append(self.text(escape(f"{r.city}"), 10, _SOFT))
        self.story.append(self.text(escape(f"{r.title} · {_('Data quality report')}"), 20, _DEEP, after=4))
        line = f"{_('Period')} {r.period.name}  ·  {_('Which rows')} {words.phase(r.phase)}  ·  {_('Made on')} {local_minute(r.made_at)}"
        self.story.append(self.text(escape(line), 9, _SOFT, after=8))

    def summary(self) -> None:
        """Five figures in a row."""
        r = self.report
        if r.total is None:
            self.story.append(self.text(escape(_("Nothing of this department was assessed by the end of the period.")), 10))
            return
        light = f'<font color="{_LIGHTS[r.total.light]}">●</font> {words.points(r.total.score)}'
        tiles = [
            (light, f"{_('Total score')} ({words.light(r.total.light)})　{words.change(r.total.change)}"),
            (f"{len(r.tables)} / {len(r.tables) + len(r.missing)}", _("Tables assessed")),
            (words.number(r.rows), _("Rows assessed")),
            (f"{len(r.rules)} / {r.kept}", _("Rules broken / kept")),
            (f"{r.sums.open} / {r.sums.overdue}", _("Work orders open / overdue")),
        ]
        cells = [[[self.text(big, 16, _DEEP), self.text(escape(small), 8, _SOFT)] for big, small in tiles]]
        self._table(cells, [self.width / 5] * 5, [("BOX", (0, 0), (-1, -1), 0.6, _LINE), ("INNERGRID", (0, 0), (-1, -1), 0.6, _LINE), ("BACKGROUND", (0, 0), (-1, -1), _WASH)])
        if r.missing:
            names = _(", ").join(str(t) for t in r.missing)
            self.story.append(self.text(escape(f"{_('Not assessed yet:')} {names}"), 8.5, _SOFT, before=4))

    def dimensions(self) -> None:
        """Scores by dimension beside the trend."""
        r = self.report
        if not r.lines:
            return
        self.title(_("Scores by dimension"), _("Points of 100, and the change since the period before."))
        lines: list[list[Any]] = [[self._head(h, right=i > 0) for i, h in enumerate((_("Dimension"), _("Score"), _("Change")))]]
        for x in r.lines:
            lines.append([self.text(escape(str(x.title))), self._lit(x.light, words.points(x.score)), self.text(words.change(x.change), right=True)])
        left = self._made(lines, [74, 70, 56], _RULED)
        self._table([[left, self._trend(self.width - 215, 170)]], [210, self.width - 210], [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0)])

    def tables(self) -> None:
        """The tables."""
        if self.report.tables:
            self.title(_("Tables"), _("The lowest score first. After standardising: the same rules on the rows that the platform has brought to the standard."))
            self._sheet(rows.tables(self.report), 100)

    def rules(self) -> None:
        """The worst rules with examples and causes, then the others."""
        r = self.report
        if not r.lines:
            return
        self.title(_("What is broken most"), _("By what it costs the score: share of broken rows times weight."))
        if not r.rules:
            self.story.append(self.text(escape(_("No rule is broken.")), 9, _SOFT))
        for one in r.rules[:5]:
            self._rule(one)
        if len(r.rules) > 5:
            sheet = rows.rules(r)
            keep = (0, 1, 2, 3, 5, 6, 7, 8)
            lines: list[list[Any]] = [[self._head(sheet.heads[i], right=i > 3) for i in keep]]
            for n, line in enumerate(sheet.rows[5:_RULES], start=5):
                lines.append([self._value(sheet, i, line[i], sheet.lights[n]) for i in keep])
            self._table(lines, _widths(self.width, (22, 27, 10, 12, 11, 11, 12, 14)), _RULED, repeat=1, before=8)

    def records(self) -> None:
        """Timeliness and accessibility."""
        if self.report.evidence:
            self.title(_("What the records say"), _("Timeliness and accessibility as the platform saw them in the period."))
            self._sheet(rows.evidence(self.report), 60)

    def orders(self) -> None:
        """The work orders."""
        s = self.report.sums
        self.title(_("Work orders of the period"))
        mean = "—" if s.mean_days is None else f"{s.mean_days:.1f}"
        facts = (
            *((_("Sent in the period"), s.opened), (_("Closed in the period"), s.closed), (_("Open at its end"), s.open)),
            *((_("Overdue"), s.overdue), (_("Mean days to the fix"), mean)),
        )
        self.story.append(self.text("  ·  ".join(f"{escape(name)} <b>{value}</b>" for name, value in facts), 9, after=4))
        sheet = rows.orders(self.report)
        if sheet.rows:
            self._sheet(sheet, _ORDERS)

    def departments(self) -> None:
        """Beside the others."""
        if len(self.report.departments) > 1:
            self.title(_("Beside the other departments"))
            own = [n for n, d in enumerate(self.report.departments, start=1) if d.is_own]
            self._sheet(rows.departments(self.report), 100, [("BACKGROUND", (0, n), (-1, n), "#eaf5f5") for n in own])

    def method(self) -> None:
        """How scores come about."""
        self.title(_("Method"))
        for i, text in enumerate(method(self.report), start=1):
            self.story.append(self.text(f'<font color="{_TEAL}">{i}</font>　{escape(text)}', 8.5, "#3c4f5b", after=2))

    def _rule(self, one: RuleLine) -> None:
        head = [self.text(escape(f"{one.resource_title} · {rows.what(one)}"), 9.5, _DEEP), self._lit(one.light, words.points(one.score))]
        share = words.share(one.broken / one.checked if one.checked else 0, 2)
        said = _("{broken} of {checked} rows break it ({share}).").format(broken=words.number(one.broken), checked=words.number(one.checked), share=share)
        tags = f"{words.DIMENSION_TITLES[one.dimension]} · {words.severity(one.severity)}"
        parts = [self.text(f"{escape(said)} <font color='{_SOFT}'>{escape(tags)} · {escape(one.rule)}</font>", 8.5)]
        for c in one.causes:
            line = _("{broken} broken rows, {coverage} of all; {rate} of its rows, elsewhere {elsewhere}").format(
                broken=words.number(c.broken), coverage=words.share(c.coverage), rate=words.share(c.rate), elsewhere=words.share(c.rate_elsewhere, 2)
            )
            named = words.cause(c, self.titles.get(one.resource))
            parts.append(self.text(f"<font color='#8a5a10'>▶ {escape(named)}</font> — {escape(line)}", 8.5))
        if not one.causes and one.examples:
            spread = _("No sub-population stands out: the broken rows are spread.")
            every = _("Nearly every row is broken: the source writes it in another form.")
            parts.append(self.text(escape(every if one.broken >= 0.9 * one.checked else spread), 8.5, _SOFT))
        if one.examples:
            places = " · ".join(f"{batch} : {row}" for batch, row in one.examples[:4])
            parts.append(self.text(f"{escape(_('Examples (batch : row)'))} {escape(places)}", 7.5, _SOFT))
        box = [("NOSPLIT", (0, 0), (-1, -1)), ("BOX", (0, 0), (-1, -1), 0.6, _LINE), ("SPAN", (0, 1), (1, 1)), ("TOPPADDING", (0, 1), (-1, 1), 0)]
        self._table([head, [parts, ""]], [self.width - 80, 80], box, before=5)

    def _sheet(self, sheet: rows.Sheet, most: int, more: Sequence[tuple[Any, ...]] = ()) -> None:
        told = {i for i in range(len(sheet.heads)) if any(isinstance(line[i], int | float) for line in sheet.rows)}
        numbers = told | sheet.points | sheet.shares
        lines: list[list[Any]] = [[self._head(h, right=i in numbers) for i, h in enumerate(sheet.heads)]]
        first = min(sheet.points, default=-1)
        for n, line in enumerate(sheet.rows[:most]):
            light = sheet.lights[n] if sheet.lights else ""
            lines.append([self._value(sheet, i, v, light if i == first else "") for i, v in enumerate(line)])
        parts = [_room(sheet, i) for i in range(len(sheet.heads))]
        self._table(lines, _widths(self.width, parts), [*_RULED, *more], repeat=1)
        if len(sheet.rows) > most:
            said = _("{count} more are in the workbook.").format(count=len(sheet.rows) - most)
            self.story.append(self.text(escape(said), 8, _SOFT))

    def _value(self, sheet: rows.Sheet, i: int, value: rows.Cell, light: str) -> Any:
        if value is None:
            return self.text("—", 8.5, right=i not in sheet.wide)
        if isinstance(value, str):
            return self.text(escape(value), 8.5)
        if i in sheet.shares:
            return self.text(words.share(value, 2), 8.5, right=True)
        if i in sheet.points:
            text = f"{value:.2f}"
            return self._lit(light, text) if light and i == min(sheet.points) else self.text(text, 8.5, right=True)
        return self.text(words.number(value), 8.5, right=True)

    def _lit(self, light: str, text: str) -> Any:
        sign = {"green": "●", "yellow": "■", "red": "◆"}[light]
        return self.text(f'<font color="{_LIGHTS[light]}">{sign}</font> {text}', 9, right=True)

    def _head(self, text: str, *, right: bool = False) -> Any:
        return self.text(escape(text), 8, _SOFT, right=right)

    def _made(self, lines: Sequence[Sequence[Any]], widths: Sequence[float], style: Sequence[tuple[Any, ...]], repeat: int = 0) -> Any:
        from reportlab.lib.colors import HexColor  # noqa: PLC0415
        from reportlab.platypus import Table, TableStyle  # noqa: PLC0415

        made = [tuple(HexColor(p) if isinstance(p, str) and p.startswith("#") else p for p in rule) for rule in style]
        return Table([list(line) for line in lines], colWidths=list(widths), repeatRows=repeat, style=TableStyle([*_PADDED, *made]))

    def _table(
        self, lines: Sequence[Sequence[Any]], widths: Sequence[float], style: Sequence[tuple[Any, ...]], *, repeat: int = 0, before: float = 0
    ) -> None:
        made = self._made(lines, widths, style, repeat)
        made.spaceBefore = before
        self.story.append(made)

    def _trend(self, width: float, height: float) -> Any:
        from reportlab.graphics.shapes import Circle, Drawing, PolyLine, String  # noqa: PLC0415
        from reportlab.graphics.shapes import Line as Stroke  # noqa: PLC0415
        from reportlab.lib.colors import HexColor  # noqa: PLC0415

        found = trend(self.report.trend, self.report.scoring, width, height - 16)
        up = found.height
        made = Drawing(width, height)
        made.add(String(44, height - 10, _("Trend of the total"), fontName=FONT, fontSize=9, fillColor=HexColor(_DEEP)))
        for score, y in found.grid:
            made.add(Stroke(44, up - y, width - 16, up - y, strokeColor=HexColor(_LINE), strokeWidth=0.6))
            made.add(String(40, up - y - 3, f"{100 * score:g}", fontName=FONT, fontSize=7.5, fillColor=HexColor(_SOFT), textAnchor="end"))
        for name, y in found.limits:
            made.add(Stroke(44, up - y, width - 16, up - y, strokeColor=HexColor(_LIGHTS[name]), strokeWidth=0.8, strokeDashArray=[4, 3]))
        known = [(label, score, x, up - y) for label, score, x, y in found.points if score is not None]
        if len(known) > 1:
            made.add(PolyLine([v for _l, _s, x, y in known for v in (x, y)], strokeColor=HexColor(_TEAL), strokeWidth=1.6))
        every = max(1, round(len(found.points) / 5))
        for i, (label, value, x, y) in enumerate(found.points):
            if (len(found.points) - 1 - i) % every == 0:
                made.add(String(x, 6, label, fontName=FONT, fontSize=7.5, fillColor=HexColor(_SOFT), textAnchor="middle"))
            if value is not None:
                colour = HexColor(_LIGHTS[self.report.scoring.light(value)])
                made.add(Circle(x, up - y, 3, fillColor=colour, strokeColor=HexColor("#ffffff"), strokeWidth=0.8))
        if known:
            _label, last, x, y = known[-1]
            made.add(String(x, y + 7 if y < up - 24 else y - 14, words.points(last), fontName=FONT, fontSize=9, fillColor=HexColor(_DEEP), textAnchor="end" if x > 80 else "start"))
        return made


_PADDED: tuple[tuple[Any, ...], ...] = (
    ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ("LEFTPADDING", (0, 0), (-1, -1), 5),
    ("RIGHTPADDING", (0, 0), (-1, -1), 5),
    ("TOPPADDING", (0, 0), (-1, -1), 3),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
)
_RULED: tuple[tuple[Any, ...], ...] = (("LINEBELOW", (0, 0), (-1, -1), 0.5, _LINE), ("LINEBELOW", (0, 0), (-1, 0), 0.8, "#b9c8d0"))


def _room(sheet: rows.Sheet, i: int) -> float:
    """Room that a column asks for: its longest text, where Chinese characters take two places."""
    texts = [sheet.heads[i][:8], *(str(line[i]) for line in sheet.rows[:100] if isinstance(line[i], str))]
    widest = max(sum(1 if c.isascii() else 2 for c in text) for text in texts)
    return float(min(30 if i in sheet.wide else 14, max(13 if i == min(sheet.points, default=-1) else 9, widest + 3)))


def _widths(whole: float, parts: Sequence[float]) -> list[float]:
    return [whole * part / sum(parts) for part in parts]
