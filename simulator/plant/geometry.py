"""Where a lane's beams, arm and riders stand. Data only.

Millimetres count along the lane in its own direction: the first beam is at 0, riders wait before it with their fronts
below 0. Heights count from the floor.
"""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Beam:
    """A light beam across the lane."""

    x_mm: int
    z_mm: int = 900


_DEFAULT_BEAMS = (Beam(0), Beam(150), Beam(300), Beam(450))


@dataclass(frozen=True)
class Geometry:
    """Where things are, in mm. Beams are numbered in the order given; several may share an x at different heights."""

    beams: tuple[Beam, ...] = _DEFAULT_BEAMS
    arm_mm: int = 225
    stand_mm: int = -300
    queue_mm: int = -1000
    away_mm: int = 1000

    def __post_init__(self) -> None:
        places = [beam.x_mm for beam in self.beams]
        if not places or places[0] != 0 or places != sorted(places) or len(set(self.beams)) != len(self.beams):
            raise ValueError("a lane needs a beam or more, the first at 0 mm, none before another, no two in one place")
        if any(beam.z_mm < 0 for beam in self.beams):
            raise ValueError("a beam's height is not below the floor")
        if not self.queue_mm < self.stand_mm < 0 or not self.last_mm < self.away_mm or self.arm_mm < 0:
            raise ValueError("a lane needs queue < stand < 0 <= last beam < away, and its arm at 0 or beyond, in mm")

    @cached_property
    def last_mm(self) -> int:
        """Where the last beam is; a lane whose beams share one place ends behind its arm."""
        return max(self.beams[-1].x_mm, self.arm_mm)
