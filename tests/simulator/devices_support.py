"""What the tests of emulated devices share: settings, scripts of riders, a device of either kind with its transcript.

No assertions here; nothing of the wire.
"""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from firmware import config
from firmware.boards import board as b
from simulator.clock import Scheduler
from simulator.devices.in_process import InProcessDevice
from simulator.devices.process import PlantServer, ProcessDevice

EPOCH_MS = 1_754_399_700_000  # on a quarter of an hour
Event = tuple[int, int, int | bytes, int]
Output = tuple[int, int, int, int, str]
Device = InProcessDevice | ProcessDevice


def settings(name: str = "gate-1", **report: Any) -> dict[str, Any]:
    return {
        "site": "north",
        "device": name,
        "class": "emulated",
        "key": "11" * 32,
        "broker": None,
        "lane": {"way": "entry", "beams": 4},
        "report": {"interval_ms": 10_000, "tally_min": 1, **report},
    }


def token(n: int, consent: bool = True, product: bytes = b"s") -> bytes:
    return b"GLT1" + product + (b"y" if consent else b"n") + n.to_bytes(16, "big")


def walk(start_ms: int, step_ms: int, path: tuple[int, ...] = (0, 1, 2, 3)) -> list[Event]:
    """A body over the beams, two at a time."""
    events: list[Event] = [(start_ms, b.BEAM, path[0], 1)]
    for n in range(1, len(path)):
        at_ms = start_ms + n * step_ms
        events += [(at_ms, b.BEAM, path[n], 1), (at_ms + step_ms // 2, b.BEAM, path[n - 1], 0)]
    return [*events, (start_ms + len(path) * step_ms, b.BEAM, path[-1], 0)]


def riders(count: int, seed: int, start_ms: int = 1000) -> list[Event]:
    """A script of riders of every kind, one behind the other, in order of time."""
    draw = random.Random(seed)
    events: list[Event] = []
    now_ms = start_ms
    for n in range(count):
        step_ms = draw.randrange(80, 300)
        kind = draw.random()
        if kind < 0.75:
            events.append((now_ms, b.MEDIUM, token(n, draw.random() < 0.6, draw.choice((b"s", b"d"))), 0))
            now_ms += draw.randrange(100, 4000)
            events += walk(now_ms, step_ms)
        elif kind < 0.82:
            events.append((now_ms, b.MEDIUM, b"not a token", 0))
        elif kind < 0.90:
            events += walk(now_ms, step_ms)
        elif kind < 0.95:
            events += walk(now_ms, step_ms, (3, 2, 1, 0))
        else:
            events.append((now_ms, b.FIRE, 1, 0))
            events += walk(now_ms + 500, step_ms)
            events.append((now_ms + 500 + 5 * step_ms, b.FIRE, 0, 0))
        now_ms += 5 * step_ms + draw.randrange(200, 6000)
    return sorted(events, key=lambda event: event[0])


class Rig:
    """One device of either kind on a virtual clock; `outputs` is its transcript, `folder` its flash."""

    def __init__(self, folder: Path, make: "Maker", values: dict[str, Any] | None = None, start_ms: int = 0) -> None:
        self.folder = folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.scheduler = Scheduler(start_ms)
        self.outputs: list[Output] = []
        self.device: Device = make(
            self.scheduler,
            values or settings(),
            lambda *output: self.outputs.append(output),
            lambda now_ms: EPOCH_MS + now_ms - start_ms,
            folder,
        )

    def run(self, events: list[Event], until_ms: int) -> None:
        for at_ms, kind, a, value in events:
            self.scheduler.at(at_ms, partial(self.device.post, at_ms, kind, a, value))
        self.scheduler.run_until(until_ms)

    def files(self) -> dict[str, bytes]:
        """The flash, without the settings that only a process reads from it."""
        return {file.name: file.read_bytes() for file in self.folder.iterdir() if file.name != "settings.json"}


Maker = Callable[[Scheduler, dict[str, Any], Callable[..., None], Callable[[int], int], Path], Device]


def in_process(
    scheduler: Scheduler,
    values: dict[str, Any],
    outputs: Callable[..., None],
    epoch: Callable[[int], int],
    folder: Path,
) -> InProcessDevice:
    return InProcessDevice(scheduler, values, outputs, epoch, folder=folder)


def as_process(server: PlantServer, bundle: Path, speed: int = 0, heap_bytes: int = config.HEAP_LIMIT_BYTES) -> Maker:
    def make(
        scheduler: Scheduler,
        values: dict[str, Any],
        outputs: Callable[..., None],
        epoch: Callable[[int], int],
        folder: Path,
    ) -> ProcessDevice:
        return ProcessDevice(
            scheduler,
            values,
            outputs,
            epoch,
            server=server,
            bundle=bundle,
            folder=folder,
            speed=speed,
            heap_bytes=heap_bytes,
        )

    return make
