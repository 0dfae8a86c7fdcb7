"""The page of one device: how it is, what to do, how it was in the last hours, what is missing, what it told.

Rules: tables have a fixed number of rows, filled in place; what changes is sent, nothing else. What a row says is
decided in device_rows.py and gathered once for all who look (gateway/web/shared.py). Nothing of a rider is shown.
"""

from __future__ import annotations

from typing import Final

from gateway.store.database import StoreBusy
from gateway.web import shared
from gateway.web.busy import patient_page
from gateway.web.device_detail import BOOTS_SHOWN, FIGURES, GAPS_SHOWN, NOTICES_SHOWN, Detail, charts
from gateway.web.device_rows import COLUMNS, GAPS, NOTICES, REASONS, SYMBOLS, Row, Snapshot
from gateway.web.frame import frame
from gateway.web.missing import nothing_here, shortened
from gateway.web.nodes import Node, scrolled
from gateway.web.parts import change, time_node

TROUBLES_MOST: Final = 11
SAYS: Final = {
    "heard": "It is connected.",
    "silent": "Nothing comes from it any more.",
    "never heard": "It has not been heard since the gateway's start.",
}
KEYS: Final = {
    "none": "none told",
    "current": "the network's",
    "older": "an older one of the network's",
    "differs": "another network's: see above",
}
EMPTY: Final = Detail((), 0, {}, (), (), charts((), (), 0))


class _Table:
    """A table of so many rows, filled in place; rows without a text are hidden."""

    def __init__(self, name: str, columns: tuple[tuple[str, str], ...], rows: int) -> None:
        """``columns``: heading and class of each. A text that is an int is a time (epoch ms) if its class is `time`."""
        self._columns = columns
        with scrolled(name), Node("table") as self._table:
            Node("caption", name, "only-heard")
            with Node("thead"), Node("tr"):
                for heading, css in columns:
                    Node("th", heading, css.replace("time", ""), scope="col")
            with Node("tbody"):
                self._rows = []
                for _ in range(rows):
                    with Node("tr") as line:
                        cells = []
                        for _, css in columns:
                            with Node("td", css="" if css == "time" else css) as cell:
                                if css == "time":
                                    cell = time_node("both")
                            cells.append(cell)
                    self._rows.append((line, cells))

    def show(self, rows: list[tuple[str | int, ...]]) -> None:
        """Fill it."""
        change(self._table, "hidden", not rows)
        for place, (line, cells) in enumerate(self._rows):
            present = place < len(rows)
            change(line, "hidden", not present)
            if not present:
                continue
            for (_, css), cell, text in zip(self._columns, cells, rows[place], strict=True):
                if css == "time":
                    change(cell, "at", text)
                else:
                    cell.say(f"{text:,}" if isinstance(text, int) else text)


class _Page:
    """The page of one visitor."""

    def __init__(self, row: Row) -> None:
        self._name = row.device
        self._told: int | None = None

    def make(self, snapshot: Snapshot, detail: Detail) -> None:
        """Make the nodes and fill them."""
        row = snapshot.find(self._name)
        assert row is not None
        self._heard = Node("p", css="only-heard", role="status", aria_live="polite")
        with Node("p", css="crumbs row"):
            Node("a", "‹ All devices", href="/devices")
            Node("span", f"{row.facts.kind} at {row.facts.site} ({row.facts.site_class} site)", "soft")
            if row.facts.kind == "gate":
                Node("a", "See the lane live", href=f"/lane/{self._name}")
        with Node("div", css="device-grid"):
            self._make_now()
            self._make_facts()
        self._make_charts()
        self._make_rest(row)
        self.show(snapshot)
        self.show_detail(detail)

    def _make_now(self) -> None:
        with Node("section", css="card now", aria_labelledby="now-title") as self._now:
            Node("h2", "Now", "only-heard", id="now-title")
            with Node("p", css="big"):
                self._symbol = Node("span", css="symbol", aria_hidden="true")
                self._state = Node("span", css="state-word")
            with Node("p", css="soft"):
                self._says = Node("span")
                with Node("span") as self._since:
                    Node("span", " Since ")
                    self._since_at = time_node()
                    Node("span", ", for ")
                    self._since_ago = time_node("ago")
                    Node("span", ".")
            self._fine = Node("p", "It needs nothing.", "soft")
            with Node("ul"):
                self._troubles = []
                for _ in range(TROUBLES_MOST):
                    with Node("li") as item:
                        name = Node("strong")
                        with Node("span", css="when soft") as since:
                            Node("span", "since ")
                            at = time_node()
                        self._troubles.append((item, name, since, at, Node("span"), Node("span", css="to-do")))

    def _make_facts(self) -> None:
        with Node("section", css="card", aria_labelledby="facts-title"):
            Node("h2", "What it told last", id="facts-title")
            with Node("dl", css="facts"):
                self._facts = []
                for key, name, means in COLUMNS:
                    Node("dt", name, title=means)
                    self._facts.append(Node("dd", id=f"fact-{key}"))
                Node("dt", "Key list", title="Which list of keys it holds, by its hash.")
                self._keys = Node("dd", id="fact-keys")

    def _make_charts(self) -> None:
        with Node("section", css="card", aria_labelledby="history-title"):
            Node("h2", "The last hours", id="history-title")
            Node(
                "p",
                "As it told of itself since the gateway's start. A shaded time is one in which it was not heard; "
                "what was "
                "not told is not drawn.",
                "soft explained",
            )
            self._charts = []
            with Node("div", css="charts"):
                for member, name, unit, means in FIGURES:
                    with Node("div"):
                        Node("h3", name)
                        Node("p", means, "soft")
                        self._charts.append((member, Node("gateline-history", label=name, unit=unit, id=member)))

    def _make_rest(self, row: Row) -> None:
        with Node("section", css="card", aria_labelledby="gaps-title"):
            Node("h2", "Gaps", id="gaps-title")
            Node(
                "p",
                "Records are numbered. A number that did not come in order is a gap, so nothing can go missing unseen.",
                "soft explained",
            )
            self._gap_sums = []
            with Node("dl", css="facts gap-states"):
                for state, means in GAPS.items():
                    name = "lost" if state == "permanent" else state
                    Node("dt", name)
                    with Node("dd", data_gaps=state):
                        self._gap_sums.append((state, Node("strong")))
                        Node("span", means, "soft")
            columns: tuple[tuple[str, str], ...] = (
                ("Boot", "number"),
                ("From", "number"),
                ("Up to", "number"),
                ("State", "words"),
            )
            self._gaps = _Table("The gaps of this device", columns, GAPS_SHOWN)
            with Node("p", css="soft"):
                self._gaps_more = Node("span")
                Node("a", "The whole report", href=f"/v1/devices/{row.device}/gaps")
        with Node("section", css="card", aria_labelledby="refused-title"):
            Node("h2", "Refused", id="refused-title")
            self._none_refused = Node("p", "Nothing of it was ever refused.", "soft")
            columns = (
                ("Reason", ""),
                ("Messages", "number"),
                ("Bytes", "number"),
                ("Means", "words"),
                ("To do", "words"),
            )
            self._refused = _Table("What of this device was refused", columns, len(REASONS))
        with Node("div", css="device-grid"):
            with Node("section", css="card", aria_labelledby="told-title"):
                Node("h2", "What it told of itself", id="told-title")
                self._silent_self = Node("p", "It has told nothing of itself yet.", "soft")
                columns = (("When", "time"), ("What", ""), ("Means", "words"))
                self._notices = _Table("Notices of this device", columns, NOTICES_SHOWN)
            with Node("section", css="card", aria_labelledby="boots-title"):
                Node("h2", "Its starts", id="boots-title")
                self._boots_all = Node("p", css="soft")
                columns = (("Boot", "number"), ("Stored to", "number"))
                self._boots = _Table("Starts of this device", columns, BOOTS_SHOWN)

    def show(self, snapshot: Snapshot) -> None:
        """Fill what comes from the common snapshot."""
        row = snapshot.find(self._name)
        if row is None:
            return
        facts = row.facts
        change(self._now, "data-state", row.state.name.lower())
        change(self._now, "data-needs", "yes" if row.needs_a_hand else "no")
        self._symbol.say(SYMBOLS[row.state] + " ")
        self._state.say(row.state.value)
        self._says.say(SAYS[row.state.value])
        change(self._since, "hidden", row.since_ms is None)
        for node in (self._since_at, self._since_ago):
            change(node, "at", row.since_ms or 0)
        change(self._fine, "hidden", row.needs_a_hand)
        for place, (item, name, since, at, what, to_do) in enumerate(self._troubles):
            present = place < len(row.troubles)
            change(item, "hidden", not present)
            if present:
                trouble = row.troubles[place]
                name.say(trouble.name)
                change(since, "hidden", trouble.since_ms is None)
                change(at, "at", trouble.since_ms or 0)
                what.say(trouble.what)
                to_do.say(trouble.to_do)
        for node, text in zip(self._facts, row.cells, strict=True):
            node.say(text)
        self._keys.say(KEYS[facts.keys])
        change(self._none_refused, "hidden", bool(facts.quarantine))
        self._refused.show(
            [
                (reason, count, size, REASONS[reason].means, REASONS[reason].to_do)
                for reason, (count, size) in facts.quarantine.items()
            ]
        )
        if self._told is not None and snapshot.told != self._told:
            self._heard.say(snapshot.announcement)
        self._told = snapshot.told

    def show_detail(self, detail: Detail) -> None:
        """Fill what is this device's own."""
        for member, chart in self._charts:
            change(chart, "points", detail.charts.points[member])
            change(chart, "silences", detail.charts.silences)
            change(chart, "to", detail.charts.to_ms)
        for state, node in self._gap_sums:
            gaps, numbers = detail.gap_sums.get(state, (0, 0))
            node.say(f"{gaps:,} ({numbers:,} records). " if gaps else "none. ")
        self._gaps.show(
            [
                (one["boot"], one["from_seq"], one["to_seq"], "lost" if one["state"] == "permanent" else one["state"])
                for one in detail.gaps
            ]
        )
        total = sum(gaps for gaps, _ in detail.gap_sums.values())
        self._gaps_more.say(f"{len(detail.gaps):,} of {total:,} shown. " if total > len(detail.gaps) else "")
        change(self._silent_self, "hidden", bool(detail.notices))
        self._notices.show(
            [
                (
                    one["at"],
                    one["what"].replace("_", " "),
                    NOTICES[one["what"]] + (f" {one['folds']:,} records." if one["what"] == "storage_lost" else ""),
                )
                for one in detail.notices
            ]
        )
        self._boots_all.say(f"Records came of {detail.boots_all:,} start{'' if detail.boots_all == 1 else 's'}.")
        self._boots.show(list(detail.boots))


def register() -> None:
    """Make the page known."""

    @patient_page("/devices/{device}")
    async def device(device: str) -> None:
        ticker = shared.devices()
        snapshot = await ticker.latest()
        row = snapshot.find(device)
        if row is None:
            sentence = f"No gate or kiosk that is called {shortened(device)} was ever added here."
            nothing_here("No such device", sentence, [("All devices", "/devices")], "/devices")
            return
        own = shared.device(row.device)
        try:
            detail = await own.latest()
        except StoreBusy:
            detail = EMPTY  # shown as soon as the database can be read
        page = _Page(row)
        with frame(row.device, "/devices", styles=("devices.css",), scripts=("time.js", "history.js")):
            page.make(snapshot, detail)
        shared.while_open(ticker, page.show)
        shared.while_open(own, page.show_detail)
