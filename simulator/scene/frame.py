"""One lane's picture in canonical form: what stands still (`layout`) and what moves (`scene`).

Pure: numbers in, bytes without a seal out. The bounds of docs/protocol.md are kept here: of bodies the first, of edges
and outcomes the newest. Does not belong here: when a picture is taken (eye.py), the broker (publisher.py).
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from simulator.plant.lane import Body, LanePlant
from simulator.plant.silhouette import Lift, Shape

BODIES_MAX = 16
PARTS_MAX = 24
BEAMS_MAX = 24
EDGES_MAX = 64
OUTCOMES_MAX = 32
HANDS_MAX = 20
EDGES_FOR_MS = 1_000
OUTCOMES_FOR_MS = 3_000


class Edge(NamedTuple):
    """The `n`th edge that the lane's firmware was told of."""

    n: int
    t_ms: int
    beam: int
    blocked: int


class Seen(NamedTuple):
    """The `n`th outcome at the lane: what a body did, `figure` being the kind of rider.

    `hand` is the number of the order that sent them, 1 for who was sent by hand without one, 0 for all others.
    """

    n: int
    t_ms: int
    what: str
    way: str
    figure: str
    hand: int


def layout(plant: LanePlant, detector: str) -> bytes:
    """What stands still at a lane."""
    geometry, kind = plant.geometry, plant.arm.kind
    beams = ",".join(f"[{beam.x_mm},{beam.z_mm}]" for beam in geometry.beams[:BEAMS_MAX])
    return (
        f'{{"v":1,"way":"{plant.way}","make":"{kind.name}","detector":"{detector}","beams":[{beams}],'
        f'"arm":[{geometry.arm_mm},{kind.height_mm},{kind.clearance_mm}],"stand_mm":{geometry.stand_mm},'
        f'"queue_mm":{geometry.queue_mm},"away_mm":{geometry.away_mm},"width_mm":{kind.width_mm}}}'
    ).encode()


@lru_cache(maxsize=4096)
def parts(shape: Shape) -> str:
    """A body's segments, as the wire has them."""
    return ",".join(
        f'["{part.name}",{part.offset_mm},{part.length_mm},{part.low_mm},{part.high_mm}]'
        for part in shape.segments[:PARTS_MAX]
    )


def lift_mm(lifts: Iterable[Lift], front_mm: int) -> int:
    """How much higher than on the floor the person is with the front there."""
    return max((lift.by_mm for lift in lifts if lift.from_mm <= front_mm <= lift.to_mm), default=0)


def bodies(shown: Sequence[Body], t_ms: int) -> str:
    """All bodies at `t_ms`, as the wire has them."""
    found = []
    for body in shown[:BODIES_MAX]:
        front_mm = body.front_at(t_ms)
        lift = lift_mm(body.lifts, front_mm) if body.lifts else 0
        found.append(f"[{body.number},{front_mm},{body.kind},{int(body.reverse)},{lift},[{parts(body.shape)}]]")
    return ",".join(found)


def scene(at_ms: int, look: str, times: str, hands: str) -> bytes:
    """A whole frame from its three parts, at epoch ms."""
    return f'{{"v":1,"at":{at_ms},{look},{times},"hands":[{hands}]}}'.encode()


def look(state: str, arm: int, lamp: str, beams: Iterable[int], waiting: int, bodies: str) -> str:
    """What an eye sees at once."""
    broken = ",".join("1" if beam else "0" for beam in list(beams)[:BEAMS_MAX])
    return f'"state":"{state}","arm":{arm},"lamp":"{lamp}","beams":[{broken}],"waiting":{waiting},"bodies":[{bodies}]'


def recent(t_ms: int, edges: Iterable[Edge], outcomes: Iterable[Seen]) -> str:
    """What was a moment ago, by how long ago it is at `t_ms`."""
    told = ",".join(
        f"[{edge.n},{t_ms - edge.t_ms},{edge.beam},{edge.blocked}]"
        for edge in [edge for edge in edges if t_ms - edge.t_ms <= EDGES_FOR_MS][-EDGES_MAX:]
    )
    done = ",".join(
        f'[{one.n},{t_ms - one.t_ms},"{one.what}","{one.way}","{one.figure}",{one.hand}]'
        for one in [one for one in outcomes if t_ms - one.t_ms <= OUTCOMES_FOR_MS][-OUTCOMES_MAX:]
    )
    return f'"edges":[{told}],"truth":[{done}]'


def hands(names: Iterable[str]) -> str:
    """What is meddled with now."""
    return ",".join(f'"{name}"' for name in list(names)[:HANDS_MAX])
