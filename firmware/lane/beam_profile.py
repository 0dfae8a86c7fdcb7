"""The beam-profile detector: 8 to 24 beams at two or three heights, to tell persons from what they have along.

The top row is at the height of a chest: what breaks it in order is a person, followed as by the ordered detector. The
rows below see legs, and suitcases, prams, dogs, small children. What moves below is gathered into episodes (from the
first low beam broken to STILL_MS with none). An episode near a person in time belongs to that person and means nothing
more. One on its own is a child when it is short and reaches the middle of the heights, somebody crawling when it is as
long as a body, and otherwise a thing.

A person beneath whom most low beams stayed whole has jumped.

Bounded: one body a top beam, one episode at a time, one waiting for its person. Ticks must be fed in order.
"""

from chumicro_timing import ticks_add, ticks_diff

from firmware.boards.board import const
from firmware.lane.detector import BACK, CHILD, COMPLETED, CRAWLER, ENTERED, FRONT, JUMPER, Body
from firmware.lane.ordered import OrderedDetector

STILL_MS = const(250)
LEASH_MS = const(1000)  # a suitcase or a dog is no further from its person than a second's walk
CRAWLER_MM = const(700)
CHILD_MM = const(400)  # how high the highest low beam must be that a child breaks


class _Episode:
    """Something below the top row, from its first edge on."""

    def __init__(self, ticks, index):
        self.since = ticks
        self.first = index
        self.last = index  # the beam that cleared last
        self.until = ticks
        self.touched = 0  # a bit a beam
        self.high_mm = 0
        self.crossed = None  # ticks from the first break at one end to the first at the other
        self.longest_ms = 0  # how long one beam stayed broken


class BeamProfileDetector:
    """``layout``: [x_mm, z_mm] of each beam, two or three different heights."""

    timed = True

    def __init__(self, layout):
        heights = sorted({z_mm for _, z_mm in layout})
        if len(heights) < 2:
            raise ValueError("a profile needs beams at two heights or more")
        top_mm = heights[-1]
        self._layout = layout
        self._place = [-1] * len(layout)  # in the top row, or -1
        tops = sorted([x_mm, index] for index, (x_mm, z_mm) in enumerate(layout) if z_mm == top_mm)
        if len(tops) < 2:
            raise ValueError("a profile's top row needs at least 2 beams to tell a direction")
        for place, (_, index) in enumerate(tops):
            self._place[index] = place
        self._top = OrderedDetector(len(tops), [index for _, index in tops])
        self._lowest = 0  # a bit for each beam of the lowest row
        for index, (_, z_mm) in enumerate(layout):
            if z_mm == heights[0]:
                self._lowest |= 1 << index
        low = [x_mm for x_mm, z_mm in layout if z_mm != top_mm]
        self._low_from = min(low)
        self._low_to = max(low)
        self._broken = 0  # a bit for each broken beam below the top row
        self._since = [0] * len(layout)
        self._episode = None
        self._waiting = None  # an episode that is over, until it is known to have no person
        self._person = None  # ticks at which a person was last between the beams
        self._beneath = 0  # lowest beams broken while persons were about

    @property
    def bodies(self):
        return self._top.bodies

    def clear(self):
        """True when no beam is broken and nobody is being followed."""
        return self._top.clear() and not self._broken

    def edge(self, ticks, index, blocked):
        """Feed one edge; returns a list of ``(event, body)``. A repeated edge changes nothing."""
        if not 0 <= index < len(self._layout):
            return []
        found = self.tick(ticks)
        if self._place[index] >= 0:
            return found + self._chest(ticks, index, blocked)
        bit = 1 << index
        if bool(self._broken & bit) != bool(blocked):
            self._below(ticks, index, bit, blocked)
        return found

    def _chest(self, ticks, index, blocked):
        alone = self._top.clear()
        events = self._top.edge(ticks, self._place[index], blocked)
        if events or not self._top.clear():
            self._person = ticks
        if alone and not self._top.clear():
            # Legs go ahead of the chest: what is beneath counts from a step before.
            self._beneath = 0
            if self._episode is not None and ticks_diff(ticks, self._episode.since) < LEASH_MS:
                self._beneath = self._episode.touched & self._lowest
        for event, body in events:
            if event == COMPLETED:
                self._judge(body)
        return events

    def _judge(self, body):
        """Was there anything beneath this person?"""
        wanted = _ones(self._lowest)
        seen = _ones(self._beneath)
        if seen * 10 < wanted * 6:
            body.kind = JUMPER
            body.holes += 1 if seen * 10 > wanted * 3 else 0
        elif seen < wanted:
            body.holes += 1

    def _below(self, ticks, index, bit, blocked):
        episode = self._episode
        if blocked:
            self._broken |= bit
            self._since[index] = ticks
            if episode is None:
                episode = self._episode = _Episode(ticks, index)
            episode.touched |= bit
            x_mm, z_mm = self._layout[index]
            if z_mm > episode.high_mm:
                episode.high_mm = z_mm
            far_mm = self._low_to if self._layout[episode.first][0] == self._low_from else self._low_from
            if episode.crossed is None and x_mm == far_mm:
                episode.crossed = ticks_diff(ticks, episode.since)
            if not self._top.clear():
                self._beneath |= bit & self._lowest
        else:
            self._broken &= ~bit
            if episode is not None:
                episode.last = index
                lasted_ms = ticks_diff(ticks, self._since[index])
                if lasted_ms > episode.longest_ms:
                    episode.longest_ms = lasted_ms
        if episode is not None:
            episode.until = ticks

    def tick(self, ticks):
        """What is due at ``ticks``."""
        episode = self._episode
        if episode is not None and not self._broken and ticks_diff(ticks, episode.until) >= STILL_MS:
            self._episode = None
            self._waiting = episode
        episode = self._waiting
        if episode is None or not self._top.clear() or ticks_diff(ticks, episode.until) < LEASH_MS:
            if episode is not None and not self._top.clear():
                self._waiting = None  # somebody came who has it along
            return []
        self._waiting = None
        if self._person is not None and ticks_diff(episode.since, self._person) < LEASH_MS:
            return []  # somebody was here who had it along
        return self._alone(episode)

    def _alone(self, episode):
        """Something low that crossed the lane with nobody near."""
        from_front = self._layout[episode.first][0] == self._low_from
        to_far = self._layout[episode.last][0] == (self._low_to if from_front else self._low_from)
        if episode.crossed is None or not to_far:
            return []
        length_mm = episode.longest_ms * (self._low_to - self._low_from) // max(1, episode.crossed)
        body = Body(FRONT if from_front else BACK, 0, episode.since, False)
        if length_mm >= CRAWLER_MM:
            body.kind = CRAWLER
            body.holes = 1 if length_mm >= CRAWLER_MM * 5 // 4 else 2
        elif episode.high_mm >= CHILD_MM:
            body.kind = CHILD
            body.holes = 2
        else:
            return []
        return [(ENTERED, body), (COMPLETED, body)]

    def next_deadline(self):
        deadline = None
        if self._episode is not None and not self._broken:
            deadline = ticks_add(self._episode.until, STILL_MS)
        if self._waiting is not None and self._top.clear():
            decided = ticks_add(self._waiting.until, LEASH_MS)
            if deadline is None or ticks_diff(decided, deadline) < 0:
                deadline = decided
        return deadline


def _ones(bits):
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count
