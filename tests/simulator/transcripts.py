"""Golden transcripts: what short stretches of scenarios come to, byte for byte.

Of each stretch a digest of every row of truth, every verdict, every edge, and, gate by gate, of all outputs and all
records. The stretches are of every shipped scenario, and of two made here that have every behaviour, body, make of arm,
detector, fault and kind of noise in them. `python -m tests.simulator.renew_transcripts` writes them anew.

No assertions here.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.scenario.build import build
from simulator.scenario.load import load, parse
from simulator.scenario.models import Scenario
from simulator.study.run import MicroPython, Sinks, StationRun
from simulator.study.spec import Spec
from tests.support import ROOT

GOLDEN = ROOT / "tests" / "golden" / "transcripts.json"
SCENARIOS = ROOT / "scenarios"
SHIPPED = sorted(path.stem for path in SCENARIOS.glob("*.toml"))

MINUTES = {"quiet-night": 90.0, "broken-beams": 18.0, "wheelchair-and-pram": 15.0}
"""How long the stretches are that aren't as long as the others."""
_MINUTES = 4.0

METRO_STATIONS = 3

EVERY_BEHAVIOUR = """
[behaviour.present_twice]
share = 0.03
[behaviour.hesitate]
share = 0.04
[behaviour.wrong_side]
share = 0.04
[behaviour.passback]
share = 0.03
[behaviour.refused_retreat]
share = 0.03
[behaviour.tailgate_friendly]
share = 0.05
[behaviour.tailgate_covert]
share = 0.05
[behaviour.two_abreast]
share = 0.03
[behaviour.jump_over]
share = 0.05
[behaviour.climb]
share = 0.03
[behaviour.crawl_under]
share = 0.05
[behaviour.force]
share = 0.05
[behaviour.backcock]
share = 0.04
[behaviour.hold_gate]
share = 0.03
[behaviour.enter_through_exit]
share = 0.05
[behaviour.loiter]
share = 0.03
[behaviour.staff]
share = 0.03

[population]
backpack = 0.1
suitcase = 0.1
pram = 0.05
wheelchair = 0.05
bicycle = 0.05
child = 0.05
child_by_hand = 0.1
umbrella = 0.05
dog = 0.1
"""

PROFILE_BEAMS = ", ".join(f"{{ x_m = {x}, z_m = {z} }}" for x in (0.0, 0.15, 0.3, 0.45) for z in (0.2, 0.55, 1.2))

EVERYTHING = f"""
[scenario]
name = "everything"
seed = 6
start = "08:10"
duration_min = 14

[demand]
entries_per_h = 4200
exits_per_h = 2400
train_headway_s = 120
train_spread_s = 20

[[event]]
at_min = 9
what = "fire"
for_s = 40

{EVERY_BEHAVIOUR}

[arm.slow]
kind = "wide"
opening_ms = 1500
safety = "stop"

[[lane]]
name = "paddle"
[[lane]]
name = "tripod"
arm = "tripod"
[[lane]]
name = "tripod-profile"
arm = "tripod"
detector = "profile"
beams = [{PROFILE_BEAMS}]
[[lane]]
name = "flap-single"
arm = "flap"
detector = "single"
[[lane]]
name = "full-height"
arm = "full_height"
[[lane]]
name = "wide"
arm = "wide"
beam_count = 8
beam_gap_m = 0.2
[[lane]]
name = "open"
arm = "none"
[[lane]]
name = "own"
arm = "tripod"
entries_per_h = 500
[[lane]]
name = "out"
way = "exit"
count = 2
[[lane]]
name = "out-slow"
way = "exit"
arm = "slow"
detector = "single"
[[lane]]
name = "out-profile"
way = "exit"
arm = "flap"
detector = "profile"
beams = [{PROFILE_BEAMS}]
"""

TROUBLE = f"""
[scenario]
name = "trouble"
seed = 12
duration_min = 20

[demand]
entries_per_h = 3000
exits_per_h = 900

{EVERY_BEHAVIOUR}

[[lane]]
name = "ordered"
[lane.noise]
debounce_ms = 15
latency_ms = 20
dust_per_h = 120
dust_ms = 60
sunlight_per_h = 200
sunlight_ms = 120
misalignment_mm = 20
[lane.reader]
misread = 0.1

[[lane]]
name = "single"
arm = "tripod"
detector = "single"
[lane.noise]
debounce_ms = 5
dust_per_h = 60

[[lane]]
name = "profile"
arm = "flap"
detector = "profile"
beams = [{PROFILE_BEAMS}]
[lane.noise]
latency_ms = 30
sunlight_per_h = 100

[[lane]]
name = "out"
way = "exit"
[lane.reader]
misread = 0.05

[[fault]]
at_min = 2
for_min = 1
what = "beam_stuck_on"
lane = "ordered"
beam = 2
[[fault]]
at_min = 4
for_min = 2
what = "beam_stuck_off"
lane = "ordered"
beam = 1
[[fault]]
at_min = 3
for_min = 1
what = "reader_dead"
lane = "single"
[[fault]]
at_min = 6
for_min = 1
what = "arm_jammed"
lane = "profile"
[[fault]]
at_min = 7
for_min = 0.5
what = "power_cut"
lane = "ordered"
[[fault]]
at_min = 8
for_min = 0.05
what = "power_cut"
lane = "single"
[[fault]]
at_min = 9
for_min = 0.3
what = "power_cut"
lane = "profile"
[[fault]]
at_min = 10
for_min = 0.2
what = "power_cut"
lane = "ordered"
[[fault]]
at_min = 11
for_min = 1
what = "network_cut"
lane = "out"
[[fault_rate]]
what = "power_cut"
mtbf_h = 0.2
repair_min = 0.1
[[fault_rate]]
what = "beam_stuck_on"
mtbf_h = 0.5
repair_min = 0.3
lane = "single"

# Power goes and comes again while the gates are released; and once more while the fire still burns.
[[event]]
at_min = 6.9
what = "fire"
for_s = 90
[[event]]
at_min = 15
what = "fire"
for_s = 20
"""

MADE = {"everything": EVERYTHING, "trouble": TROUBLE}
NAMES = (*SHIPPED, *MADE)


def scenario(name: str) -> Scenario:
    """A short stretch of a shipped scenario, or one made here."""
    if name in MADE:
        return parse(MADE[name], Path(f"{name}.toml"))
    whole = load(SCENARIOS / f"{name}.toml")
    head: dict[str, Any] = {"duration_min": MINUTES.get(name, _MINUTES)}
    if name == "whole-metro-day":
        head["start"] = "08:30"
    # Faults come as many times sooner as the stretch is shorter, so that all of them are in it.
    pace = whole.scenario.duration_min / head["duration_min"]
    faults = tuple(
        fault.model_copy(update={"at_min": fault.at_min / pace, "for_min": fault.for_min / pace})
        for fault in whole.fault
    )
    return whole.model_copy(update={"scenario": whole.scenario.model_copy(update=head), "fault": faults})


def spec(name: str) -> Spec:
    """That stretch, ready to run; of a whole metro only the first stations."""
    found = build(scenario(name), SCENARIOS)
    return replace(found, stations=found.stations[:METRO_STATIONS])


@dataclass
class Rows:
    """A sink that keeps a digest of its rows and forgets them."""

    count: int = 0

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, row: tuple[Any, ...]) -> None:
        self.count += 1
        self._digest.update(repr(tuple(row)).encode() + b"\n")

    def said(self) -> str:
        return f"{self.count} rows, {self._digest.hexdigest()[:32]}"


def transcript(spec: Spec, micropython: Callable[[], MicroPython] | None = None) -> dict[str, Any]:
    """What that run comes to; gates in this process, unless there is somewhere for MicroPython processes."""
    truth, verdicts, edges = Rows(), Rows(), Rows()
    gates: dict[str, str] = {}
    riders = 0
    for station in spec.stations:
        hardware = None if micropython is None else micropython()
        sinks = Sinks(truth.add, verdicts.add, edges.add)
        run = StationRun(spec, station, sinks, micropython=hardware, transcript=True)
        try:
            run.run()
        finally:
            run.close()
            if hardware is not None:
                hardware.close()
        gates.update(run.digests())
        riders += run.station.riders_sent
    return {
        "riders": riders,
        "truth": truth.said(),
        "verdicts": verdicts.said(),
        "edges": edges.said(),
        "gates": gates,
    }


def golden() -> dict[str, Any]:
    """The transcripts as they are to be."""
    found: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return found
