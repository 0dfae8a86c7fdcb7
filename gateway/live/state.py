"""The latest scene, status and health of each device, and counts of what is stored.

Rules: one entry per provisioned device, so memory is bounded whatever comes; nothing in it goes to the database, and
nothing is decided by it. `lost` is unsealed and therefore a hint for the eye only. Safe to use from several threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.admission.rules import Admitted, Sender
from gateway.live.history import Point
from gateway.live.lane import Lane, LaneCounts
from gateway.live.standing import Blocked
from gateway.protocol.records import Health, Online
from gateway.protocol.refusal import Reason, Refused
from gateway.protocol.scenes import Layout, Scene

REPLAY_MS: Final = 5_000
"""How long a lane must have been silent before an older scene is taken for one of a simulator that was started anew."""
STALE_MS: Final = 10_000
"""How far behind the gateway's clock a scene may be that goes on from none: as far as an order (`world`) may be."""


def epoch_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


class LiveState:
    """The lanes by device name."""

    def __init__(self, clock: Callable[[], int] = epoch_ms) -> None:
        """``clock`` gives epoch milliseconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._version = 0
        self.erasures = 0
        """How often riders have erased something since the start; see :meth:`add_stored`."""
        self.stopping = threading.Event()
        """Set when the gateway ends, so that open streams end too."""

    @property
    def version(self) -> int:
        """Changes whenever anything that :meth:`snapshot` gives has changed."""
        return self._version

    def load(self, senders: Iterable[Sender], counts: Mapping[str, LaneCounts]) -> None:
        """Begin with these devices and what is stored of them."""
        with self._lock:
            for sender in senders:
                lane = self._lane(sender)
                lane.counts = counts.get(sender.device, LaneCounts())
            self._version += 1

    def ensure(self, senders: Iterable[Sender]) -> None:
        """Show these devices too, if they are not shown yet."""
        with self._lock:
            known = len(self._lanes)
            for sender in senders:
                self._lane(sender)
            self._version += len(self._lanes) != known

    def _lane(self, sender: Sender) -> Lane:
        lane = self._lanes.get(sender.device)
        if lane is None:
            lane = self._lanes[sender.device] = Lane(sender.site, sender.device, sender.site_class, sender.kind)
        return lane

    @staticmethod
    def now_ms() -> int:
        """The monotonic clock by which scenes come."""
        return time.monotonic_ns() // 1_000_000

    def _changed(self, lane: Lane) -> None:
        lane.version += 1
        self._version += 1

    def set_scene(self, sender: Sender, scene: Scene) -> None:
        """Show ``scene`` from now on; :class:`Refused` (out_of_sequence) where it is older than it should be.

        A seal holds for ever: whoever has heard a scene could say it again. What goes on from the last one of its lane
        is believed, by whatever clock: a machine that slept, or whose clock was set, has its simulator behind for good.
        What doesn't go on, of a simulator or a gateway that was started anew, is believed only if it is of now, and an
        older one only when nothing newer has come for REPLAY_MS. One ahead of the clock is: a station may run faster
        than time.
        """
        with self._lock:
            lane, now_ms = self._lane(sender), self.now_ms()
            last = lane.scene
            heard = lane.seen_ms is not None and now_ms - lane.seen_ms < REPLAY_MS
            again = last is not None and scene.at == last.at
            goes_on = last is not None and (scene.at > last.at or (again and heard))
            if not goes_on and (heard or scene.at < self._clock() - STALE_MS):
                raise Refused(Reason.OUT_OF_SEQUENCE)
            lane.see(scene)
            has_arm = lane.layout is None or lane.layout.make != "none"
            lane.standing.see(self._clock(), scene, has_arm=has_arm)
            # The same picture again is no sign that its simulator still speaks.
            if not (heard and again):
                lane.seen_ms = now_ms
            self._changed(lane)

    def set_layout(self, sender: Sender, layout: Layout) -> None:
        """What the lane is built like, from now on."""
        with self._lock:
            lane = self._lane(sender)
            lane.layout = layout
            self._changed(lane)

    def set_online(self, sender: Sender, online: Online) -> None:
        """The device has said that it is there."""
        with self._lock:
            lane = self._lane(sender)
            lane.link, lane.boot, lane.firmware = "online", online.boot, online.firmware
            lane.history.heard(self._clock())
            self._changed(lane)

    def set_lost(self, sender: Sender) -> None:
        """Somebody, perhaps the broker, has said that the device is gone."""
        with self._lock:
            lane = self._lane(sender)
            lane.link = "lost"
            lane.history.lost(self._clock())
            self._changed(lane)

    def set_health(self, sender: Sender, health: Health) -> None:
        """The device has told how it is."""
        with self._lock:
            lane = self._lane(sender)
            lane.health = health
            lane.history.health(self._clock(), health)
            self._changed(lane)

    def set_refused(self, sender: Sender, reason: Reason) -> None:
        """A batch with the device's own seal was refused: the device sends it again, and nothing behind it counts."""
        with self._lock:
            lane = self._lane(sender)
            lane.blocked = reason
            lane.refused += 1

    def set_going(self, sender: Sender) -> None:
        """Something new of the device was admitted."""
        with self._lock:
            lane = self._lane(sender)
            lane.blocked = None
            lane.history.heard(self._clock())

    def add_stored(self, rows: Iterable[Admitted], erasures: int | None = None) -> None:
        """Count rows that have just been committed.

        ``erasures`` is what :attr:`erasures` was before the commit. When it is another now, somebody may have erased
        what is among the rows, and their passages are counted (:meth:`take_away` has them) and not shown.
        """
        with self._lock:
            passages = erasures is None or erasures == self.erasures
            for row in rows:
                lane = self._lanes.get(row.device)
                if lane is not None:
                    lane.counts.add(row.record)
                    lane.keep(row, passages=passages)
                    self._changed(lane)

    def take_away(self, passages: Mapping[tuple[str, str], int], kept_ms: tuple[int, int] | None = None) -> None:
        """Passages by (device, way) that are not stored any more: erased, or with ``kept_ms`` expired because they are
        not of the time from its first to its second."""
        with self._lock:
            self.erasures += kept_ms is None
            for (device, way), number in passages.items():
                lane = self._lanes.get(device)
                if lane is None:
                    continue
                lane.forget_passages(kept_ms)
                counts = lane.counts
                # No floor: ingest may count what it has committed a moment after this, and then the sum is right again.
                counts.recorded -= number
                if way == "entry":
                    counts.entries -= number
                else:
                    counts.exits -= number
                self._changed(lane)

    def silent_since_ms(self, device: str, now_ms: int) -> int | None:
        """When the device was heard last, if it is silent now."""
        with self._lock:
            lane = self._lanes.get(device)
            return None if lane is None else lane.history.silent_since_ms(now_ms)

    def blocked(self, device: str, now_ms: int) -> tuple[Blocked, ...]:
        """What of an emulated gate has stood still for too long."""
        with self._lock:
            lane = self._lanes.get(device)
            return () if lane is None else lane.standing.blocked(now_ms)

    def silences(self, device: str, now_ms: int) -> tuple[tuple[int, int | None], ...]:
        """(from, to) of the device's silences, oldest first; `to` None for one that lasts."""
        with self._lock:
            lane = self._lanes.get(device)
            return () if lane is None else lane.history.silences(now_ms)

    def health_history(self, device: str) -> tuple[Point, ...]:
        """What the device told of its health in the last hours, oldest first."""
        with self._lock:
            lane = self._lanes.get(device)
            return () if lane is None else lane.history.points()

    def version_of(self, device: str) -> int:
        """Changes whenever anything that :meth:`members` gives of this device has changed."""
        lane = self._lanes.get(device)
        return -1 if lane is None else lane.version

    def shown(self, device: str) -> bool:
        """Whether a simulator shows this lane now."""
        lane = self._lanes.get(device)
        return lane is not None and lane.shown(self.now_ms())

    def lane(self, device: str) -> Lane | None:
        """What is known of one device."""
        return self._lanes.get(device)

    def members(self, device: str) -> dict[str, Any] | None:
        """All of one lane, as its own page reads it; None when there is no such device."""
        with self._lock:
            lane = self._lanes.get(device)
            return None if lane is None else lane.members()

    def gates(self) -> list[Lane]:
        """All gates in order of site and name."""
        with self._lock:
            gates = (lane for lane in self._lanes.values() if lane.kind == "gate")
            return sorted(gates, key=lambda lane: (lane.site, _natural(lane.device)))

    def snapshot(self) -> dict[str, Any]:
        """All lanes in order of site and name, and the totals, as the plan reads them."""
        with self._lock:
            lanes = sorted(self._lanes.values(), key=lambda lane: (lane.site, _natural(lane.device)))
            return {
                "lanes": [lane.as_json() for lane in lanes],
                "totals": {
                    "recorded": sum(lane.counts.recorded for lane in lanes),
                    "tallied": sum(lane.counts.tallied for lane in lanes),
                },
                "verdict": self._verdict(),
            }

    def verdict(self) -> dict[str, int] | None:
        """How often the gates of all emulated lanes were right and wrong; None where nobody can tell."""
        with self._lock:
            return self._verdict()

    def _verdict(self) -> dict[str, int] | None:
        lanes = self._lanes.values()
        judged = [lane.verdict.counts(lane.scene.at) for lane in lanes if lane.verdict and lane.scene]
        return {name: sum(counts[name] for counts in judged) for name in judged[0]} if judged else None


def _natural(name: str) -> tuple[str, int, str]:
    """gate-2 before gate-10."""
    head = name.rstrip("0123456789")
    digits = name[len(head) :]
    return (head, int(digits) if digits else -1, name)
