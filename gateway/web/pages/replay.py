"""Replay: any stretch of a simulated run, or a recorded trace of an emulated gate, scrubbed, played, stepped.

Rules: what is shown stands in the address, so it can be sent to somebody; the element `gateline-replay` keeps it so.
This page offers what there is to replay and says why there is nothing; what is known of a moment comes from
/v1/replays. Runs and traces are read off the event loop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from nicegui import run as nicegui_run
from nicegui import ui

from gateway.replay import traces
from gateway.replay.rows import Layout
from gateway.replay.runs import Listed, Replays, UnknownRun
from gateway.replay.tables import Unreadable
from gateway.service import Service
from gateway.web import context
from gateway.web.busy import patient_page
from gateway.web.frame import frame
from gateway.web.missing import not_found
from gateway.web.nodes import Node, scrolled

TRACES_SHOWN: Final = 50
RUNS_SHOWN: Final = 60
REFRESH_S: Final = 3.0
NUMBER: Final = re.compile(r"[0-9]{1,15}")
VERDICTS: Final = {
    "tailgate": "tailgating",
    "reverse": "against the lane",
    "forced": "forced",
    "jump": "jumped over",
    "crawl": "crawled under",
    "passback": "passed back",
}
STYLES: Final = ("drawing.css", "replay.css")


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is to replay, or why a thing that was asked for is not."""

    runs: Sequence[Listed] = ()
    lanes: Sequence[Layout] = ()
    traces: Sequence[Mapping[str, Any]] = ()
    problem: str = ""
    run: str = ""
    unknown: bool = False
    """There is no such run or trace."""
    found: bool = False
    """The trace that was asked for is there."""


def register() -> None:
    """Make the page known."""

    @patient_page("/replay")
    async def replay(request: Request) -> None:
        asked = {name: value for name, value in request.query_params.items() if len(value) <= 200}
        service = context.service()
        offer = await nicegui_run.io_bound(_offer, service, asked) or Offer()
        with frame("Replay", "/replay", styles=STYLES, scripts=("replay.js",)):
            if offer.unknown:
                not_found()
            if offer.problem:
                Node("p", offer.problem, "card replay-problem", role="alert")
            if offer.lanes:
                _run(asked, offer)
            elif offer.found:
                _trace(asked)
            else:
                runs = _choices(offer, service.replays, asked.get("device", ""))
                _follow(runs, offer, service.replays)


def _offer(service: Service, asked: Mapping[str, str]) -> Offer:
    """Reads files and the database."""
    found = service.replays.listed()
    problem, unknown = "", False
    if "device" in asked:
        device = asked["device"]
        try:
            traces.emulated(service, device)
            if "boot" not in asked and "seq" not in asked:
                return Offer(found, traces=traces.latest(service, device, TRACES_SHOWN))
            if all(NUMBER.fullmatch(asked.get(name, "")) for name in ("boot", "seq")):
                traces.find(service, device, int(asked["boot"]), int(asked["seq"]))
                return Offer(found, found=True)
            problem = "A trace is named by its gate, boot and sequence number; choose one of these."
        except traces.NoTrace as error:
            problem, unknown = str(error), True
    elif "run" in asked:
        run = asked["run"]
        # Of a run that was repeated, the first of its seeds.
        if all(one.name != run for one in found):
            run = min((one.name for one in found if one.name.startswith(f"{run}/")), default=run)
        try:
            lanes = service.replays.lanes(run)
            if lanes:
                return Offer(found, lanes, run=run)
            problem = "Nobody came to any lane of this run: there is nothing to replay."
        except (UnknownRun, Unreadable) as error:
            problem, unknown = str(error), isinstance(error, UnknownRun)
    return Offer(found, (), traces.latest(service, None, TRACES_SHOWN), problem, unknown=unknown)


def address(**values: str | int) -> str:
    """That of a replay."""
    return "/replay?" + urlencode({name: value for name, value in values.items() if value != ""})


def _trace(asked: Mapping[str, str]) -> None:
    with Node("p", css="row"):
        Node("span", "A recorded trace: what the beams of an emulated gate did when it called a passage irregular.")
        Node("a", "Choose another", href="/replay")
    _player(asked, ("device", "boot", "seq", "t"))


def _run(asked: Mapping[str, str], offer: Offer) -> None:
    run, lanes = offer.run, offer.lanes
    station, name = asked.get("station", ""), asked.get("lane", "")
    chosen = next((one for one in lanes if (one.station, one.lane) == (station, name)), None)
    unknown = chosen is None and bool(name)
    if chosen is None:
        chosen = next((one for one in lanes if one.station == station), lanes[0])
    with Node("div", css="replay-from"):
        runs = [one.name for one in offer.runs]
        _select("Run", [(one, address(run=one), one == run) for one in (runs if run in runs else [run, *runs])])
        stations = list(dict.fromkeys(one.station for one in lanes))
        if len(stations) > 1:
            _select("Station", [(one or "–", address(run=run, station=one), one == chosen.station) for one in stations])
        _select(
            "Lane",
            [
                (
                    f"{one.lane}, {one.way}" if one.way else one.lane,
                    address(run=run, station=one.station, lane=one.lane),
                    one is chosen,
                )
                for one in lanes
                if one.station == chosen.station
            ],
        )
        Node("a", "All that can be replayed", href="/replay")
    if unknown:
        Node("p", f"There is no lane {name} there; this is {chosen.lane}.", "soft", role="status")
    _player({**asked, "run": run, "station": chosen.station, "lane": chosen.lane}, ("run", "station", "lane", *_TIMES))


_TIMES: Final = ("from", "to", "t")


def _select(name: str, options: Sequence[tuple[str, str, bool]]) -> None:
    """Choosing one goes to its address (replay.js)."""
    with Node("label", name), Node("select", aria_label=name, data_go="1"):
        for words, to, chosen in options:
            Node("option", words, value=to, selected=chosen)


def _player(asked: Mapping[str, str], names: Sequence[str]) -> None:
    known = {name: asked[name] for name in names if name in asked}
    for name in _TIMES:
        if name in known and re.fullmatch(r"-?[0-9]{1,15}", known[name]) is None:
            del known[name]
    # A trailing underscore is taken off: `from` is a word of Python.
    Node("gateline-replay", **{f"{name}_": value for name, value in known.items()})


def _choices(offer: Offer, replays: Replays, device: str) -> Node:
    """What there is; the place where the runs stand."""
    Node(
        "p",
        "See again what a gate saw, edge by edge: any stretch of a simulated run with what its riders really did, or "
        "what the beams of an emulated gate did when it called a passage irregular. Physical gates record no traces.",
    )
    of_one = bool(device) and not offer.problem
    with Node("div", css="grid"):
        with Node("section", css="card"):
            Node("h2", "Simulated runs")
            with Node("div") as runs:
                _runs(offer, replays)
        with Node("section", css="card"):
            Node("h2", f"Recorded traces of {device}" if of_one else "Recorded traces of emulated gates")
            _traces(offer, address(device=device) if of_one else "/replay")
    return runs


def _follow(place: Node, offer: Offer, replays: Replays) -> None:
    """A run shows by itself when it is written."""
    shown = offer.runs

    async def refresh() -> None:
        nonlocal shown
        found = await nicegui_run.io_bound(replays.listed)
        if found is not None and found != shown:
            shown = found
            place.clear()
            with place:
                _runs(Offer(found), replays)

    ui.timer(REFRESH_S, refresh)


def _runs(offer: Offer, replays: Replays) -> None:
    if not offer.runs:
        if replays.folder is None:
            words = "This gateway was started without a folder of runs."
        else:
            words = f"There is no run in the folder {replays.folder.name} yet."
        Node("p", words + " Riders, beams and verdicts of a run can be replayed after these two commands:")
        with Node("pre", tabindex="0", role="region", aria_label="Command"):
            Node(
                "code",
                "gateline simulate scenarios/evening-peak.toml --out runs/evening-peak\n"
                "gateline gateway run --runs runs",
            )
        return
    with scrolled("Runs"), Node("table"):
        with Node("thead"), Node("tr"):
            for words in ("run", "written", "shows"):
                Node("th", words, scope="col")
        with Node("tbody"):
            for one in offer.runs[:RUNS_SHOWN]:
                with Node("tr"):
                    with Node("td"):
                        Node("a", one.name, href=address(run=one.name))
                    _when_cell(one.written_ms)
                    kept = [words for words, there in (("beams", one.edges), ("riders' ways", one.walks)) if there]
                    Node("td", " and ".join(kept) or "verdicts only")
    if len(offer.runs) > RUNS_SHOWN:
        Node("p", f"{len(offer.runs) - RUNS_SHOWN} older ones are there too; /v1/replays/runs lists them.", "soft")


def _traces(offer: Offer, newer: str) -> None:
    if not offer.traces:
        with Node("p"):
            Node("span", "No passage was called irregular yet. Its record is here a moment later: ")
            Node("a", "look again", href=newer)
        return
    with scrolled("Irregular passages"), Node("table"):
        with Node("thead"), Node("tr"):
            for words in ("gate", "decided, UTC", "what", "sure", "edges"):
                Node("th", words, scope="col")
        with Node("tbody"):
            for row in offer.traces:
                with Node("tr"):
                    with Node("td", css="replay-gate"):
                        Node(
                            "a",
                            str(row["device"]),
                            href=address(device=row["device"], boot=row["boot"], seq=row["seq"]),
                            aria_label=f"{row['device']}, {VERDICTS[row['what']]}, {_when(row['at'], seconds=True)}",
                        )
                    _when_cell(row["at"], seconds=True)
                    Node("td", VERDICTS[row["what"]])
                    Node("td", f"{row['confidence']} %", "replay-sure")
                    Node("td", str(len(row["trace"])), "number")
    with Node("p", css="row replay-more"):
        Node("span", f"The latest {TRACES_SHOWN} at most; /v1/replays/traces lists all.", "soft")
        Node("a", "Look for newer ones", href=newer)


def _when_cell(epoch_ms: int, seconds: bool = False) -> None:
    """Day and time may stand below each other, and each stays whole."""
    day, time = _when(epoch_ms, seconds).split(" ")
    with Node("td", css="replay-when"):
        Node("span", day)
        Node("span", time)


def _when(epoch_ms: int, seconds: bool = False) -> str:
    moment = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
