"""Silhouettes and edges: against looking at every position and every millisecond, without any solving."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.plant import beams
from simulator.plant.silhouette import Lift, Segment, Shape, front_spans, merged


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    low = draw(st.integers(0, 1500))
    return Segment(
        "part", draw(st.integers(-600, 900)), draw(st.integers(1, 700)), low, low + draw(st.integers(1, 900))
    )


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    parts = draw(st.lists(segments(), min_size=1, max_size=4))
    loose = [Segment(p.name, p.offset_mm, p.length_mm, p.low_mm, p.high_mm, False) for p in parts[1:]]
    return Shape((parts[0], *loose))


@st.composite
def lifts(draw: st.DrawFn) -> tuple[Lift, ...]:
    start = draw(st.integers(-800, 800))
    return () if draw(st.booleans()) else (Lift(start, start + draw(st.integers(0, 700)), draw(st.integers(1, 1200))),)


def in_the_way(shape: Shape, front: int, x: int, z: int, raised: tuple[Lift, ...], reverse: bool) -> bool:
    for part in shape.segments:
        near, far = part.offset_mm, part.offset_mm + part.length_mm
        covers = front + near <= x <= front + far if reverse else front - far <= x <= front - near
        by = sum(lift.by_mm for lift in raised if lift.from_mm <= front <= lift.to_mm) if part.core else 0
        if covers and part.low_mm + by <= z <= part.high_mm + by:
            return True
    return False


@settings(max_examples=150, deadline=None)
@given(shapes(), st.integers(-100, 700), st.integers(0, 2500), lifts(), st.booleans())
def test_front_spans_are_those_of_every_position(
    shape: Shape, x: int, z: int, raised: tuple[Lift, ...], reverse: bool
) -> None:
    spans = front_spans(shape, x, z, raised, reverse)
    assert all(low <= high for low, high in spans)
    assert all(first[1] + 1 < second[0] for first, second in pairwise(spans)), "touching spans are one"
    inside = {front for low, high in spans for front in range(low, high + 1)}
    assert inside == {front for front in range(-2500, 2500) if in_the_way(shape, front, x, z, raised, reverse)}


@st.composite
def paths(draw: st.DrawFn) -> beams.Path:
    t, points = draw(st.integers(0, 50)), []
    for _ in range(draw(st.integers(2, 6))):
        points.append((t, draw(st.integers(-900, 1200))))
        t += draw(st.integers(1, 900))
    return tuple(points)


@st.composite
def spans(draw: st.DrawFn) -> tuple[tuple[int, int], ...]:
    found = [(low, low + draw(st.integers(0, 400))) for low in draw(st.lists(st.integers(-300, 900), min_size=1))]
    return merged(found)


def stepped(path: beams.Path, within: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """The edges as found by looking at every millisecond."""
    found, before = [], False
    for t in range(path[0][0], path[-1][0] + 1):
        now = False
        for (t0, x0), (t1, x1) in pairwise(path):
            if t0 <= t <= t1:
                # front = x0 + (x1 - x0) * (t - t0) / (t1 - t0), compared without dividing
                scaled, dt = x0 * (t1 - t0) + (x1 - x0) * (t - t0), t1 - t0
                now = any(low * dt <= scaled <= high * dt for low, high in within)
        if now != before:
            found.append((t, int(now)))
        before = now
    return found


@settings(max_examples=200, deadline=None)
@given(paths(), spans())
def test_edges_are_those_of_every_millisecond(path: beams.Path, within: tuple[tuple[int, int], ...]) -> None:
    assert beams.edges(path, within) == stepped(path, within)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 50),
    st.integers(-900, 400),
    st.integers(1, 900),
    st.integers(1, 1500),
    st.integers(-300, 900),
    st.integers(0, 400),
)
def test_the_quick_way_is_the_slow_one(t0: int, x0: int, dt: int, dx: int, low: int, length: int) -> None:
    path = ((t0, x0), (t0 + dt, x0 + dx))
    assert beams.passing(path, (low, low + length)) == beams.edges(path, ((low, low + length),))


def test_a_path_taken_up_in_the_middle_goes_on_from_the_state_it_finds() -> None:
    inside, within = ((100, 50), (200, 400)), ((0, 250),)
    assert beams.edges(inside, within, blocked=True) == [(158, 0)]
    assert beams.edges(inside, within, blocked=False) == [(100, 1), (158, 0)]
    assert beams.edges(((100, -10), (200, -50)), within, blocked=True) == [(100, 0)]
    assert beams.edges(((100, 20),), within) == [(100, 1)]


def test_paths_need_points_and_growing_times() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        beams.check_path([])
    with pytest.raises(ValueError, match="times must grow"):
        beams.check_path([(5, 0), (5, 1)])


def test_shapes_know_their_extents_and_what_cannot_be() -> None:
    shape = Shape((Segment("torso", 0, 300, 800, 1500), Segment("pram", -1000, 800, 0, 1000, core=False)))
    assert (shape.front_mm, shape.rear_mm, shape.core_front_mm, shape.core_rear_mm) == (-1000, 300, 0, 300)
    assert shape == Shape(shape.segments) and hash(shape) == hash(Shape(shape.segments))
    assert shape != Shape(shape.segments[:1])
    with pytest.raises(ValueError, match="core segment"):
        Shape((Segment("pram", 0, 800, 0, 1000, core=False),))
    with pytest.raises(ValueError, match="length above 0"):
        Segment("nothing", 0, 0, 0, 1000)
