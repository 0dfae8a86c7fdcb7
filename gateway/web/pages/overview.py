"""The overview: each site as a plan, how often its gates are wrong, figures, and charts of the last hours.

Rules: everything a page shows is gathered once for all pages (board.py); here texts are set where they differ, and
nothing is made anew. The moving plan is static/plan.js, the bars are static/chart.js. Where no gate is known, first
steps stand here instead.
"""

from __future__ import annotations

import json
from typing import Final

from gateway.web import shared
from gateway.web.board import Board
from gateway.web.busy import patient_page
from gateway.web.device_rows import Row, Snapshot
from gateway.web.figures import on_the_way, share, unheard
from gateway.web.frame import frame
from gateway.web.nodes import Node
from gateway.web.pages.start import first_steps
from gateway.web.parts import change, time_node

STYLES: Final = ("overview.css",)
SCRIPTS: Final = ("plan.js", "chart.js", "time.js")
SHARE_MIN: Final = 200
"""Passages below which no share of consent is shown: some eighty may be counted at eight gates and not told yet."""
CALLS: Final = 5
"""Devices that need a hand by name; of more it tells how many."""

FIGURES: Final = (
    ("in", "in, a minute"),
    ("out", "out, a minute"),
    ("waiting", "waiting at the gates"),
    ("yes", "said yes to being recorded"),
    ("irregular", "were reported as irregular"),
    ("flight", "records on their way to the table"),
)
"""Key and name of each figure, in order."""

CHARTS: Final = (
    ("ways", "In and out", "mirror", ("in, above the line", "out, below it")),
    ("told", "What is known of them", "stack", ("recorded, with consent", "only counted, in tens")),
    ("irregular", "Reported as irregular", "stack", ("irregular, as gates say",)),
)
"""Which chart, its name, its mode, what its bars are."""


def register() -> None:
    """Make the page known."""

    @patient_page("/")
    async def overview() -> None:
        board = await shared.board().latest()
        if board.figures.lanes == 0:
            await first_steps("/")
            return
        devices = await shared.devices().latest()
        with frame("Overview", "/", styles=STYLES, scripts=SCRIPTS):
            page = _Page()
        page.show(board)
        page.show_devices(devices)
        shared.while_open(shared.board(), page.show)
        shared.while_open(shared.devices(), page.show_devices)


class _Page:
    """What changes on one open page."""

    def __init__(self) -> None:
        with Node("div", css="overview"):
            self._verdict()
            self.plan = Node("gateline-plan", css="plan")
            self._figures()
            self._calls()
            self._charts()

    def _verdict(self) -> None:
        with Node("section", css="card try", aria_labelledby="how-often"):
            Node("h2", "How often is the gate wrong?", id="how-often")
            self.caught = Node("p", css="verdict")
            self.accused = Node("p", css="verdict")
            with Node("p", css="row"):
                self.send = Node("a", "Send somebody through a gate", "action")
                Node("a", "Results of whole days", "action quiet", href="/results")

    def _figures(self) -> None:
        self.values: dict[str, Node] = {}
        self.names: dict[str, Node] = {}
        with Node("section", css="card figures", aria_labelledby="figures"):
            Node("h2", "Now", id="figures")
            with Node("dl"):
                for key, name in FIGURES:
                    with Node("div", css="figure", data_figure=key):
                        self.names[key] = Node("dt", name)
                        self.values[key] = Node("dd", "–")
            Node(
                "p",
                "Who said no is only counted, and told in tens a little later. A minute is the mean of the last five.",
                "soft note",
            )
            # Always there, so that nothing moves when a gate falls silent.
            with Node("p", css="soft note unheard"):
                self.unheard = Node("span")
                self.unheard_at = time_node()
                self.unheard_rest = Node("span")

    def _calls(self) -> None:
        with Node("section", css="card hands", aria_labelledby="hands"):
            Node("h2", "Devices that need a hand", id="hands")
            with Node("ul"):
                self.calls = [_Call() for _ in range(CALLS)]
                self.well = Node("li", "None: every device that was ever heard is heard now.")
                self.more = Node("li")
            Node("a", "All devices", href="/devices")

    def _charts(self) -> None:
        self.charts: dict[str, Node] = {}
        with Node("section", css="charts", aria_labelledby="charts"):
            self.span = Node("h2", id="charts")
            with Node("div"):
                for key, name, mode, bars in CHARTS:
                    with Node("div", css="card"):
                        Node("h3", name)
                        with Node("p", css="legend"):
                            for number, bar in enumerate(bars):
                                with Node("span"):
                                    Node("span", css="swatch second" if number else "swatch")
                                    Node("span", bar)
                        self.charts[key] = Node("gateline-chart", css=f"{key}-chart", mode=mode, label=name)

    def show(self, board: Board) -> None:
        """Show this; what is shown already is left alone."""
        change(self.plan, "layouts", board.layouts)
        change(self.send, "href", f"/lane/{board.first_lane}" if board.first_lane else "/start")
        for key, text in texts(board).items():
            self.values[key].say(text)
        before, at_ms, after = unheard(board.figures)
        self.unheard.say(before)
        change(self.unheard_at, "at", at_ms)
        self.unheard_rest.say(after)
        self.names["irregular"].say(f"were reported as irregular: {board.charts.irregular_ever:,}")
        for node, sentence in zip((self.caught, self.accused), verdict(board), strict=True):
            node.say(sentence)
        self.span.say(board.charts.span)
        for key, chart in self.charts.items():
            change(chart, "given", getattr(board.charts, key))

    def show_devices(self, snapshot: Snapshot) -> None:
        """Show which devices need a hand."""
        needy = snapshot.chosen(needs=True)
        reasons = {row.device: row.troubles[0].name.lower() for row in needy}
        change(self.plan, "hands", json.dumps(reasons, sort_keys=True))
        for number, call in enumerate(self.calls):
            if number < len(needy):
                call.show(needy[number])
            else:
                change(call.item, "hidden", True)
        change(self.well, "hidden", bool(needy))
        self.more.say(f"and {len(needy) - CALLS:,} more")
        change(self.more, "hidden", len(needy) <= CALLS)


class _Call:
    """One device that needs a hand."""

    def __init__(self) -> None:
        with Node("li", hidden=True) as self.item:
            self._name = Node("a")
            self._reason = Node("strong", css="reason")
            with Node("span", css="for") as self._since:
                Node("span", "for ")
                self._since_at = time_node("ago")
            self._to_do = Node("span", css="soft")

    def show(self, row: Row) -> None:
        """Name it, say why, since when and what to do."""
        first, since_ms = row.troubles[0], row.calls_since_ms
        change(self.item, "hidden", False)
        self._name.say(row.device)
        change(self._name, "href", f"/devices/{row.device}")
        self._reason.say(first.name)
        change(self._since, "hidden", since_ms is None)
        change(self._since_at, "at", since_ms or 0)
        self._to_do.say(first.to_do)


def texts(board: Board) -> dict[str, str]:
    """The figures as texts, by key."""
    figures, charts = board.figures, board.charts
    irregular = charts.irregular_ever
    return {
        "in": f"{charts.entries_a_minute:,.0f}",
        "out": f"{charts.exits_a_minute:,.0f}",
        "waiting": f"{figures.waiting:,}",
        # Who agreed is told at once, who declined in tens: of the first few a share would be wrong by construction.
        "yes": share(figures.recorded, figures.passages) if figures.passages >= SHARE_MIN else "–",
        "irregular": share(irregular, irregular + figures.passages),
        "flight": on_the_way(figures),
    }


def verdict(board: Board) -> tuple[str, str]:
    """How often the gates were wrong, in two sentences: about those who evaded, and about those who didn't."""
    counts = board.figures.verdict
    if counts is None:
        if board.figures.emulated == 0:
            return (
                "Of a physical gate's riders nobody knows what they really did, so it can't be said here.",
                "Emulated gates tell: their riders are synthetic.",
            )
        return "Nobody has walked here yet: riders are synthetic, so what they really do is known.", ""
    noticed, missed = counts["caught"] + counts["misnamed"], counts["missed"]
    if noticed + missed == 0:
        caught = "Nobody has evaded yet. Send a jumper: does the gate notice?"
    else:
        caught = f"{noticed + missed:,} evaded: {noticed:,} noticed, {missed:,} missed."
    passages, accused = counts["passages"], counts["accused_wrongly"]
    often = f", one in {passages // accused:,}" if accused else ""
    return caught, f"{passages:,} honest passages: {accused:,} accused wrongly{often}."
