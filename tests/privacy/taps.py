"""Times a gate's decisions: from the medium at the reader to the lamp. Runs under CPython and MicroPython alike.

As a program (`micropython taps.py MEDIA COUNT SEED PLANT_US`): MEDIA is a file with the lines `list_key <base64>` and
`keys <hex>`, then one `<group> <hex>` for each pass; prints a line `<group> <microseconds>` for each of COUNT taps, in
an order drawn anew for each tap. PLANT_US delays the decision on passes of group `yes`: the fault that must be found.

Under CPython it is the thread's own time, which other programs on a busy machine don't lengthen: the engine never waits
for anything, so all that the decision costs is in it. MicroPython has the wall's clock alone; there a tap during which
the system took the processor away (it counts that) is made again, whoever's it was.
"""

import sys
import time
from binascii import unhexlify

from firmware.app import Gate
from firmware.boards import board as b
from tests.firmware.fakes import FakeBoard, Lcg, MemoryStorage, medium, settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

TRIES = 4  # so many taps are made again at most, for each that is asked for
RELEASE_MS = 100  # short, so that all taps fall on one service day: a day pass lasts no longer
_PORT: "Any" = time if hasattr(time, "ticks_us") else None  # MicroPython's clock, which wraps


def ticks_us() -> int:
    """Microseconds of a clock without an origin."""
    now: int = time.thread_time_ns() // 1000 if _PORT is None else _PORT.ticks_us()
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


def taken_away() -> int:
    """How often this process has lost the processor against its will; 0 where the system does not tell, or need not."""
    if _PORT is None:
        return 0
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("nonvoluntary"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def delay_us(us: int) -> None:
    """Busy, as a longer computation is."""
    start = ticks_us()
    while elapsed_us(ticks_us(), start) < us:
        pass


def plant(fare: "Any", us: int) -> None:
    """From now on this gate takes so much longer to judge who has agreed."""
    honest = fare.decide

    def slow(*arguments: "Any") -> "Any":
        decision = honest(*arguments)
        if decision.consent:
            delay_us(us)
        return decision

    fare.decide = slow


def timed(gate: Gate, board: WatchedBoard, presented: bytes) -> int:
    """Microseconds from the medium to the lamp. The gate is locked again afterwards; AssertionError when
    it refused."""
    board.released_us = None
    event = (medium(board.now, presented),)
    start = ticks_us()
    gate.handle(board.now, event)
    released = board.released()
    board.advance(2 * RELEASE_MS)  # nobody enters: the release times out
    gate.handle(board.now, ())
    return elapsed_us(released, start)


def run(
    list_key: str, keys: bytes, media: "list[tuple[str, bytes]]", count: int, seed: int, plant_us: int = 0
) -> "Iterator[tuple[str, int]]":
    """So many taps, each of a pass drawn from all: the groups interleave by chance. `keys`: the signed list."""
    board = WatchedBoard(MemoryStorage())
    gate = Gate(board, settings(lane={"release_ms": RELEASE_MS}, passes={"list_key": list_key}))
    gate.fare.keys.accept(keys)
    draw = Lcg(seed)
    tries = TRIES * count
    if plant_us:
        plant(gate.fare, plant_us)
    for _ in range(count):
        group, presented = media[draw.below(len(media))]
        before = taken_away()
        us = timed(gate, board, presented)
        while taken_away() != before and tries > 0:
            tries -= 1
            before = taken_away()
            us = timed(gate, board, presented)
        yield group, us


def main(path: str, count: str, seed: str, plant_us: str) -> None:
    with open(path) as file:
        lines = [line.split() for line in file]
    keys = unhexlify(lines[1][1])
    media = [(group, unhexlify(text)) for group, text in lines[2:]]
    for group, us in run(lines[0][1], keys, media, int(count), int(seed), int(plant_us)):
        print(group, us)


if __name__ == "__main__":
    main(*sys.argv[1:])
