"""Whether all devices hold the one key list. Pure: ``now_ms`` is an argument (epoch or monotonic milliseconds).

Rules: a key of its own per kiosk could tag riders, so where a device tells another list than the network's, issuing
stops until it tells the right one. The list before is no difference for ``grace_ms`` after a publication; a device that
is not connected is not waited for when what it told last was once the network's list. A list that never was the
network's is forgiven to nobody, also when somebody (anybody: that message is unsealed) says the device is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Final, Literal

GRACE_MS: Final = 300_000
Told = Literal["none", "current", "older", "differs"]


class Agreement:
    """What each device told last. Bounded: one entry per provisioned device. Safe to use from several threads."""

    def __init__(self, grace_ms: int = GRACE_MS) -> None:
        self._grace_ms = grace_ms
        self._lock = threading.Lock()
        self._current = ""
        self._earlier: frozenset[str] = frozenset()
        self._previous = ""
        self._published_ms = 0
        self._told: dict[str, tuple[str, bool]] = {}

    def publish(self, current: str, earlier: Iterable[str], now_ms: int) -> None:
        """``current`` is the hash of the network's list from now on; ``earlier`` were, the latest first."""
        before = list(earlier)
        with self._lock:
            if current != self._current:
                self._published_ms = now_ms
            self._current, self._previous = current, before[0] if before else ""
            self._earlier = frozenset(before)

    def tell(self, device: str, keys: str) -> None:
        """A device has told, sealed, the hash of its list ('' when it has none)."""
        with self._lock:
            self._told[device] = (keys, True)

    def lose(self, device: str) -> None:
        """Somebody says that the device is not connected."""
        with self._lock:
            keys, _ = self._told.get(device, ("", False))
            self._told[device] = (keys, False)

    def of(self, device: str) -> Told:
        """What the device told last, beside the network's list."""
        with self._lock:
            return self._judge(self._told.get(device, ("", False))[0])

    def _judge(self, keys: str) -> Told:
        if not keys:
            return "none"
        if keys == self._current:
            return "current"
        return "older" if keys in self._earlier else "differs"

    def differing(self, now_ms: int) -> list[str]:
        """The devices because of which nothing is issued now, in order of their names."""
        with self._lock:
            in_grace = now_ms - self._published_ms < self._grace_ms
            found = []
            for device, (keys, connected) in self._told.items():
                said = self._judge(keys)
                late = said == "older" and connected and not (in_grace and keys == self._previous)
                if said == "differs" or late:
                    found.append(device)
            return sorted(found)
