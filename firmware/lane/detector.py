"""The detector seam: beam edges in, passages out. Three designs stand behind it; docs/detectors.md compares them.

A detector has ``edge(ticks, index, blocked)`` and ``tick(ticks)``, which return lists of ``(event, body)``;
``next_deadline()`` (ticks at which ``tick`` has something to do, or None); ``bodies``, those it is following; and
``clear()``, True when it believes the lane empty. A body's ENTERED always comes before its COMPLETED or TURNED_BACK. No
order of edges makes a detector raise, whatever the beams do. ``timed`` is False where nothing ever waits for time, so
that nobody need ask.
"""

from chumicro_timing import ticks_diff

from firmware.boards.board import const

ENTERED = "entered"
COMPLETED = "completed"
TURNED_BACK = "turned_back"

FRONT = const(0)  # came from the side of beam 0
BACK = const(1)

# What a body is held for.
PERSON = "person"
CHILD = "child"  # small, alone: may have paid, and is accused of nothing
JUMPER = "jump"  # no legs beneath the body where the arm is
CRAWLER = "crawl"  # person-like in length, and nothing at the height of a chest

TRACE_MAX = const(32)


class Body:
    """One occlusion being followed. ``grant`` is for the owner of the detector: what this body's rider presented."""

    def __init__(self, origin, index, ticks, behind):
        self.origin = origin
        self.lo = index
        self.hi = index
        self.since = ticks
        self.behind = behind  # another body from the same side was still between the beams when this one came
        self.holes = 0  # contradictions seen: each is evidence that this is not one solid rider
        self.kind = PERSON
        self._edges = []
        self.grant = None

    def confidence(self):
        """Percent: full for a clean run of edges, less for each contradiction, never below 10."""
        return max(10, 95 - 15 * self.holes)

    def transit_ms(self, ticks):
        return ticks_diff(ticks, self.since)

    def note(self, ticks, index, blocked):
        """Keep one edge of this body's trace, while there is room."""
        if len(self._edges) < TRACE_MAX:
            self._edges.append((ticks, index, blocked))

    @property
    def trace(self) -> list:
        """The edges kept: (milliseconds since the first, the lane's number of the beam, 1 broken or 0 clear)."""
        return [(ticks_diff(ticks, self.since), index, blocked) for ticks, index, blocked in self._edges]


def make(settings):
    """The detector that the settings name. Only that one is imported: the others would take heap for nothing."""
    if settings.detector == "single":
        from firmware.lane.single_beam import SingleBeamDetector

        return SingleBeamDetector()
    if settings.detector == "profile":
        from firmware.lane.beam_profile import BeamProfileDetector

        return BeamProfileDetector(settings.layout)
    from firmware.lane.ordered import OrderedDetector

    return OrderedDetector(settings.beams)
