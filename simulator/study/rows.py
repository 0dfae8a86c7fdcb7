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


class Edge(NamedTuple):
    """What one beam did, as the device heard it."""

    station: str
    lane: str
    at_ms: int
    beam: int
    blocked: int
