"""The numbers of a scorecard as tables: for pages, and as CSV for spreadsheets.

Rules: a number is a number with all its digits, an absent one an empty field. A text that a spreadsheet would take for
a formula gets an apostrophe before it (names come from files that may be anybody's). Drawing doesn't belong here.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.results.card import Figure, Scorecard
from gateway.results.verdicts import ACCUSATIONS, NOTHING, counts

Cell = str | int | float | None
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their heads; the first column names a row."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def csv(self) -> str:
        """With a line of heads."""
        out = io.StringIO()
        # Every text in quotes: some spreadsheets take a semicolon for the end of a field.
        writer = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
        for row in (self.head, *self.rows):
            writer.writerow([_harmless(cell) if isinstance(cell, str) else cell for cell in row])
        return out.getvalue()


def _harmless(text: str) -> str:
    seen = text.lstrip("".join(character for character in set(text) if _unseen(character)))
    return f"'{text}" if text.startswith(FORMULA) or seen.startswith(FORMULA) else text


def _unseen(character: str) -> bool:
    """Whether a spreadsheet may look through it: spaces of all kinds, controls, marks without a width."""
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf")


def _ends(figure: Figure) -> tuple[Cell, Cell, Cell]:
    return figure.value, figure.low, figure.high


def _figures(card: Scorecard) -> Table:
    """The figures at the head, shares of 1."""
    rows: list[tuple[Cell, ...]] = [
        (name, *_ends(getattr(card, name)))
        for name in ("false_accusations_per_10000", "recall", "precision", "evasion_rate")
    ]
    rows += [
        (name, getattr(card, name), None, None)
        for name in ("riders", "honest_passages", "evasions", "accusations", "turned_away", "still_waiting")
    ]
    return Table(("figure", "value", "low", "high"), tuple(rows))


def _accused(card: Scorecard) -> Table:
    return Table(
        ("honest_riders_with", "honest_passages", "false_accusations", "accused_share", "low", "high"),
        tuple(
            (name, kind.honest_passages, kind.false_accusations, *_ends(kind.accused_share))
            for name, kind in card.by_rider_kind.items()
        ),
    )


def _noticed(card: Scorecard) -> Table:
    return Table(
        ("evasion", "evasions", "noticed_share", "low", "high"),
        tuple((name, kind.evasions, *_ends(kind.recall)) for name, kind in card.by_evasion.items()),
    )


def reports(card: Scorecard) -> list[str]:
    """What the gate reported, accusations after the others, `nothing` last."""
    whats = {what for row in counts(card).values() for what in row}
    return sorted(whats, key=lambda what: (what == NOTHING, what in ACCUSATIONS, what))


def _confusion(card: Scorecard) -> Table:
    whats = reports(card)
    return Table(
        ("what_the_rider_did", *whats),
        tuple((outcome, *(row.get(what, 0) for what in whats)) for outcome, row in counts(card).items()),
    )


def _lanes(card: Scorecard) -> Table:
    names = sorted({*card.throughput_per_min, *card.waiting_s_by_lane})
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        flow, waited = card.throughput_per_min.get(name), card.waiting_s_by_lane.get(name)
        rows.append(
            (
                name,
                *((flow.mean, flow.busiest_quarter_hour) if flow else (None, None)),
                *((waited.mean, waited.p50, waited.p95, waited.max) if waited else (None,) * 4),
            )
        )
    head = ("per_min", "per_min_busiest_quarter_hour", "waited_mean_s", "waited_p50_s", "waited_p95_s", "waited_max_s")
    return Table(("lane", *head), tuple(rows))


def _waiting(card: Scorecard) -> Table:
    counts = card.waiting_counts
    if counts is None:
        return Table(("from_s", "to_s", "riders"), ())
    step = counts.step_s
    return Table(
        ("from_s", "to_s", "riders"),
        tuple((number * step, (number + 1) * step, riders) for number, riders in enumerate(counts.riders)),
    )


TABLES: Final[dict[str, Callable[[Scorecard], Table]]] = {
    "figures": _figures,
    "accused": _accused,
    "noticed": _noticed,
    "confusion": _confusion,
    "lanes": _lanes,
    "waiting": _waiting,
}
"""Each table by its name in an address."""
