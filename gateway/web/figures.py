"""The overview's figures: how many passed and wait, what is on its way to the table, how often the gates were wrong.

Rules: pure; what they are made of is given, and nothing here asks the database. Taken once a second for all pages.
What waits in a gate that isn't heard is not known, and not called nothing. How figures look doesn't belong here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
    """Records in the outboxes of the gates that are heard, as each last told of itself."""
    unheard: int = 0
    """Gates that were heard once and are not now: what waits in them by now, nobody here knows."""
    unheard_told: int = 0
    """What they last told of."""
    unheard_told_ms: int | None = None
    """When that was, of the one that told it first; None where none has told anything."""
    never: int = 0
    """Gates of which nothing was ever heard: they have nothing that could wait."""
    queued: int = 0
    """Messages that have come and are not stored yet."""
    verdict: Mapping[str, int] | None = None
    """How often the gates of all emulated lanes were right and wrong, None while nobody can tell."""

    @property
    def passages(self) -> int:
        """All passages that are stored."""
        return self.recorded + self.tallied


def take(
    lanes: Iterable[Lane], queued: int, verdict: Mapping[str, int] | None, silent: Collection[str] = ()
) -> Figures:
    """The figures of these lanes; ``queued``: messages that have come and are not stored yet; ``verdict`` as the live
    state sums it; ``silent``: gates from which nothing comes now."""
    lanes = list(lanes)
    heard: list[Lane] = []
    unheard: list[Lane] = []
    for lane in lanes:
        (unheard if lane.device in silent or _is_missed(lane) else heard).append(lane)
    never = sum(lane.link == "unknown" and not _is_missed(lane) for lane in heard)
    told_ms = [lane.history.told_ms for lane in unheard if lane.history.told_ms is not None]
    return Figures(
        lanes=len(lanes),
        emulated=sum(lane.site_class == EMULATED for lane in lanes),
        recorded=sum(lane.counts.recorded for lane in lanes),
        tallied=sum(lane.counts.tallied for lane in lanes),
        # `lost` is a hint for the eye, and so is this figure.
        waiting=sum(lane.scene.waiting for lane in lanes if lane.scene is not None and lane.link == "online"),
        at_gates=_told(heard),
        unheard=len(unheard),
        unheard_told=_told(unheard),
        unheard_told_ms=min(told_ms, default=None),
        never=never,
        queued=queued,
        verdict=verdict,
    )


def _is_missed(lane: Lane) -> bool:
    """Whether it has never been heard since the gateway's start, though there are records of it: a gate that was added
    and never switched on has none that could be on their way."""
    return lane.link == "unknown" and lane.counts.recorded + lane.counts.tallied > 0


def _told(lanes: Iterable[Lane]) -> int:
    return sum(lane.health.outbox for lane in lanes if lane.health is not None)


def on_the_way(figures: Figures) -> str:
    """How many records are on their way to the table, as text: what is known, and whether there may be more."""
    known = f"{figures.at_gates + figures.queued:,}"
    return f"{known} + ?" if figures.unheard else known


def unheard(figures: Figures) -> tuple[str, int, str]:
    """What is known of the gates that aren't heard, as a sentence around a time (epoch ms, 0 for none)."""
    many, never = figures.unheard, figures.never
    if many == 0:
        if never == 0:
            return "Every gate is heard and tells what waits in it.", 0, ""
        if never == figures.lanes:
            return "No gate was ever heard.", 0, ""
        others = "One gate was" if never == 1 else f"{never:,} gates were"
        return f"{others} never heard; all others are, and tell what waits in them.", 0, ""
    whom = "One gate is not heard" if many == 1 else f"{many:,} gates are not heard"
    if figures.unheard_told_ms is None:
        return f"{whom}: what waits there, nobody here knows.", 0, ""
    last = f"{figures.unheard_told:,} waited there when last told, at"
    return f"{whom}: {last}", figures.unheard_told_ms, "; what waits there now, nobody here knows."


def share(part: int, whole: int) -> str:
    """A share in percent, as text; a dash when there is nothing to take it of."""
    if whole <= 0:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
