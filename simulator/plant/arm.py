"""One arm and its movement.

Rules: position is 0 (closed) to 100 (open), a straight line in time; reversing starts from where the arm is. The arm
does not know bodies or lamps; the lane says when it may close and what is in its way. Makes of arms are in makes.py.
"""

from collections.abc import Callable

from simulator.plant.makes import PADDLE, ArmKind


class Arm:
    """One arm and its present movement."""

    def __init__(self, kind: ArmKind = PADDLE) -> None:
        self.kind = kind
        self.absent = kind.absent
        self.opening = self.absent
        self.jammed = False
        self.on_turn: Callable[[int], None] | None = None  # told of each new movement, for a film
        self._since_ms = 0
        self._from = 100 if self.absent else 0

    def open(self, t_ms: int) -> None:
        """Begin to open at `t_ms`, from wherever the arm is; nothing when it is opening, open or jammed."""
        if not self.opening:
            self._turn(t_ms, True)

    def close(self, t_ms: int) -> bool:
        """Begin to close at `t_ms`, from wherever the arm is; False when it is closing or closed, or there is none."""
        if not self.opening or self.absent:
            return False
        self._turn(t_ms, False)
        return True

    def jam(self, t_ms: int, jammed: bool) -> None:
        """From `t_ms` on the arm stays where it is, or moves again as it last did."""
        if jammed != self.jammed:
            self._from = self.position(t_ms)
            self._since_ms = t_ms
            self.jammed = jammed
            if self.on_turn is not None:
                self.on_turn(t_ms)

    def position(self, t_ms: int) -> int:
        """0 (closed) to 100 (open) at `t_ms`, which must not lie before the last movement began."""
        if self.jammed:
            return self._from
        moved_ms = max(0, t_ms - self._since_ms)
        if self.opening:
            return min(100, self._from + moved_ms * 100 // self.kind.opening_ms)
        return max(0, self._from - moved_ms * 100 // self.kind.closing_ms)

    def movement(self, t_ms: int) -> tuple[int, int, int]:
        """(where the arm is at `t_ms`, where its movement ends, when), a straight line in between."""
        now = self.position(t_ms)
        if self.jammed or now == (100 if self.opening else 0):
            return now, now, t_ms
        if self.opening:
            return now, 100, self._since_ms - (-(100 - self._from) * self.kind.opening_ms // 100)
        return now, 0, self._since_ms - (-self._from * self.kind.closing_ms // 100)

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
        if self.on_turn is not None:
            self.on_turn(t_ms)
