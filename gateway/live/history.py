"""How one device was in the last hours: its health, a point a minute at most, and when nothing was heard of it.

Pure: `now_ms` is an argument. Bounded, in memory only: health is looked at and never stored. A device that is connected
and says nothing is silent when its word is overdue: how often it says its health is learnt from itself, since a site's
interval is its own (docs/settings.md); until it has said it twice, its broker alone tells of it (the will).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.protocol.records import Health

POINT_MS: Final = 60_000
POINTS_KEPT: Final = 360
SILENCES_KEPT: Final = 64
OVERDUE: Final = 2.5
"""So many of its own intervals without a word are silence."""
OVERDUE_MIN_MS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Point:
    """The worst that was told within one minute: most in the outbox, least memory (bytes, -1 unknown), worst turn."""

    at_ms: int
    outbox: int
    heap_free: int
    worst_tick_ms: int


class DeviceHistory:
    """The last hours of one device."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=POINTS_KEPT)
        self._silences: deque[tuple[int, int | None]] = deque(maxlen=SILENCES_KEPT)
        self._heard_ms: int | None = None
        self.told_ms: int | None = None
        """When it told of its health last."""
        self._health_ms: int | None = None
        self._interval_ms: int | None = None
        """The longest of the last two times between two words of health."""
        self._before_ms: int | None = None

    def heard(self, now_ms: int) -> None:
        """The device has said something with its own seal."""
        if self._silences and self._silences[-1][1] is None:
            self._silences[-1] = (self._silences[-1][0], now_ms)
            self._health_ms = None  # a silence is not its rhythm
        elif (since_ms := self.silent_since_ms(now_ms)) is not None:
            self._silences.append((since_ms, now_ms))
            self._health_ms = None
        self._heard_ms = now_ms

    def lost(self, now_ms: int) -> None:
        """Somebody, perhaps the broker, has said that the device is gone."""
        if not self._silences or self._silences[-1][1] is not None:
            self._silences.append((now_ms if self._heard_ms is None else self._heard_ms, None))

    def health(self, now_ms: int, told: Health) -> None:
        """The device has told how it is."""
        self.heard(now_ms)
        if self._health_ms is not None:
            interval_ms = max(0, now_ms - self._health_ms)
            self._interval_ms, self._before_ms = max(interval_ms, self._before_ms or 0), interval_ms
        self._health_ms = self.told_ms = now_ms
        point = Point(now_ms, told.outbox, told.heap_free, told.worst_tick_ms)
        if self._points and 0 <= now_ms - self._points[-1].at_ms < POINT_MS:
            last = self._points[-1]
            point = Point(
                last.at_ms,
                max(last.outbox, told.outbox),
                min(last.heap_free, told.heap_free),
                max(last.worst_tick_ms, told.worst_tick_ms),
            )
            self._points[-1] = point
        else:
            self._points.append(point)

    def silent_since_ms(self, now_ms: int) -> int | None:
        """When it was heard last, if it is silent now; None while it is not, or was never heard."""
        if self._silences and self._silences[-1][1] is None:
            return self._silences[-1][0]
        if self._heard_ms is None or self._interval_ms is None:
            return None
        overdue_ms = max(OVERDUE_MIN_MS, OVERDUE * self._interval_ms)
        return self._heard_ms if now_ms - self._heard_ms > overdue_ms else None

    def points(self) -> tuple[Point, ...]:
        """What it told, oldest first."""
        return tuple(self._points)

    def silences(self, now_ms: int) -> tuple[tuple[int, int | None], ...]:
        """(from, to) of each silence, oldest first; `to` None for one that lasts."""
        known = tuple(self._silences)
        since_ms = self.silent_since_ms(now_ms)
        if since_ms is not None and not (known and known[-1][1] is None):
            known = (*known, (since_ms, None))
        return known
