"""First steps: what a newcomer does first, and what of it is done already.

Rules: commands are whole and of this gateway, so that they can be copied; each says what one will see. A gateway
without devices shows this page at `/` too, and goes on to the overview by itself when the first device is there. What
is done, and the commands, are steps.py's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nicegui import run as nicegui_run
from nicegui import ui

from gateway.service import Service
from gateway.store.database import StoreBusy
from gateway.web import access, context, shared, steps
from gateway.web.board import Board
from gateway.web.busy import patient_page
from gateway.web.frame import frame
from gateway.web.nodes import Node
from gateway.web.parts import command

TITLE: Final = "First steps"
STYLES: Final = ("overview.css",)
SCRIPTS: Final = ("copy.js",)
_READS_NO_RUNS: Final = (
    "This gateway reads no folder of runs: end it, and start it with the second command, to which its other options "
    "belong too. "
)


@dataclass(frozen=True, slots=True)
class _Steps:
    """What this gateway's page says."""

    done: steps.Done
    add_board: str
    run_scenario: tuple[str, ...]


def register() -> None:
    """Make the page known."""

    @patient_page("/start")
    async def start() -> None:
        await first_steps("/start")


async def first_steps(here: str) -> None:
    """The whole page."""
    board = await shared.board().latest()
    service = context.service()
    now = await nicegui_run.io_bound(_look, service)
    if now is None:  # what NiceGUI answers while the process ends
        return
    empty = board.figures.lanes == 0
    with frame(TITLE, here, styles=STYLES, scripts=SCRIPTS):
        Node(
            "p",
            "Gateline is a fare gate whose every part can be studied, and whose riders cannot. Its riders here are "
            "synthetic, so what each of them really did is known, and a gate can be rated: how often is it wrong?",
            "lead",
        )
        if empty:
            Node("p", "This gateway knows no gate yet. Begin with one of these; whatever shows up, shows up here.")
        else:
            with Node("p", css="row"):
                Node("a", "To the overview", "action", href="/")
                Node("span", f"This gateway knows {board.figures.lanes:,} {_lanes(board.figures.lanes)}.", "soft")
        Node(
            "p",
            "Run the commands in a terminal, in the folder of the project; where they begin with gateline, this comes "
            "first, once in each terminal:",
        )
        command(steps.ACTIVATE)
        with Node("ol", css="steps"):
            _step(
                "Start the demo",
                now.done.demo,
                "Eight emulated gates with the real firmware, at a metro station's evening peak. In a terminal:",
                ("make demo",),
                "You will see the addresses of its own pages. Open the first: riders walk through eight lanes. Open a "
                "lane there, send a jumper, and watch which beams catch them.",
            )
            _step(
                "Provision a board",
                now.done.board,
                "A Raspberry Pi, a Pico W or an ESP32 becomes a gate of a physical site, and stays one for ever: "
                "it is counted and never pictured. This adds one to this gateway:",
                (now.add_board,),
                "You will see its settings with its key, which is shown this once. Copy them to the board; the gate "
                "shows up here at once, and is “heard” when it connects.",
            )
            _step(
                "Run a scenario",
                now.done.scenario,
                "Hours of riders in seconds, without this gateway; then hold what the gates reported against what "
                "riders really did:",
                now.run_scenario,
                "You will see a scorecard: how many false accusations come to 10,000 honest passages. "
                + (_READS_NO_RUNS if service.runs.folder is None else "")
                + "It then stands among the Results, and the Replay shows every accusation.",
                ("/results", "Results") if service.runs.folder is not None else None,
            )
    if empty:
        client = ui.context.client

        def look(board: Board) -> None:
            if board.figures.lanes:
                with client:
                    ui.navigate.to("/")

        shared.while_open(shared.board(), look)


def _look(service: Service) -> _Steps:
    """What is done, and what is free; reads files and the database."""
    runs = service.runs.look().runs
    try:
        stored = {device for device, _, _ in service.queries.latest_boots()}
    except StoreBusy:
        stored = set()
    senders = [device.sender for device in service.registry.devices()]
    emulated_sites = {sender.site for sender in senders if sender.site_class == access.EMULATED}
    return _Steps(
        steps.done(service.live.gates(), stored, runs),
        steps.add_board(service.data, service.mqtt, {sender.device for sender in senders}, emulated_sites),
        steps.run_scenario(service.data, service.runs.folder, {run.name for run in runs}),
    )


def _lanes(count: int) -> str:
    return "lane" if count == 1 else "lanes"


def _step(
    name: str,
    done: bool,
    what: str,
    commands: tuple[str, ...],
    then: str,
    link: tuple[str, str] | None = None,
) -> None:
    with Node("li", css="card step", data_done="yes" if done else "no"):
        with Node("h2"):
            Node("span", name)
            Node("span", "✓ done" if done else "to do", "badge good" if done else "badge calm")
        Node("p", what)
        for one in commands:
            command(one)
        Node("p", then, "soft")
        if link is not None:
            Node("a", link[1], href=link[0])
