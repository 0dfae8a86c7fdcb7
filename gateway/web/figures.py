"""The overview's figures: how many passed and wait, what is on its way to the table, which devices need a hand.

Rules: pure; what they are made of is given, and nothing here asks the database. Taken once a second for all pages.
How figures look doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.live.lane import Lane
from gateway.web.access import EMULATED
from gateway.web.device_rows import Facts, troubles_of


@dataclass(frozen=True, slots=True)
class Hand:
    """A device that needs a hand, why in two or three words, and what to do."""

    device: str
    reason: str
    to_do: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What the overview tells at one moment; all are counts."""

    lanes: int = 0
    emulated: int = 0
    recorded: int = 0
    tallied: int = 0
    waiting: int = 0
    at_gates: int = 0
    """Records in the devices' outboxes, as each last told of itself."""
    queued: int = 0
    """Messages that have come and are not stored yet."""
    hands: tuple[Hand, ...] = ()

    @property
    def passages(self) -> int:
        """All passages that are stored."""
        return self.recorded + self.tallied


def take(lanes: Iterable[Lane], classes: Mapping[str, str], queued: int) -> Figures:
    """The figures of these lanes; ``classes``: site -> its class."""
    lanes = list(lanes)
    return Figures(
        lanes=len(lanes),
        emulated=sum(classes.get(lane.site) == EMULATED for lane in lanes),
        recorded=sum(lane.counts.recorded for lane in lanes),
        tallied=sum(lane.counts.tallied for lane in lanes),
        # `lost` is a hint for the eye, and so is this figure.
        waiting=sum(lane.scene.waiting for lane in lanes if lane.scene is not None and lane.link == "online"),
        at_gates=sum(lane.health.outbox for lane in lanes if lane.health is not None),
        queued=queued,
        hands=tuple(hand for lane in lanes if (hand := _hand(lane)) is not None),
    )


def _hand(lane: Lane) -> Hand | None:
    health = lane.health
    facts = Facts(
        lane.site,
        lane.device,
        "",
        "",
        link=lane.link,
        outbox=None if health is None else health.outbox,
        worst_tick_ms=None if health is None else health.worst_tick_ms,
        heap_free=None if health is None else health.heap_free,
        blocked=None if lane.blocked is None else lane.blocked.value,
        refused=lane.refused,
    )
    troubles = troubles_of(facts)
    return Hand(lane.device, troubles[0].name.lower(), troubles[0].to_do) if troubles else None


def share(part: int, whole: int) -> str:
    """A share in percent, as text; a dash when there is nothing to take it of."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
