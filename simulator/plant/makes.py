"""Makes of arms: what keeps riders out, how long it takes to move, and what it does to a body in its swing. Data only.

A paddle swings aside, a flap slides into its housing; both are kept open by the lane's own sensors while anybody stands
between the first beam and the last. A tripod is unlocked almost at once, turns with the body and locks as soon as that
body has passed it. A full-height turnstile is a tripod as high as a door. An open lane has sensors and no arm.

Figures: settings, made so that saturated lanes carry what the trade quotes (tripod 25 to 40, flap 30 to 60 persons a
minute; what they come to is in docs/calibration.md); masses, forces and heights are of the usual order for such gates
and are not measured.
"""

from dataclasses import dataclass

REOPEN, STOP, NONE = "reopen", "stop", "none"


@dataclass(frozen=True)
class ArmKind:
    """A make of arm.

    `passable` is the position in percent from which a rider walks, `travel_mm` how far its edge moves, `height_mm` how
    high one must go to get over it (0: no arm), `clearance_mm` how low to get under it, `backcock_mm` by how much a
    tripod turns back before it locks, `pace` the share of their free speed that riders keep on their way through (who
    turns an arm with the body walks slower), `width_mm` the clear width of the passage, which is only drawn. `safety`
    says what a closing arm does when it meets a body: reopen, stop where it is until the body has gone, or nothing at
    all.
    """

    name: str
    opening_ms: int
    closing_ms: int
    passable: int
    holds_for_lane: bool  # True: stays open while any sensor is broken; False: only while a body is in the arm itself
    moving_mass_kg: float = 4.0
    travel_mm: int = 500
    holding_force_n: float = 200.0
    height_mm: int = 1000
    clearance_mm: int = 300
    backcock_mm: int = 0
    safety: str = REOPEN
    pace: float = 1.0
    width_mm: int = 550

    def __post_init__(self) -> None:
        if self.safety not in (REOPEN, STOP, NONE):
            raise ValueError(f"an arm's safety is {REOPEN}, {STOP} or {NONE}, not {self.safety!r}")
        if not 0.1 <= self.pace <= 1.0:
            raise ValueError(f"riders keep from 0.1 to 1 of their pace at an arm, not {self.pace:g}")
        if self.opening_ms < 1 or self.closing_ms < 1 or not 0 <= self.passable <= 100:
            raise ValueError("an arm takes at least 1 ms to move, and is passable from 0 to 100 percent on")

    @property
    def absent(self) -> bool:
        """There is no arm. By name: a make may be a copy of this one, or have come from another process."""
        return self.name == "none"

    def impact_j(self) -> float:
        """The energy in joules with which the closing arm meets a body: m v² / 2 at its mean speed."""
        speed_mps = self.travel_mm / self.closing_ms
        return 0.5 * self.moving_mass_kg * speed_mps * speed_mps


PADDLE = ArmKind("paddle", opening_ms=300, closing_ms=400, passable=60, holds_for_lane=True)
TRIPOD = ArmKind(
    "tripod",
    opening_ms=60,
    closing_ms=120,
    passable=100,
    holds_for_lane=False,
    moving_mass_kg=3.0,
    holding_force_n=400.0,
    height_mm=950,
    clearance_mm=700,
    backcock_mm=150,
    safety=NONE,
    pace=0.75,
)
FLAP = ArmKind(
    "flap", opening_ms=250, closing_ms=350, passable=60, holds_for_lane=True, moving_mass_kg=3.0, holding_force_n=150.0
)
FULL_HEIGHT = ArmKind(
    "full_height",
    opening_ms=80,
    closing_ms=200,
    passable=100,
    holds_for_lane=False,
    moving_mass_kg=60.0,
    holding_force_n=2000.0,
    height_mm=2200,
    clearance_mm=50,
    safety=STOP,
    pace=0.5,
)
WIDE = ArmKind(
    "wide",
    opening_ms=700,
    closing_ms=900,
    passable=80,
    holds_for_lane=True,
    moving_mass_kg=8.0,
    travel_mm=900,
    width_mm=900,
)
OPEN = ArmKind(
    "none",
    opening_ms=1,
    closing_ms=1,
    passable=0,
    holds_for_lane=False,
    moving_mass_kg=0.0,
    travel_mm=0,
    holding_force_n=0.0,
    height_mm=0,
    clearance_mm=2500,
    safety=NONE,
)
KINDS = {kind.name: kind for kind in (PADDLE, TRIPOD, FLAP, FULL_HEIGHT, WIDE, OPEN)}
