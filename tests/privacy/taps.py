"""Times a gate's decisions: from the medium at the reader to the lamp. Runs under CPython and MicroPython alike.

As a program (`micropython taps.py MEDIA COUNT SEED PLANT_US`): MEDIA is a file with a line `<group> <hex>` for each
medium; prints a line `<group> <microseconds>` for each of COUNT taps, in an order drawn anew for each tap. PLANT_US
delays the decision on media of group `yes` by as much: the fault that the test must find.
"""

import sys
import time
from binascii import unhexlify

from firmware.app import Gate
from firmware.boards import board as b
from firmware.fare import passes
from tests.firmware.fakes import FakeBoard, Lcg, MemoryStorage, medium, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_PORT: "Any" = time if hasattr(time, "ticks_us") else None  # MicroPython's clock, which wraps


def ticks_us() -> int:
    """Microseconds of a clock without an origin."""
    now: int = time.perf_counter_ns() // 1000 if _PORT is None else _PORT.ticks_us()
    return now


def elapsed_us(later: int, earlier: int) -> int:
    """From one to the other."""
    between: int = later - earlier if _PORT is None else _PORT.ticks_diff(later, earlier)
    return between


class WatchedBoard(FakeBoard):
    """Notes when the lamp says yes."""

    def __init__(self, storage: MemoryStorage) -> None:
        FakeBoard.__init__(self, storage)
        self.released_us: int | None = None

    def apply(self, arm: int, lamp: int, sound: int, state: str) -> None:
        if lamp == b.LAMP_GO and self.released_us is None:
            self.released_us = ticks_us()

    def released(self) -> int:
        """When it did; AssertionError when it did not."""
        assert self.released_us is not None, "the medium was refused"
        return self.released_us


def delay_us(us: int) -> None:
    """Busy, as a longer computation is."""
    start = ticks_us()
    while elapsed_us(ticks_us(), start) < us:
        pass


def plant(us: int) -> "Any":
    """From now on the firmware takes so much longer to judge who has agreed; returns the function to put back."""
    honest: Any = passes.decide

    def slow(*arguments: "Any") -> "Any":
        decision = honest(*arguments)
        if decision.consent:
            delay_us(us)
        return decision

    passes.decide = slow
    return honest


def timed(gate: Gate, board: WatchedBoard, presented: bytes) -> int:
    """Microseconds from the medium to the lamp. The gate is locked again afterwards; AssertionError when
    it refused."""
    board.released_us = None
    event = (medium(board.now, presented),)
    start = ticks_us()
    gate.handle(board.now, event)
    released = board.released()
    board.advance(10000)  # nobody enters: the release times out
    gate.handle(board.now, ())
    return elapsed_us(released, start)


def run(media: "list[tuple[str, bytes]]", count: int, seed: int, plant_us: int = 0) -> "Iterator[tuple[str, int]]":
    """So many taps, each of a medium drawn from all: the groups interleave by chance."""
    board = WatchedBoard(MemoryStorage())
    gate = Gate(board, settings())
    draw = Lcg(seed)
    honest = plant(plant_us) if plant_us else passes.decide
    try:
        for _ in range(count):
            group, presented = media[draw.below(len(media))]
            yield group, timed(gate, board, presented)
    finally:
        passes.decide = honest


def main(path: str, count: str, seed: str, plant_us: str) -> None:
    with open(path) as file:
        pairs = [line.split() for line in file]
    media = [(group, unhexlify(text)) for group, text in pairs]
    for group, us in run(media, int(count), int(seed), int(plant_us)):
        print(group, us)


if __name__ == "__main__":
    main(*sys.argv[1:])
