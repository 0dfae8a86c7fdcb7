"""Virtual time and private randomness.

Rules: time is integer milliseconds and only ever grows; callbacks due at the same millisecond run in the order in which
they were asked for; `run_until(t)` INCLUDES what is due at t. Randomness comes from generators that belong to one
identity (a rider, an arrival stream), so that adding one disturbs no other.

Does not belong here: wall-clock time, pacing, threads. Whoever paces virtual time against real time does it outside.
"""

import hashlib
import random
from collections.abc import Callable
from heapq import heapify, heappop, heappush

Callback = Callable[[], None]

# Cancelled entries stay in the heap until they come up; past this many the heap is rebuilt without them.
_CANCELLED_MAX = 1024


class Timer:
    """Handle of one scheduled callback."""

    __slots__ = ("_scheduler", "at_ms", "fn")

    def __init__(self, scheduler: "Scheduler", at_ms: int, fn: Callback) -> None:
        self._scheduler = scheduler
        self.at_ms = at_ms
        self.fn: Callback | None = fn

    @property
    def pending(self) -> bool:
        """True until the callback has run or was cancelled."""
        return self.fn is not None

    def cancel(self) -> None:
        """Make sure the callback never runs (again harmless when it already ran)."""
        if self.fn is not None:
            self.fn = None
            self._scheduler._note_cancelled()


class Scheduler:
    """A heap of (at_ms, n, timer): the one source of order in a simulated world."""

    def __init__(self, start_ms: int = 0) -> None:
        self.now_ms = start_ms
        self.callbacks_run = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._n = 0
        self._cancelled = 0

    def at(self, at_ms: int, fn: Callback) -> Timer:
        """Run `fn` at virtual time `at_ms`; raises ValueError when that has passed already."""
        if at_ms < self.now_ms:
            raise ValueError(f"cannot schedule for {at_ms} ms: it is {self.now_ms} ms already")
        timer = Timer(self, at_ms, fn)
        heappush(self._heap, (at_ms, self._n, timer))
        self._n += 1
        return timer

    def after(self, delay_ms: int, fn: Callback) -> Timer:
        """Run `fn` `delay_ms` from now (0 means: after what is already due at this millisecond)."""
        return self.at(self.now_ms + delay_ms, fn)

    def next_at(self) -> int | None:
        """When the next callback is due in ms, or None when nothing is scheduled."""
        while self._heap and self._heap[0][2].fn is None:
            heappop(self._heap)
            self._cancelled -= 1
        return self._heap[0][0] if self._heap else None

    def run_until(self, until_ms: int) -> int:
        """Run all that is due up to and including `until_ms`, also what that adds; returns how many callbacks ran.

        Afterwards `now_ms` is `until_ms`. Should a callback raise, the error passes through, and time stands at it.
        """
        if until_ms < self.now_ms:
            raise ValueError(f"cannot run until {until_ms} ms: it is {self.now_ms} ms already")
        ran = 0
        heap = self._heap
        while heap and heap[0][0] <= until_ms:
            at_ms, _, timer = heappop(heap)
            fn = timer.fn
            if fn is None:
                self._cancelled -= 1
                continue
            timer.fn = None
            self.now_ms = at_ms
            ran += 1
            self.callbacks_run += 1
            fn()
        self.now_ms = until_ms
        return ran

    def __len__(self) -> int:
        """How many callbacks are still to run."""
        return len(self._heap) - self._cancelled

    def _note_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _CANCELLED_MAX and self._cancelled * 2 > len(self._heap):
            # In place: run_until holds this very list while callbacks cancel timers.
            self._heap[:] = [entry for entry in self._heap if entry[2].fn is not None]
            heapify(self._heap)
            self._cancelled = 0


def rng(seed: int, *names: str | int) -> random.Random:
    """A private generator for one identity: the same seed and names give the same numbers everywhere, always."""
    # The length before each name keeps ("ab", "c") and ("a", "bc") apart.
    text = "".join(f"{len(name)}:{name}" for name in (str(seed), *map(str, names)))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
