"""What the words of a scorecard mean: who is honest, what accuses, and which report is right about what was done.

The terms are those of docs/scorecard.md. Pure.
"""

from __future__ import annotations

from typing import Final

from gateway.results.card import Scorecard

ACCUSATIONS: Final = frozenset(("tailgate", "forced", "reverse", "jump", "crawl", "passback"))
EVASIONS: Final = frozenset(
    ("tailgated", "jumped", "climbed", "crawled", "forced", "backcocked", "reversed", "passed_back")
)
NOTHING: Final = "nothing"


def is_right(outcome: str, what: str) -> bool:
    """Whether a report does right by the rider: an evader is accused (of whatever), nobody else is."""
    return (what in ACCUSATIONS) == (outcome in EVASIONS)


def counts(card: Scorecard) -> dict[str, dict[str, int]]:
    """Reports by what the rider did. One rider may have two: let through, and accused."""
    told = {outcome: dict(row) for outcome, row in card.confusion.items()}
    for outcome, row in card.accused_as.items():
        into = told.setdefault(outcome, {})
        for what, count in row.items():
            into[what] = into.get(what, 0) + count
    return {outcome: row for outcome, row in told.items() if row}
