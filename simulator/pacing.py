"""Real time as a pacing of virtual time: one thread that runs the scheduler and the devices' sockets.

Rules: nothing here decides anything about riders or gates. What other threads want done is a call that runs between two
events (`call`, or `post` for who does not wait). The thread sleeps in select until the next virtual event, a socket or
a call. A socket stays registered from turn to turn, so a turn costs what happens in it, however many sources there are;
whoever owns a source says `touch` when what it watches may have changed.

Does not belong here: what a lane is, MQTT, the terminal.
"""

import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol, TypeVar

from simulator.clock import Scheduler
from simulator.errors import TooLate

T = TypeVar("T")

_IDLE_S = 0.5


class Source(Protocol):
    """Something with a socket that the loop watches."""

    def watched(self) -> tuple[Any, int] | None:
        """(socket, 1 read | 2 write), or None while there is none. The numbers are those of `selectors`."""

    def ready(self) -> None:
        """The socket is ready."""


class PacedLoop:
    """Runs `scheduler` at `speed` virtual milliseconds a real one, from `start()` to `stop()`.

    `late_ms` is the worst real lateness of a virtual event so far; above `late_max_ms` (None: any will do) the loop
    ends with TooLate. An error in a callback ends the thread, too, and is raised by `stop()` and `check()`.
    """

    def __init__(self, scheduler: Scheduler, speed: int = 1, late_max_ms: int | None = None) -> None:
        if speed < 1:
            raise ValueError("a paced run is at least as fast as real time")
        self.scheduler = scheduler
        self.speed = speed
        self.late_ms = 0
        self.late_max_ms = late_max_ms
        self._touched: dict[Source, None] = {}  # in order, so that a run does not depend on where objects lie
        self._watching: dict[Source, tuple[Any, int, int]] = {}  # (socket, its descriptor, interest)
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._running = False
        self._origin: tuple[float, int] | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="paced loop", daemon=True)

    @property
    def running(self) -> bool:
        """Whether time runs."""
        return self._thread.is_alive()

    def begin(self) -> None:
        """Time runs from here: `virtual_ms` moves, although no event happens before `start`."""
        self._origin = (time.monotonic(), self.scheduler.now_ms)

    def virtual_ms(self) -> int:
        """The virtual time that it really is now; the scheduler's `now_ms` is that of the last event, so before it."""
        if self._origin is None:
            return self.scheduler.now_ms
        started_s, started_ms = self._origin
        return max(self.scheduler.now_ms, started_ms + int((time.monotonic() - started_s) * 1000 * self.speed))

    def start(self) -> None:
        if self._origin is None:
            self.begin()
        self._running = True
        self._thread.start()

    def stop(self) -> None:
        """End the thread; raises what ended it earlier, if anything did."""
        self._running = False
        self._wake()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()
        self._wake_out.close()
        self._wake_in.close()
        self.check()

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def call(self, fn: Callable[[], T], timeout_s: float = 30.0) -> T:
        """Run `fn` in the loop's thread between two events and return what it returns."""
        if not self._thread.is_alive():
            self.check()
            return fn()
        future: Future[T] = Future()
        self._calls.append((fn, future))
        self._wake()
        try:
            return future.result(timeout_s)
        except CancelledError:
            self._thread.join()
            self.check()
            raise

    def post(self, fn: Callable[[], None]) -> None:
        """Run `fn` in the loop's thread between two events, some time soon, without waiting for it; not at all once the
        loop has ended. What it raises ends the loop."""

        def run() -> None:
            try:
                fn()
            except BaseException as error:
                self._error = self._error or error
                self._running = False

        self._calls.append((run, Future()))
        self._wake()

    def touch(self, source: Source) -> None:
        """What `source` watches may have changed, or it is new. From the loop's thread, or before it starts."""
        self._touched[source] = None

    def _wake(self) -> None:
        try:
            self._wake_in.send(b"x")
        except (BlockingIOError, OSError):
            return  # it is awake already, or gone

    # -- the thread

    def _serve(self) -> None:
        try:
            self._loop()
        except BaseException as error:
            self._error = error
        finally:
            while self._calls:
                self._calls.popleft()[1].cancel()

    def _loop(self) -> None:
        self.scheduler.run_until(self.virtual_ms())  # what came due while everything was started is not late
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_out, selectors.EVENT_READ)
            while self._running:
                self._run_due(self.virtual_ms())
                while self._calls:
                    fn, future = self._calls.popleft()
                    try:
                        future.set_result(fn())
                    except BaseException as error:
                        future.set_exception(error)
                self._wait(selector)

    def _run_due(self, virtual_ms: int) -> None:
        due_ms = self.scheduler.next_at()
        if due_ms is not None and due_ms < virtual_ms:
            late_ms = (virtual_ms - due_ms) // self.speed
            self.late_ms = max(self.late_ms, late_ms)
            if self.late_max_ms is not None and late_ms > self.late_max_ms:
                raise TooLate(
                    f"This machine can't keep the pace: {due_ms / 1000:.1f} s after the start the loop was "
                    f"{late_ms} ms late ({self.late_max_ms} ms are allowed)."
                )
        self.scheduler.run_until(virtual_ms)

    def _wait(self, selector: selectors.BaseSelector) -> None:
        if self._touched:
            self._watch_touched(selector)
        next_ms = self.scheduler.next_at()
        timeout_s = _IDLE_S
        if next_ms is not None:
            timeout_s = min(timeout_s, max(0, next_ms - self.virtual_ms()) / 1000 / self.speed)
        ready: list[Source] = []
        for key, _ in selector.select(timeout_s):
            if key.data is None:
                self._wake_out.recv(4096)
            else:
                ready.append(key.data)
        if ready:
            self._run_due(self.virtual_ms())
            for source in ready:
                source.ready()

    def _watch_touched(self, selector: selectors.BaseSelector) -> None:
        """Register what is watched anew. All that is no longer watched goes first, for its descriptor may be the number
        of another's new socket."""
        touched, self._touched = self._touched, {}
        fresh: list[tuple[Source, Any, int]] = []
        for source in touched:
            wanted = source.watched()
            known = self._watching.get(source)
            if wanted is not None and known is not None and wanted[0] is known[0] and wanted[0].fileno() == known[1]:
                if wanted[1] != known[2]:
                    selector.modify(known[1], wanted[1], source)
                    self._watching[source] = (known[0], known[1], wanted[1])
                continue
            if known is not None:
                selector.unregister(known[1])
                del self._watching[source]
            if wanted is not None and wanted[0].fileno() >= 0:
                fresh.append((source, *wanted))
        for source, sock, interest in fresh:
            descriptor = sock.fileno()
            selector.register(descriptor, interest, source)
            self._watching[source] = (sock, descriptor, interest)
