"""Whether all devices hold the one key list. Pure: ``now_ms`` is an argument (epoch milliseconds, one clock for all).

Rules: a key of its own per kiosk could tag riders, so where a device tells a list that never was the network's, issuing
stops until it tells the right one. A list that the network had before holds back only a device that is heard: one whose
sealed words still come ``grace_ms`` after the publication, and after its own word about its list. Only sealed words
count, so `lost`, which anybody can send, is none. Nor is a word that was sent before: one of an earlier boot, or of a
list that the device told before another one in this boot, because a device never goes back to a list.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

GRACE_MS: Final = 300_000
SILENT_MS: Final = 1_800_000
"""Not heard for so long, a device with an older list is not waited for: two intervals of `health`."""
TOLD_KEPT: Final = 32
Told = Literal["none", "current", "older", "differs"]


@dataclass(frozen=True, slots=True)
class _Word:
    """What a device told: in which boot, which list (and which before it), when; and when it was heard last."""

    boot: int
    keys: str
    before: tuple[str, ...]
    told_ms: int
    heard_ms: int


class Agreement:
    """What each device told last. Bounded: one entry per provisioned device. Safe to use from several threads."""

    def __init__(self, grace_ms: int = GRACE_MS) -> None:
        self._grace_ms = grace_ms
        self._lock = threading.Lock()
        self._current = ""
        self._earlier: frozenset[str] = frozenset()
        self._published_ms = 0
        self._told: dict[str, _Word] = {}

    def publish(self, current: str, earlier: Iterable[str], now_ms: int) -> None:
        """``current`` is the hash of the network's list from now on; ``earlier`` were, the latest first."""
        with self._lock:
            if current != self._current:
                self._published_ms = now_ms
            self._current, self._earlier = current, frozenset(earlier)

    def tell(self, device: str, boot: int, keys: str, now_ms: int) -> None:
        """A device has told, sealed, the hash of its list ('' when it has none) in its ``boot``."""
        with self._lock:
            known = self._told.get(device)
            if known is None or boot > known.boot:
                self._told[device] = _Word(boot, keys, (), now_ms, now_ms)
            elif boot < known.boot or keys in known.before:
                return
            elif keys == known.keys:
                self._told[device] = replace(known, heard_ms=now_ms)
            else:
                before = (*known.before, known.keys)[-TOLD_KEPT:]
                self._told[device] = _Word(boot, keys, before, now_ms, now_ms)

    def hear(self, device: str, boot: int, now_ms: int) -> None:
        """Another sealed word of the device has come, from its ``boot``."""
        with self._lock:
            known = self._told.get(device)
            if known is not None and boot == known.boot:
                self._told[device] = replace(known, heard_ms=now_ms)

    def of(self, device: str) -> Told:
        """What the device told last, beside the network's list."""
        with self._lock:
            known = self._told.get(device)
            return "none" if known is None else self._judge(known.keys)

    def _judge(self, keys: str) -> Told:
        if not keys:
            return "none"
        if keys == self._current:
            return "current"
        return "older" if keys in self._earlier else "differs"

    def differing(self, now_ms: int) -> list[str]:
        """The devices because of which nothing is issued now, in order of their names."""
        with self._lock:
            return sorted(device for device, word in self._told.items() if self._holds_back(word, now_ms))

    def _holds_back(self, word: _Word, now_ms: int) -> bool:
        said = self._judge(word.keys)
        since_ms = max(self._published_ms, word.told_ms)
        heard = word.heard_ms - since_ms >= self._grace_ms and now_ms - word.heard_ms < SILENT_MS
        return said == "differs" or (said == "older" and heard)
