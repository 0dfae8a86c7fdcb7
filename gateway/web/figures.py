"""The overview's figures: how many passed and wait, what is on its way to the table, how often the gates were wrong.

Rules: pure; what they are made of is given, and nothing here asks the database. Taken once a second for all pages.
How figures look doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gateway.live.lane import Lane
from gateway.web.access import EMULATED


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
    verdict: Mapping[str, int] | None = None
    """How often the gates of all emulated lanes were right and wrong, None while nobody can tell."""

    @property
    def passages(self) -> int:
        """All passages that are stored."""
        return self.recorded + self.tallied


def take(lanes: Iterable[Lane], queued: int, verdict: Mapping[str, int] | None) -> Figures:
    """The figures of these lanes; ``queued``: messages that have come and are not stored yet; ``verdict`` as the live
    state sums it."""
    lanes = list(lanes)
    return Figures(
        lanes=len(lanes),
        emulated=sum(lane.site_class == EMULATED for lane in lanes),
        recorded=sum(lane.counts.recorded for lane in lanes),
        tallied=sum(lane.counts.tallied for lane in lanes),
        # `lost` is a hint for the eye, and so is this figure.
        waiting=sum(lane.scene.waiting for lane in lanes if lane.scene is not None and lane.link == "online"),
        at_gates=sum(lane.health.outbox for lane in lanes if lane.health is not None),
        queued=queued,
        verdict=verdict,
    )


def share(part: int, whole: int) -> str:
    """A share in percent, as text; a dash when there is nothing to take it of."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
