"""The page of devices: all gates and kiosks, how their links are, and who needs a hand.

Rules: a page has a fixed number of rows, filled again in place, so a thousand devices cost a page no more than fifty;
what changes is sent, nothing else. The snapshot is shared by all pages (gateway/web/ticker.py). What a row says is
decided in device_rows.py.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from nicegui import ui

from gateway.web import shared
from gateway.web.busy import patient_page
from gateway.web.device_rows import COLUMNS, REASONS, SYMBOLS, Row, Snapshot, State
from gateway.web.frame import frame
from gateway.web.nodes import Node, scrolled
from gateway.web.parts import change, time_node

ROWS: Final = 25
"""Devices on one page."""
CALLS: Final = 6
"""Devices that the panel at the top names; of more it tells how many."""


class _Slot:
    """One row of the table, filled with whichever device belongs there."""

    def __init__(self) -> None:
        with Node("tr") as self._row:
            with Node("th", scope="row"):
                self._name = Node("a")
                self._where = Node("span", css="where")
            with Node("td", css="state"):
                with Node("span", css="link"):
                    self._symbol = Node("span", css="symbol", aria_hidden="true")
                    self._state = Node("span")
                with Node("span", css="since") as self._since:
                    Node("span", "since")
                    self._since_at = time_node()
                self._troubles = Node("span", css="troubles")
            self._cells = [Node("td", css=f"number {key}", data_label=name) for key, name, _ in COLUMNS]

    def show(self, row: Row | None) -> None:
        """Fill it, or hide it."""
        change(self._row, "hidden", row is None)
        if row is None:
            return
        facts = row.facts
        change(self._row, "data-device", row.device)
        change(self._row, "data-state", row.state.name.lower())
        change(self._row, "data-needs", "yes" if row.needs_a_hand else "no")
        self._name.say(row.device)
        change(self._name, "href", f"/devices/{row.device}")
        self._where.say(f"{facts.site} · {facts.kind}")
        self._symbol.say(SYMBOLS[row.state])
        self._state.say(row.state.value)
        change(self._since, "hidden", row.since_ms is None)
        change(self._since_at, "at", row.since_ms or 0)
        self._troubles.say(" · ".join(one.name for one in row.troubles if one.name != "Silent"))
        for cell, text in zip(self._cells, row.cells, strict=True):
            cell.say(text)


class _Call:
    """One line of the panel of those that need a hand."""

    def __init__(self) -> None:
        with Node("li") as self._item:
            self._symbol = Node("span", css="symbol", aria_hidden="true")
            self._name = Node("a")
            self._what = Node("span")
            with Node("span", css="soft") as self._since:
                Node("span", "for")
                self._since_at = time_node("ago")
            self._to_do = Node("span", css="soft")

    def show(self, row: Row | None) -> None:
        change(self._item, "hidden", row is None)
        if row is None:
            return
        change(self._item, "data-device", row.device)
        first = row.troubles[0]
        self._symbol.say("✕" if row.state is State.SILENT else "▲")
        self._name.say(row.device)
        change(self._name, "href", f"/devices/{row.device}")
        self._what.say(", ".join(one.name.lower() for one in row.troubles))
        change(self._since, "hidden", row.calls_since_ms is None)
        change(self._since_at, "at", row.calls_since_ms or 0)
        self._to_do.say(first.to_do)


class _Page:
    """The page of one visitor: what they chose, and the nodes that are filled with it."""

    def __init__(self, site: str, needs: bool, page: int) -> None:
        self._site, self._needs, self._page = site, needs, page
        self._told: int | None = None

    # -- making

    def make(self, snapshot: Snapshot) -> None:
        """Make the nodes and fill them."""
        Node(
            "p",
            "Every gate and kiosk, as it last told of itself. They are hardware: nothing here is about a rider. What "
            "falls silent shows here within seconds.",
            "lead",
        )
        self._heard = Node("p", css="only-heard", role="status", aria_live="polite")
        self._make_counts()
        self._make_calls()
        self._make_controls(snapshot)
        with scrolled("Devices", "devices-table"), Node("table"):
            Node("caption", "All devices, by site and name", "only-heard")
            with Node("thead"), Node("tr"):
                Node("th", "Device", scope="col")
                Node("th", "Link", scope="col")
                for key, name, means in COLUMNS:
                    Node("th", name, f"number {key}", scope="col", title=means)
            with Node("tbody"):
                self._slots = [_Slot() for _ in range(ROWS)]
        self._nothing = Node("p", "No device here.", "soft")
        self._make_legend()
        self.show(snapshot)

    def _make_counts(self) -> None:
        with Node("dl", css="counts card"):
            self._counts = []
            for key, name in (("all", "devices"), ("heard", "heard"), ("silent", "silent"), ("never", "never heard")):
                with Node("div", css=f"figure {key}") as figure:
                    Node("dt", name)
                    self._counts.append(Node("dd", id=f"count-{key}"))
                if key == "silent":
                    self._any_silent = figure

    def _make_calls(self) -> None:
        with Node("section", css="card calls", aria_labelledby="calls-title") as self._panel:
            with Node("div", css="row"):
                self._title = Node("h2", id="calls-title")
                self._ingest = Node("p", css="ingest")
            self._fine = Node("p", "Every device that was ever heard is heard now, and none is held up.", "soft fine")
            with Node("ul"):
                self._calls = [_Call() for _ in range(CALLS)]
            self._more = Node("p", css="soft")

    def _make_controls(self, snapshot: Snapshot) -> None:
        with Node("div", css="row controls", role="group", aria_label="Which devices"):
            with Node("label"):
                Node("span", "Site")
                with Node("select", id="site") as chosen:
                    Node("option", "all sites", value="", selected=not self._site)
                    for site in snapshot.sites():
                        Node("option", site, value=site, selected=site == self._site)
                chosen.on(
                    "change", lambda event: self._choose(site=event.args), js_handler="(e) => emit(e.target.value)"
                )
            self._toggle = Node("button", "Only what needs a hand", "action quiet", type="button", id="needs")
            self._toggle.on("click", lambda _: self._choose(needs=not self._needs))
            with Node("div", css="pager row"):
                self._before = Node("button", "‹", "action quiet", type="button", aria_label="Devices before these")
                self._range = Node("span", css="range", id="range")
                self._after = Node("button", "›", "action quiet", type="button", aria_label="Devices behind these")
                self._before.on("click", lambda _: self._choose(page=self._page - 1))
                self._after.on("click", lambda _: self._choose(page=self._page + 1))

    def _make_legend(self) -> None:
        with Node("section", css="card", aria_labelledby="unknown-title") as self._unknown:
            Node("h2", "Refused, and from no device of ours", id="unknown-title")
            Node("p", "Messages are counted by reason. Their content is never kept.", "soft")
            with Node("ul", css="reasons"):
                self._reasons = {}
                for reason, words in REASONS.items():
                    with Node("li", data_reason=reason) as item:
                        told = Node("strong")
                        Node("span", f"{words.means} {words.to_do}")
                    self._reasons[reason] = (item, told)
        with Node("details", css="card legend"):
            Node("summary", "What the columns mean")
            with Node("dl"):
                Node("dt", "Link")
                Node(
                    "dd",
                    "● heard: it is connected. ✕ silent: it was, and isn't. ○ never heard since the gateway's start.",
                )
                for _, name, means in COLUMNS:
                    Node("dt", name)
                    Node("dd", means)

    # -- filling

    def _choose(self, *, site: str | None = None, needs: bool | None = None, page: int = 1) -> None:
        if site is not None:
            # What comes from a browser is looked for among the sites, and else means all.
            self._site = site if site in self._snapshot.sites() else ""
        if needs is not None:
            self._needs = needs
        self._page = page
        self.show(self._snapshot)
        chosen = {
            "site": self._site,
            "needs": "yes" if self._needs else "",
            "page": self._page if self._page > 1 else "",
        }
        query = urlencode({name: value for name, value in chosen.items() if value})
        ui.navigate.history.replace(f"/devices?{query}" if query else "/devices")

    def show(self, snapshot: Snapshot) -> None:
        """Fill the nodes; what is the same is not sent."""
        self._snapshot = snapshot
        rows = snapshot.rows
        states = [one.state for one in rows]
        for node, count in zip(
            self._counts,
            (len(rows), states.count(State.HEARD), states.count(State.SILENT), states.count(State.NEVER)),
            strict=True,
        ):
            node.say(f"{count:,}")
        change(self._any_silent, "data-any", "yes" if State.SILENT in states else "no")
        self._show_calls(snapshot)
        chosen = snapshot.chosen(self._site, self._needs)
        pages = max(1, -(-len(chosen) // ROWS))
        self._page = min(max(self._page, 1), pages)
        first = (self._page - 1) * ROWS
        shown = chosen[first : first + ROWS]
        for place, slot in enumerate(self._slots):
            slot.show(shown[place] if place < len(shown) else None)
        change(self._nothing, "hidden", bool(shown))
        self._nothing.say(
            "Nothing here needs a hand." if self._needs and rows else "There is no device yet: gateline device add."
        )
        self._range.say(f"{first + 1:,} to {first + len(shown):,} of {len(chosen):,}" if shown else "none")
        change(self._before, "disabled", self._page <= 1)
        change(self._after, "disabled", self._page >= pages)
        change(self._toggle, "aria-pressed", "true" if self._needs else "false")
        change(self._unknown, "hidden", not snapshot.unknown)
        for reason, (item, told) in self._reasons.items():
            number, size = snapshot.unknown.get(reason, (0, 0))
            change(item, "hidden", not number)
            told.say(f"{reason}: {number:,} ({size:,} bytes)")
        # What happened before somebody opened the page is on it, and need not be announced.
        if self._told is not None and snapshot.told != self._told:
            self._heard.say(snapshot.announcement)
        self._told = snapshot.told

    def _show_calls(self, snapshot: Snapshot) -> None:
        calling = sorted((one for one in snapshot.rows if one.needs_a_hand), key=_urgency)
        change(self._panel, "data-calm", "no" if calling else "yes")
        self._title.say(f"{len(calling):,} need a hand" if len(calling) != 1 else "1 needs a hand")
        if not calling:
            self._title.say("Nothing needs a hand")
        change(self._fine, "hidden", bool(calling))
        for place, call in enumerate(self._calls):
            call.show(calling[place] if place < len(calling) else None)
        left = len(calling) - CALLS
        change(self._more, "hidden", left <= 0)
        self._more.say(f"and {left:,} more: “Only what needs a hand” shows them all.")
        words = INGEST.get(snapshot.ingest, "")
        change(self._ingest, "hidden", not words)
        self._ingest.say(words)


INGEST: Final = {
    "database_busy": "▲ Another program has locked the database; the gateway waits, and devices keep their records.",
    "disk_full": "▲ The disk is full; the gateway waits until there is room, and devices keep their records.",
    "broker_lost": "▲ The gateway has lost its broker: nobody can be heard. It tries again by itself.",
    "failed": "▲ The gateway can't store any more and ends; see its log.",
}
"""What is said at the top when the trouble is the gateway's own."""


def _urgency(row: Row) -> tuple[bool, int]:
    """Silent ones first, those that fell silent last before others; the rest in the table's order."""
    return (row.state is not State.SILENT, -(row.since_ms or 0))


def register() -> None:
    """Make the page known."""

    @patient_page("/devices")
    async def devices(site: str = "", needs: str = "", page: str = "1") -> None:
        ticker = shared.devices()
        snapshot = await ticker.latest()
        number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        shown = _Page(site if site in snapshot.sites() else "", needs == "yes", number)
        with frame("Devices", "/devices", styles=("devices.css",), scripts=("time.js",)):
            shown.make(snapshot)
        shared.while_open(ticker, shown.show)
