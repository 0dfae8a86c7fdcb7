"""The scene: its bytes, what an eye remembers, when a picture is one."""

import json
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from firmware.report.seal import SEAL_BYTES
from gateway.protocol import scenes
from simulator.byhand.orders import RIDERS, Order
from simulator.clock import Scheduler
from simulator.demo_lanes import crowd
from simulator.plant import lane
from simulator.plant.geometry import Beam, Geometry
from simulator.plant.lane import LanePlant
from simulator.plant.makes import KINDS, PADDLE, WIDE
from simulator.plant.silhouette import Lift, Segment, Shape
from simulator.scene import frame
from simulator.scene.eye import SHOW_AGAIN_MS, Eye
from simulator.truth import TruthLog
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.counts import constant_profile
from simulator.world.demand import Demand
from simulator.world.population import plain_population
from simulator.world.riders import draw
from simulator.world.station import Station
from tests.simulator.byhand_support import World
from tests.simulator.byhand_support import lane as byhand_lane
from tests.support import ROOT

AT_MS = 1_754_503_200_000
BLOCK = Shape((Segment("torso", 0, 300, 880, 1400), Segment("suitcase", 500, 200, 0, 550, core=False)))


def unwatched(t_ms: int, mark: int) -> None:
    pass


class Rig:
    """A powered lane that an eye looks at."""

    def __init__(self, geometry: Geometry | None = None) -> None:
        self.scheduler = Scheduler()
        self.plant = LanePlant(self.scheduler, geometry)
        self.eye = Eye(self.plant)
        self.plant.post = self.eye.told
        self.plant.power(True)

    def picture(self, t_ms: int, **options: object) -> bytes | None:
        self.scheduler.run_until(t_ms)
        given = {"state": "locked", "waiting": 0, "hands": [], **options}
        return self.eye.picture(t_ms, AT_MS + t_ms, **given)  # type: ignore[arg-type]

    def seen(self, t_ms: int, **options: object) -> dict[str, object]:
        picture = self.picture(t_ms, **options)
        assert picture is not None
        members: dict[str, object] = json.loads(picture)
        return members


def test_a_layout_byte_by_byte() -> None:
    plant = LanePlant(Scheduler(), way="entry")
    assert frame.layout(plant, "ordered") == (
        b'{"v":1,"way":"entry","make":"paddle","detector":"ordered","beams":[[0,900],[150,900],[300,900],[450,900]],'
        b'"arm":[225,1000,300],"stand_mm":-300,"queue_mm":-1000,"away_mm":1000,"width_mm":550}'
    )


def test_every_make_has_a_layout_and_a_wide_lane_is_wider() -> None:
    layouts = {
        name: json.loads(frame.layout(LanePlant(Scheduler(), arm=kind), "single")) for name, kind in KINDS.items()
    }
    assert {name: layout["make"] for name, layout in layouts.items()} == {name: name for name in KINDS}
    assert layouts[WIDE.name]["width_mm"] == 900 > layouts["tripod"]["width_mm"]


def test_a_layout_has_at_most_as_many_beams_as_a_lane() -> None:
    plant = LanePlant(Scheduler(), Geometry(tuple(Beam(n * 50) for n in range(30)), away_mm=2000))
    assert len(json.loads(frame.layout(plant, "profile"))["beams"]) == frame.BEAMS_MAX


def test_a_scene_byte_by_byte() -> None:
    rig = Rig()
    lift = Lift(-100, 900, 700)
    rig.plant.add(BLOCK, lane.PAYING, [(0, -100), (1000, 900)], unwatched)
    rig.plant.add(BLOCK, lane.WITHOUT_MEDIUM, [(0, 1000), (1000, 900)], unwatched, reverse=True, lifts=(lift,))
    rig.scheduler.run_until(250)
    rig.eye.decided(
        240,
        draw(7, "entry-3", "entry", plain_population(), b.TailgateFriendly.name, bodies.SUITCASE),
        "entry",
        b.TAILGATED,
    )
    picture = rig.picture(300, state="released", waiting=2, hands=["beam 2", "fire"])
    parts = b'[["torso",0,300,880,1400],["suitcase",500,200,0,550]]'
    assert picture == (
        b'{"v":1,"at":1754503200300,"state":"released","arm":0,"lamp":"wait","beams":[1,1,0,0],"waiting":2,'
        b'"bodies":[[1,200,0,0,0,' + parts + b"],[2,970,1,1,0," + parts + b']],"edges":[[1,200,0,1],[2,50,1,1]],'
        b'"truth":[[1,60,"tailgated","entry","suitcase",0]],"hands":["beam 2","fire"]}'
    )


def golden(name: str) -> bytes:
    """A message of the wire without its seal."""
    cases = json.loads((ROOT / "tests" / "golden" / "payloads.json").read_text(encoding="utf-8"))
    (message,) = (case["message"] for case in cases if case["name"] == name)
    return bytes(message.encode()[:-SEAL_BYTES] + b"}")


def test_the_golden_layout_is_made_here_to_the_byte() -> None:
    geometry = Geometry((Beam(0), Beam(140, 300), Beam(280), Beam(420, 1150)), arm_mm=600)
    arm = replace(PADDLE, height_mm=1100, clearance_mm=220)
    assert frame.layout(LanePlant(Scheduler(), geometry, arm=arm), "ordered") == golden("layout")


def test_the_golden_scene_of_an_empty_lane_is_made_here_to_the_byte() -> None:
    rig = Rig()
    rig.plant.apply(0, lane.ARM_LOCKED, lane.LAMP_READY, 0)
    rig.scheduler.run_until(10)
    assert rig.eye.picture(10, AT_MS, "locked", 0, []) == golden("scene, nobody there")


@pytest.mark.parametrize("seed", range(3))
def test_the_gateway_understands_every_frame(seed: int) -> None:
    """A crowd, and hands that do everything, for a minute: each frame is what the gateway takes for a scene."""
    draw = random.Random(seed)
    demand = Demand(constant_profile(900.0, 900.0))
    world = World(
        {"gate-1": byhand_lane(), "gate-2": byhand_lane("exit")}, demand=demand, population=crowd(), seed=seed
    )
    world.hands.do("gate-2", Order("send", "jumper", True))
    frames = shown = lifted = 0
    for n in range(600):
        world.run(100)
        if n >= 50 and n % 5 == 0:
            do = draw.choice(("beam", "arm", "network", "fire", "send", "send"))
            what = draw.choice(RIDERS) if do == "send" else ""
            world.hands.do("gate-1", Order(do, what, draw.random() < 0.5, draw.randrange(4)))
        for name, gate in world.gates.items():
            now_ms = world.scheduler.now_ms
            waiting = world.station.queue_length(name)
            picture = gate.eye.picture(now_ms, AT_MS + now_ms, gate.state, waiting, world.hands.on(name))
            if picture is not None:
                scene = scenes.decode_scene(picture)
                assert len(picture) < 16_384
                frames += 1
                shown += len(scene.bodies)
                lifted += any(body[4] for body in scene.bodies)
                told = {truth[2] for truth in scene.truth}
                assert not told & {"passed_consented", "passed_declined"}
    assert frames > 300 and shown > 300 and lifted
    for gate in world.gates.values():
        scenes.decode_layout(frame.layout(gate.plant, "ordered"))


def test_a_body_over_the_arm_is_lifted_as_long_as_its_front_is_there() -> None:
    lifts = (Lift(25, 725, 700), Lift(100, 200, 900))
    assert [frame.lift_mm(lifts, front_mm) for front_mm in (24, 25, 100, 200, 201, 725, 726)] == [
        0, 700, 900, 900, 700, 700, 0,
    ]  # fmt: skip


def test_every_kind_of_rider_has_parts_that_the_wire_knows() -> None:
    for kind in bodies.KINDS:
        shape = draw(7, "entry-1", "entry", plain_population(), b.PAY, kind).shape
        parts = json.loads(f"[{frame.parts(shape)}]")
        assert 1 <= len(parts) <= frame.PARTS_MAX
        for name, _, length_mm, low_mm, high_mm in parts:
            assert 1 <= len(name) <= 24 and set(name) <= set("abcdefghijklmnopqrstuvwxyz' "), name
            assert length_mm > 0 and 0 <= low_mm < high_mm


def test_what_looks_the_same_is_shown_once_a_second() -> None:
    rig = Rig()
    assert rig.picture(0) is not None
    assert [rig.picture(t_ms) for t_ms in range(100, SHOW_AGAIN_MS, 100)] == [None] * 9
    assert rig.picture(SHOW_AGAIN_MS) is not None
    assert rig.picture(SHOW_AGAIN_MS + 100) is None
    # At ten times the speed of real time a second has ten thousand virtual milliseconds.
    assert rig.picture(3 * SHOW_AGAIN_MS, pace=10) is None


def test_each_change_is_a_picture_of_its_own() -> None:
    rig = Rig()
    rig.picture(0)
    changes: list[Callable[[], dict[str, object]]] = [
        lambda: {"state": "free"},
        lambda: {"state": "free", "waiting": 1},
        lambda: {"state": "free", "waiting": 1, "hands": ["arm"]},
    ]
    for n, change in enumerate(changes):
        assert rig.picture(10 * n + 1, **change()) is not None
        assert rig.picture(10 * n + 2, **change()) is None
    # An edge that has come and gone between two pictures.
    rig.plant.cover(2, True)
    rig.plant.cover(2, False)
    edges = rig.seen(30, **changes[-1]())["edges"]
    assert edges == [[1, 8, 2, 1], [2, 8, 2, 0]]


def test_edges_are_told_for_a_second_and_outcomes_for_three() -> None:
    rig = Rig()
    rig.plant.cover(0, True)
    rider = draw(7, "entry-1", "entry", plain_population(), b.PAY, bodies.ADULT)
    rig.eye.decided(0, rider, "entry", b.PASSED)
    assert [rig.seen(t_ms, waiting=t_ms)["edges"] for t_ms in (1000, 1001)] == [[[1, 1000, 0, 1]], []]
    assert rig.seen(3000, waiting=1)["truth"] == [[1, 3000, "passed", "entry", "adult", 0]]
    assert rig.seen(3001, waiting=2)["truth"] == []


def test_a_frame_is_bounded_and_tells_the_newest() -> None:
    rig = Rig()
    for _ in range(100):
        rig.plant.cover(1, True)
        rig.plant.cover(1, False)
        rider = draw(7, f"entry-{_}", "entry", plain_population(), b.PAY, bodies.ADULT)
        rig.eye.decided(0, rider, "entry", b.GAVE_UP)
    for _ in range(20):
        rig.plant.add(BLOCK, lane.PAYING, [(0, -1000)], unwatched)
    many = Shape(tuple(Segment("leg", n, 10, 0, 100) for n in range(40)))
    seen = rig.seen(10, hands=[f"beam {n}" for n in range(30)])
    edges, truth, shown, hands = seen["edges"], seen["truth"], seen["bodies"], seen["hands"]
    assert isinstance(edges, list) and isinstance(truth, list) and isinstance(shown, list) and isinstance(hands, list)
    assert (len(edges), len(truth), len(shown), len(hands)) == (64, 32, 16, 20)
    assert edges[-1][0] == 200 and truth[-1][0] == 100
    assert len(json.loads(f"[{frame.parts(many)}]")) == 24


def test_who_said_yes_and_who_said_no_look_alike() -> None:
    """What is told of the truth is what a body did: bytes don't change with what its rider chose."""
    told = []
    for consent in (True, False):
        scheduler = Scheduler()
        plant = LanePlant(scheduler)
        eye = Eye(plant)
        truth = TruthLog(None, lambda t_ms: AT_MS + t_ms)
        world = Station(scheduler, [plant], None, 7, truth)
        world.show("gate-1", eye)

        def post(t_ms: int, kind: int, a: int | bytes, value: int, plant: LanePlant = plant, eye: Eye = eye) -> None:
            eye.told(t_ms, kind, a, value)
            if kind == lane.MEDIUM:
                plant.apply(t_ms, lane.ARM_RELEASED, lane.LAMP_GO, 0)

        plant.post = post
        plant.power(True)
        plant.apply(0, lane.ARM_LOCKED, lane.LAMP_READY, 0)

        def choose(rider: object, consent: bool = consent) -> None:
            rider.consent = consent  # type: ignore[attr-defined]

        world.send("gate-1", change=choose)
        scheduler.run_until(5_000)
        assert truth.counts()["passed_consented" if consent else "passed_declined"] == 1
        told.append(eye.picture(5_000, AT_MS, "locked", 0, []))
    assert told[0] == told[1] and told[0] is not None
    assert [one[2:] for one in json.loads(told[0])["truth"]] == [["passed", "entry", "plain", 1]]


def test_who_was_sent_by_an_order_is_told_with_its_number() -> None:
    rig = Rig()
    rider = draw(7, "exit-1", "exit", plain_population(), b.PAY, bodies.PRAM)
    rider.by_hand, rider.order = True, 2**53 - 1
    rig.eye.decided(5, rider, "exit", b.PASSED)
    assert rig.seen(10)["truth"] == [[1, 5, "passed", "exit", "pram", 2**53 - 1]]


def test_a_rider_whom_no_device_saw_is_told_so() -> None:
    rig = Rig()
    rider = draw(7, "exit-1", "exit", plain_population(), b.PAY, bodies.PRAM)
    rider.by_hand = True
    rig.eye.decided(5, rider, "exit", b.PASSED)
    rig.eye.unobserved(9, rider.id)
    rig.eye.unobserved(9, rider.id)  # a device that dies twice says so twice
    rig.eye.unobserved(9, "nobody-1")
    assert rig.seen(10)["truth"] == [[1, 5, "passed", "exit", "pram", 1], [2, 1, "unobserved", "exit", "pram", 1]]
