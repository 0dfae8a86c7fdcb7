"""Ways through a lane: where a body's front is over time, for each thing that a rider may do there.

Pure: geometry, a rider's numbers and the time in, a `Move` out. Millimetres along the lane, milliseconds of virtual
time. Does not belong here: when a rider sets off, and what comes of it (traffic.py).
"""

from simulator.plant.geometry import Geometry
from simulator.plant.makes import ArmKind
from simulator.plant.silhouette import Lift, Segment, Shape
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.riders import Rider

Path = list[tuple[int, int]]

ROOM_MM = 150  # clear space that riders keep to whoever is ahead, and to the lane when they are out of it
# A body that turns back keeps the first beam broken throughout: its tail stays this far before it.
_TURN_MARGIN_MM = 30
# Over the arm the legs are drawn up by so much; a vault needs no more height than the rest.
_LEGS_DRAWN_UP_MM = 300
_RUN_UP_MM = 200


class Move:
    """One way through the lane. `push` is (when, for how long) somebody pushes the arm aside, if they do."""

    __slots__ = ("lifts", "path", "push", "reverse", "shape")

    def __init__(self, path: Path, shape: Shape, reverse: bool = False) -> None:
        self.path = path
        self.shape = shape
        self.lifts: tuple[Lift, ...] = ()
        self.reverse = reverse
        self.push: tuple[int, int] | None = None

    @property
    def end_ms(self) -> int:
        """When the way ends."""
        return self.path[-1][0]


def walk_ms(speed_mmps: int, distance_mm: int) -> int:
    """How long a walk takes, rounded up to whole ms; 0 for no distance."""
    return max(0, -(-distance_mm * 1000 // speed_mmps))


def front_passes_ms(path: Path | tuple[tuple[int, int], ...], x_mm: int) -> int | None:
    """The first time from which the front is at or beyond `x_mm`, for a path that walks forward; None if never."""
    t0, x0 = path[0]
    if x0 >= x_mm:
        return t0
    for t1, x1 in path[1:]:
        if x1 >= x_mm:
            return t0 - (-(x_mm - x0) * (t1 - t0) // (x1 - x0))
        t0, x0 = t1, x1
    return None


def stand_mm(geometry: Geometry, shape: Shape) -> int:
    """Where a rider's front is at the reader: whatever goes ahead of them (a pram) stays before the first beam."""
    return min(geometry.stand_mm, shape.front_mm - 100)


def queue_mm(geometry: Geometry, shape: Shape) -> int:
    """Where the next rider waits."""
    return stand_mm(geometry, shape) + geometry.queue_mm - geometry.stand_mm


def out_mm(geometry: Geometry, shape: Shape) -> int:
    """Where a rider's front is when all of them is out by the far side."""
    return max(geometry.away_mm, geometry.last_mm + shape.rear_mm + ROOM_MM)


def fits(plan: b.Behaviour | None, rider: Rider, arm: ArmKind) -> bool:
    """Whether this rider can do that at such an arm."""
    own = rider.rng
    if isinstance(plan, b.JumpOver):
        return arm.height_mm <= b.drawn(own, plan.reach_m) * 1000
    if isinstance(plan, b.Climb):
        return arm.height_mm <= b.drawn(own, plan.reach_m) * 1000
    if isinstance(plan, b.CrawlUnder):
        return arm.clearance_mm >= b.drawn(own, plan.height_m) * 1000
    if isinstance(plan, b.Force):
        return arm.holding_force_n <= b.drawn(own, plan.push_n)
    if isinstance(plan, b.Backcock):
        return arm.backcock_mm > 0
    return True


def straight(now_ms: int, from_mm: int, geometry: Geometry, shape: Shape, speed_mmps: int) -> Move:
    """Through and out at one pace."""
    end_mm = out_mm(geometry, shape)
    return Move([(now_ms, from_mm), (now_ms + max(1, walk_ms(speed_mmps, end_mm - from_mm)), end_mm)], shape)


def with_stop(
    now_ms: int, from_mm: int, geometry: Geometry, shape: Shape, speed_mmps: int, at_mm: int, for_ms: int
) -> Move:
    """Through, with a stop on the way."""
    end_mm = out_mm(geometry, shape)
    there_ms = now_ms + max(1, walk_ms(speed_mmps, at_mm - from_mm))
    go_ms = there_ms + max(1, for_ms)
    out_ms = go_ms + max(1, walk_ms(speed_mmps, end_mm - at_mm))
    return Move([(now_ms, from_mm), (there_ms, at_mm), (go_ms, at_mm), (out_ms, end_mm)], shape)


def there_and_back(now_ms: int, rider: Rider, geometry: Geometry, pause_ms: int, turn_at: float) -> tuple[Move, int]:
    """In as far as the arm at most, a pause, and out again by the side one came from; and when they turn."""
    stand = stand_mm(geometry, rider.shape)
    deepest_mm = min(rider.shape.core_rear_mm, geometry.arm_mm) - _TURN_MARGIN_MM
    turn_mm = _TURN_MARGIN_MM + round(turn_at * max(0, deepest_mm - _TURN_MARGIN_MM))
    there_ms = now_ms + max(1, walk_ms(rider.speed_mmps, turn_mm - stand))
    turn_ms = there_ms + max(1, pause_ms)
    path = [(now_ms, stand), (there_ms, turn_mm), (turn_ms, turn_mm), (turn_ms + there_ms - now_ms, stand)]
    return Move(path, rider.shape), turn_ms


def intrusion(now_ms: int, from_mm: int, rider: Rider, plan: b.Behaviour, geometry: Geometry, arm: ArmKind) -> Move:
    """Through a closed arm: over, under, by force, or by a tripod's slack."""
    own, shape = rider.rng, rider.shape
    if isinstance(plan, b.JumpOver | b.Climb):
        shape = _drawn_up(shape)
        by_mm = max(0, arm.height_mm - _LEGS_DRAWN_UP_MM)
        lifts = (Lift(geometry.arm_mm - _RUN_UP_MM, geometry.arm_mm + shape.core_rear_mm + _RUN_UP_MM, by_mm),)
        if isinstance(plan, b.JumpOver):
            move = straight(now_ms, from_mm, geometry, shape, round(b.drawn(own, plan.speed_mps) * 1000))
        else:
            on_top_ms = round(b.drawn(own, plan.on_top_s) * 1000)
            top_mm = geometry.arm_mm + shape.core_rear_mm // 2
            move = with_stop(now_ms, from_mm, geometry, shape, rider.speed_mmps // 2, top_mm, on_top_ms)
        move.lifts = lifts
        return move
    if isinstance(plan, b.CrawlUnder):
        shape = bodies.crawling(shape, min(arm.clearance_mm or 700, round(plan.height_m[1] * 1000)))
        return straight(now_ms, from_mm, geometry, shape, round(b.drawn(own, plan.speed_mps) * 1000))
    if isinstance(plan, b.Force):
        if arm.holding_force_n <= 0:
            return straight(now_ms, from_mm, geometry, shape, rider.speed_mmps)
        struggle_ms = round(b.drawn(own, plan.struggle_s) * 1000)
        move = with_stop(now_ms, from_mm, geometry, shape, rider.speed_mmps, geometry.arm_mm - 50, struggle_ms)
        pushed_ms = move.path[2][0]
        move.push = (pushed_ms, move.end_ms - pushed_ms)
        return move
    if isinstance(plan, b.Backcock):
        squeeze_ms = round(b.drawn(own, plan.squeeze_s) * 1000)
        at_mm = geometry.arm_mm + shape.core_rear_mm // 2
        return with_stop(now_ms, from_mm, geometry, shape, rider.speed_mmps, at_mm, squeeze_ms)
    raise ValueError(f"{plan.name} is no way through a closed arm")


def against(now_ms: int, rider: Rider, geometry: Geometry) -> Move:
    """In by the far side, out by the near one."""
    from_mm = against_stand_mm(geometry, rider.shape)
    end_mm = -rider.shape.rear_mm - ROOM_MM
    end_ms = now_ms + max(1, walk_ms(rider.speed_mmps, from_mm - end_mm))
    return Move([(now_ms, from_mm), (end_ms, end_mm)], rider.shape, reverse=True)


def against_stand_mm(geometry: Geometry, shape: Shape) -> int:
    """Where a rider waits who wants in by the far side."""
    return geometry.last_mm - min(0, shape.front_mm) + ROOM_MM


def _drawn_up(shape: Shape) -> Shape:
    """The same person over the arm: legs beneath the body, all of it lifted together."""
    torso = shape.segments[0]
    return Shape(
        (
            *(segment for segment in shape.segments if segment.core),
            Segment("legs", torso.offset_mm, torso.length_mm, 0, torso.low_mm),
            *(segment for segment in shape.segments if not segment.core and segment.name == "backpack"),
        )
    )
