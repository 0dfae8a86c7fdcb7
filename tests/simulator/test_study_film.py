"""The film of a run: it changes nothing, and what it kept is enough to say which beams were broken when."""

import random
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simulator.plant.beams import front_at
from simulator.scenario.build import build
from simulator.scenario.load import parse
from simulator.study import parquet
from simulator.study.execute import Options, execute
from simulator.study.film import seen
from simulator.study.rows import Show, Walk
from simulator.study.run import Sinks, StationRun
from tests.simulator import transcripts

# Beams without noise: what they say is what bodies do.
QUIET = """
[scenario]
name = "quiet"
duration_min = 10
[demand]
entries_per_h = 1200
[population]
suitcase = 0.2
pram = 0.1
[behaviour.jump_over]
share = 0.1
[behaviour.crawl_under]
share = 0.05
[behaviour.tailgate_covert]
share = 0.1
[behaviour.wrong_side]
share = 0.05
[[lane]]
name = "in"
count = 2
beams = [{ x_m = 0.0, z_m = 0.3 }, { x_m = 0.2, z_m = 0.9 }, { x_m = 0.4, z_m = 0.6 }, { x_m = 0.6, z_m = 1.4 }]
[[lane]]
name = "out"
way = "exit"
"""


def filmed(name: str) -> tuple[StationRun, list[Walk], list[Show], list[Any], list[Any]]:
    spec = build(parse(QUIET, Path("quiet.toml")), Path()) if name == "quiet" else transcripts.spec(name)
    walks: list[Walk] = []
    shows: list[Show] = []
    edges: list[Any] = []
    crossings: list[Any] = []
    run = StationRun(
        spec,
        spec.stations[0],
        Sinks(crossings.append, edges=edges.append, walks=walks.append, shows=shows.append),
        transcript=True,
    )
    run.run()
    return run, walks, shows, edges, crossings


def raised_mm(walk: Walk, front_mm: int) -> int:
    return next((one.by_mm for one in walk.raised if one.from_mm <= front_mm <= one.to_mm), 0)


def covers(walk: Walk, t_ms: int, x_mm: int, z_mm: int) -> bool:
    """Whether the body is in the way of a beam, from the film's rows alone."""
    front_mm = front_at(tuple((point.at_ms, point.front_mm) for point in walk.points), t_ms)
    up_mm = raised_mm(walk, front_mm)
    for part in walk.parts:
        near, far = part.offset_mm, part.offset_mm + part.length_mm
        low, high = (front_mm + near, front_mm + far) if walk.reverse else (front_mm - far, front_mm - near)
        lift = up_mm if part.core else 0
        if low <= x_mm <= high and part.low_mm + lift <= z_mm <= part.high_mm + lift:
            return True
    return False


@pytest.mark.parametrize("name", ["everything", "trouble"])
def test_a_run_that_is_filmed_is_the_run_that_is_not(name: str) -> None:
    spec = transcripts.spec(name)
    run, _, _, edges, _ = filmed(name)
    plain: list[Any] = []
    other = StationRun(spec, spec.stations[0], Sinks(edges=plain.append), transcript=True)
    other.run()
    assert run.digests() == other.digests() and edges == plain


def test_the_film_says_which_beams_are_broken_at_any_moment() -> None:
    run, walks, _, edges, _ = filmed("quiet")
    beams = {lane.spec.name: lane.spec.geometry.beams for lane in run.lanes}
    by_lane: dict[str, list[Walk]] = defaultdict(list)
    for walk in walks:
        by_lane[walk.lane].append(walk)
    told: dict[str, list[Any]] = defaultdict(list)
    for edge in edges:
        told[edge.lane].append(edge)
    asked = random.Random(5)
    broken_ones = 0
    for lane, lanes_edges in told.items():
        for edge in asked.sample(lanes_edges, min(150, len(lanes_edges))):
            # Just before an edge, just behind it, and somewhere else. Fronts are whole millimetres, so a millisecond or
            # two at an edge itself is not looked at.
            for t_ms in (edge.at_ms - 4, edge.at_ms + 4, edge.at_ms + asked.randrange(700)):
                if any(abs(other.at_ms - t_ms) < 4 for other in lanes_edges):
                    continue
                state = [0] * len(beams[lane])
                for other in lanes_edges:
                    if other.at_ms > t_ms:
                        break
                    state[other.beam] = other.blocked
                here = [walk for walk in by_lane[lane] if walk.since_ms <= t_ms <= walk.until_ms]
                drawn = [int(any(covers(walk, t_ms, beam.x_mm, beam.z_mm) for walk in here)) for beam in beams[lane]]
                assert drawn == state, (lane, t_ms)
                broken_ones += sum(state)
    assert broken_ones > 500


@pytest.mark.parametrize("name", ["everything", "trouble"])
def test_everybody_who_came_to_the_beams_is_in_the_film(name: str) -> None:
    _, walks, _, _, crossings = filmed(name)
    stays: dict[str, list[Walk]] = defaultdict(list)
    for walk in walks:
        stays[walk.rider].append(walk)
        assert walk.points and walk.since_ms == walk.points[0].at_ms <= walk.points[-1].at_ms <= walk.until_ms
        assert all(one.at_ms < other.at_ms for one, other in pairwise(walk.points))
    came = [one for one in crossings if one.entered_ms >= 0]
    assert len(came) > 50
    for one in came:
        here = [walk for walk in stays[one.rider] if walk.lane == one.lane]
        assert any(walk.since_ms <= one.entered_ms <= walk.until_ms for walk in here), one
    assert [walk.until_ms for walk in walks] == sorted(walk.until_ms for walk in walks)


class Sampled:
    """Positions of all arms, looked at every so often while a run goes on."""

    def __init__(self, run: StationRun) -> None:
        self.run = run
        self.found: list[tuple[str, int, int]] = []

    def look(self) -> None:
        now_ms = self.run.scheduler.now_ms
        for lane in self.run.lanes:
            self.found.append((lane.spec.name, now_ms, lane.plant.arm.position(now_ms)))
        self.run.scheduler.after(137, self.look)


def test_arms_move_as_the_film_says() -> None:
    spec = transcripts.spec("everything")
    shows: list[Show] = []
    run = StationRun(spec, spec.stations[0], Sinks(walks=lambda _: None, shows=shows.append))
    sampled = Sampled(run)
    run.scheduler.after(1, sampled.look)
    for _ in zip(run.steps(), range(8), strict=False):
        pass
    run.close()
    by_lane: dict[str, list[Show]] = defaultdict(list)
    for show in shows:
        by_lane[show.lane].append(show)
    moving = 0
    for lane, t_ms, position in sampled.found:
        # What was told at that very moment may be of before or after the look.
        if any(show.at_ms == t_ms for show in by_lane[lane]):
            continue
        last = [show for show in by_lane[lane] if show.at_ms < t_ms][-1]
        span_ms = last.arm_by_ms - last.at_ms
        done = 1.0 if t_ms >= last.arm_by_ms else (t_ms - last.at_ms) / span_ms
        assert abs(last.arm + (last.arm_to - last.arm) * done - position) <= 2, (lane, t_ms)
        moving += 0 < position < 100
    assert moving > 20, "arms were seen on their way"


def test_a_way_that_is_not_walked_to_its_end_is_cut() -> None:
    assert seen([(0, 0), (10, 100), (20, 100)], 5) == ((0, 0), (5, 50))
    assert seen([(0, 0), (10, 100)], 10) == ((0, 0), (10, 100))
    assert seen([(0, 0), (10, 100)], 99) == ((0, 0), (10, 100))


def files_of(folder: Path) -> Iterator[str]:
    return (file.name for file in sorted(folder.iterdir()))


def test_a_runs_folder_has_the_film_unless_it_is_not_wanted(tmp_path: Path) -> None:
    spec = transcripts.spec("whole-metro-day")
    for name, walks in (("with", True), ("without", False)):
        (tmp_path / name).mkdir()
        execute(spec, Options(walks=walks), folder=tmp_path / name)
    film = {"walks.parquet", "shows.parquet"}
    assert set(files_of(tmp_path / "with")) - set(files_of(tmp_path / "without")) == film
    rows = list(parquet.read(tmp_path / "with", parquet.LAYOUT))
    lanes = [(station.name, lane.name) for station in spec.stations for lane in station.lanes]
    assert [(row["station"], row["lane"]) for row in rows] == lanes
    first = spec.stations[0].lanes[0].geometry
    assert rows[0]["beams"] == [{"x_mm": beam.x_mm, "z_mm": beam.z_mm} for beam in first.beams]
    assert {row["lane"] for row in parquet.read(tmp_path / "with", parquet.SHOWS)} == {lane for _, lane in lanes}
    assert next(parquet.read(tmp_path / "with", parquet.WALKS))["points"]
