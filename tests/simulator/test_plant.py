"""The lane's hardware: what it posts and when, arms and bodies, noise, faults, power."""

import random
from itertools import pairwise

import pytest

from firmware.boards import board
from simulator.clock import Scheduler, rng
from simulator.plant import faults, lane
from simulator.plant.arm import Arm
from simulator.plant.channel import HOUR_MS, Channel, Noise
from simulator.plant.faults import Fault, Faults, Rate
from simulator.plant.geometry import Beam, Geometry
from simulator.plant.lane import LanePlant
from simulator.plant.makes import FLAP, FULL_HEIGHT, KINDS, NONE, OPEN, PADDLE, REOPEN, STOP, TRIPOD, ArmKind
from simulator.plant.silhouette import Lift, Segment, Shape

Event = tuple[int, int, int | bytes, int]

HIGH = 1700


def block(length_mm: int, low_mm: int = 0, high_mm: int = HIGH) -> Shape:
    return Shape((Segment("torso", 0, length_mm, low_mm, high_mm),))


class Rig:
    """A powered lane whose posts are kept, and whose bodies are pushed by hand."""

    def __init__(self, arm: ArmKind = PADDLE, geometry: Geometry | None = None, **options: object) -> None:
        self.scheduler = Scheduler()
        self.posts: list[Event] = []
        self.marks: list[tuple[int, int]] = []
        self.plant = LanePlant(self.scheduler, geometry, self.post, arm=arm, **options)  # type: ignore[arg-type]
        self.plant.power(True)

    def post(self, t_ms: int, kind: int, a: int | bytes, value: int) -> None:
        self.posts.append((t_ms, kind, a, value))

    def body(
        self, shape: Shape | int, *path: tuple[int, int], reverse: bool = False, lift: Lift | None = None
    ) -> lane.Body:
        def watch(t_ms: int, mark: int) -> None:
            if mark != lane.ALL_LEFT:
                assert not [post for post in self.posts if post[0] == t_ms], "the device saw it before the truth"
            self.marks.append((t_ms, mark))

        shape = block(shape) if isinstance(shape, int) else shape
        lifts = () if lift is None else (lift,)
        return self.plant.add(shape, lane.PAYING, list(path), watch, reverse=reverse, lifts=lifts)


def test_seam_numbers_are_the_firmwares() -> None:
    assert (lane.BEAM, lane.MEDIUM, lane.FIRE) == (board.BEAM, board.MEDIUM, board.FIRE)
    for name in ("ARM_LOCKED", "ARM_RELEASED", "ARM_FREE", "LAMP_WAIT", "LAMP_READY", "LAMP_GO", "LAMP_STOP"):
        assert getattr(lane, name) == getattr(board, name), name


# --- bodies and beams ------------------------------------------------------------------------------------------------


def test_a_walk_breaks_and_clears_the_beams_in_order() -> None:
    rig = Rig()
    body = rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(1300)
    expected = [(0, 300, 1), (1, 450, 1), (0, 601, 0), (2, 600, 1), (1, 751, 0), (3, 750, 1), (2, 901, 0), (3, 1051, 0)]
    assert sorted((beam, t, blocked) for t, _, beam, blocked in rig.posts) == sorted(expected)
    assert rig.posts == sorted(rig.posts)
    assert rig.marks == [(300, lane.ENTERED), (1051, lane.LEFT), (1051, lane.ALL_LEFT)]
    rig.plant.remove(body)
    assert rig.plant.bodies() == []


def test_against_the_lane_the_last_beam_comes_first() -> None:
    rig = Rig()
    rig.body(300, (0, 800), (1300, -500), reverse=True)
    rig.scheduler.run_until(1300)
    assert [beam for _, _, beam, blocked in rig.posts if blocked] == [3, 2, 1, 0]
    assert rig.marks == [(350, lane.ENTERED), (1101, lane.LEFT), (1101, lane.ALL_LEFT)]


def test_luggage_leaves_after_its_person() -> None:
    rig = Rig()
    rig.body(Shape((*block(300).segments, Segment("suitcase", 600, 200, 0, 1000, core=False))), (0, -300), (2300, 2000))
    rig.scheduler.run_until(2300)
    assert rig.marks == [(300, lane.ENTERED), (1051, lane.LEFT), (1551, lane.ALL_LEFT)]
    assert [(t, b) for t, _, beam, b in rig.posts if beam == 0] == [(300, 1), (601, 0), (900, 1), (1101, 0)]


def test_beams_see_only_what_is_at_their_height() -> None:
    geometry = Geometry((Beam(0, 300), Beam(0, 900), Beam(0, 1800), Beam(450, 900)))
    rig = Rig(geometry=geometry)
    rig.body(block(300, 500, 1000), (0, -300), (1300, 1000))
    rig.scheduler.run_until(1300)
    assert {beam for _, _, beam, _ in rig.posts} == {1, 3}
    assert rig.marks[0] == (300, lane.ENTERED), "marks don't ask the beams"


def test_who_jumps_is_above_the_beams_for_a_while() -> None:
    rig = Rig(geometry=Geometry((Beam(0, 900), Beam(150, 900), Beam(300, 900), Beam(450, 900))))
    rig.body(block(300), (0, -300), (1300, 1000), lift=Lift(0, 400, 1000))
    rig.scheduler.run_until(1300)
    seen = sorted({beam for _, _, beam, _ in rig.posts})
    assert seen == [1, 2, 3], "the first is crossed wholly in the air"


def test_two_bodies_in_one_beam_make_one_interruption() -> None:
    rig = Rig()
    rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(1)
    rig.body(300, (1, -500), (1301, 800))
    rig.scheduler.run_until(1301)
    assert [b for _, _, beam, b in rig.posts if beam == 0] == [1, 0]


def test_a_body_that_turns_back_keeps_the_first_beam_broken() -> None:
    rig = Rig()
    rig.body(250, (0, -300), (500, 200), (900, 200), (1400, -300))
    rig.scheduler.run_until(1400)
    assert [(beam, b) for _, _, beam, b in rig.posts] == [(0, 1), (1, 1), (1, 0), (0, 0)]
    assert [mark for _, mark in rig.marks] == [lane.ENTERED, lane.RETURNED, lane.ALL_LEFT]


def test_replanning_at_any_moment_leaves_no_beam_broken() -> None:
    own = random.Random(5)
    for _ in range(200):
        rig = Rig()
        body = rig.body(own.randint(50, 450), (0, -300), (1300, 1000))
        turn_ms = own.randint(0, 1299)
        rig.scheduler.run_until(turn_ms)
        front_mm = body.front_at(turn_ms)
        rig.plant.walk(body, [(turn_ms, front_mm), (turn_ms + 2000, -300 if own.random() < 0.5 else 1000)])
        rig.scheduler.run_until(turn_ms + 2000)
        rig.plant.remove(body)
        assert rig.plant.snapshot(rig.scheduler.now_ms)["beams"] == [0, 0, 0, 0]
        for beam in range(4):
            states = [b for _, _, index, b in rig.posts if index == beam]
            assert states == [1, 0] * (len(states) // 2), "edges alternate"


def test_a_snapshot_shows_the_lane_as_it_is() -> None:
    rig = Rig()
    rig.plant.apply(0, lane.ARM_RELEASED, lane.LAMP_GO, 0)
    rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(460)
    scene = rig.plant.snapshot(460)
    assert scene == {"at": 460, "arm": 100, "lamp": "go", "beams": [1, 1, 0, 0], "bodies": [[160, 300, 0]]}
    for _ in range(40):
        rig.body(300, (460, -900))
    assert len(rig.plant.snapshot(460)["bodies"]) == lane.BODIES_SHOWN


def test_what_cannot_be_is_refused() -> None:
    rig = Rig()
    body = rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(500)
    with pytest.raises(ValueError, match="cannot vanish"):
        rig.plant.remove(body)
    with pytest.raises(ValueError, match='"entry" or "exit"'):
        LanePlant(rig.scheduler, way="up")
    with pytest.raises(ValueError, match="a beam or more"):
        Geometry(beams=())
    with pytest.raises(ValueError, match="no two in one place"):
        Geometry(beams=(Beam(0), Beam(0)))
    with pytest.raises(ValueError, match="queue < stand"):
        Geometry(arm_mm=5000)
    with pytest.raises(ValueError, match="misreads"):
        LanePlant(rig.scheduler, misread=1.0)


# --- outputs, power, fire, reader ------------------------------------------------------------------------------------


def test_outputs_take_effect_in_their_turn_and_late_ones_now() -> None:
    rig = Rig()
    rig.plant.apply(50, lane.ARM_RELEASED, lane.LAMP_GO, 1)
    assert rig.plant.lamp == lane.LAMP_WAIT
    rig.scheduler.run_until(49)
    assert rig.plant.lamp == lane.LAMP_WAIT
    rig.scheduler.run_until(200)
    assert rig.plant.lamp == lane.LAMP_GO and rig.plant.arm.position(200) == 50
    rig.plant.apply(100, lane.ARM_LOCKED, lane.LAMP_READY, 0)
    rig.scheduler.run_until(200)
    assert rig.plant.lamp == lane.LAMP_READY and not rig.plant.arm.opening
    with pytest.raises(ValueError, match="knows no outputs"):
        rig.plant.apply(300, 9, lane.LAMP_READY, 0)


def test_a_dead_device_hears_nothing_and_its_late_outputs_are_void() -> None:
    rig = Rig()
    rig.body(300, (0, -300), (1300, 1000))
    rig.plant.apply(650, lane.ARM_RELEASED, lane.LAMP_GO, 0)
    rig.scheduler.run_until(620)
    rig.posts.clear()
    rig.plant.power(False)
    rig.plant.fire(True)
    rig.scheduler.run_until(700)
    assert rig.posts == [] and rig.plant.snapshot(700)["lamp"] == "wait" and not rig.plant.arm.opening
    rig.plant.power(True)
    assert rig.posts == [], "it has not booted yet"
    rig.plant.announce()
    assert rig.posts == [(700, lane.FIRE, 1, 0), (700, lane.BEAM, 1, 1), (700, lane.BEAM, 2, 1)]
    rig.scheduler.run_until(1300)
    assert rig.plant.command == lane.ARM_LOCKED


def test_fire_and_media_are_posted_once() -> None:
    rig = Rig()
    rig.plant.fire(True)
    rig.plant.fire(True)
    assert rig.plant.present(b"medium")
    rig.plant.fire(False)
    assert rig.posts == [(0, lane.FIRE, 1, 0), (0, lane.MEDIUM, b"medium", 0), (0, lane.FIRE, 0, 0)]


def test_misreads_come_at_their_rate_and_the_same_for_the_same_lane() -> None:
    def reads(seed: int, name: str) -> list[bool]:
        plant = Rig(misread=0.2, seed=seed, name=name).plant
        return [plant.present(b"m") for _ in range(2_000)]

    assert reads(1, "a") == reads(1, "a") != reads(1, "b")
    assert 0.17 < reads(1, "a").count(False) / 2_000 < 0.23


# --- arms ------------------------------------------------------------------------------------------------------------


def test_the_arm_moves_in_straight_lines_and_reverses_from_where_it_is() -> None:
    arm = Arm(PADDLE)
    assert arm.position(0) == 0 and arm.passable_at(0) is None
    arm.open(1000)
    assert [arm.position(t) for t in (1000, 1150, 1299, 1300, 9000)] == [0, 50, 99, 100, 100]
    due_ms = arm.passable_at(1000)
    assert due_ms == 1180 and arm.position(due_ms) >= PADDLE.passable > arm.position(due_ms - 1)
    assert arm.passable_at(5000) == 5000
    assert arm.close(1150) and not arm.close(1160)
    assert arm.position(1150) == 50 and arm.position(1350) == 0 and arm.passable_at(1200) is None
    assert arm.closed_at() == 1350
    arm.open(1250)
    assert arm.position(1250) == 25 and arm.position(1475) == 100 and arm.closed_at() is None


def test_a_jammed_arm_stays_where_it_is() -> None:
    arm = Arm(PADDLE)
    arm.open(0)
    arm.jam(150, True)
    assert arm.position(9_000) == 50 and arm.passable_at(9_000) is None
    arm.jam(9_000, False)
    assert arm.position(9_150) == 100


def test_no_arm_is_always_open_and_a_full_height_one_is_not() -> None:
    assert Arm(OPEN).passable_at(5) == 5 and not Arm(OPEN).close(5)
    rig = Rig(OPEN)
    assert rig.plant.passable_at() == 0 and rig.plant.open_now()
    assert FULL_HEIGHT.height_mm > 2000 > TRIPOD.height_mm and TRIPOD.backcock_mm > 0
    assert all(kind.impact_j() >= 0 for kind in KINDS.values()) and OPEN.impact_j() == 0
    # m v² / 2: 4 kg at 0.5 m in 0.4 s
    assert PADDLE.impact_j() == pytest.approx(0.5 * 4.0 * 1.25**2)
    with pytest.raises(ValueError, match="safety is"):
        ArmKind("odd", 1, 1, 50, True, safety="hope")


@pytest.mark.parametrize(("kind", "closes_ms"), [(PADDLE, 1051), (FLAP, 1051), (TRIPOD, 826)])
def test_the_arm_never_closes_on_a_body_that_it_sees(kind: ArmKind, closes_ms: int) -> None:
    rig = Rig(kind)
    rig.plant.apply(0, lane.ARM_RELEASED, lane.LAMP_GO, 1)
    rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(600)  # the front is past the arm
    rig.plant.apply(600, lane.ARM_LOCKED, lane.LAMP_WAIT, 0)
    rig.scheduler.run_until(closes_ms - 1)
    assert (rig.plant.arm.opening, rig.plant.contacts) == (True, 0)
    rig.scheduler.run_until(closes_ms)
    assert (rig.plant.arm.opening, rig.plant.contacts) == (False, 0)


@pytest.mark.parametrize("safety", [REOPEN, STOP, NONE])
def test_a_closing_arm_meets_a_body_that_its_beams_miss(safety: str) -> None:
    kind = ArmKind("test", opening_ms=300, closing_ms=400, passable=60, holds_for_lane=True, safety=safety)
    rig = Rig(kind)
    rig.plant.apply(0, lane.ARM_RELEASED, lane.LAMP_GO, 1)
    rig.body(block(300, 0, 500), (0, -300), (700, 400), (1700, 400), (2700, 1400))  # a small child stands in the arm
    rig.scheduler.run_until(800)
    rig.plant.apply(800, lane.ARM_LOCKED, lane.LAMP_WAIT, 0)
    rig.scheduler.run_until(801)
    assert rig.plant.contacts == 1 and rig.plant.contact_j == kind.impact_j()
    assert rig.plant.arm.opening is (safety == REOPEN)
    rig.scheduler.run_until(1_150)
    assert rig.plant.arm.position(1_150) == (100 if safety in (REOPEN, STOP) else 13)
    rig.scheduler.run_until(6_000)
    assert rig.plant.arm.position(6_000) == 0, "it closes in the end"


def test_somebody_who_pushes_opens_the_arm_for_as_long() -> None:
    rig = Rig()
    assert rig.plant.passable_at() is None
    rig.plant.push(900)
    assert rig.plant.passable_at() == 180
    rig.scheduler.run_until(899)
    assert rig.plant.open_now()
    rig.scheduler.run_until(1_400)
    assert rig.plant.arm.position(1_400) == 0 and rig.plant.passable_at() is None


# --- noise -----------------------------------------------------------------------------------------------------------


class Sensor:
    """One channel, fed by hand."""

    def __init__(self, noise: Noise, beams: int = 1, seed: int = 1) -> None:
        self.scheduler = Scheduler()
        self.heard: list[tuple[int, int, int]] = []
        self.channel = Channel(self.scheduler, noise, beams, lambda *names: rng(seed, *names), self.hear)

    def hear(self, beam: int, blocked: int) -> None:
        self.heard.append((self.scheduler.now_ms, beam, blocked))

    def feed(self, *edges: tuple[int, int]) -> list[tuple[int, int]]:
        for t_ms, blocked in edges:
            self.scheduler.run_until(t_ms)
            self.channel.feed(0, blocked)
        self.scheduler.run_until(self.scheduler.now_ms + 10_000)
        return [(t_ms, blocked) for t_ms, _, blocked in self.heard]


def test_debouncing_swallows_what_is_short_and_delays_the_rest() -> None:
    sensor = Sensor(Noise(debounce_ms=20))
    assert sensor.feed((100, 1), (110, 0), (200, 1), (300, 0), (310, 1), (400, 0)) == [(220, 1), (420, 0)]


def test_latency_delays_everything_alike() -> None:
    assert Sensor(Noise(latency_ms=30)).feed((100, 1), (105, 0)) == [(130, 1), (135, 0)]
    assert Sensor(Noise(debounce_ms=5, latency_ms=30)).feed((100, 1), (200, 0)) == [(135, 1), (235, 0)]


def test_a_stuck_beam_says_what_it_says_until_it_is_mended() -> None:
    sensor = Sensor(Noise())
    sensor.channel.stick(0, 1)
    assert sensor.feed((100, 1), (200, 0)) == [(0, 1)]
    sensor.channel.stick(0, None)
    assert sensor.heard[-1][2] == 0 and sensor.channel.heard() == [0]
    sensor.channel.stick(0, 0)
    sensor.channel.feed(0, 1)
    assert sensor.channel.heard() == [0]


@pytest.mark.parametrize(("noise", "broken"), [(Noise(dust_per_h=60), 0), (Noise(sunlight_per_h=60), 1)])
def test_dust_and_sunlight_come_at_their_rates(noise: Noise, broken: int) -> None:
    sensor = Sensor(noise, beams=4)
    for beam in range(4):
        sensor.channel.feed(beam, broken)
    sensor.heard.clear()
    sensor.scheduler.run_until(50 * HOUR_MS)
    false_edges = [t_ms for t_ms, _, blocked in sensor.heard if blocked != broken]
    assert len(false_edges) == pytest.approx(4 * 50 * 60, rel=0.05)
    lengths = []
    for beam in range(4):
        events = [event for event in sensor.heard if event[1] == beam]
        lengths += [end[0] - start[0] for start, end in pairwise(events) if start[2] != broken]
    assert sum(lengths) / len(lengths) == pytest.approx(noise.dust_ms if not broken else noise.sunlight_ms, rel=0.1)


def test_a_beam_more_changes_no_other_beams_noise() -> None:
    def heard(beams: int) -> list[tuple[int, int, int]]:
        sensor = Sensor(Noise(dust_per_h=100), beams)
        sensor.scheduler.run_until(HOUR_MS)
        return [event for event in sensor.heard if event[1] == 0]

    assert heard(1) == heard(3) and len(heard(1)) > 50


def test_misalignment_shifts_all_beams() -> None:
    rig = Rig(noise=Noise(misalignment_mm=50))
    rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(1300)
    assert rig.posts[0] == (350, lane.BEAM, 0, 1)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_script_of_faults_happens_as_written() -> None:
    script = (
        Fault(1_000, 500, faults.BEAM_STUCK_ON, 2),
        Fault(2_000, 500, faults.READER_DEAD),
        Fault(4_000, 500, faults.ARM_JAMMED),
        Fault(5_000, 500, faults.POWER_CUT),
        Fault(6_000, 500, faults.NETWORK_CUT),
    )
    rig = Rig(breaks=Faults(script))
    told: list[tuple[int, str, bool]] = []
    rig.plant.on_power = lambda on: told.append((rig.scheduler.now_ms, "power", on))
    rig.plant.on_network = lambda on: told.append((rig.scheduler.now_ms, "network", on))
    rig.scheduler.run_until(2_100)
    assert rig.posts == [(1_000, lane.BEAM, 2, 1), (1_500, lane.BEAM, 2, 0)]
    assert rig.plant.present(b"unheard") and len(rig.posts) == 2
    rig.scheduler.run_until(2_600)
    assert rig.plant.present(b"heard") and len(rig.posts) == 3
    rig.scheduler.run_until(4_100)
    rig.plant.apply(4_100, lane.ARM_RELEASED, lane.LAMP_GO, 0)
    rig.scheduler.run_until(4_499)
    assert rig.plant.arm.position(4_499) == 0
    rig.scheduler.run_until(7_000)
    assert rig.plant.arm.position(7_000) == 100
    assert told == [
        (5_000, "power", False),
        (5_500, "power", True),
        (6_000, "network", False),
        (6_500, "network", True),
    ]


def test_faults_that_overlap_are_one() -> None:
    rig = Rig(breaks=Faults((Fault(100, 500, faults.BEAM_STUCK_ON, 0), Fault(300, 500, faults.BEAM_STUCK_ON, 0))))
    rig.scheduler.run_until(5_000)
    assert rig.posts == [(100, lane.BEAM, 0, 1), (800, lane.BEAM, 0, 0)]


def test_faults_by_rate_come_as_often_as_said_and_are_the_lanes_own() -> None:
    def stuck(name: str) -> list[Event]:
        rates = (Rate(faults.BEAM_STUCK_ON, mtbf_h=2.0, repair_min=6.0),)
        rig = Rig(breaks=Faults(rates=rates), name=name)
        rig.scheduler.run_until(400 * HOUR_MS)
        return rig.posts

    posts = stuck("a")
    begun = [event for event in posts if event[3]]
    # Each of four beams: one failure in 2 h of working and 6 min of mending.
    assert len(begun) == pytest.approx(4 * 400 / 2.1, rel=0.1)
    assert posts == stuck("a") != stuck("b")


def test_what_no_fault_can_be() -> None:
    with pytest.raises(ValueError, match="faults are"):
        Fault(0, 1, "rust")
    with pytest.raises(ValueError, match="at least 1 ms"):
        Fault(0, 0, faults.READER_DEAD)
    with pytest.raises(ValueError, match="above 0"):
        Rate(faults.READER_DEAD, 0)
    rig = Rig(breaks=Faults())
    with pytest.raises(ValueError, match="no beam 9: its beams are 0 to 3"):
        rig.plant.fault(faults.BEAM_STUCK_ON, 9, True)
