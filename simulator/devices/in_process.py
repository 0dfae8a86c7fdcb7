"""A gate in this process: the real firmware engines on a virtual clock. Fast, deterministic, and the reference for the
process that runs under MicroPython.

Rules: the firmware's code is used, never copied; time is the scheduler's; randomness is the identity's own generator.
Does not belong here: riders, hardware (simulator/plant), sockets (the link has them).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from chumicro_timing.ticks import TICKS_MAX, ticks_diff

from firmware import config
from firmware.app import Gate
from firmware.boards import board as b
from firmware.boards.storage import FileStorage
from simulator.clock import Alarm, Scheduler, rng

_TICKS_MAX = int(TICKS_MAX)

Outputs = Callable[[int, int, int, int, str], None]
"""(t_ms, arm, lamp, sound, name of the turnstile's state)"""


class Storage(Protocol):
    """What the firmware asks of durable storage; see firmware/boards/storage.py."""

    def names(self, prefix: str = "") -> list[str]: ...
    def read(self, name: str) -> bytes | None: ...
    def lines(self, name: str) -> Iterator[bytes]: ...
    def write(self, name: str, data: bytes) -> None: ...
    def append(self, name: str, data: bytes) -> None: ...
    def overwrite(self, name: str) -> None: ...
    def remove(self, name: str) -> None: ...


class MemoryStorage:
    """Durable storage that lives as long as this object: a gate may be rebuilt over it, as after a power cut."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self.files if name.startswith(prefix))

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def lines(self, name: str) -> Iterator[bytes]:
        yield from self.files[name].split(b"\n")[:-1]

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def append(self, name: str, data: bytes) -> None:
        self.files[name] = self.files.get(name, b"") + data

    def overwrite(self, name: str) -> None:
        self.files[name] = bytes(len(self.files[name]))

    def remove(self, name: str) -> None:
        del self.files[name]


class InProcessBoard:
    """The Board seam on the scheduler's clock. Its randomness is seeded, as only an emulated board's may be."""

    emulated = True

    def __init__(
        self,
        scheduler: Scheduler,
        storage: Storage,
        epoch_of: Callable[[int], int],
        outputs: Outputs,
        *,
        seed: int,
        name: str,
    ) -> None:
        self.storage = storage
        self._scheduler = scheduler
        self._epoch_of = epoch_of
        self._outputs = outputs
        self._random = rng(seed, "board", name)

    def ticks_ms(self) -> int:
        return self._scheduler.now_ms & _TICKS_MAX

    def epoch_ms(self) -> tuple[int, bool]:
        return self._epoch_of(self._scheduler.now_ms), True

    def random_bytes(self, n: int) -> bytes:
        return self._random.randbytes(n)

    def heap_free(self) -> int:
        """CPython's heap is not the device's."""
        return -1

    def apply(self, arm: int, lamp: int, sound: int, state: str) -> None:
        self._outputs(self._scheduler.now_ms, arm, lamp, sound, state)


LinkFactory = Callable[..., Any]


def _nobody() -> None:
    """Nobody wants to know."""


class InProcessDevice:
    """One gate: `post` hands it an input at the scheduler's present time; it wakes itself by the scheduler.

    `settings` as provisioning wrote them. With a `link_factory` the owner of the loop also watches `poll()` and calls
    `wake()` when the socket is ready; `handled` is called after everything that may have changed what to watch.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        settings: dict[str, Any],
        outputs: Outputs,
        epoch_of: Callable[[int], int],
        *,
        seed: int = 0,
        storage: Storage | None = None,
        folder: Path | None = None,
        link_factory: LinkFactory | None = None,
        make_gate: Callable[..., Gate] = Gate,
    ) -> None:
        self.name: str = settings["device"]
        self.settings = settings
        self._scheduler = scheduler
        self._outputs = outputs
        self._epoch_of = epoch_of
        self._seed = seed
        self._link_factory = link_factory
        self._make_gate = make_gate
        self.storage: Storage = storage or (FileStorage(str(folder)) if folder is not None else MemoryStorage())
        self._alarm = Alarm(scheduler, self.wake)
        self._boots = 0
        self.gate: Gate | None = None
        self.handled: Callable[[], None] = _nobody

    def start(self) -> None:
        """Power on: boot the firmware over what the storage holds."""
        board = InProcessBoard(
            self._scheduler, self.storage, self._epoch_of, self._outputs, seed=self._seed + self._boots, name=self.name
        )
        self._boots += 1
        settings = config.Settings(self.settings)
        self.gate = self._make_gate(board, settings, self._link_factory if settings.networked else None)
        self.wake()

    def kill(self) -> None:
        """Power off: what is not in storage is gone. (The broker is told, unlike by a process that is killed.)"""
        self._alarm.cancel()
        if self.gate is not None and self.gate.link is not None:
            self.gate.close()
        self.gate = None
        self.handled()

    def post(self, t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        """One input event, now. A gate without power takes nothing."""
        if self.gate is not None:
            self._handle(((t_ms & _TICKS_MAX, kind, a, value),))

    def wake(self) -> None:
        """Let the gate do what is due."""
        if self.gate is not None:
            self._handle(())

    def poll(self) -> tuple[Any, int] | None:
        """(socket, 1 read | 2 write) that the link waits for."""
        return None if self.gate is None else self.gate.poll(self._ticks())

    def _ticks(self) -> int:
        return self._scheduler.now_ms & _TICKS_MAX

    def _handle(self, events: Sequence[tuple[int, int, int | bytes, int]]) -> None:
        gate = self.gate
        assert gate is not None
        now_ms = self._scheduler.now_ms
        now = now_ms & _TICKS_MAX
        gate.handle(now, events)
        if gate.stopping:
            self.kill()
            return
        # Never at this very millisecond again: a socket that wants attention is the loop's business, not the alarm's.
        self._alarm.set(now_ms + max(1, ticks_diff(gate.next_deadline(now), now)))
        self.handled()

    def stop(self) -> None:
        """A clean end: the firmware says goodbye to the broker."""
        self.post(self._scheduler.now_ms, b.STOP, 0, 0)
