"""The plant: edges against a stepped reference, the arm's movement, what the lane posts and when."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.boards import board
from simulator.clock import Scheduler
from simulator.plant import beams, lane
from simulator.plant.arm import PADDLE, TRIPOD, Arm
from simulator.plant.lane import Geometry, LanePlant

Event = tuple[int, int, int | bytes, int]


def stepped(path: beams.Path, length_mm: int, beam_mm: int) -> list[tuple[int, int]]:
    """The edges as found by looking at every millisecond, without any solving."""
    found, before = [], False
    for t in range(path[0][0], path[-1][0] + 1):
        now = False
        for (t0, x0), (t1, x1) in pairwise(path):
            if t0 <= t <= t1:
                # front = x0 + (x1 - x0) * (t - t0) / (t1 - t0), compared without dividing
                scaled = x0 * (t1 - t0) + (x1 - x0) * (t - t0)
                now = beam_mm * (t1 - t0) <= scaled <= (beam_mm + length_mm) * (t1 - t0)
        if now != before:
            found.append((t, int(now)))
        before = now
    return found


@st.composite
def paths(draw: st.DrawFn) -> beams.Path:
    t, points = draw(st.integers(0, 50)), []
    for _ in range(draw(st.integers(2, 6))):
        points.append((t, draw(st.integers(-900, 1200))))
        t += draw(st.integers(1, 900))
    return tuple(points)


@settings(max_examples=150, deadline=None)
@given(paths(), st.integers(1, 600), st.integers(-100, 600))
def test_edges_are_those_of_a_stepped_reference(path: beams.Path, length_mm: int, beam_mm: int) -> None:
    assert beams.edges(path, length_mm, beam_mm) == stepped(path, length_mm, beam_mm)


def test_a_path_taken_up_in_the_middle_goes_on_from_the_state_it_finds() -> None:
    inside = ((100, 50), (200, 400))
    assert beams.edges(inside, 250, 0, blocked=True) == [(158, 0)]
    assert beams.edges(inside, 250, 0, blocked=False) == [(100, 1), (158, 0)]
    assert beams.edges(((100, -10), (200, -50)), 250, 0, blocked=True) == [(100, 0)]
    assert beams.edges(((100, 20),), 250, 0) == [(100, 1)]


def test_paths_need_points_and_growing_times() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        beams.check_path([])
    with pytest.raises(ValueError, match="times must grow"):
        beams.check_path([(5, 0), (5, 1)])


def test_a_beam_counts_the_bodies_that_cover_it() -> None:
    row = beams.BeamRow(2)
    assert [row.change(0, 1), row.change(0, 1), row.change(0, 0)] == [True, False, False]
    assert row.broken() == [1, 0] and row.any_broken()
    assert row.change(0, 0) and not row.any_broken()
    with pytest.raises(ValueError, match="did not break it"):
        row.change(1, 0)


def test_the_arm_moves_in_straight_lines_and_reverses_from_where_it_is() -> None:
    arm = Arm(PADDLE)
    assert arm.position(0) == 0 and arm.passable_at(0) is None
    arm.open(1000)
    assert [arm.position(t) for t in (1000, 1150, 1299, 1300, 9000)] == [0, 50, 99, 100, 100]
    due_ms = arm.passable_at(1000)
    assert due_ms == 1180 and arm.position(due_ms) >= PADDLE.passable > arm.position(due_ms - 1)
    assert arm.passable_at(5000) == 5000
    arm.close(1150)
    assert arm.position(1150) == 50 and arm.position(1350) == 0 and arm.passable_at(1200) is None
    arm.open(1250)
    assert arm.position(1250) == 25 and arm.position(1475) == 100


def test_seam_numbers_are_the_firmwares() -> None:
    assert (lane.BEAM, lane.MEDIUM, lane.FIRE) == (board.BEAM, board.MEDIUM, board.FIRE)
    for name in ("ARM_LOCKED", "ARM_RELEASED", "ARM_FREE", "LAMP_WAIT", "LAMP_READY", "LAMP_GO", "LAMP_STOP"):
        assert getattr(lane, name) == getattr(board, name), name


class Rig:
    """A powered lane whose posts are kept, and whose bodies are pushed by hand."""

    def __init__(self, kind: object = PADDLE) -> None:
        self.scheduler = Scheduler()
        self.posts: list[Event] = []
        self.looked: list[Event] = []
        arm = TRIPOD if kind is TRIPOD else PADDLE
        self.plant = LanePlant(self.scheduler, post=lambda *event: self.posts.append(event), arm=arm)
        self.plant.power(True)

    def body(self, length_mm: int, *path: tuple[int, int]) -> lane.Body:
        def watch(t_ms: int, beam: int, blocked: int) -> None:
            assert (t_ms, lane.BEAM, beam, blocked) not in self.posts, "the device saw it before the truth"
            self.looked.append((t_ms, lane.BEAM, beam, blocked))

        return self.plant.add(length_mm, lane.PAYING, list(path), watch)


def test_a_walk_breaks_and_clears_the_beams_in_order() -> None:
    rig = Rig()
    body = rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(1300)
    expected = [(0, 300, 1), (1, 450, 1), (0, 601, 0), (2, 600, 1), (1, 751, 0), (3, 750, 1), (2, 901, 0), (3, 1051, 0)]
    assert sorted((beam, t, blocked) for t, _, beam, blocked in rig.posts) == sorted(expected)
    assert rig.posts == sorted(rig.posts) and rig.looked == rig.posts
    rig.plant.remove(body)
    assert rig.plant.bodies() == []


def test_two_bodies_in_one_beam_make_one_interruption() -> None:
    rig = Rig()
    rig.body(300, (0, -300), (1300, 1000))
    rig.body(300, (0, -500), (1300, 800))
    rig.scheduler.run_until(1300)
    assert [(t, b) for t, _, beam, b in rig.posts if beam == 0] == [(300, 1), (801, 0)]


def test_a_body_that_turns_back_keeps_the_first_beam_broken() -> None:
    rig = Rig()
    rig.body(250, (0, -300), (500, 200), (900, 200), (1400, -300))
    rig.scheduler.run_until(1400)
    assert [(beam, b) for _, _, beam, b in rig.posts] == [(0, 1), (1, 1), (1, 0), (0, 0)]


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


@pytest.mark.parametrize(("kind", "closes_ms"), [(PADDLE, 1051), (TRIPOD, 826)])
def test_the_arm_never_closes_on_a_body(kind: object, closes_ms: int) -> None:
    rig = Rig(kind)
    rig.plant.apply(0, lane.ARM_RELEASED, lane.LAMP_GO, 1)
    rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(600)  # the front is past the arm
    rig.plant.apply(600, lane.ARM_LOCKED, lane.LAMP_WAIT, 0)
    rig.scheduler.run_until(closes_ms - 1)
    assert rig.plant.arm.opening
    rig.scheduler.run_until(closes_ms)
    assert not rig.plant.arm.opening


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
    assert rig.posts == [(700, lane.FIRE, 1, 0), (700, lane.BEAM, 1, 1), (700, lane.BEAM, 2, 1)]
    rig.scheduler.run_until(1300)
    assert rig.plant.command == lane.ARM_LOCKED


def test_fire_and_media_are_posted_once() -> None:
    rig = Rig()
    rig.plant.fire(True)
    rig.plant.fire(True)
    rig.plant.present(b"medium")
    rig.plant.fire(False)
    assert rig.posts == [(0, lane.FIRE, 1, 0), (0, lane.MEDIUM, b"medium", 0), (0, lane.FIRE, 0, 0)]


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
    with pytest.raises(ValueError, match="hide between beams"):
        rig.body(150, (0, -300))
    body = rig.body(300, (0, -300), (1300, 1000))
    rig.scheduler.run_until(500)
    with pytest.raises(ValueError, match="cannot vanish"):
        rig.plant.remove(body)
    with pytest.raises(ValueError, match='"entry" or "exit"'):
        LanePlant(rig.scheduler, way="up")
    with pytest.raises(ValueError, match="two beams or more"):
        Geometry(beams_mm=(0,))
    with pytest.raises(ValueError, match="queue < stand"):
        Geometry(arm_mm=500)


def test_replanning_at_any_moment_leaves_no_beam_broken() -> None:
    own = random.Random(5)
    for _ in range(200):
        rig = Rig()
        body = rig.body(own.randint(250, 450), (0, -300), (1300, 1000))
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
