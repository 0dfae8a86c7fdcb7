"""The demo's gateline and its crowd: lanes worth looking at, and riders whom a gate may mistake.

Data only. Every lane but one sees hips in a row of four beams, which is what most gates have and which takes a pram for
a tailgater; one sees two heights and doesn't. What gates make of whom is the reckoning's business (reckoning.py).
"""

from collections.abc import Mapping

from simulator.plant.geometry import Beam, Geometry
from simulator.plant.makes import FLAP, PADDLE, TRIPOD, WIDE, ArmKind
from simulator.study.spec import ORDERED, PROFILE, LaneSpec
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.population import Population

# Knees and chests, at four places.
TWO_HEIGHTS = Geometry(tuple(Beam(x_mm, z_mm) for x_mm in (0, 150, 300, 450) for z_mm in (300, 1200)))

# From the first lane on; whoever needs width has a lane each way.
_MAKES: tuple[tuple[ArmKind, Geometry, str], ...] = (
    (PADDLE, Geometry(), ORDERED),
    (WIDE, Geometry(), ORDERED),
    (PADDLE, Geometry(), ORDERED),
    (TRIPOD, Geometry(), ORDERED),
    (PADDLE, TWO_HEIGHTS, PROFILE),
    (FLAP, Geometry(), ORDERED),
    (PADDLE, Geometry(), ORDERED),
    (WIDE, Geometry(), ORDERED),
)


def lane_specs(ways: Mapping[str, str]) -> dict[str, LaneSpec]:
    """The lanes of those names and ways; beyond eight, from the first make on again."""
    return {
        name: LaneSpec(name, way, geometry, arm, detector)
        for (name, way), (arm, geometry, detector) in zip(
            ways.items(), (_MAKES[n % len(_MAKES)] for n in range(len(ways))), strict=True
        )
    }


def crowd() -> Population:
    """An evening's riders: some have something along, one in fifty steps back, one in fifty is refused, and one in
    forty evades. Settings, not findings. Whoever jumps gets over every arm there is here."""
    return Population(
        {
            bodies.ADULT: 0.69,
            bodies.BACKPACK: 0.18,
            bodies.SUITCASE: 0.08,
            bodies.CHILD_BY_HAND: 0.02,
            bodies.PRAM: 0.01,
            bodies.WHEELCHAIR: 0.005,
            bodies.UMBRELLA: 0.01,
            bodies.DOG: 0.005,
        },
        (
            b.Hesitate(0.02, returns=0.0),
            b.RefusedRetreat(0.02),
            b.TailgateCovert(0.011, gap_m=(0.25, 0.40)),
            b.TailgateFriendly(0.006),
            b.JumpOver(0.008, reach_m=(1.0, 1.3)),
        ),
    )
