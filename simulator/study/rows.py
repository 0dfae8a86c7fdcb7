"""What a run yields, row by row: what riders did, what the firmware decided, what the beams did.

Times are virtual ms since the start of the run; -1 where something never happened. Plain tuples with names: a day of a
metro has millions of them. Does not belong here: files, matching, scores.
"""

from typing import NamedTuple


class Crossing(NamedTuple):
    """What one synthetic rider did at one lane: the truth."""

    station: str
    lane: str
    rider: str
    leader: str  # whom they followed or came with, or ""
    way: str  # the way walked
    rider_kind: str
    behaviour: str
    outcome: str  # simulator/world/behaviours.py: OUTCOMES
    honest: bool  # did nothing that a gate should accuse
    consent: bool | None
    product: str | None
    arrived_ms: int
    reader_ms: int  # stood at the reader
    tapped_ms: int  # first medium presented
    entered_ms: int  # reached the first beam
    left_ms: int  # the person was out
    all_left_ms: int  # everything they had along was out
    taps: int


class Verdict(NamedTuple):
    """What one gate's firmware decided."""

    station: str
    lane: str
    at_ms: int
    since_ms: int  # the first edge of the body that it is about
    what: str  # passed, passed_free, refused, turned_back, tailgate, reverse, forced, jump, crawl, passback
    confidence: int  # percent; -1 where no body is meant
    way: str
    transit_ms: int
    body_kind: str  # person, luggage, ...
    told_as: str  # how it leaves the device: passage, tally, irregular, daily, or "" for not at all


class Part(NamedTuple):
    """One rectangle of a body from the side (simulator/plant/silhouette.py: Segment)."""

    name: str
    offset_mm: int
    length_mm: int
    low_mm: int
    high_mm: int
    core: bool


class Raised(NamedTuple):
    """A stretch of the lane on which the core of a body is that much higher."""

    from_mm: int
    to_mm: int
    by_mm: int


class Point(NamedTuple):
    """Where a body's front was."""

    at_ms: int
    front_mm: int


class Walk(NamedTuple):
    """How one body went through one lane, exactly: straight lines between points, its parts behind its front."""

    station: str
    lane: str
    rider: str
    medium: bool  # has one of their own
    reverse: bool  # walks towards smaller x, mirrored
    since_ms: int  # came out of the queue
    until_ms: int  # was gone
    parts: list[Part]
    raised: list[Raised]
    points: list[Point]


class Show(NamedTuple):
    """What one gate showed from that moment on, and how its arm moved."""

    station: str
    lane: str
    at_ms: int
    state: str  # of the firmware; "dark" without power
    lamp: str
    arm: int  # percent open at that moment
    arm_to: int  # where its movement ends,
    arm_by_ms: int  # and when


class Place(NamedTuple):
    """A beam's place."""

    x_mm: int
    z_mm: int


class Layout(NamedTuple):
    """Where the things of one lane are."""

    station: str
    lane: str
    way: str
    make: str
    detector: str
    beams: list[Place]
    arm_mm: int
    arm_height_mm: int
    arm_clearance_mm: int
    stand_mm: int
    queue_mm: int
    away_mm: int
    width_mm: int
    from_epoch_ms: int  # when the run began, on its own clock
    run_ms: int  # for how long riders came


class Edge(NamedTuple):
    """What one beam did, as the device heard it."""

    station: str
    lane: str
    at_ms: int
    beam: int
    blocked: int
