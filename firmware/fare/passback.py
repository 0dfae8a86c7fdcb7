"""Day passes at the same gate twice: held by ticks for a while, told to nobody (docs/passes.md, "At the gate").

Bounded: the last CAPACITY passes. Ticks wrap, so what is older than can be told apart goes with its service day.
"""

from array import array

from chumicro_timing import ticks_diff

from firmware.boards.board import const

CAPACITY = const(128)
_ENTRY_BYTES = const(8)


class Passback:
    """``limit_ms``: how long a day pass that was used does not open this gate again; 0: not at all."""

    def __init__(self, limit_ms):
        self._limit_ms = limit_ms
        self._entries = bytearray(CAPACITY * _ENTRY_BYTES)
        self._ticks = array("I", [0] * CAPACITY)
        self._count = 0
        self._next = 0
        self._day = None

    def add(self, nullifier, now, day):
        """It was used at ``now`` (ticks) on service day ``day``."""
        self._keep_to(day)
        at = self._next * _ENTRY_BYTES
        self._entries[at : at + _ENTRY_BYTES] = nullifier[:_ENTRY_BYTES]
        self._ticks[self._next] = now
        self._next = (self._next + 1) % CAPACITY
        if self._count < CAPACITY:
            self._count += 1

    def has(self, nullifier, now, day):
        """Whether it was used within ``limit_ms`` before ``now``."""
        self._keep_to(day)
        entry = nullifier[:_ENTRY_BYTES]
        end = self._count * _ENTRY_BYTES
        at = self._entries.find(entry, 0, end)
        while at >= 0:
            if at % _ENTRY_BYTES == 0 and ticks_diff(now, self._ticks[at // _ENTRY_BYTES]) < self._limit_ms:
                return True
            at = self._entries.find(entry, at + 1, end)
        return False

    def _keep_to(self, day):
        if day != self._day:
            self._day = day
            self._count = self._next = 0
