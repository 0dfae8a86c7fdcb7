"""How many passed, in steps of time that fit what there is: the overview's charts, and its figures per minute.

Rules: pure; ``now_ms`` is an argument (epoch milliseconds). A chart always has STEPS steps, of a length that depends on
how far back anything is stored, so that a demo of a minute is no line at the right edge of three empty hours. From one
length to the next it at most doubles: what was seen before is still half of the picture, and the chart's name says how
long it is. A tally is told over an interval and spread evenly over it; what it adds up to stays whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gateway.store.flow import Counted

STEPS: Final = 60
SPANS: Final = (
    (15, "The last quarter of an hour"),
    (30, "The last half hour"),
    (60, "The last hour"),
    (120, "The last two hours"),
    (180, "The last three hours"),
    (360, "The last six hours"),
    (720, "The last twelve hours"),
)
"""How long a chart may be, in minutes, and what that is called."""
LONGEST_MS: Final = SPANS[-1][0] * 60_000
MEAN_MS: Final = 300_000
"""Figures per minute are means over so long."""


@dataclass(slots=True)
class Step:
    """Counts of one step."""

    entries: int = 0
    exits: int = 0
    recorded: int = 0
    tallied: int = 0
    irregular: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Which time a chart shows."""

    from_ms: int
    step_ms: int
    name: str

    @property
    def to_ms(self) -> int:
        """Its end."""
        return self.from_ms + STEPS * self.step_ms


def window(now_ms: int, oldest_ms: int | None) -> Window:
    """The window for what is stored since ``oldest_ms``; it ends with the step that ``now_ms`` is in."""
    shown = Window(0, 0, "")
    for minutes, name in SPANS:
        step_ms = minutes * 60_000 // STEPS
        shown = Window((now_ms // step_ms + 1 - STEPS) * step_ms, step_ms, name)
        if oldest_ms is None or shown.from_ms <= oldest_ms:
            break
    return shown


def steps(shown: Window, rows: Iterable[Counted], tallies: Iterable[Counted]) -> list[Step]:
    """The window's steps, of consented passages (``rows``) and of tallies."""
    found = [Step() for _ in range(STEPS)]
    for counted in rows:
        _spread(shown, found, counted, "recorded")
    for counted in tallies:
        _spread(shown, found, counted, "tallied")
    return found


def _spread(shown: Window, found: list[Step], counted: Counted, kind: str) -> None:
    start, length = counted.from_ms, max(1, counted.to_ms - counted.from_ms)
    first = max(0, (start - shown.from_ms) // shown.step_ms)
    last = min(STEPS - 1, (start + length - 1 - shown.from_ms) // shown.step_ms)
    for number in range(first, last + 1):
        begin = max(0, shown.from_ms + number * shown.step_ms - start)
        end = min(length, shown.from_ms + (number + 1) * shown.step_ms - start)
        # The difference of two rounded running sums: parts are whole, and add up to the whole.
        entries, exits, irregular = (
            total * end // length - total * begin // length
            for total in (counted.entries, counted.exits, counted.irregular)
        )
        step = found[number]
        step.entries += entries
        step.exits += exits
        step.irregular += irregular
        setattr(step, kind, getattr(step, kind) + entries + exits)


def per_minute(
    rows: Iterable[Counted], tallies: Iterable[Counted], now_ms: int, oldest_ms: int | None
) -> tuple[float, float]:
    """Entries and exits a minute: the mean of the last MEAN_MS, or of the shorter time since ``oldest_ms``."""
    if oldest_ms is None:
        return 0.0, 0.0
    span_ms = max(10_000, min(MEAN_MS, now_ms - oldest_ms))
    since_ms = now_ms - span_ms
    entries = exits = 0.0
    for one in (*rows, *tallies):
        length = max(1, one.to_ms - one.from_ms)
        part = max(0, min(one.to_ms, now_ms) - max(one.from_ms, since_ms)) / length
        entries += one.entries * part
        exits += one.exits * part
    return entries * 60_000 / span_ms, exits * 60_000 / span_ms
