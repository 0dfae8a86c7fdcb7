"""The figures of scorecards as SVG: bars with intervals, a heat table, a histogram; of one run, or of two.

Rules: text stays text; a value stands beside its bar in figures, and a run has its letter, so nothing depends on
colour. On a page the colours are the page's own (CSS variables, light and dark) and a figure is drawn for a width;
saved, it has fixed light colours, a white ground and its title, and needs nothing else. Texts from files are escaped
here. What the numbers mean doesn't belong here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape as html_escape
from typing import Final

from gateway.results.card import Figure, Scorecard
from gateway.results.tables import reports
from gateway.results.verdicts import counts, is_right

WIDE: Final = 720
NARROW: Final = 340
LANES_SHOWN: Final = 16
LETTERS: Final = ("A", "B")

_FONT: Final = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_TEXT: Final = 13
_SMALL: Final = 12
_EDGE: Final = 16


@dataclass(frozen=True, slots=True)
class Inks:
    """The colours of a figure."""

    ink: str
    soft: str
    line: str
    ground: str
    runs: tuple[str, str]
    heat: str


_PAGE: Final = Inks(
    "var(--ink)", "var(--soft)", "var(--line)", "none", ("var(--plot-a)", "var(--plot-b)"), "var(--plot-heat)"
)
# Okabe and Ito's blue and vermilion, which people with colour-blindness tell apart.
_SAVED: Final = Inks("#1d2330", "#565e6d", "#dcd7cc", "#ffffff", ("#0072b2", "#d55e00"), "#8fbfe8")


@dataclass(frozen=True, slots=True)
class Shown:
    """A run in a figure."""

    name: str
    card: Scorecard


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its interval, a mark of its own, and both in words."""

    value: float | None
    words: str
    low: float | None = None
    high: float | None = None
    mark: float | None = None


_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """``text`` as XML has it; what XML can't hold at all becomes the sign for that."""
    return html_escape(_NOT_XML.sub("\ufffd", text))


class _Drawing:
    """SVG elements from top to bottom; `y` is how far it goes."""

    def __init__(self, width: int, inks: Inks) -> None:
        self.width = width
        self.inks = inks
        self.y = 0.0
        self._parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, *, end: str = "start", soft: bool = False, bold: bool = False
    ) -> None:
        colour = self.inks.soft if soft else self.inks.ink
        size = _SMALL if soft else _TEXT
        weight = ' font-weight="600"' if bold else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" text-anchor="{end}"{weight}>'
            f"{escape(text)}</text>"
        )

    def slanted(self, x: float, y: float, text: str) -> None:
        self._parts.append(
            f'<text transform="translate({x:.1f} {y:.1f}) rotate(-35)" fill="{self.inks.soft}" font-size="{_SMALL}">'
            f"{escape(text)}</text>"
        )

    def box(self, x: float, y: float, width: float, height: float, fill: str, opacity: float = 1.0) -> None:
        faint = f' fill-opacity="{opacity:.2f}"' if opacity < 1 else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" fill="{fill}"{faint}/>'
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1.0) -> None:
        self._parts.append(
            f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width:g}" fill="none"/>'
        )

    def svg(self, label: str) -> str:
        """The whole; ``label`` says what it shows to whoever doesn't see it."""
        # Saved, it may be laid on any ground: its own reaches a little further than what is drawn.
        saved = self.inks.ground != "none"
        edge = _EDGE if saved else 0
        left, width, height = -edge, self.width + 2 * edge, math.ceil(self.y) + 2 * edge
        ground = ""
        if saved:
            ground = f'<rect x="{left}" y="{left}" width="{width}" height="{height}" fill="{self.inks.ground}"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left} {left} {width} {height}" '
            f'width="{width}" height="{height}" font-family="{_FONT}" role="img" '
            f'aria-label="{escape(label)}">{ground}{"".join(self._parts)}</svg>'
        )


def _percent(figure: Figure, nobody: str) -> Bar:
    if figure.value is None:
        return Bar(None, nobody)
    words = f"{percent(figure.value)} %"
    if figure.low is None or figure.high is None:
        return Bar(figure.value * 100, words)
    words += f" ({percent(figure.low)} to {percent(figure.high)})"
    return Bar(figure.value * 100, words, figure.low * 100, figure.high * 100)


def percent(share: float) -> str:
    """In percent, so that 0 and 100 are said only where it is none or all."""
    value = share * 100
    if 0 < value < 0.05:
        return "<0.1"
    if 99.95 < value < 100:
        return ">99.9"
    return f"{value:.1f}" if 0 < value < 100 else f"{value:.0f}"


def spoken(name: str) -> str:
    """A name of a file's as people write it."""
    return name.replace("_", " ")


def _scale(values: Sequence[float], share: bool) -> tuple[float, float]:
    """The end of the axis and the step of its lines."""
    top = max(values, default=0.0)
    if share and top > 40:
        return 100.0, 25.0
    step = 10.0 ** math.floor(math.log10(max(top, 0.5) / 2))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if step * factor * 4 >= top * 0.999)
    return max(step, math.ceil(top / step - 1e-9) * step), step


def _bars(
    drawing: _Drawing,
    rows: Sequence[tuple[str, str, Sequence[Bar | None]]],
    unit: str,
    *,
    share: bool,
    shown: Sequence[Shown],
) -> None:
    """A row has a name, a note, and a bar for each run that has such a thing."""
    narrow = drawing.width < 500
    letters = LETTERS if len(shown) > 1 else ("",)
    left = 18.0 if len(shown) > 1 else 0.0
    all_bars = [bar for _, _, bars in rows for bar in bars if bar is not None]
    longest = max((len(bar.words) for bar in all_bars), default=0)
    right = drawing.width - min(0.5 * drawing.width, longest * (6.6 if narrow else 6.9) + 10)
    every = [end for bar in all_bars for end in (bar.value, bar.high, bar.mark) if end is not None]
    end, step = _scale(every, share)

    def at(value: float) -> float:
        return left + (right - left) * min(1.0, value / end)

    top = drawing.y
    height = 27.0 * len(rows) + 19.0 * len(all_bars)
    for number in range(round(end / step) + 1):
        drawing.line(at(number * step), top, at(number * step), top + height, drawing.inks.line)
    for name, note, bars in rows:
        drawing.text(0, drawing.y + 17, spoken(name), bold=True)
        drawing.text(min(len(name) * 8.2 + 10, drawing.width * 0.6), drawing.y + 17, note, soft=True)
        drawing.y += 23
        for number, bar in enumerate(bars):
            if bar is None:
                continue
            middle = drawing.y + 8
            if letters[number]:
                drawing.text(0, middle + 4.5, letters[number], soft=True)
            if bar.value is not None:
                drawing.box(left, middle - 6, max(1.5, at(bar.value) - left), 12, drawing.inks.runs[number])
            if bar.low is not None and bar.high is not None:
                drawing.line(at(bar.low), middle, at(bar.high), middle, drawing.inks.ink, 1.5)
                for edge in (bar.low, bar.high):
                    drawing.line(at(edge), middle - 4, at(edge), middle + 4, drawing.inks.ink, 1.5)
            if bar.mark is not None:
                drawing.line(at(bar.mark), middle - 7, at(bar.mark), middle + 7, drawing.inks.ink, 2.5)
            drawing.text(drawing.width, middle + 4.5, bar.words, end="end")
            drawing.y += 19
        drawing.y += 4
    for number in range(round(end / step) + 1):
        where = "start" if number == 0 else "end" if at(number * step) > right - 8 else "middle"
        drawing.text(at(number * step), drawing.y + 15, f"{number * step:g}", end=where, soft=True)
    drawing.text(drawing.width, drawing.y + 15, unit, end="end", soft=True)
    drawing.y += 22


def names_of(shown: Sequence[Shown], counted: Callable[[Scorecard], dict[str, int]]) -> list[str]:
    """All names of the runs, those that count most first."""
    total: dict[str, int] = {}
    for one in shown:
        for name, count in counted(one.card).items():
            total[name] = total.get(name, 0) + count
    return sorted(total, key=lambda name: (-total[name], name))


def _accused(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    def highest(name: str) -> float:
        kinds = [one.card.by_rider_kind.get(name) for one in shown]
        return max(kind.accused_share.value or 0.0 for kind in kinds if kind)

    names = names_of(shown, lambda card: {name: kind.honest_passages for name, kind in card.by_rider_kind.items()})
    rows = []
    for name in sorted(names, key=highest, reverse=True):
        kinds = [one.card.by_rider_kind.get(name) for one in shown]
        bars = [_percent(kind.accused_share, "nobody") if kind else None for kind in kinds]
        rows.append((name, " / ".join(f"{kind.honest_passages:,}" if kind else "0" for kind in kinds), bars))
    _bars(drawing, rows, "% accused", share=True, shown=shown)


def _noticed(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    rows = []
    names = names_of(shown, lambda card: {name: kind.evasions for name, kind in card.by_evasion.items()})
    for name in names:
        kinds = [one.card.by_evasion.get(name) for one in shown]
        bars = [_percent(kind.recall, "nobody") if kind else None for kind in kinds]
        rows.append((name, " / ".join(f"{kind.evasions:,}" if kind else "0" for kind in kinds), bars))
    _bars(drawing, rows, "% noticed", share=True, shown=shown)


def busiest_lanes(shown: Sequence[Shown]) -> list[str]:
    """The lanes that a figure has room for, by name."""
    busiest: dict[str, float] = {}
    for one in shown:
        for name, flow in one.card.throughput_per_min.items():
            busiest[name] = max(busiest.get(name, 0.0), flow.busiest_quarter_hour)
    return sorted(sorted(busiest, key=lambda name: (-busiest[name], name))[:LANES_SHOWN])


def _throughput(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    rows = []
    for name in busiest_lanes(shown):
        flows = [one.card.throughput_per_min.get(name) for one in shown]
        bars = [
            Bar(flow.mean, f"{flow.mean:.1f}, busiest {flow.busiest_quarter_hour:.1f}", mark=flow.busiest_quarter_hour)
            if flow
            else None
            for flow in flows
        ]
        rows.append((name, "", bars))
    _bars(drawing, rows, "a minute", share=False, shown=shown)


def _waiting_by_lane(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    rows = []
    for name in busiest_lanes(shown):
        bars: list[Bar | None] = []
        for one in shown:
            waited = one.card.waiting_s_by_lane.get(name)
            if waited is None or waited.mean is None or waited.p95 is None:
                bars.append(None)
            else:
                bars.append(Bar(waited.mean, f"{waited.mean:.1f} s, 95 %: {waited.p95:.0f} s", mark=waited.p95))
        rows.append((name, "", bars))
    _bars(drawing, rows, "seconds", share=False, shown=shown)


def _waiting(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    """A histogram for each run, on the same axes."""
    found = [(one, one.card.waiting_counts) for one in shown if one.card.waiting_counts is not None]
    end = max((step.step_s * max(1, len(step.riders)) for _, step in found), default=1)
    parts = [[100 * count / max(1, sum(step.riders)) / step.step_s for count in step.riders] for _, step in found]
    top = max((part for one in parts for part in one), default=0.0) or 1.0
    for number, ((one, steps), part) in enumerate(zip(found, parts, strict=True)):
        if len(shown) > 1:
            drawing.text(0, drawing.y + 15, f"{LETTERS[shown.index(one)]}: {one.name}", bold=True)
            drawing.y += 24
        base = drawing.y + 110
        for place, share in enumerate(part):
            x = drawing.width * place * steps.step_s / end
            width = drawing.width * steps.step_s / end
            drawing.box(x, base - 106 * share / top, max(1.0, width - 1), 106 * share / top, drawing.inks.runs[number])
        drawing.line(0, base, drawing.width, base, drawing.inks.soft)
        highest = max(range(len(part)), key=part.__getitem__, default=0)
        if part and sum(steps.riders):
            told = f"{percent(part[highest] * steps.step_s / 100)} % of {sum(steps.riders):,} riders"
            when = f"{highest * steps.step_s} to {(highest + 1) * steps.step_s} s"
            # In the half where the highest bar is not: nothing else reaches up there.
            left = highest * steps.step_s > end / 2
            drawing.text(0 if left else drawing.width, base - 94, f"{told}: {when}", end="start" if left else "end")
        _, step = _scale([float(end)], False)
        for tick in range(math.floor(end / step) + 1):
            x = drawing.width * tick * step / end
            where = "start" if tick == 0 else "end" if x > drawing.width - 12 else "middle"
            drawing.text(x, base + 16, f"{tick * step:g} s", end=where, soft=True)
        drawing.y = base + 24


def _confusion(drawing: _Drawing, shown: Sequence[Shown]) -> None:
    """A heat table for each run: a cell is as dark as its share of the row."""
    for number, one in enumerate(shown):
        if len(shown) > 1:
            drawing.text(0, drawing.y + 15, f"{LETTERS[number]}: {one.name}", bold=True)
            drawing.y += 24
        whats, told = reports(one.card), counts(one.card)
        left = 110.0
        width = (drawing.width - left - 30) / max(1, len(whats))
        drawing.y += 74
        for column, what in enumerate(whats):
            drawing.slanted(left + width * column + width / 2 - 4, drawing.y - 6, spoken(what))
        for outcome, row in told.items():
            total = sum(row.values()) or 1
            drawing.text(left - 8, drawing.y + 18, spoken(outcome), end="end")
            for column, what in enumerate(whats):
                count = row.get(what, 0)
                x = left + width * column
                if count:
                    drawing.box(x, drawing.y, width - 2, 26, drawing.inks.heat, 0.12 + 0.88 * count / total)
                sign = ("" if is_right(outcome, what) else " ✗") if count else ""
                said = f"{count:,}{sign}" if count else "·"
                drawing.text(x + width / 2 - 1, drawing.y + 18, said, end="middle", soft=not count)
            drawing.y += 28
        drawing.y += 8


Draw = Callable[[_Drawing, Sequence[Shown]], None]


@dataclass(frozen=True, slots=True)
class Plot:
    """A figure: what it shows, in a line, and how it is drawn."""

    title: str
    draw: Draw


PLOTS: Final[dict[str, Plot]] = {
    "accused": Plot("Honest riders who were accused, %, by what they had along, with 95 % intervals", _accused),
    "noticed": Plot("Evasions that were noticed, %, by kind, with 95 % intervals", _noticed),
    "confusion": Plot("What riders did (rows), and what the gate reported (columns); ✗ where it is wrong", _confusion),
    "throughput": Plot("Persons a minute through each lane; the mark is the busiest quarter hour", _throughput),
    "waiting": Plot("How long riders waited, from arrival to the first beam", _waiting),
    "waiting-by-lane": Plot("Mean wait at each lane, seconds; the mark is the 95th percentile", _waiting_by_lane),
}
"""Each figure by its name in an address."""


def on_page(plot: str, shown: Sequence[Shown], width: int) -> str:
    """A figure in the page's own colours, drawn for so many pixels."""
    drawing = _Drawing(width, _PAGE)
    PLOTS[plot].draw(drawing, shown)
    return drawing.svg(f"{PLOTS[plot].title}. The numbers are in the table below.")


def saved(plot: str, shown: Sequence[Shown]) -> str:
    """A figure as a file of its own."""
    drawing = _Drawing(WIDE, _SAVED)
    drawing.text(0, 16, PLOTS[plot].title, bold=True)
    for number, one in enumerate(shown):
        letter = f"{LETTERS[number]}: " if len(shown) > 1 else ""
        card = one.card
        seeds = f"{card.seeds} seeds from {card.first_seed}" if card.seeds > 1 else f"seed {card.first_seed}"
        told = f"{letter}{one.name} ({card.scenario}, {seeds}; {card.riders:,} riders)"
        if len(shown) > 1:
            drawing.box(0, 27 + 17 * number, 10, 10, drawing.inks.runs[number])
        drawing.text(16 if len(shown) > 1 else 0, 36 + 17 * number, told, soft=True)
    drawing.y = 30 + 17.0 * len(shown)
    PLOTS[plot].draw(drawing, shown)
    drawing.y += 8
    return '<?xml version="1.0" encoding="utf-8"?>\n' + drawing.svg(PLOTS[plot].title)
