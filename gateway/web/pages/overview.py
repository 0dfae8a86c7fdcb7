"""The overview: each site as a plan, how often its gates are wrong, figures, and charts of the last hours.

Rules: everything a page shows is gathered once for all pages (board.py); here texts are set where they differ, and
nothing is made anew. The moving plan is static/plan.js, the bars are static/chart.js. Where no device is known, first
steps stand here instead.
"""

from __future__ import annotations

from typing import Final

from nicegui import ui

from gateway.web.board import BOARD, Board
from gateway.web.figures import Figures, share
from gateway.web.frame import frame
from gateway.web.nodes import Node
from gateway.web.pages.start import first_steps

STYLES: Final = ("overview.css",)
SCRIPTS: Final = ("plan.js", "chart.js")

FIGURES: Final = (
    ("in", "in, a minute"),
    ("out", "out, a minute"),
    ("waiting", "wait at the gates"),
    ("yes", "said yes to being recorded"),
    ("irregular", "irregular passages"),
    ("flight", "records on their way to the table"),
)
"""Key and name of each figure, in order."""


def register() -> None:
    """Make the page known."""

    @ui.page("/")
    async def overview() -> None:
        board = await BOARD.latest()
        if board.figures.lanes == 0:
            await first_steps("/")
            return
        with frame("Overview", "/", styles=STYLES, scripts=SCRIPTS):
            page = _Page(board)
        client = ui.context.client

        def show(now: Board) -> None:
            with client:
                page.show(now)

        client.on_delete(BOARD.listen(show))


class _Page:
    """What changes on one open page."""

    def __init__(self, board: Board) -> None:
        with Node("div", css="overview"):
            self._try(board)
            self.plan = Node("gateline-plan", css="plan")
            self._figures()
            self._hands()
        self.board: Board | None = None
        self.show(board)

    def _try(self, board: Board) -> None:
        with Node("section", css="card try", aria_labelledby="how-often"):
            Node("h2", "How often is the gate wrong?", id="how-often")
            self.verdict = Node("p", "", "verdict")
            self.accused = Node("p", "", "verdict")
            with Node("p", css="row"):
                self.send = Node("a", "Send somebody through a gate", "action")
                Node("a", "Results of whole days", "action quiet", href="/results")

    def _figures(self) -> None:
        self.values: dict[str, Node] = {}
        with (
            Node("section", css="card figures", aria_labelledby="figures"),
        ):
            Node("h2", "Now", id="figures")
            with Node("dl"):
                for key, name in FIGURES:
                    with Node("div", css="figure"):
                        Node("dt", name)
                        self.values[key] = Node("dd", "–")
            self.note = Node("p", "", "soft note")

    def _hands(self) -> None:
        with Node("section", css="card hands", aria_labelledby="hands"):
            Node("h2", "Devices that need a hand", id="hands")
            self.hands = Node("ul")
            Node("a", "All devices", href="/devices")

    def show(self, board: Board) -> None:
        """Show this; what is shown already is left alone."""
        before, self.board = self.board, board
        if before is None or before.layouts != board.layouts:
            self.plan.attribute("layouts", board.layouts)
        if before is None or before.hands != board.hands:
            self.plan.attribute("hands", board.hands)
            self._show_hands(board.figures)
        if before is None or before.first_lane != board.first_lane:
            self.send.attribute("href", f"/lane/{board.first_lane}" if board.first_lane else "/start")
        for key, text in _texts(board.figures).items():
            self.values[key].say(text)

    def _show_hands(self, figures: Figures) -> None:
        self.hands.clear()
        with self.hands:
            for hand in figures.hands[:6]:
                with Node("li"):
                    Node("a", hand.device, href=f"/devices?device={hand.device}")
                    Node("span", f" {hand.reason}. ")
                    Node("span", hand.to_do, "soft")
            more = len(figures.hands) - 6
            if more > 0:
                Node("li", f"and {more:,} more")
            if not figures.hands:
                Node("li", "None: every gate is connected and well.")


def _texts(figures: Figures) -> dict[str, str]:
    """The figures as texts, by key."""
    return {
        "in": "–",
        "out": "–",
        "waiting": f"{figures.waiting:,}",
        "yes": share(figures.recorded, figures.passages),
        "irregular": "–",
        "flight": f"{figures.at_gates + figures.queued:,}",
    }
