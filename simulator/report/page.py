"""The page of a report: one self-contained HTML file, without a script, with every figure to save as SVG and every
table as CSV.

Rules: nothing is fetched from anywhere; light and dark as the reader's system has it; every figure has its numbers in
a table beside it, so nobody needs to see colours.
"""

import base64
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2

from simulator.report import figures
from simulator.report.runs import Run

_NONE = "–"


@dataclass(frozen=True)
class Table:
    """Rows of texts and numbers under their heads; `interval` columns are told as numbers in the CSV."""

    head: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def csv(self) -> str:
        """With a line of heads; an absent number is an empty field."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.head)
        writer.writerows(self.rows)
        return out.getvalue()


@dataclass(frozen=True)
class Section:
    """A question, its figure (SVG text, or empty) and its numbers."""

    name: str
    title: str
    text: str
    svg: str
    table: Table

    @property
    def beside(self) -> bool:
        """Whether the numbers are few enough to stand beside the figure."""
        return bool(self.svg) and len(self.table.head) <= 5

    @property
    def svg_link(self) -> str:
        """The figure as an address that a browser can save."""
        return _address("image/svg+xml", '<?xml version="1.0" encoding="utf-8"?>\n' + self.svg)

    @property
    def csv_link(self) -> str:
        """The numbers likewise."""
        return _address("text/csv", self.table.csv())


def _address(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def render(runs: Sequence[Run]) -> str:
    """The whole page about one run, or two side by side."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["number"] = _number
    environment.filters["spoken"] = lambda name: name.replace("_", " ")
    environment.filters["brief"] = _brief
    template = environment.from_string(files("simulator.report").joinpath("page.html").read_text(encoding="utf-8"))
    title = " against ".join(run.title for run in runs)
    return template.render(title=title, runs=runs, letters=figures.LETTERS, sections=sections(runs))


def sections(runs: Sequence[Run]) -> list[Section]:
    """Every question that the runs can answer."""
    found = [
        Section("evidence", "How good is the evidence?", _EVIDENCE, "", _evidence(runs)),
        _shares(
            "accused",
            "Who is accused wrongly?",
            "Honest riders who came to the beams, by what they had along. Whole kinds of riders can be taken for two.",
            ("by_rider_kind", "honest_passages", "accused_share", "honest riders with"),
            runs,
        ),
        _shares(
            "noticed",
            "What is noticed?",
            "Of those who did not pay, by what they did.",
            ("by_evasion", "evasions", "recall", "evasion"),
            runs,
        ),
        *(_confusion(run, number) for number, run in enumerate(runs)),
        _throughput(runs),
    ]
    if all(run.waits_s for run in runs):
        found.append(_waiting(runs))
    return [section for section in found if section.table.rows]


_EVIDENCE = "Each figure with its 95 % interval. The gate is the real firmware; no rider is real, every deed is known."


def _evidence(runs: Sequence[Run]) -> Table:
    rows: list[tuple[Any, ...]] = []
    for label, key, factor in (
        ("false accusations / 10,000 honest passages", "false_accusations_per_10000", 1),
        ("evasions noticed, %", "recall", 100),
        ("accusations that were right, %", "precision", 100),
        ("evasion rate, %", "evasion_rate", 100),
    ):
        rows.append((label, *(value for run in runs for value in _figure(run.card.get(key), factor))))
    for label, key in (
        ("riders", "riders"),
        ("honest passages", "honest_passages"),
        ("evasions", "evasions"),
        ("accusations", "accusations"),
    ):
        rows.append((label, *(value for run in runs for value in (run.card.get(key), None, None))))
    return Table(("", *(f"{head}{_of(runs, run)}" for run in runs for head in ("figure", "low", "high"))), rows)


def _of(runs: Sequence[Run], run: Run) -> str:
    """Two runs may be of one scenario and seed, with other firmware: their letters tell them apart."""
    number = next(number for number, one in enumerate(runs) if one is run)
    return f" ({figures.named(runs, number)})" if len(runs) > 1 else ""


def _brief(head: str) -> str:
    """A column's head as the page has it: the run by its letter, whose name stands above."""
    return re.sub(r" \(([AB]): .*\)$", r" \1", head, flags=re.DOTALL)


def _figure(figure: dict[str, Any] | None, factor: float = 100) -> tuple[float | None, float | None, float | None]:
    """Value, low and high."""
    scaled = [None if not figure or figure[key] is None else figure[key] * factor for key in ("value", "low", "high")]
    return scaled[0], scaled[1], scaled[2]


def _shares(name: str, title: str, text: str, keys: tuple[str, str, str, str], runs: Sequence[Run]) -> Section:
    part, count, share, head = keys
    names = figures.names_of(runs, part, count)
    rows: list[tuple[Any, ...]] = []
    for one in names:
        row: list[Any] = [one.replace("_", " ")]
        for run in runs:
            found = run.card.get(part, {}).get(one, {})
            row += [found.get(count), *_figure(found.get(share))]
        rows.append(tuple(row))
    columns = (count.replace("_", " "), "%", "low", "high")
    table = Table((head, *(f"{column}{_of(runs, run)}" for run in runs for column in columns)), rows)
    draw = figures.accused if name == "accused" else figures.recall
    svg = figures.svg(draw, runs, _says(title), len(names) * len(runs)) if names else ""
    return Section(name, title, text, svg, table)


def _says(title: str) -> str:
    """A figure's alternative text."""
    return f"{title} A figure; its numbers are in a table beside it."


def _confusion(run: Run, number: int) -> Section:
    table = run.card["confusion"]
    whats = sorted({what for row in table.values() for what in row})
    # Who passed and was accused besides answers to the passage; runs of earlier versions don't tell of what.
    accused = run.card.get("accused_as", {})
    wrongly = sorted({what for row in accused.values() for what in row})
    rows = [
        (
            outcome,
            *(row.get(what, 0) for what in whats),
            *(accused.get(outcome, {}).get(what, 0) for what in wrongly),
        )
        for outcome, row in table.items()
        if row
    ]
    return Section(
        f"confusion-{number + 1}",
        f"Truth against report: {run.title}",
        "Each row is what riders did, each column what the gate made of it; who was accused wrongly is in the last "
        "columns besides.",
        figures.svg(figures.confusion, [run], _says(f"Truth against report: {run.title}"), len(rows) + 3)
        if rows
        else "",
        Table(("what the rider did", *whats, *(f"accused wrongly: {what}" for what in wrongly)), rows),
    )


def _throughput(runs: Sequence[Run]) -> Section:
    names = sorted(figures.names_of(runs, "throughput_per_min", "busiest_quarter_hour"))
    rows: list[tuple[Any, ...]] = []
    for name in names:
        flows = [run.card["throughput_per_min"].get(name, {}) for run in runs]
        rows.append((name, *(flow.get(key) for flow in flows for key in ("mean", "busiest_quarter_hour"))))
    columns = ("over the run", "busiest quarter hour")
    shown = figures.lanes_of(runs)
    more = f" The figure shows the {len(shown)} busiest of {len(names)} lanes." if len(shown) < len(names) else ""
    return Section(
        "throughput",
        "How many come through?",
        f"Persons a minute through each lane.{more}",
        figures.svg(figures.throughput, runs, _says("How many come through?"), len(shown) * len(runs)) if names else "",
        Table(("lane", *(f"{column}{_of(runs, run)}" for run in runs for column in columns)), rows),
    )


def _waiting(runs: Sequence[Run]) -> Section:
    rows = [
        (label, *(run.card.get("waiting_s", {}).get(key) for run in runs))
        for label, key in (("mean", "mean"), ("median", "p50"), ("95th percentile", "p95"), ("longest", "max"))
    ]
    return Section(
        "waiting",
        "How long do they wait?",
        "From arrival in the queue to the first beam, of all who came so far.",
        figures.svg(figures.waiting, runs, _says("How long do they wait?"), 8),
        Table(("seconds", *(f"waited{_of(runs, run)}" for run in runs)), rows),
    )


def _number(value: object) -> str:
    """As people read it."""
    if value is None:
        return _NONE
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
