"""The single-beam detector: one beam and a timer, as the cheapest turnstiles have it.

A break that lasts ENTER_MS is somebody; when the beam has been clear for LEAVE_MS, they are through. Direction is
unknown, so everybody counts as walking the lane's own way. Somebody who comes within FOLLOW_MS of the one before is
taken for a follower. Shorter gaps than LEAVE_MS are legs, arms and bags of one rider: so a close follower is not seen.

Pure logic: no clock but the ticks of edges and of ``tick``.
"""

from chumicro_timing import ticks_add, ticks_diff

from firmware.boards.board import const
from firmware.lane.detector import COMPLETED, ENTERED, FRONT, Body

ENTER_MS = const(60)
LEAVE_MS = const(300)
FOLLOW_MS = const(1200)


class SingleBeamDetector:
    timed = True

    def __init__(self):
        self.bodies = []
        self._broken = False
        self._since = 0
        self._deadline = None
        self._last = None  # ticks at which the one before was last seen

    def clear(self):
        """True when nobody is in the beam, and nobody has just been."""
        return not self.bodies and not self._broken

    def edge(self, ticks, index, blocked):
        """Feed one edge; returns a list of ``(event, body)``. A repeated edge changes nothing."""
        if index != 0 or self._broken == bool(blocked):
            return []
        found = self.tick(ticks)  # what was due before this edge comes before it
        self._broken = bool(blocked)
        if self.bodies:
            body = self.bodies[0]
            body.note(ticks, index, 1 if blocked else 0)
            if blocked:
                body.holes += 1
                self._deadline = None
            else:
                self._last = ticks
                self._deadline = ticks_add(ticks, LEAVE_MS)
        elif blocked:
            self._since = ticks
            self._deadline = ticks_add(ticks, ENTER_MS)
        else:
            self._deadline = None  # too short for a body
        return found

    def tick(self, ticks):
        """What is due at ``ticks``."""
        if self._deadline is None or ticks_diff(self._deadline, ticks) > 0:
            return []
        self._deadline = None
        if self.bodies:
            return [(COMPLETED, self.bodies.pop())]
        behind = self._last is not None and ticks_diff(self._since, self._last) < FOLLOW_MS
        body = Body(FRONT, 0, self._since, behind)
        body.note(self._since, 0, 1)
        self.bodies.append(body)
        return [(ENTERED, body)]

    def next_deadline(self):
        return self._deadline
