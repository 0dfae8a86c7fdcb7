"""The arm: what keeps riders out, how long it takes to move, and what it does to a body in its swing.

A paddle swings aside, a flap slides into its housing; both are kept open by the lane's own sensors while anybody stands
between the first beam and the last. A tripod is unlocked almost at once, turns with the body and locks as soon as that
body has passed it. A full-height turnstile is a tripod as high as a door. An open lane has sensors and no arm.

Rules: position is 0 (closed) to 100 (open), a straight line in time; reversing starts from where the arm is. The arm
does not know bodies or lamps; the lane says when it may close and what is in its way.

Figures: the makes below are settings, made so that saturated lanes carry what the trade quotes (tripod 25 to 40, flap
up to 60 persons a minute; see docs/calibration.md); masses, forces and heights are of the usual order for such gates
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
    turns an arm with the body walks slower). `safety` says what a closing arm does when it meets a body: reopen, stop
    where it is until the body has gone, or nothing at all.
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

    def __post_init__(self) -> None:
        if self.safety not in (REOPEN, STOP, NONE):
            raise ValueError(f"an arm's safety is {REOPEN}, {STOP} or {NONE}, not {self.safety!r}")
        if not 0.1 <= self.pace <= 1.0:
            raise ValueError(f"riders keep from 0.1 to 1 of their pace at an arm, not {self.pace:g}")
        if self.opening_ms < 1 or self.closing_ms < 1 or not 0 <= self.passable <= 100:
            raise ValueError("an arm takes at least 1 ms to move, and is passable from 0 to 100 percent on")

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
    "wide", opening_ms=700, closing_ms=900, passable=80, holds_for_lane=True, moving_mass_kg=8.0, travel_mm=900
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


class Arm:
    """One arm and its present movement."""

    def __init__(self, kind: ArmKind = PADDLE) -> None:
        self.kind = kind
        self.opening = kind is OPEN
        self.jammed = False
        self._since_ms = 0
        self._from = 100 if kind is OPEN else 0

    def open(self, t_ms: int) -> None:
        """Begin to open at `t_ms`, from wherever the arm is; nothing when it is opening, open or jammed."""
        if not self.opening:
            self._turn(t_ms, True)

    def close(self, t_ms: int) -> bool:
        """Begin to close at `t_ms`, from wherever the arm is; False when it is closing or closed, or there is none."""
        if not self.opening or self.kind is OPEN:
            return False
        self._turn(t_ms, False)
        return True

    def jam(self, t_ms: int, jammed: bool) -> None:
        """From `t_ms` on the arm stays where it is, or moves again as it last did."""
        if jammed != self.jammed:
            self._from = self.position(t_ms)
            self._since_ms = t_ms
            self.jammed = jammed

    def position(self, t_ms: int) -> int:
        """0 (closed) to 100 (open) at `t_ms`, which must not lie before the last movement began."""
        if self.jammed:
            return self._from
        moved_ms = max(0, t_ms - self._since_ms)
        if self.opening:
            return min(100, self._from + moved_ms * 100 // self.kind.opening_ms)
        return max(0, self._from - moved_ms * 100 // self.kind.closing_ms)

    def passable_at(self, t_ms: int) -> int | None:
        """The first time from `t_ms` on when a rider may walk through, or None while the arm closes or is closed."""
        missing = max(0, self.kind.passable - self._from)
        if self.jammed:
            return None if missing else t_ms
        if not self.opening:
            return None
        return max(t_ms, self._since_ms - (-missing * self.kind.opening_ms // 100))

    def closed_at(self) -> int | None:
        """When the closing arm will be closed, or None when it isn't closing."""
        if self.opening or self.jammed:
            return None
        return self._since_ms - (-self._from * self.kind.closing_ms // 100)

    def _turn(self, t_ms: int, opening: bool) -> None:
        if not self.jammed:
            self._from = self.position(t_ms)
            self._since_ms = t_ms
        self.opening = opening
