"""The ordered detector: beams in a row, beam edges in, passages out.

Beam 0 is the first that a rider meets who walks the lane's own way; the last is ``beams - 1``. A body is a run of
broken beams ``lo..hi`` that grows and shrinks at its ends. It completes when it leaves by the side it did not come
from, it turned back when it leaves by the side it came from. A second body is told from the first by a beam that
cleared between them. Bodies that overlap in all beams can't be told apart: this is what beams are, and the simulator
measures it.

Pure logic: no clock but the ticks of the edges; at most one body a beam, at most TRACE_MAX edges kept.
"""

from firmware.lane.detector import BACK, COMPLETED, ENTERED, FRONT, TURNED_BACK, Body


class OrderedDetector:
    timed = False

    def __init__(self, beams, numbers=None):
        """``numbers``: how the lane numbers these beams, where they are not all that it has: traces say those."""
        if beams < 2:
            raise ValueError("a lane needs at least 2 beams to tell a direction, not %d" % beams)
        self._beams = beams
        self._numbers = range(beams) if numbers is None else numbers
        self._broken = [False] * beams
        self.bodies = []

    def clear(self):
        """True when no body is between the beams."""
        return not self.bodies

    def tick(self, ticks):
        """Nothing here waits for time."""
        return ()

    def next_deadline(self):
        return None

    def edge(self, ticks, index, blocked):
        """Feed one edge; returns a list of ``(event, body)``. A repeated edge changes nothing."""
        blocked = bool(blocked)
        if not 0 <= index < self._beams or self._broken[index] == blocked:
            return []
        self._broken[index] = blocked
        return self._break(ticks, index) if blocked else self._clear(ticks, index)

    def _break(self, ticks, index):
        body = self._extends(index)
        if body is None:
            # In the middle of the lane (a missed edge) the nearer end is the likelier origin.
            origin = FRONT if index < self._beams - 1 - index else BACK
            if index == 0:
                origin = FRONT
            behind = any(other.origin == origin for other in self.bodies)
            body = Body(origin, index, ticks, behind)
            if 0 < index < self._beams - 1:
                body.holes += 1
            self.bodies.append(body)
            body.note(ticks, self._numbers[index], 1)
            return [(ENTERED, body)]
        if index < body.lo:
            body.lo = index
        elif index > body.hi:
            body.hi = index
        body.note(ticks, self._numbers[index], 1)
        return []

    def _extends(self, index):
        """The body that a newly broken beam belongs to, or None for a new one."""
        backward = None
        for body in self.bodies:
            if body.lo <= index <= body.hi:
                return body  # a hole that closed
            if body.hi == index - 1:
                if body.origin == FRONT:
                    return body
                backward = body
            elif body.lo == index + 1:
                if body.origin == BACK:
                    return body
                backward = body
        # A body that steps back re-breaks beams behind it. At the edge of the lane that looks like a newcomer, who is
        # far likelier there: a rider behind another.
        if backward is not None and 0 < index < self._beams - 1:
            return backward
        return None

    def _clear(self, ticks, index):
        body = None
        for candidate in self.bodies:
            if candidate.lo <= index <= candidate.hi:
                body = candidate
                break
        if body is None:
            return []
        body.note(ticks, self._numbers[index], 0)
        if body.lo == body.hi:
            self.bodies.remove(body)
            left_by = FRONT if index < self._beams - 1 - index else BACK
            if index == 0:
                left_by = FRONT
            if 0 < index < self._beams - 1:
                body.holes += 1
            return [(TURNED_BACK if left_by == body.origin else COMPLETED, body)]
        if index == body.lo:
            body.lo = self._next_broken(index, 1, body.hi)
        elif index == body.hi:
            body.hi = self._next_broken(index, -1, body.lo)
        else:
            body.holes += 1
        return []

    def _next_broken(self, index, step, limit):
        index += step
        while index != limit and not self._broken[index]:
            index += step
        return index
