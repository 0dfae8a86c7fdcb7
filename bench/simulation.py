"""Passages a second of a simulated gateline: every rider with a body, every beam an edge, every gate the real firmware.

The peer is the same queueing model written plainly in SimPy: riders arrive by the same demand, choose the shortest of
the same lanes, take the same tap times and walking speeds. It has no bodies, no beams and no gates, so it is the least
that a study of queues costs, and no measure of evidence.

`lanes`, `beams` and `riders` show how the cost of a passage grows with each. `metro` is the whole of Namma Metro on a
real day, in as many processes as there are processors: it takes minutes and runs only when it is named.
"""

import os
import random
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import simpy

from bench.harness import Bench, interleaved
from simulator import engines
from simulator.clock import rng
from simulator.plant.geometry import Beam, Geometry
from simulator.plant.reader import tap_ms
from simulator.scenario.build import build
from simulator.scenario.load import load
from simulator.study.execute import Options, execute
from simulator.study.run import Sinks, StationRun
from simulator.study.spec import ORDERED, PROFILE, LaneSpec, Spec, StationSpec
from simulator.world.counts import ENTRY, EXIT, constant_profile
from simulator.world.demand import Demand
from simulator.world.population import Population

_RIDERS_PER_LANE_MIN = 18.0
_MINUTES = 10
_METRO = Path("scenarios") / "whole-metro-day.toml"
_PROFILE_BEAMS = tuple(Beam(x_mm, z_mm) for x_mm in (0, 150, 300, 450) for z_mm in (200, 550, 1200))

# What the walk from the reader to the far side comes to in the simulator: from 0.3 m before the first beam until the
# person has left the last, with a body of 0.35 m; and what passes between two riders.
_WALK_M = 0.30 + 0.45 + 0.35
_STEP_UP_M = 0.7
_REACTIONS_S = 0.5


def row(beams: int, gap_mm: int = 150) -> Geometry:
    """So many beams in a row."""
    places = tuple(Beam(n * gap_mm) for n in range(beams))
    last_mm = places[-1].x_mm
    return Geometry(places, last_mm // 2, away_mm=last_mm + 550)


def gateline(lanes: int, minutes: float = _MINUTES, geometry: Geometry | None = None, detector: str = ORDERED) -> Spec:
    """Entry lanes with a usual load each."""
    demand = Demand(constant_profile(lanes * _RIDERS_PER_LANE_MIN * 60, 0), 0)
    specs = tuple(LaneSpec(f"gate-{n}", geometry=geometry or row(4), detector=detector) for n in range(lanes))
    station = StationSpec("", specs, demand)
    return Spec("bench", 3, 0, round(minutes * 60_000), (station,), Population({"adult": 1.0}))


def passages_per_s(spec: Spec) -> float:
    """Through the whole simulator, in this process."""
    passed = 0

    def count(_: object) -> None:
        nonlocal passed
        passed += 1

    run = StationRun(spec, spec.stations[0], Sinks(count))
    started = time.perf_counter()
    run.run()
    return passed / (time.perf_counter() - started)


# --- the peer --------------------------------------------------------------------------------------------------------


Steps = Generator[simpy.Event, Any, None]


def simpy_passages(demand: Demand, lanes: dict[str, int], duration_ms: int, seed: int) -> int:
    """The queueing model in SimPy; returns how many riders passed."""
    env = simpy.Environment()
    passed = 0

    def rider(lane: simpy.Resource, own: random.Random) -> Steps:
        nonlocal passed
        with lane.request() as turn:
            yield turn
            speed_mps = min(2.0, max(0.7, own.gauss(1.34, 0.26)))
            yield env.timeout(_STEP_UP_M / speed_mps + tap_ms(own) / 1000 + _REACTIONS_S + _WALK_M / speed_mps)
        passed += 1

    def arrivals(way: str, gates: list[simpy.Resource]) -> Steps:
        own = rng(seed, "simpy", way)
        for at_ms in demand.arrivals(way, seed):
            if at_ms >= duration_ms:
                return
            yield env.timeout(at_ms / 1000 - env.now)
            env.process(rider(min(gates, key=lambda gate: len(gate.queue) + gate.count), own))

    for way, count in lanes.items():
        if count:
            env.process(arrivals(way, [simpy.Resource(env) for _ in range(count)]))
    env.run()
    return passed


def simpy_per_s(lanes: int, minutes: float = _MINUTES) -> float:
    """The same gateline."""
    demand = gateline(lanes, minutes).stations[0].demand
    assert demand is not None
    started = time.perf_counter()
    passed = simpy_passages(demand, {ENTRY: lanes}, round(minutes * 60_000), 3)
    return passed / (time.perf_counter() - started)


# --- tables ----------------------------------------------------------------------------------------------------------


def run() -> Bench:
    bench = Bench(
        "simulation",
        "passages per second, eight lanes, one core",
        "The peer has queues and nothing else. Ours has bodies, beams and the real firmware in every gate.",
    )
    profile = gateline(8, geometry=Geometry(_PROFILE_BEAMS, 225), detector=PROFILE)
    interleaved(
        bench,
        5,
        {
            "SimPy, queueing only (peer)": lambda: simpy_per_s(8),
            "gateline, 4 beams in order": lambda: passages_per_s(gateline(8)),
            "gateline, profile of 12 beams": lambda: passages_per_s(profile),
        },
    )
    return bench


def _growth(name: str, note: str, measures: dict[str, Callable[[], float]]) -> Bench:
    bench = Bench(f"simulation-{name}", f"passages per second, by {name}, one core", note)
    interleaved(bench, 3, measures)
    return bench


def lanes() -> Bench:
    return _growth(
        "lanes",
        "The same riders per lane and minute; a flat column is a cost per passage that does not grow.",
        {f"{n} lanes": partial(passages_per_s, gateline(n)) for n in (1, 2, 4, 8, 16, 32)},
    )


def beams() -> Bench:
    return _growth(
        "beams",
        "Eight lanes, ordered detector, beams 60 mm apart.",
        {f"{n} beams": partial(passages_per_s, gateline(8, geometry=row(n, 60))) for n in (2, 4, 8, 16, 24)},
    )


def riders() -> Bench:
    return _growth(
        "riders",
        "Eight lanes for so long.",
        {f"{n * 1440:,} riders": partial(passages_per_s, gateline(8, minutes=10.0 * n)) for n in (1, 2, 4, 8)},
    )


def metro() -> Bench:
    """The whole of Namma Metro, one day."""
    if not _METRO.is_file():
        raise SystemExit("The metro's day is measured in the folder of the checkout, where scenarios/ is.")
    spec = build(load(_METRO), _METRO.parent)
    profile = replace(
        spec,
        stations=tuple(
            replace(
                station,
                lanes=tuple(
                    replace(lane, geometry=Geometry(_PROFILE_BEAMS, 225), detector=PROFILE) for lane in station.lanes
                ),
            )
            for station in spec.stations
        ),
    )
    workers = os.cpu_count() or 1

    def simpy_day() -> float:
        started = time.perf_counter()
        passed = 0
        for seed, station in enumerate(spec.stations):
            ways = {way: sum(lane.way == way for lane in station.lanes) for way in (ENTRY, EXIT)}
            assert station.demand is not None
            passed += simpy_passages(station.demand, ways, spec.duration_ms, seed)
        return passed / (time.perf_counter() - started)

    def day(what: Spec, compiled: bool) -> float:
        started = time.perf_counter()
        result = execute(what, Options(workers=workers, compiled=compiled))
        return result.tally.through.total() / (time.perf_counter() - started)

    lanes_there = sum(len(station.lanes) for station in spec.stations)
    bench = Bench(
        "metro",
        f"passages per second, {len(spec.stations)} stations, {lanes_there} lanes, 24 h",
        f"SimPy in one process, Gateline in {workers}. {engine_note()}",
    )
    measures: dict[str, Callable[[], float]] = {
        "SimPy, queueing only, one process (peer)": simpy_day,
        "gateline, 4 beams in order, source": lambda: day(spec, compiled=False),
    }
    if engines.ready() is not None:
        measures["gateline, 4 beams in order, compiled"] = lambda: day(spec, compiled=True)
        measures["gateline, profile of 12 beams, compiled"] = lambda: day(profile, compiled=True)
    else:
        measures["gateline, profile of 12 beams, source"] = lambda: day(profile, compiled=False)
    interleaved(bench, 1, measures)
    return bench


def engine_note() -> str:
    """Whether there are compiled engines."""
    return "" if engines.ready() is not None else "`gateline compile` would add the compiled engines."
