"""The overview's figures: how many wait, what is on its way to the table, which devices need a hand.

Rules: pure; what they are made of is given, and nothing here asks the database. Taken once a second for all pages.
How figures look doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.live.lane import Lane


@dataclass(frozen=True, slots=True)
class Hand:
    """A device that needs a hand, and why."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What the overview tells at one moment; all are counts."""

    lanes: int = 0
    emulated: int = 0
    entries: int = 0
    exits: int = 0
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


def needs_hand(lane: Lane) -> str:
    """Why a device needs a hand; "" when it doesn't."""
    if lane.link == "lost":
        return "not connected"
    if lane.link == "unknown":
        return "never heard of"
    if lane.blocked is not None:
        return f"its records are refused: {lane.blocked.value.replace('_', ' ')}"
    return ""


def take(lanes: Sequence[Lane], emulated: frozenset[str], queued: int) -> Figures:
    """The figures of these lanes; ``emulated`` names the sites that are."""
    hands = [Hand(lane.device, reason) for lane in lanes if (reason := needs_hand(lane))]
    return Figures(
        lanes=len(lanes),
        emulated=sum(lane.site in emulated for lane in lanes),
        entries=sum(lane.counts.entries for lane in lanes),
        exits=sum(lane.counts.exits for lane in lanes),
        recorded=sum(lane.counts.recorded for lane in lanes),
        tallied=sum(lane.counts.tallied for lane in lanes),
        waiting=sum(lane.scene.waiting for lane in lanes if lane.scene is not None and lane.link == "online"),
        at_gates=sum(lane.health.outbox for lane in lanes if lane.health is not None),
        queued=queued,
        hands=tuple(hands),
    )
