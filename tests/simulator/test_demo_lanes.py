"""The demo's gateline: its firmware takes its settings, its crowd evades a little, and what gates report is right and
wrong without anybody's help, while nothing is lost or invented."""

import pytest

from firmware.config import Settings
from simulator.demo import LANES
from simulator.demo_lanes import crowd, lane_specs
from simulator.plant.makes import WIDE
from simulator.scene.frame import BEAMS_MAX
from simulator.world.behaviours import JumpOver
from simulator.world.counts import constant_profile
from simulator.world.demand import Demand, evening_peak, lane_ways
from tests.simulator.byhand_support import World, lane

WAYS = {f"gate-{n + 1}": way for n, way in enumerate(lane_ways(LANES, evening_peak()))}


def test_the_firmware_takes_every_lanes_settings() -> None:
    specs = lane_specs(WAYS)
    assert list(specs) == list(WAYS)
    for name, spec in specs.items():
        settings = Settings({**spec.settings({}), "device": name})
        assert (settings.way, settings.detector) == (WAYS[name], spec.detector)
        assert len(spec.geometry.beams) <= BEAMS_MAX
    assert len({spec.arm.name for spec in specs.values()}) >= 4
    assert {spec.detector for spec in specs.values()} == {"ordered", "profile"}
    for way in ("entry", "exit"):
        assert WIDE in [spec.arm for spec in specs.values() if spec.way == way], "somebody in a wheelchair needs it"
    assert len(lane_specs({f"gate-{n}": "exit" for n in range(20)})) == 20


def test_who_means_to_jump_gets_over_every_arm() -> None:
    (jump,) = (plan for plan in crowd().behaviours if isinstance(plan, JumpOver))
    assert all(spec.arm.height_mm <= jump.reach_m[0] * 1000 for spec in lane_specs(WAYS).values())


@pytest.mark.parametrize("name", ["gate-1", "gate-2", "gate-4", "gate-5", "gate-6"])
def test_evidence_is_right_and_wrong_and_all_of_it_arrives(name: str) -> None:
    spec = lane_specs(WAYS)[name]
    options = {"layout": [[beam.x_mm, beam.z_mm] for beam in spec.geometry.beams]} if name == "gate-5" else {}
    made = lane(spec.way, spec.arm, spec.geometry, detector=spec.detector, **options)
    demand = Demand(constant_profile(800.0, 800.0))
    world = World({name: made}, seed=3, demand=demand, population=crowd())
    world.run(40 * 60_000)
    world.finish()
    reckoning = world.reckoning()
    assert (reckoning.lost, reckoning.invented, reckoning.meddled) == (0, 0, 0)
    outcomes = world.outcomes()
    riders = sum(outcomes.values())
    evasions = outcomes["tailgated"] + outcomes["jumped"]
    assert riders > 400 and 0.01 < evasions / riders < 0.04
    assert reckoning.irregular > 0 and reckoning.misjudged <= 0.05 * riders
