"""What the device's tests stand on: storage that can lose its power, a board whose time is a number, small randomness.

Runs under CPython and MicroPython, so plain language only. No assertions here, and nothing of the world or the wire.
"""

from chumicro_timing import ticks_add

from firmware.boards import board as b
from firmware.config import Settings

TYPE_CHECKING = False  # MicroPython has no `typing`; a checker takes this name for true
if TYPE_CHECKING:
    from typing import Any, Iterator

KEY_HEX = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
DAY_MS = 86400000
QUARTER_MS = 900000
MORNING_MS = 20000 * DAY_MS + 28800000  # 08:00 on a day without meaning


class Lcg:
    """A linear congruential generator: the same numbers on both runtimes."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        self._state = (self._state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._state >> 8) % limit

    def random_bytes(self, n: int) -> bytes:
        return bytes(self.below(256) for _ in range(n))


class MemoryStorage:
    """Durable storage in a dictionary. With ``noted``, ``changes`` has every one, for the tests that cut the power."""

    def __init__(self, files: "dict[str, bytes] | None" = None, noted: bool = False) -> None:
        self.files = dict(files or {})
        self.changes: "list[tuple[str, str, bytes]]" = []
        self._noted = noted

    def names(self, prefix: str = "") -> "list[str]":
        return sorted(name for name in self.files if name.startswith(prefix))

    def read(self, name: str) -> "bytes | None":
        return self.files.get(name)

    def lines(self, name: str) -> "Iterator[bytes]":
        for line in self.files[name].split(b"\n")[:-1]:
            yield line

    def write(self, name: str, data: bytes) -> None:
        self._change("write", name, data)

    def append(self, name: str, data: bytes) -> None:
        self._change("append", name, data)

    def overwrite(self, name: str) -> None:
        self._change("overwrite", name, bytes(len(self.files[name])))

    def remove(self, name: str) -> None:
        self._change("remove", name, b"")

    def _change(self, what: str, name: str, data: bytes) -> None:
        if self._noted:
            self.changes.append((what, name, data))
        apply_change(self.files, what, name, data)


def apply_change(files: "dict[str, bytes]", what: str, name: str, data: bytes) -> None:
    if what == "write":
        files[name] = data
    elif what == "append":
        files[name] = files.get(name, b"") + data
    elif what == "overwrite":
        files[name] = data + files[name][len(data) :]
    else:
        del files[name]


def power_cuts(
    before: "dict[str, bytes]", changes: "list[tuple[str, str, bytes]]"
) -> "Iterator[tuple[int, MemoryStorage]]":
    """Every state that a power cut can leave: ``(changes that were complete, what is in storage)``.

    An append and an overwriting may be torn at any byte; a write or a removal happened or did not.
    """
    files = dict(before)
    for done, (what, name, data) in enumerate(changes):
        yield done, MemoryStorage(files)
        if what in ("append", "overwrite"):
            for torn in range(1, len(data)):
                state = MemoryStorage(files)
                apply_change(state.files, what, name, data[:torn])
                yield done, state
        apply_change(files, what, name, data)
    yield len(changes), MemoryStorage(files)


def settings(
    physical: bool = False,
    lane: "dict[str, Any] | None" = None,
    passes: "dict[str, Any] | None" = None,
    **report: "Any",
) -> Settings:
    return Settings(
        {
            "site": "north",
            "device": "gate-1",
            "class": "physical" if physical else "emulated",
            "key": KEY_HEX,
            "broker": None,
            "lane": lane or {},
            "passes": passes or {},
            "report": report,
        },
        emulated_bundle=not physical,
    )


def token(nonce: bytes, product: bytes = b"s", consent: bytes = b"y") -> bytes:
    """A test medium; see firmware/fare/test_token.py."""
    return b"GLT1" + product + consent + (nonce + bytes(16))[:16]


class FakeBoard:
    """A board whose clock is moved by the test. ``shown`` has every output as (ticks, arm, lamp, sound, state)."""

    emulated = True

    def __init__(self, storage: "MemoryStorage | None" = None, epoch_ms: int = MORNING_MS, seed: int = 1) -> None:
        self.storage = storage or MemoryStorage()
        self.now = 0
        self.clock_valid = True
        self.shown: "list[tuple[int, int, int, int, str]]" = []
        self._epoch_ms = epoch_ms
        self._random = Lcg(seed)

    def ticks_ms(self) -> int:
        return self.now

    def advance(self, ms: int) -> None:
        self.now = ticks_add(self.now, ms)
        self._epoch_ms += ms

    def epoch_ms(self) -> "tuple[int, bool]":
        return self._epoch_ms, self.clock_valid

    def random_bytes(self, n: int) -> bytes:
        return self._random.random_bytes(n)

    def heap_free(self) -> int:
        return -1

    def apply(self, arm: int, lamp: int, sound: int, state: str) -> None:
        self.shown.append((self.now, arm, lamp, sound, state))


def beam(ticks: int, index: int, broken: int) -> "tuple[int, int, Any, int]":
    return (ticks, b.BEAM, index, broken)


def medium(ticks: int, presented: bytes) -> "tuple[int, int, Any, int]":
    return (ticks, b.MEDIUM, presented, 0)


def fire(ticks: int, on: int) -> "tuple[int, int, Any, int]":
    return (ticks, b.FIRE, on, 0)
