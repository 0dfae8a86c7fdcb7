"""The usual record of the same week: each passage with the number of the card, the gate and the second; each sale with
the number of the card that was loaded.

This is what transit-card back offices keep, and what the studies of re-identification were made on. A person has one
card.
"""

from typing import NamedTuple

from simulator.linkage.week import Week


class Tap(NamedTuple):
    """One line of the raw log. `card` is the person's; `at_s` whole seconds since 1970."""

    card: str
    gate: str
    at_s: int


class Load(NamedTuple):
    """One sale: a card is loaded at a kiosk."""

    card: str
    kiosk: str
    at_s: int


def taps(week: Week) -> list[Tap]:
    """The raw log of the week's passages."""
    return [Tap(passage.person, passage.gate, passage.at_ms // 1000) for passage in week.passages]


def loads(week: Week) -> list[Load]:
    """The raw log of the week's sales."""
    return [Load(sale.person, sale.kiosk, sale.at_ms // 1000) for sale in week.sales]
