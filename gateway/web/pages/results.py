"""The results: scorecards of simulated scenarios, one run or two side by side.

Rules: what is shown stands in the address (`?run=A&other=B`), so it can be sent to somebody; a run shows by itself when
it is done. Every figure has its numbers beside it as a table, and can be saved. Reading runs (gateway/results) and
drawing (gateway/web/plots.py) don't belong here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlencode

from nicegui import run as nicegui_run
from nicegui import ui

from gateway.results.compare import difference
from gateway.results.folder import Listing, Run, Runs
from gateway.web import context, steps
from gateway.web.busy import patient_page
from gateway.web.frame import frame
from gateway.web.missing import not_found
from gateway.web.nodes import Node, scrolled
from gateway.web.pages import results_parts as parts
from gateway.web.plots import Shown

REFRESH_S: Final = 2.0
TITLE: Final = "Results: how often is the gate wrong?"


def register() -> None:
    """Make the page known."""

    @patient_page("/results")
    async def results(run: str = "", other: str = "") -> None:
        runs = context.service().runs
        listing = await _look(runs)
        with frame(TITLE, "/results", styles=("results.css",), scripts=("copy.js",)):
            place = Node("div")
            with place:
                _shown(listing, run, other)
            if any(name and listing.find(name) is None for name in (run, other)):
                not_found()

        async def refresh() -> None:
            nonlocal listing
            found = await _look(runs)
            if found != listing:
                listing = found
                place.clear()
                with place:
                    _shown(listing, run, other)

        ui.timer(REFRESH_S, refresh)


async def _look(runs: Runs) -> Listing:
    # None is what NiceGUI answers while the process ends.
    return await nicegui_run.io_bound(runs.look) or Listing()


def _shown(listing: Listing, name: str, other: str) -> None:
    chosen = []
    for number, one in enumerate(dict.fromkeys(filter(None, (name, other)))):
        found = listing.find(one)
        if found is None:
            parts.trouble("There is no run of that name here (yet). These are there:")
        elif found.card is None:
            parts.trouble(f"The run {found.name} can't be shown: {found.problem}.")
        else:
            chosen.append(Shown(found.name, found.card))
        if number == 0 and not chosen:
            break
    if chosen:
        _run(chosen, listing)
    else:
        _list(listing)


def _list(listing: Listing) -> None:
    Node(
        "p",
        "A synthetic rider's every deed is known. So each run here holds what gates with the real firmware reported "
        "against what riders really did, and says how often the gate was wrong. No rider is real, and nothing here is "
        "about a person.",
        "lead",
    )
    if listing.problem:
        parts.trouble(listing.problem)
    service = context.service()
    folder = service.runs.folder
    commands = steps.run_scenario(service.data, folder, {run.name for run in listing.runs})
    if not listing.runs:
        parts.nothing_yet(folder, commands)
        return
    Node("h2", "Runs")
    with Node("ul", css="grid runs"):
        for run in listing.runs:
            with Node("li", css="card run"):
                _card(run)
    if listing.left_out:
        Node("p", f"{listing.left_out} more are in the folder and not shown: beyond the latest, or named strangely.")
    Node("h2", "Make one yourself")
    parts.how_to(commands)


def _card(run: Run) -> None:
    with Node("h3"):
        if run.card is None:
            Node("span", run.name)
        else:
            Node("a", run.name, href=address(run.name))
    if run.card is None:
        Node("p", f"Can't be shown: {run.problem}.", "wrong")
        return
    Node("p", parts.what_ran(run.card), "soft")
    parts.head_figures(run.card)


def address(run: str, other: str = "") -> str:
    """Where one run is shown, or two."""
    return f"/results?{urlencode({'run': run} | ({'other': other} if other else {}))}"


def _run(shown: Sequence[Shown], listing: Listing) -> None:
    with Node("p"):
        Node("a", "‹ All runs", href="/results")
    with Node("div", css="conclusions"):
        for number, one in enumerate(shown):
            _conclusion(one, number if len(shown) > 1 else None)
    if len(shown) > 1:
        _side_by_side(shown)
    else:
        parts.evidence(shown[0])
    _compare_with(shown, listing)
    with Node("div", css="answers"):
        for section in parts.SECTIONS:
            section.show(shown)


def _conclusion(one: Shown, number: int | None) -> None:
    with Node("section", css="card conclusion", aria_label=f"Run {one.name}"):
        with Node("h2"):
            if number is not None:
                parts.letter(number)
            Node("span", one.name)
        # A figure and its unit stay on one line.
        Node("p", one.card.conclusion.replace(" %", "\u00a0%"), "sentence")
        Node("p", parts.what_ran(one.card), "soft")
        for note in parts.notes(one.card):
            Node("p", note, "soft")
        with Node("p", css="row"):
            Node("a", "Watch it in the replay", "action", href=f"/replay?{urlencode({'run': one.name})}")
            Node("a", "Scorecard as JSON", "action quiet", href=f"/v1/runs/{one.name}", download=f"{one.name}.json")


def _side_by_side(shown: Sequence[Shown]) -> None:
    first, second = shown
    Node("h2", "Side by side")
    if first.card.scenario != second.card.scenario:
        Node(
            "p",
            f"These are different scenarios ({first.card.scenario} and {second.card.scenario}): a difference may come "
            "from the crowd as well as from the gate.",
            "caution",
        )
    Node(
        "p",
        "Where the intervals lie apart, the runs differ by more than chance would make likely. Where they overlap, "
        "these runs don't tell; more riders or seeds (--repeat) make intervals narrower.",
        "soft",
    )
    with scrolled("Figures side by side"), Node("table", css="numbers"):
        with Node("thead"), Node("tr"):
            for head in ("figure", f"A: {first.name}", f"B: {second.name}", "B less A, and 95 % intervals"):
                Node("th", head, scope="col")
        with Node("tbody"):
            for name, label in parts.FIGURES.items():
                one, two = getattr(first.card, name), getattr(second.card, name)
                told = difference(one, two)
                with Node("tr"):
                    Node("th", label, scope="row")
                    Node("td", parts.in_words(name, one))
                    Node("td", parts.in_words(name, two))
                    with Node("td", css="less"):
                        Node("span", parts.by_how_much(name, told.value))
                        Node("span", told.words, "badge note" if told.apart else "badge calm")


def _compare_with(shown: Sequence[Shown], listing: Listing) -> None:
    others = [run for run in listing.runs if run.card is not None and run.name not in {one.name for one in shown}]
    if len(shown) > 1:
        with Node("p", css="row"):
            Node("a", f"Only {shown[0].name}", href=address(shown[0].name))
            Node("a", f"Only {shown[1].name}", href=address(shown[1].name))
            Node("a", "The other way round", href=address(shown[1].name, shown[0].name))
        return
    if not others:
        return
    with Node("nav", css="beside", aria_label="Set another run beside this one"):
        Node("span", "Set beside it:", "soft")
        for run in others[:12]:
            Node("a", run.name, href=address(shown[0].name, run.name))
