"""The paced loop: what it watches from turn to turn, calls from other threads, and that it fails loudly when late."""

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from simulator.clock import Scheduler
from simulator.errors import TooLate
from simulator.pacing import PacedLoop
from tests.support import wait_until

# What is late on a busy machine is what these tests look for.
pytestmark = pytest.mark.alone


class Echo:
    """A source over a pair of sockets; `watch` may be turned, and its socket changed for another."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self.interest = 1
        self.heard: list[bytes] = []
        self.readies = 0

    def watched(self) -> tuple[Any, int] | None:
        return (self.near, self.interest) if self.interest else None

    def ready(self) -> None:
        self.readies += 1
        if self.interest == 1:
            self.heard.append(self.near.recv(100))

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture
def echoes() -> Iterator[Callable[[], Echo]]:
    made: list[Echo] = []

    def make() -> Echo:
        made.append(Echo())
        return made[-1]

    yield make
    for echo in made:
        echo.close()


@pytest.fixture
def loop() -> Iterator[PacedLoop]:
    loop = PacedLoop(Scheduler())
    yield loop
    loop.stop()


def test_a_touched_source_is_watched_until_it_says_otherwise(loop: PacedLoop, echoes: Callable[[], Echo]) -> None:
    one, other = echoes(), echoes()
    for echo in (one, other):
        loop.touch(echo)
    loop.start()
    one.far.send(b"a")
    wait_until(lambda: one.heard == [b"a"], "the first is heard")
    one.far.send(b"b")  # nobody touched it meanwhile
    wait_until(lambda: one.heard == [b"a", b"b"], "and heard again")
    assert other.readies == 0

    def mute() -> None:
        one.interest = 0
        loop.touch(one)

    loop.call(mute)
    one.far.send(b"c")
    other.far.send(b"d")
    wait_until(lambda: other.heard == [b"d"], "the other is heard")
    assert one.heard == [b"a", b"b"]

    def turn() -> None:
        one.interest = 2
        loop.touch(one)

    loop.call(turn)
    wait_until(lambda: one.readies > 2, "writable")


def test_a_descriptor_may_change_hands_within_one_turn(loop: PacedLoop, echoes: Callable[[], Echo]) -> None:
    """What closes its socket and what gets that number for a new one are both touched, in either order."""
    first, second = echoes(), echoes()
    for echo in (first, second):
        loop.touch(echo)
    loop.start()
    loop.call(lambda: None)

    def change(new: Echo, old: Echo) -> None:
        number = old.near.fileno()
        for sock in (new.near, new.far, old.near):
            sock.close()
        new.near, new.far = socket.socketpair()
        if new.near.fileno() != number:
            new.near, new.far = new.far, new.near
        new.near.setblocking(False)
        old.interest = 0
        loop.touch(new)  # the new one first
        loop.touch(old)

    loop.call(partial(change, second, first))
    second.far.send(b"x")
    wait_until(lambda: second.heard == [b"x"], "the new socket is watched")


def test_a_closed_socket_is_not_watched(loop: PacedLoop, echoes: Callable[[], Echo]) -> None:
    gone, there = echoes(), echoes()
    gone.close()
    loop.touch(gone)
    loop.touch(there)
    loop.start()
    there.far.send(b"x")
    wait_until(lambda: there.heard == [b"x"], "the loop goes on")


def stall(scheduler: Scheduler, for_s: float) -> None:
    """Something holds the loop up, while something else is due."""

    def hold() -> None:
        threading.Event().wait(for_s)

    scheduler.after(10, hold)
    scheduler.after(20, lambda: None)


def _checked(loop: PacedLoop) -> bool:
    loop.check()
    return False


def test_a_loop_that_is_late_fails_loudly() -> None:
    loop = PacedLoop(Scheduler(), late_max_ms=50)
    stall(loop.scheduler, 0.3)
    loop.start()
    with pytest.raises(TooLate, match=r"was \d+ ms late \(50 ms are allowed\)"):
        wait_until(partial(_checked, loop), "it says that it is late")
    assert loop.late_ms > 50
    loop.stop()


def test_whoever_asks_a_late_loop_hears_it() -> None:
    loop = PacedLoop(Scheduler(), late_max_ms=50)
    stall(loop.scheduler, 0.3)
    loop.start()
    with pytest.raises(TooLate):
        wait_until(lambda: loop.call(lambda: False), "it says that it is late")
    loop.stop()


def test_without_a_bound_lateness_is_only_noted() -> None:
    loop = PacedLoop(Scheduler())
    stall(loop.scheduler, 0.2)
    loop.start()
    wait_until(lambda: loop.late_ms >= 100, "it is late")
    loop.check()
    loop.stop()


def test_lateness_is_real_time_at_any_speed() -> None:
    loop = PacedLoop(Scheduler(), speed=10)
    stall(loop.scheduler, 0.2)
    loop.start()
    wait_until(lambda: loop.late_ms >= 100, "it is late")
    loop.stop()
    assert loop.late_ms < 2000


def test_what_is_posted_runs_in_the_loops_thread_and_its_error_ends_the_loop() -> None:
    loop = PacedLoop(Scheduler())
    loop.start()
    ran: list[str] = []
    done = threading.Event()
    loop.post(lambda: ran.append(threading.current_thread().name))
    loop.post(done.set)
    assert done.wait(10) and ran == ["paced loop"]

    def fail() -> None:
        raise RuntimeError("a fault of ours")

    loop.post(fail)
    wait_until(lambda: not loop._thread.is_alive(), "the loop has ended")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        loop.stop()
