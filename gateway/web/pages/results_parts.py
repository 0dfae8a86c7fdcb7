"""The parts of the results' page: figures in words, sections with a plot and its numbers, the empty state.

Rules: a plot stands there twice, for a wide and a narrow page, one of them hidden by style; its numbers follow as a
table. Which runs are shown doesn't belong here (results.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from gateway.results.card import Figure, Scorecard
from gateway.results.tables import TABLES, Cell, Table, reports
from gateway.results.verdicts import ACCUSATIONS, EVASIONS, counts, is_right
from gateway.web.nodes import Node, scrolled
from gateway.web.parts import command
from gateway.web.plots import LETTERS, NARROW, WIDE, Shown, busiest_lanes, on_page, percent, spoken

PER_10000: Final = "false_accusations_per_10000"
FIGURES: Final = {
    PER_10000: "false accusations, to 10,000 honest passages",
    "recall": "evasions that were noticed",
    "precision": "accusations that were right",
    "evasion_rate": "got through without paying",
}


def trouble(text: str) -> None:
    """What is wrong, in a sentence."""
    Node("p", text, "card wrong", role="status")


def letter(number: int) -> None:
    """A run's letter in its colour."""
    Node("span", LETTERS[number], f"letter {'ab'[number]}")


def in_words(name: str, figure: Figure) -> str:
    """A figure with its interval."""
    if figure.value is None:
        return "nothing to rate"
    if name == PER_10000:
        value, ends = (
            f"{figure.value:,.0f}",
            [None if end is None else f"{end:,.0f}" for end in (figure.low, figure.high)],
        )
    else:
        value = f"{percent(figure.value)} %"
        ends = [None if end is None else percent(end) for end in (figure.low, figure.high)]
    return value if None in ends else f"{value} ({ends[0]} to {ends[1]})"


def by_how_much(name: str, value: float | None) -> str:
    """A difference with its sign."""
    if value is None:
        return "–"
    said = f"{value:+,.0f}" if name == PER_10000 else f"{value * 100:+.1f} points"
    return said.replace("-", "−")


def what_ran(card: Scorecard) -> str:
    """The run in a line."""
    seeds = f"{card.seeds} seeds from {card.first_seed}" if card.seeds > 1 else f"seed {card.first_seed}"
    hours = f"{card.hours:g} h" if card.hours >= 1 else f"{card.hours * 60:.3g} min"
    stations = f"{card.stations} stations, " if card.stations > 1 else ""
    lanes = "1 lane" if card.lanes == 1 else f"{card.lanes:,} lanes"
    return f"Scenario {card.scenario}, {seeds}: {card.riders:,} riders, {stations}{lanes}, {hours} of simulated time"


def notes(card: Scorecard) -> list[str]:
    """Of whom no figure tells."""
    told = []
    if card.turned_away:
        told.append(f"{card.turned_away:,} more found the queues full and went away; no figure counts them.")
    if card.still_waiting:
        told.append(f"{card.still_waiting:,} were still waiting half an hour after the end; no figure counts them.")
    return told


def head_figures(card: Scorecard) -> None:
    """Three figures at a glance."""
    with Node("dl", css="head"):
        for name in (PER_10000, "recall", "precision"):
            figure: Figure = getattr(card, name)
            with Node("div", css="figure"):
                Node("dt", FIGURES[name])
                shown = "–" if figure.value is None else in_words(name, Figure(value=figure.value, low=None, high=None))
                Node("dd", shown)


def evidence(one: Shown) -> None:
    """The figures with their intervals."""
    Node("h2", "How good is the evidence?")
    with Node("dl", css="head card"):
        for name, label in FIGURES.items():
            figure: Figure = getattr(one.card, name)
            words, _, interval = in_words(name, figure).partition(" (")
            with Node("div", css="figure"):
                with Node("dt"):
                    Node("span", label)
                    if interval:
                        Node("span", f"95 %: {interval.removesuffix(')')}", "interval")
                Node("dd", words)
    Node(
        "p",
        f"From {one.card.honest_passages:,} honest passages, {one.card.evasions:,} evasions and "
        f"{one.card.accusations:,} accusations. How many accusations are right depends on how many riders evade: where "
        "nobody does, every accusation is wrong.",
        "soft",
    )
    saving(None, "figures", [one])


def saving(plot: str | None, table: str, shown: Sequence[Shown]) -> None:
    """Links that save a figure as SVG and its numbers as CSV."""
    with Node("p", css="row saving"):
        if plot is not None:
            other = f"?{urlencode({'other': shown[1].name})}" if len(shown) > 1 else ""
            Node("a", "Figure as SVG", href=f"/v1/runs/{shown[0].name}/{plot}.svg{other}", download=True)
        for number, one in enumerate(shown):
            told = f"Numbers as CSV ({LETTERS[number]})" if len(shown) > 1 else "Numbers as CSV"
            Node("a", told, href=f"/v1/runs/{one.name}/{table}.csv", download=True)


def _figure(plot: str, shown: Sequence[Shown]) -> None:
    for css, width in (("wide", WIDE), ("narrow", NARROW)):
        # Ours: texts from files are escaped by plots.py.
        ui.html(on_page(plot, shown, width), sanitize=False).classes(f"plot {css}")


def _legend(shown: Sequence[Shown]) -> None:
    if len(shown) > 1:
        with Node("p", css="row legend"):
            for number, one in enumerate(shown):
                with Node("span"):
                    letter(number)
                    Node("span", one.name)


def _table(name: str, table: Table, most: int = 200) -> None:
    """Numbers as people read them."""
    with Node("details"):
        Node("summary", name)
        with scrolled(name), Node("table", css="numbers"):
            with Node("thead"), Node("tr"):
                for head in table.head:
                    Node("th", spoken(head), scope="col")
            with Node("tbody"):
                for row in table.rows[:most]:
                    with Node("tr"):
                        Node("th", spoken(str(row[0])), scope="row")
                        for cell, head in zip(row[1:], table.head[1:], strict=True):
                            Node("td", _cell(cell, head, table), "number")
        if len(table.rows) > most:
            Node("p", f"{len(table.rows) - most:,} more rows are in the CSV.", "soft")


def _cell(cell: Cell, head: str, table: Table) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        shares = any(one.endswith("_share") for one in table.head)
        return (
            f"{percent(cell)} %" if shares and (head.endswith("_share") or head in ("low", "high")) else f"{cell:,.1f}"
        )
    return f"{cell:,}" if isinstance(cell, int) else cell


@dataclass(frozen=True, slots=True)
class Section:
    """A question, in a heading; its answer as a plot and as numbers."""

    title: str
    text: str
    plot: str
    table: str

    def show(self, shown: Sequence[Shown]) -> None:
        """Nothing for runs that have no such numbers."""
        tables = [TABLES[self.table](one.card) for one in shown]
        if not any(table.rows for table in tables):
            return
        with Node("section", css="answer"):
            Node("h2", self.title)
            with Node("div", css="card"):
                Node("p", self.text)
                self.answer(shown)
                for one, table in zip(shown, tables, strict=True):
                    _table(f"The numbers{f' of {one.name}' if len(shown) > 1 else ''}", table)
                saving(self.plot, self.table, shown)

    def answer(self, shown: Sequence[Shown]) -> None:
        """The plot."""
        _legend(shown)
        _figure(self.plot, shown)
        lanes = {name for one in shown for name in one.card.throughput_per_min}
        drawn = len(busiest_lanes(shown))
        if self.table == "lanes" and drawn < len(lanes):
            Node("p", f"The figure shows the {drawn} busiest of {len(lanes):,} lanes; the CSV has all.", "soft")


class _Confusion(Section):
    def answer(self, shown: Sequence[Shown]) -> None:
        for number, one in enumerate(shown):
            with Node("h3"):
                if len(shown) > 1:
                    letter(number)
                Node("span", one.name)
            _heat(one)
            unmatched = one.card.unmatched_verdicts
            told = [
                f"{unmatched.get(name, 0):,} {words}"
                for name, words in (
                    ("repeated", "were about an evasion already noticed"),
                    ("phantom", "accused nobody at all"),
                    ("spurious", "were about nobody and accused nobody"),
                )
                if unmatched.get(name)
            ]
            if told:
                Node("p", f"Beside these, reports that belong to no row: {'; '.join(told)}.", "soft")


def _heat(one: Shown) -> None:
    whats, told = reports(one.card), counts(one.card)
    with scrolled(f"Truth against report, {one.name}"), Node("table", css="heat"):
        with Node("thead"), Node("tr"):
            Node("th", "the rider …", scope="col")
            for what in whats:
                Node("th", spoken(what), "accusation" if what in ACCUSATIONS else "", scope="col")
        with Node("tbody"):
            for outcome, row in told.items():
                total = sum(row.values())
                with Node("tr"):
                    with Node("th", scope="row"):
                        Node("span", spoken(outcome))
                        Node("span", " evasion" if outcome in EVASIONS else " honest", "soft")
                    for what in whats:
                        _heat_cell(outcome, what, row.get(what, 0), total)


def _heat_cell(outcome: str, what: str, count: int, total: int) -> None:
    if not count:
        Node("td", "·", "none")
        return
    right = is_right(outcome, what)
    cell = Node("td", css="right" if right else "wrong")
    cell.style(f"--part: {round(12 + 88 * count / total)}%")
    with cell:
        Node("span", f"{count:,}")
        Node("span", "" if right else " ✗", aria_hidden="true")
        if not right:
            Node("span", " wrong", "only-heard")


SECTIONS: Final = (
    Section(
        "Who is accused wrongly?",
        "Honest riders who came to the beams, by what they had along: how many of each hundred were accused. Beside a "
        "name is the number of riders, the line on a bar is the 95 % interval.",
        "accused",
        "accused",
    ),
    Section(
        "What is noticed?",
        "Riders who did not pay, by how they came through: how many of each hundred were accused of anything.",
        "noticed",
        "noticed",
    ),
    _Confusion(
        "Truth against report",
        "A row is what riders did, a column what the gate reported. A cell is as dark as its share of the row, and ✗ "
        "marks reports that are wrong: an honest rider accused, or an evader not. A rider who was let through and "
        "accused is in two cells.",
        "confusion",
        "confusion",
    ),
    Section(
        "How many come through?",
        "Persons a minute through each lane while riders arrived; the mark is its busiest quarter hour.",
        "throughput",
        "lanes",
    ),
    Section(
        "How long do they wait at each lane?",
        "From arrival in the queue to the first beam: the mean, and as a mark what 95 of 100 stayed below.",
        "waiting-by-lane",
        "lanes",
    ),
    Section(
        "How are the waits spread?",
        "The share of riders by how long they waited; all who came to a first beam.",
        "waiting",
        "waiting",
    ),
)


def nothing_yet(folder: Path | None, commands: Sequence[str]) -> None:
    """There are no runs: how to make one, and what its figures will mean."""
    with Node("section", css="card"):
        Node("h2", "No run yet")
        if folder is None:
            Node(
                "p",
                "This gateway was started without --runs, so it knows of no folder with runs. Make a run, and start "
                "the gateway with the folder:",
            )
        else:
            Node(
                "p",
                "A run shows here by itself as soon as it is done. The demo makes two by itself, soon after its start.",
            )
        how_to(commands)
    Node("h2", "What a run will say")
    with Node("dl", css="meanings card"):
        for term, meaning in (
            (FIGURES[PER_10000], "How often the gate accuses somebody who did nothing wrong: the harm."),
            (FIGURES["recall"], "How many of those who did not pay it reports at all: the use."),
            (
                FIGURES["precision"],
                "How much a single report is worth as evidence. Where few evade, most reports may be wrong though the "
                "gate errs rarely.",
            ),
            ("95 % interval", "How far chance alone may have moved a figure; more riders make it narrower."),
        ):
            Node("dt", term)
            Node("dd", meaning)


def how_to(commands: Sequence[str]) -> None:
    """The commands that make a run, to be copied."""
    for one in commands:
        command(one)
    Node("p", "Scenarios are files to change: gateline scenario new my.toml writes one with comments.", "soft")
