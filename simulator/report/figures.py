"""The figures of a report, as SVG text: drawn by matplotlib, without a display, the same bytes for the same run.

Colours are Okabe and Ito's (2008), which people with colour-blindness tell apart. The text of a figure stays text, so
that it can be searched, read aloud and edited.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.report.runs import Run

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#6b7280"
_COLOURS = (BLUE, ORANGE)
LETTERS = ("A", "B")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "gateline",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
}
# Without it the same run is the same bytes, and no address stands in the file.
_NO_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
_LANES_SHOWN = 16

Draw = Callable[[Axes, Sequence[Run]], None]


def svg(draw: Draw, runs: Sequence[Run], says: str, rows: int = 4) -> str:
    """One figure; `says` is its alternative text, and `rows` about how many lines of bars it has to hold.

    As narrow as a phone lets its letters be read. Its ground is white wherever it is shown once it is saved.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.8, min(9.0, 1.5 + 0.25 * max(3, rows))), layout="constrained")
        axes = figure.add_subplot()
        draw(axes, runs)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=_NO_METADATA)
    text = out.getvalue()
    return text[text.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label={quoteattr(says)} ', 1)


def _bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[Sequence[tuple[float, float, float] | None]],
    labels: Sequence[str],
) -> None:
    """Horizontal bars with intervals: for each run (value, low, high) by name, None where there is none."""
    height = 0.8 / len(values)
    places = np.arange(len(names))
    for number, (column, label) in enumerate(zip(values, labels, strict=True)):
        offset = (number - (len(values) - 1) / 2) * height
        shown = [one or (0.0, 0.0, 0.0) for one in column]
        axes.barh(
            places + offset,
            [value for value, _, _ in shown],
            height * 0.9,
            xerr=None if not any(low < high for _, low, high in shown) else _spread(shown),
            color=_COLOURS[number],
            error_kw={"ecolor": "#374151", "capsize": 2, "linewidth": 1},
            label=label,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#e5e7eb")
    if len(values) > 1:
        _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the bars, never on them."""
    axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2)


def _spread(shown: Sequence[tuple[float, float, float]]) -> list[list[float]]:
    """How far each interval reaches below and above its value."""
    return [[max(0.0, value - low) for value, low, _ in shown], [max(0.0, high - value) for value, _, high in shown]]


def _labels(runs: Sequence[Run]) -> list[str]:
    """What the runs of a figure are called: by letter where there are two, which may be of one name."""
    return [named(runs, number) for number in range(len(runs))]


def named(runs: Sequence[Run], number: int) -> str:
    """A run's name among these."""
    return f"{LETTERS[number]}: {runs[number].title}" if len(runs) > 1 else runs[number].title


def _share(figure: dict[str, float | None] | None) -> tuple[float, float, float] | None:
    if figure is None or figure["value"] is None:
        return None
    value = figure["value"] * 100
    low, high = figure["low"], figure["high"]
    return value, value if low is None else low * 100, value if high is None else high * 100


def names_of(runs: Sequence[Run], section: str, by: str) -> list[str]:
    """The rows of a section over all runs, the most frequent (by `by`) first."""
    counts: dict[str, float] = {}
    for run in runs:
        for name, row in run.card.get(section, {}).items():
            counts[name] = counts.get(name, 0) + row[by]
    return sorted(counts, key=lambda name: (-counts[name], name))


def accused(axes: Axes, runs: Sequence[Run]) -> None:
    """Which honest riders are accused: the share of each kind, with its 95 % interval."""
    names = names_of(runs, "by_rider_kind", "honest_passages")
    column = [[_share(run.card["by_rider_kind"].get(n, {}).get("accused_share")) for n in names] for run in runs]
    _bars(axes, [name.replace("_", " ") for name in names], column, _labels(runs))
    axes.set_xlabel("honest riders who were accused, % (95 %)")
    axes.set_xlim(0, 100)


def recall(axes: Axes, runs: Sequence[Run]) -> None:
    """Which evasions are noticed."""
    names = names_of(runs, "by_evasion", "evasions")
    column = [[_share(run.card["by_evasion"].get(n, {}).get("recall")) for n in names] for run in runs]
    _bars(axes, [name.replace("_", " ") for name in names], column, _labels(runs))
    axes.set_xlabel("evasions that were noticed, % (95 %)")
    axes.set_xlim(0, 100)


def lanes_of(runs: Sequence[Run]) -> list[str]:
    """The lanes that a figure shows: the busiest, by name."""
    names = names_of(runs, "throughput_per_min", "busiest_quarter_hour")
    return sorted(names[:_LANES_SHOWN])


def throughput(axes: Axes, runs: Sequence[Run]) -> None:
    """Persons a minute through each lane in its busiest quarter hour; a stroke marks the mean over the run."""
    names = lanes_of(runs)
    flows = [[run.card["throughput_per_min"].get(name) for name in names] for run in runs]
    column = [[flow and (flow["busiest_quarter_hour"],) * 3 for flow in one] for one in flows]
    _bars(axes, names, column, _labels(runs))
    height = 0.8 / len(runs)
    for number, one in enumerate(flows):
        for place, flow in enumerate(one):
            if flow:
                middle = place + (number - (len(runs) - 1) / 2) * height
                axes.vlines(flow["mean"], middle - height * 0.45, middle + height * 0.45, color="#111827", linewidth=2)
    axes.set_xlabel("persons a minute: busiest quarter hour (bar),\nover the run (stroke)")


def waiting(axes: Axes, runs: Sequence[Run]) -> None:
    """How long riders waited: the share who were at the first beam within so many seconds."""
    for run, label, colour in zip(runs, _labels(runs), _COLOURS, strict=False):
        ordered = sorted(run.waits_s.items())
        seconds = np.array([0] + [wait + 1 for wait, _ in ordered])
        share = np.concatenate([[0.0], np.cumsum([count for _, count in ordered]) / run.waits_s.total() * 100])
        axes.step(seconds, share, where="post", color=colour, label=label)
    axes.set_xlabel("seconds from arrival to the first beam")
    axes.set_ylabel("riders, %")
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    axes.grid(color="#e5e7eb")
    if len(runs) > 1:
        _legend(axes)


def confusion(axes: Axes, runs: Sequence[Run]) -> None:
    """Truth (down) against report (across), of the first run; shaded by the share of its row."""
    table = runs[0].card["confusion"]
    outcomes = [name for name in table if table[name]]
    whats = sorted({what for row in table.values() for what in row})
    counts = np.array([[table[outcome].get(what, 0) for what in whats] for outcome in outcomes], dtype=float)
    shares = counts / np.maximum(1.0, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(len(outcomes)):
        for column in range(len(whats)):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.6 else "black"
                axes.text(column, row, f"{counts[row, column]:,.0f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(whats)), [what.replace("_", " ") for what in whats], rotation=30, ha="right")
    axes.set_yticks(range(len(outcomes)), [outcome.replace("_", " ") for outcome in outcomes])
    axes.set_xlabel("what the gate reported")
    axes.set_ylabel("what the rider did")
    axes.spines[:].set_visible(False)
