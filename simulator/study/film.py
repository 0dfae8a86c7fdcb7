"""A film of one lane: how each body went, what the gate showed, how its arm moved. Exact, and enough to draw it again.

Rules: a film looks and changes nothing; it plans nothing, so a run with it is the run without it. What it keeps of a
body is in memory only while the body is in the lane. Rows go to sinks in order of time (of walks: of when they ended).
Does not belong here: truth and verdicts (rows of their own), files, drawing.
"""

from collections.abc import Callable

from simulator.plant.beams import Path
from simulator.plant.lane import LAMP_NAMES, PAYING, Body, LanePlant
from simulator.plant.silhouette import Shape
from simulator.study.rows import Layout, Part, Place, Point, Raised, Show, Walk
from simulator.study.spec import LaneSpec, Spec

DARK = "dark"  # the state of a gate without power


class Film:
    """Watches `plant`; give it to the plant as its `film`, and the gate's states to `says`."""

    def __init__(
        self,
        plant: LanePlant,
        station: str,
        now_ms: Callable[[], int],
        walks: Callable[[Walk], None],
        shows: Callable[[Show], None],
    ) -> None:
        self._plant = plant
        self._station = station
        self._now_ms = now_ms
        self._walks = walks
        self._shows = shows
        self._state = DARK
        self._points: dict[Body, list[tuple[int, int]]] = {}
        self._shown: tuple[str, int, int, int, int] | None = None
        plant.arm.on_turn = self.turned

    def says(self, state: str) -> None:
        """The gate is in that state now."""
        if state != self._state:
            self._state = state
            self.turned(self._now_ms())

    def walks(self, body: Body, /) -> None:
        """What was to come of its earlier way is not."""
        points = self._points.setdefault(body, [])
        from_ms = body.path[0][0]
        while points and points[-1][0] >= from_ms:
            points.pop()
        points.extend(body.path)

    def gone(self, t_ms: int, body: Body, /) -> None:
        """Its walk is complete."""
        points = self._points.pop(body, [])
        if points:
            self._walks(self._walk(t_ms, body, points))

    def turned(self, t_ms: int, /) -> None:
        """One row, unless all is as it was told."""
        plant = self._plant
        arm, arm_to, arm_by_ms = plant.arm.movement(t_ms)
        # A movement on its way is told once, wherever the arm is by now; so is an arm at rest.
        shown = (self._state, plant.lamp, arm_to, arm_by_ms if arm != arm_to else -1, arm if arm == arm_to else -1)
        if shown != self._shown:
            self._shown = shown
            lamp = LAMP_NAMES[plant.lamp]
            self._shows(Show(self._station, plant.name, t_ms, self._state, lamp, arm, arm_to, arm_by_ms))

    def close(self) -> None:
        """The run has ended; who is still in the lane is seen until now."""
        for body in list(self._points):
            self.gone(self._now_ms(), body)

    def _walk(self, t_ms: int, body: Body, points: list[tuple[int, int]]) -> Walk:
        return Walk(
            self._station,
            self._plant.name,
            body.who,
            body.kind == PAYING,
            body.reverse,
            points[0][0],
            t_ms,
            parts(body.shape),
            [Raised(lift.from_mm, lift.to_mm, lift.by_mm) for lift in body.lifts],
            [Point(*point) for point in seen(points, t_ms)],
        )


def parts(shape: Shape) -> list[Part]:
    """A shape as rows have it."""
    return [Part(one.name, one.offset_mm, one.length_mm, one.low_mm, one.high_mm, one.core) for one in shape.segments]


def seen(points: list[tuple[int, int]], until_ms: int) -> Path:
    """The points up to then; a way that went on is cut there."""
    kept = [point for point in points if point[0] <= until_ms]
    if len(kept) < len(points) and kept[-1][0] < until_ms:
        (t0, x0), (t1, x1) = kept[-1], points[len(kept)]
        kept.append((until_ms, x0 + (x1 - x0) * (until_ms - t0) // (t1 - t0)))
    return tuple(kept)


def layout(spec: Spec, station: str, lane: LaneSpec) -> Layout:
    """Where the things of a lane are."""
    geometry, arm = lane.geometry, lane.arm
    return Layout(
        station,
        lane.name,
        lane.way,
        arm.name,
        lane.detector,
        [Place(beam.x_mm, beam.z_mm) for beam in geometry.beams],
        geometry.arm_mm,
        arm.height_mm,
        arm.clearance_mm,
        geometry.stand_mm,
        geometry.queue_mm,
        geometry.away_mm,
        arm.width_mm,
        spec.epoch_start_ms,
        spec.duration_ms,
    )
