"""One refresh for all open pages: what several pages show is gathered once, and handed to each.

Rules: gathering runs in a thread and never twice at once; while nobody looks, nothing is gathered. A page that has
gone is forgotten with its client. A gathering that fails (a locked database) leaves the last value standing, and the
next turn tries again. What is gathered doesn't belong here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger("gateline.pages")

T = TypeVar("T")


class Ticker(Generic[T]):
    """Gathers every ``every_s`` seconds while somebody listens. Belongs to one event loop."""

    def __init__(self, gather: Callable[[], T], every_s: float, name: str) -> None:
        """``gather`` is called in a thread; what it raises is told once, until it succeeds again."""
        self._gather = gather
        self._every_s = every_s
        self._name = name
        self._listeners: dict[int, Callable[[T], None]] = {}
        self._next = 0
        self._task: asyncio.Task[None] | None = None
        self._gathering: asyncio.Task[T] | None = None
        self._failed = False
        self._at_s = 0.0
        self._latest: T | None = None

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def latest(self) -> T:
        """A value at most one period old; what gathering raises, when there is none to be had."""
        if self._latest is None or time.monotonic() - self._at_s > self._every_s:
            return await self._fresh()
        return self._latest

    def listen(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Call ``listener`` with each new value, from the event loop; calling the result ends that."""
        self._next += 1
        number = self._next
        self._listeners[number] = listener
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"ticker {self._name}")
        return lambda: void(self._listeners.pop(number, None))

    async def _fresh(self) -> T:
        # Whoever asks meanwhile gets the same: a thousand pages that come at once gather once.
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.get_running_loop().create_task(self._gather_once())
        return await asyncio.shield(self._gathering)

    async def _gather_once(self) -> T:
        value = await asyncio.to_thread(self._gather)
        self._latest, self._at_s = value, time.monotonic()
        return value

    async def _run(self) -> None:
        while self._listeners:
            await asyncio.sleep(self._every_s)
            if not self._listeners:
                return
            try:
                value = await self._fresh()
            except Exception as error:
                # The page shows its last value; whoever watches the gateway sees the cause in its log.
                if not self._failed:
                    log.warning("What %s show can't be read now (%s); it is tried again.", self._name, error)
                self._failed = True
                continue
            self._failed = False
            for number, listener in list(self._listeners.items()):
                try:
                    listener(value)
                except Exception:
                    log.exception("A page of %s failed to show something; it is left alone.", self._name)
                    self._listeners.pop(number, None)


def void(_: object) -> None:
    """Nothing."""
