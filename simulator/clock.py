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


class Alarm:
    """One callback whose time is moved often, and mostly later: a gate's next deadline, after each edge of a beam.

    It runs just when, and in that place among what is due at the same millisecond, as if it had been cancelled and
    asked for anew at each move. But a move to a later time costs nothing until the earlier one has come.
    """

    __slots__ = ("_due", "_fn", "_ring", "_scheduler", "_timer")

    def __init__(self, scheduler: "Scheduler", fn: Callback) -> None:
        self._scheduler = scheduler
        self._fn = fn
        self._due: tuple[int, int] | None = None  # when, and the place among equals
        self._timer: Timer | None = None
        self._ring: Callback = self._wake  # bound once

    def set(self, at_ms: int) -> None:
        """Run the callback at `at_ms`, and at no other time."""
        scheduler = self._scheduler
        if at_ms < scheduler.now_ms:
            raise ValueError(f"cannot set an alarm for {at_ms} ms: it is {scheduler.now_ms} ms already")
        self._due = (at_ms, scheduler.place())
        timer = self._timer
        if timer is not None:
            if timer.at_ms <= at_ms:
                return
            timer.cancel()
        self._timer = scheduler.at(at_ms, self._ring, self._due[1])

    def cancel(self) -> None:
        """The callback does not run until the alarm is set anew."""
        self._due = None

    def _wake(self) -> None:
        due = self._due
        self._timer = None
        if due is None:
            return
        if due[0] > self._scheduler.now_ms:
            self._timer = self._scheduler.at(due[0], self._ring, due[1])
            return
        self._due = None
        self._fn()


class Scheduler:
    """A heap of (at_ms, n, timer): the one source of order in a simulated world."""

    def __init__(self, start_ms: int = 0) -> None:
        self.now_ms = start_ms
        self.callbacks_run = 0
        self._heap: list[tuple[int, int, Timer]] = []
        self._n = 0
        self._cancelled = 0
        self._until_ms = start_ms  # how far the present run goes

    def at(self, at_ms: int, fn: Callback, place: int | None = None) -> Timer:
        """Run `fn` at virtual time `at_ms`; raises ValueError when that has passed already.

        `place` (see there) puts it among what is due at the same millisecond; the last comes last unless given.
        """
        if at_ms < self.now_ms:
            raise ValueError(f"cannot schedule for {at_ms} ms: it is {self.now_ms} ms already")
        timer = Timer(self, at_ms, fn)
        if place is None:
            place = self._n
            self._n = place + 1
        heappush(self._heap, (at_ms, place, timer))
        return timer

    def place(self) -> int:
        """The next place among what is due at one millisecond, for an `at` that comes later. Each is given once."""
        self._n += 1
        return self._n - 1

    def after(self, delay_ms: int, fn: Callback) -> Timer:
        """Run `fn` `delay_ms` from now (0 means: after what is already due at this millisecond)."""
        return self.at(self.now_ms + delay_ms, fn)

    def advance(self, at_ms: int) -> bool:
        """Let time be `at_ms` already, for a callback whose next business is then: instead of asking for another one.

        False, and nothing has changed, when anything else comes first or at that time, or the run ends before.
        """
        if at_ms > self._until_ms:
            return False
        next_ms = self.next_at()
        if next_ms is not None and next_ms <= at_ms:
            return False
        self.now_ms = at_ms
        self.callbacks_run += 1
        return True

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
        before = self.callbacks_run
        heap = self._heap
        self._until_ms = until_ms
        while heap and heap[0][0] <= until_ms:
            at_ms, _, timer = heappop(heap)
            fn = timer.fn
            if fn is None:
                self._cancelled -= 1
                continue
            timer.fn = None
            self.now_ms = at_ms
            self.callbacks_run += 1
            fn()
        self.now_ms = until_ms
        return self.callbacks_run - before

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
