"""How each device was in the last hours: its health, when its link came and went, and whether it has fallen silent.

Rules: in memory only, never stored; one entry per provisioned device, and each is bounded. ``now_ms`` is an argument
(epoch milliseconds). Only a device's own sealed words count as heard; `lost` is unsealed, and shows at once all the
same: it decides nothing. Safe to use from several threads. Nothing of a rider is here: a physical device rounds its
health itself (docs/protocol.md).
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.protocol.records import Health

SLOT_MS: Final = 20_000
"""Words of one slot are one point, with the worst of each figure: so fast talkers have hours too."""
POINTS_KEPT: Final = 720
"""Four hours at the least."""
CHANGES_KEPT: Final = 64
LATE_FACTOR: Final = 2
LATE_MS: Final = 3_000
"""A device whose health is later than twice its own rhythm and this is silent."""
RHYTHMS_KEPT: Final = 4
_WIDTH: Final = 4


class Point(NamedTuple):
    """A device's health at one time; ``heap_free`` -1 where the runtime can't tell."""

    at: int
    outbox: int
    heap_free: int
    worst_tick_ms: int


class Silence(NamedTuple):
    """A time in which the device was not heard; ``to`` None while it lasts."""

    since: int
    to: int | None


@dataclass(slots=True)
class _Told:
    points: array[int] = field(default_factory=lambda: array("q"))
    """Of each point its members, one behind the other: a thousand devices would be heavy as objects."""
    silences: deque[Silence] = field(default_factory=lambda: deque(maxlen=CHANGES_KEPT))
    health_ms: int | None = None
    rhythms: deque[int] = field(default_factory=lambda: deque(maxlen=RHYTHMS_KEPT))
    lost_ms: int | None = None


class History:
    """What devices told, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._devices: dict[str, _Told] = {}

    def online(self, device: str, now_ms: int) -> None:
        """The device has said that it is there."""
        with self._lock:
            told = self._devices.setdefault(device, _Told())
            self._hear(told, now_ms)
            # What it does from now on is a rhythm of its own: it may have got other settings.
            told.rhythms.clear()
            told.health_ms = None

    def lost(self, device: str, now_ms: int) -> None:
        """Somebody, perhaps the broker, has said that the device is gone."""
        with self._lock:
            told = self._devices.setdefault(device, _Told())
            if told.lost_ms is None:
                told.lost_ms = now_ms
                told.silences.append(Silence(now_ms, None))

    def health(self, device: str, health: Health, now_ms: int) -> None:
        """The device has told how it is."""
        with self._lock:
            told = self._devices.setdefault(device, _Told())
            was_silent = self._hear(told, now_ms)
            # A pause is no rhythm.
            if told.health_ms is not None and now_ms > told.health_ms and not was_silent:
                told.rhythms.append(now_ms - told.health_ms)
            told.health_ms = now_ms
            _add(told.points, Point(now_ms, health.outbox, health.heap_free, health.worst_tick_ms))

    def _hear(self, told: _Told, now_ms: int) -> bool:
        """Note that it was heard; whether it was silent before."""
        since = told.lost_ms
        if since is not None:
            told.silences[-1] = Silence(since, now_ms)
        elif (since := _late(told, now_ms, 0)) is not None:
            told.silences.append(Silence(since, now_ms))
        told.lost_ms = None
        return since is not None

    def silent(self, device: str, now_ms: int, deaf_until_ms: int = 0) -> int | None:
        """Since when nothing comes from a device that was heard; None when it is heard, or never was.

        ``deaf_until_ms``: until then the gateway itself heard nobody, so that is held against nobody.
        """
        with self._lock:
            told = self._devices.get(device)
            if told is None:
                return None
            return told.lost_ms if told.lost_ms is not None else _late(told, now_ms, deaf_until_ms)

    def points(self, device: str) -> list[Point]:
        """The device's health, oldest first."""
        with self._lock:
            told = self._devices.get(device)
            flat = told.points.tolist() if told is not None else []
        return [Point(*flat[place : place + _WIDTH]) for place in range(0, len(flat), _WIDTH)]

    def silences(self, device: str) -> list[Silence]:
        """When the device was not heard, oldest first."""
        with self._lock:
            told = self._devices.get(device)
            return list(told.silences) if told is not None else []


def _late(told: _Told, now_ms: int, deaf_until_ms: int) -> int | None:
    """Since when it is late with its health, by its own rhythm; None when it isn't, or has none yet."""
    if told.health_ms is None or len(told.rhythms) < 2:
        return None
    allowed_ms = LATE_FACTOR * max(told.rhythms) + LATE_MS
    return told.health_ms if now_ms - max(told.health_ms, deaf_until_ms) > allowed_ms else None


def _add(points: array[int], point: Point) -> None:
    if points and points[-_WIDTH] // SLOT_MS == point.at // SLOT_MS:
        _, outbox, heap_free, worst_tick_ms = points[-_WIDTH:]
        lowest = min((one for one in (heap_free, point.heap_free) if one >= 0), default=-1)
        merged = Point(point.at, max(outbox, point.outbox), lowest, max(worst_tick_ms, point.worst_tick_ms))
        points[-_WIDTH:] = array("q", merged)
        return
    points.extend(point)
    if len(points) > POINTS_KEPT * _WIDTH:
        del points[:_WIDTH]
