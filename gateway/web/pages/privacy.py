"""The page of privacy: for a rider, a journalist, an operator. What is kept about anybody, and what never is.

Rules: what is said of what is kept comes from the data inventory and the running gateway, not from this page's own
words; which counts may be told, consent_counts.py decides. A pass is never asked for here: "my data" is a page of its
own in which the pass stays in the browser.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Final

from nicegui import ui

from gateway.consent.inventory import Section, sections, told
from gateway.store.database import StoreBusy
from gateway.web import shared
from gateway.web.busy import patient_page
from gateway.web.consent_counts import DAYS, LEAST, Cell, totals, words
from gateway.web.frame import frame
from gateway.web.nodes import Node, scrolled
from gateway.web.parts import change, time_node
from gateway.web.privacy_facts import PrivacyView

ROWS: Final = 21
"""Rows of a table of counts: seven days of three sites; more say so."""

GROUPS: Final = (
    ("Riders who agreed", "One row for each of their passages, until it expires or they erase it.", ("passages",)),
    (
        "Everybody else, as counts",
        "Nobody has a row of their own: how many passed, how many bought, how many said yes or no.",
        ("tallies", "dailies", "sales", "consents"),
    ),
    (
        "Passes",
        "A pass is signed blindly: what was signed can't be told from any other, and a used one has neither place "
        "nor time.",
        ("issued", "quotas", "spent", "pass_keys", "pass_lists"),
    ),
    ("Synthetic riders", "From emulated sites only; a physical gate can't send such a record.", ("irregulars",)),
    ("What riders are told", "The notices, word for word, for ever.", ("consent_notices",)),
    (
        "Hardware and the gateway itself",
        "Devices, their keys, what did not come in order, what was refused. Nobody's passage.",
        ("notices", "boots", "gaps", "quarantine", "counters", "accounted", "settings", "sites", "devices"),
    ),
)
"""Every table of the database, by whom it is about; a test holds the two together."""

CANNOT: Final = (
    (
        "It has no list of people.",
        "No table, field, message or answer can name a person or a card for longer than a day.",
        "I1, I4: a record with such a member is refused; all columns, members and answers are compared with a fixed "
        "list.",
    ),
    (
        "It gives nobody a score, and bars nobody.",
        "No name in the code judges a rider; what scoring would do is computed on synthetic riders only, elsewhere.",
        "I4: every name in the code is searched, and a planted judgement is found.",
    ),
    (
        "It can't place who said no.",
        "Who declined is counted with at least ten others, or with the whole day.",
        "I2: with the whole database and all that passed the broker, an attack tries to place each of them.",
    ),
    (
        "A physical gate can't report one irregular passage.",
        "It tells one total per kind and day. Only emulated sites, with synthetic riders, have more.",
        "I3: with the right seal, over the wire, it is refused.",
    ),
    (
        "It keeps nothing longer than it says.",
        "What is due is overwritten, in the file and its log.",
        "I5: the clock is moved, and the bytes of the files are searched.",
    ),
    (
        "Saying no costs nothing.",
        "Not the price, not the light, not the time at the gate.",
        "I8: 10,000 taps each; the times differ by less than 1 ms at the median and at the 99th percentile.",
    ),
)
"""What it can't do: the sentence, more of it, and how that is tested."""


class _Counts:
    """A table of what may be told by site and day, filled in place."""

    def __init__(self, caption: str, version: bool, yes: str, no: str) -> None:
        self._version = version
        with scrolled(caption), Node("table", css="counts-table"):
            Node("caption", caption, "only-heard")
            with Node("thead"), Node("tr"):
                for name in ("Site", "Service day", *(("Notice",) if version else ()), "Asked" if version else "Both"):
                    Node("th", name, "number" if name in ("Asked", "Both") else "", scope="col")
                for name in (yes, no, "Share who agreed"):
                    Node("th", name, "number", scope="col")
            with Node("tbody"):
                self._rows = [self._line() for _ in range(ROWS)]
        self._none = Node("p", css="soft")

    def _line(self) -> tuple[Node, Node, Node, list[Node]]:
        with Node("tr", hidden=True) as line:
            site = Node("th", scope="row")
            with Node("td"):
                day = time_node("day")
            texts = [
                Node("td", css="number" if place or not self._version else "") for place in range(4 + self._version)
            ]
        return line, site, day, texts

    def show(self, found: tuple[Cell, ...]) -> None:
        """Fill it. Rows in which nothing may be told are one sentence."""
        shown = [one for one in found if one.both is not None]
        for place, (line, site, day, texts) in enumerate(self._rows):
            present = place < len(shown)
            change(line, "hidden", not present)
            if not present:
                continue
            cell = shown[place]
            site.say(cell.site)
            change(day, "at", cell.day_begins_ms)
            split = cell.yes is not None and cell.no is not None
            share = f"{100 * (cell.yes or 0) / ((cell.yes or 0) + (cell.no or 0)):.0f} %" if split else "not told"
            says = [
                words(cell.both),
                words(cell.yes) if split else "not told",
                words(cell.no) if split else "not told",
                share,
            ]
            for node, text in zip(texts, [*([cell.version] if self._version else []), *says], strict=True):
                node.say(text)
        hidden = len(found) - len(shown)
        sentences = []
        if hidden:
            sentences.append(
                f"Of {hidden:,} {'day' if hidden == 1 else 'days'} fewer than {LEAST} is all that is told."
            )
        if len(shown) > ROWS:
            sentences.append(f"{len(shown) - ROWS:,} more days are not on this page.")
        self._none.say(" ".join(sentences))


class _Page:
    """The page of one visitor."""

    def make(self, view: PrivacyView) -> None:
        """Make the nodes and fill them."""
        Node(
            "p",
            "Gateline studies gates, not riders. Here is everything that is kept about anybody, for how long, and "
            "who can "
            "read it; what riders were told before they were asked; and how many agreed.",
            "lead",
        )
        self._make_top()
        self._make_kept()
        self._make_notice(view)
        self._make_choices()
        self._make_cannot()
        self.show(view)

    def _make_top(self) -> None:
        with Node("div", css="grid"):
            with Node("section", css="card mine", aria_labelledby="mine-title"):
                Node("h2", "My data", id="mine-title")
                Node(
                    "p",
                    "Hold a pass? See what was recorded under it, and erase it, without saying who you are. The pass "
                    "never "
                    "leaves your browser: it reckons what to ask for, and asks with that alone.",
                )
                with Node("p"):
                    Node("a", "See and erase what is under my pass", "action", href="/my-data")
                Node("p", "Whoever has your pass, or a photograph of it, can do the same.", "soft")
            with Node("section", css="card clock", aria_labelledby="clock-title"):
                Node("h2", "The retention clock", id="clock-title")
                with Node("dl", css="facts"):
                    Node("dt", "A consented passage is kept")
                    self._keep = Node("dd", id="keep-days")
                    Node("dt", "Kept now")
                    self._rows = Node("dd")
                    Node("dt", "The oldest is from")
                    with Node("dd"):
                        self._oldest = time_node("both")
                        self._no_oldest = Node("span", "there is none")
                    Node("dt", "It will be deleted")
                    with Node("dd"):
                        self._goes = time_node("both")
                        self._comma = Node("span", ", ")
                        self._goes_in = time_node("until")
                        self._no_goes = Node("span", "–")
                    Node("dt", "Due within a day")
                    self._due = Node("dd")
                    Node("dt", "Looked for what is due")
                    with Node("dd"):
                        self._looked = time_node("ago")
                        self._looked_words = Node("span")
                    Node("dt", "Deleted last")
                    with Node("dd"):
                        self._deleted_at = time_node("both")
                        self._deleted = Node("span")
                    Node("dt", "Deleted since the start")
                    self._deleted_all = Node("dd")

    def _make_kept(self) -> None:
        with Node("section", css="card", aria_labelledby="kept-title"):
            Node("h2", "What is kept about anybody", id="kept-title")
            with Node("p", css="explained"):
                Node(
                    "span",
                    "Made from the data inventory, which a test holds against the code: a new field without a "
                    "word on why it is there fails. ",
                )
                Node("a", "Every field, one by one", href="/inventory")
            for place, (name, about, tables) in enumerate(GROUPS):
                with Node("details", css="group", open=place == 0):
                    with Node("summary"):
                        Node("strong", name)
                        Node("span", about, "soft")
                    ui.html(_places("tables", tables), sanitize=False)
            for kind, name, about in (
                ("messages", "On the way", "What devices say, while it passes through the broker, in memory."),
                ("files", "Files", "The database is one; the others are keys, locks, and the journal of erasures."),
                ("requests", "What riders ask", "Answered and forgotten: the gateway logs no requests."),
            ):
                with Node("details", css="group"):
                    with Node("summary"):
                        Node("strong", name)
                        Node("span", about, "soft")
                    ui.html(_places(kind), sanitize=False)
            Node("h3", "What was refused is never kept")
            Node(
                "p",
                "A message that is not as it must be goes to quarantine: its reason, its device and its length are "
                "counted, and its content is thrown away at once, so nothing can be kept by being wrong.",
                "explained",
            )

    def _make_notice(self, view: PrivacyView) -> None:
        with Node("section", css="card", aria_labelledby="notice-title"):
            Node("h2", "What riders are told before they are asked", id="notice-title")
            self._question = Node("blockquote", lang="en")
            with Node("dl", css="facts"):
                Node("dt", "Notice in force")
                self._version = Node("dd", id="notice-version")
                Node("dt", "SHA-256 of its words")
                with Node("dd"):
                    self._hash = Node("code")
                Node("dt", "Languages")
                self._languages = Node("dd")
                Node("dt", "Earlier ones")
                self._earlier = Node("dd")
            with Node("p", css="row"):
                Node("a", "Read it whole", href="/notice")
                Node("a", "Auf Deutsch", href="/notice?lang=de", lang="de")
                Node("a", "All versions, as JSON", href="/v1/notices")
            Node(
                "p",
                "A version's words are fixed for ever: every yes belongs to the words that were read. The key that "
                "signs a "
                "pass belongs to one notice, and the receipt that prints with it names it.",
                "soft explained",
            )

    def _make_choices(self) -> None:
        with Node("section", css="card", aria_labelledby="choices-title"):
            Node("h2", "How many agreed", id="choices-title")
            Node(
                "p",
                f"By site and service day, of the last {DAYS} days, and never of one kiosk or a shorter time. Fewer "
                "than "
                f"{LEAST} are not told, nor one answer where the other is fewer than {LEAST}: their difference would "
                "tell it. "
                "Of a physical site a day is told when it has been over for a day.",
                "soft explained",
            )
            with Node("dl", css="counts"):
                self._totals = []
                for key, name in NAMES.items():
                    with Node("div", css="figure"):
                        Node("dt", name)
                        self._totals.append(Node("dd", id=key))
            Node("h3", "At the kiosks")
            self._answers = _Counts("How riders answered, by site, day and notice", True, "Agreed", "Declined")
            Node("h3", "At the gates")
            Node(
                "p",
                "Passages on a valid pass, in whole tens: recorded because the rider agreed, or only counted.",
                "soft",
            )
            self._passages = _Counts("Passages, by site and day", False, "Recorded", "Only counted")

    def _make_cannot(self) -> None:
        with Node("section", css="card", aria_labelledby="cannot-title"):
            Node("h2", "What this system can't do", id="cannot-title")
            Node(
                "p",
                "Some regimes count “turnstile violations” as black marks against a person. This gateway is built so "
                "that misuse needs new code, not a setting. Each sentence has tests that try to break it; the whole "
                "list with the limits of what is promised is in docs/privacy.md, the attacks and what they find in "
                "docs/attacks.md.",
                "explained",
            )
            with Node("ul", css="cannot"):
                for sentence, more, tested in CANNOT:
                    with Node("li"):
                        Node("strong", sentence)
                        Node("span", more)
                        Node("span", f"Tested: {tested}", "soft")

    def show(self, view: PrivacyView) -> None:
        """Fill the nodes; what is the same is not sent."""
        clock, notice = view.clock, view.notices[-1]
        self._keep.say(f"{clock.keep_days} day{'' if clock.keep_days == 1 else 's'}, then it is gone")
        self._rows.say(clock.rows)
        change(self._oldest, "at", clock.oldest_ms or 0)
        change(self._no_oldest, "hidden", clock.oldest_ms is not None)
        change(self._goes, "at", clock.goes_ms or 0)
        change(self._goes_in, "at", clock.goes_ms or 0)
        change(self._comma, "hidden", clock.goes_ms is None)
        change(self._no_goes, "hidden", clock.goes_ms is not None)
        self._due.say(clock.due_soon)
        change(self._looked, "at", clock.looked_ms or 0)
        self._looked_words.say(
            " ago, and every minute" if clock.looked_ms else "not yet: this machine's clock can't be right"
        )
        change(self._deleted_at, "at", clock.deleted_ms or 0)
        self._deleted.say(f", {clock.deleted}" if clock.deleted_ms else "nothing since the gateway's start")
        self._deleted_all.say(clock.deleted_all if clock.deleted_ms else "nothing")
        self._question.say(view.question)
        self._version.say(notice.version)
        self._hash.say(f"{notice.sha256[:16]}…")
        self._languages.say(", ".join(LANGUAGES.get(one, one) for one in notice.texts))
        self._earlier.say(", ".join(f"{one.version} ({one.sha256[:8]}…)" for one in view.notices[:-1]) or "none")
        self._answers.show(view.answers)
        self._passages.show(view.passages)
        both = totals(view.answers)
        texts = [words(both[0] if both else None), words(both[1] if both else None), view.withdrawn, view.erased]
        for node, text in zip(self._totals, texts, strict=True):
            node.say(text)


NAMES: Final = {
    "agreed": "agreed, of the days below",
    "declined": "declined, of the days below",
    "withdrawn": "withdrew at a kiosk, in all",
    "erased": "days of a pass erased, remembered now",
}
LANGUAGES: Final = {"en": "English", "de": "German"}


@cache
def _places(kind: str, names: tuple[str, ...] = ()) -> str:
    """Places of the inventory as HTML: what, how long, who, and their fields with why. All texts are escaped.

    As one text and not as elements: there are more than a thousand of them, none ever changes, and a page is slow to
    show as many.
    """
    chosen = [one for one in sections() if one.kind == kind and (not names or one.name in names)]
    return "".join(_place(one) for one in sorted(chosen, key=lambda one: names.index(one.name) if names else 0))


def _place(section: Section) -> str:
    said = told()[section.kind][section.name]
    fields = "".join(
        f"<li><code>{escape(entry.name)}</code><span> {_marked(entry.why)}</span></li>" for entry in section.entries
    )
    what = f'<dt>What, and why</dt><dd><ul class="fields">{fields}</ul></dd>' if said.get("fields") else ""
    return (
        f'<div class="place"><p class="place-head"><code>{escape(section.name)}</code>'
        f"<span>{_marked(section.about or said.get('why', ''))}</span></p>"
        f'<dl class="facts"><dt>How long</dt><dd>{_marked(said["how_long"])}</dd>'
        f"<dt>Who</dt><dd>{_marked(said['who'])}</dd>{what}</dl></div>"
    )


def _marked(text: str) -> str:
    """A text of the inventory with its `code` marked up."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def register() -> None:
    """Make the page known."""

    @patient_page("/privacy")
    async def privacy() -> None:
        ticker = shared.privacy()
        with frame("Privacy", "/privacy", styles=("devices.css", "privacy.css"), scripts=("time.js",)):
            try:
                view = await ticker.latest()
            except StoreBusy:
                Node("p", "Another program has locked the database; load this page again in a moment.", role="alert")
                return
            page = _Page()
            page.make(view)
        shared.while_open(ticker, page.show)
