"""The arm: what keeps riders out, and how long it takes to move.

A paddle swings aside and is kept open by its own safety sensor while anybody stands between first beam and last. A
tripod is unlocked almost at once, turns with the body and locks as soon as that body has passed it.

Rules: position is 0 (closed) to 100 (open), a straight line in time; reversing starts from where the arm is. The arm
does not know bodies or lamps; the lane says when it may close.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArmKind:
    """A make of arm. `passable` is the position in percent from which a rider walks."""

    name: str
    opening_ms: int
    closing_ms: int
    passable: int
    holds_for_lane: bool  # True: stays open while any beam is broken; False: only while a body is in the arm itself


PADDLE = ArmKind("paddle", opening_ms=300, closing_ms=400, passable=60, holds_for_lane=True)
TRIPOD = ArmKind("tripod", opening_ms=60, closing_ms=120, passable=100, holds_for_lane=False)


class Arm:
    """One arm and its present movement."""

    def __init__(self, kind: ArmKind = PADDLE) -> None:
        self.kind = kind
        self.opening = False
        self._since_ms = 0
        self._from = 0

    def open(self, t_ms: int) -> None:
        """Begin to open at `t_ms`, from wherever the arm is; nothing when it is opening or open."""
        self._turn(t_ms, True)

    def close(self, t_ms: int) -> None:
        """Begin to close at `t_ms`, from wherever the arm is; nothing when it is closing or closed."""
        self._turn(t_ms, False)

    def position(self, t_ms: int) -> int:
        """0 (closed) to 100 (open) at `t_ms`, which must not lie before the last movement began."""
        moved_ms = max(0, t_ms - self._since_ms)
        if self.opening:
            return min(100, self._from + moved_ms * 100 // self.kind.opening_ms)
        return max(0, self._from - moved_ms * 100 // self.kind.closing_ms)

    def passable_at(self, t_ms: int) -> int | None:
        """The first time from `t_ms` on when a rider may walk through, or None while the arm closes or is closed."""
        if not self.opening:
            return None
        missing = max(0, self.kind.passable - self._from)
        return max(t_ms, self._since_ms - (-missing * self.kind.opening_ms // 100))

    def _turn(self, t_ms: int, opening: bool) -> None:
        if opening != self.opening:
            self._from = self.position(t_ms)
            self._since_ms = t_ms
            self.opening = opening
