"""Steps a second of the in-process device: one step is one input event through the whole firmware (beams, turnstile,
fare, report, outbox in memory). The peer is a bare heapq loop with a function call an event, the least that any
simulation does.
"""

import time
from heapq import heappop, heappush
from typing import Any

from bench.harness import Bench, interleaved
from firmware.boards import board as b
from simulator.clock import Scheduler
from simulator.devices.in_process import InProcessDevice
from simulator.plant.lane import LanePlant
from simulator.truth import TruthLog
from simulator.world.demand import Demand, load_profile
from simulator.world.station import Station

_PASSAGES = 2_000
_EVENTS_PER_PASSAGE = 9  # a medium and eight edges


def _settings(device: str, way: str) -> dict[str, Any]:
    return {
        "site": "bench",
        "device": device,
        "class": "emulated",
        "key": "00" * 32,
        "broker": None,
        "lane": {"way": way},
        "report": {"interval_ms": 10_000, "tally_min": 1},
    }


def heapq_loop() -> float:
    """Events a second."""
    events = _PASSAGES * _EVENTS_PER_PASSAGE
    count = 0

    def step() -> None:
        nonlocal count
        count += 1

    heap: list[tuple[int, int, Any]] = []
    started = time.perf_counter()
    heappush(heap, (0, 0, step))
    for n in range(1, events + 1):
        at, _, fn = heappop(heap)
        fn()
        heappush(heap, (at + 10, n, step))
    return count / (time.perf_counter() - started)


def device_steps() -> float:
    """Steps a second of one gate, its inputs called one after the other."""
    scheduler = Scheduler()
    device = InProcessDevice(scheduler, _settings("gate-1", "entry"), lambda *_: None, lambda t_ms: t_ms)
    device.start()
    started = time.perf_counter()
    at = 0
    for n in range(_PASSAGES):
        at += 1_000
        scheduler.run_until(at)
        medium = b"GLT1s" + (b"y" if n % 2 else b"n") + n.to_bytes(16, "big")
        device.post(at, b.MEDIUM, medium, 0)
        for beam in range(4):
            for blocked, lag in ((1, 0), (0, 25)):
                at += 10 + lag
                scheduler.run_until(at)
                device.post(at, b.BEAM, beam, blocked)
    return _PASSAGES * _EVENTS_PER_PASSAGE / (time.perf_counter() - started)


def station_callbacks() -> float:
    """Callbacks a second of a whole station: eight lanes, riders, plants and firmware, five virtual minutes."""
    scheduler = Scheduler()
    plants = []
    for n in range(8):
        way = "entry" if n < 3 else "exit"
        plant = LanePlant(scheduler, name=f"gate-{n + 1}", way=way)

        def outputs(t_ms: int, arm: int, lamp: int, sound: int, state: str, plant: LanePlant = plant) -> None:
            plant.apply(t_ms, arm, lamp, sound)

        device = InProcessDevice(scheduler, _settings(plant.name, way), outputs, lambda t_ms: t_ms)
        plant.post = device.post
        plant.power(True)
        device.start()
        plants.append(plant)
    Station(scheduler, plants, Demand(load_profile()), 7, TruthLog(None, lambda t_ms: t_ms))
    started = time.perf_counter()
    callbacks = scheduler.run_until(300_000)
    return callbacks / (time.perf_counter() - started)


def run() -> Bench:
    bench = Bench(
        "device",
        "steps per second, one core",
        "A step of the device is one input through the whole firmware; of a station, one callback of its scheduler.",
    )
    interleaved(
        bench,
        5,
        {
            "bare heapq loop (peer)": heapq_loop,
            "in-process device": device_steps,
            "in-process station of eight lanes": station_callbacks,
        },
    )
    return bench
