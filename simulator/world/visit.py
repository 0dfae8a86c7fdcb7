"""One rider's stay at a lane: where they are, what they mean to do, what has come of it so far.

Data only; what a rider does next is traffic.py's business.
"""

from enum import Enum

from simulator.clock import Timer
from simulator.plant import lane
from simulator.study.rows import Crossing
from simulator.world import behaviours as b
from simulator.world.riders import Rider

FOLLOWERS = (b.TailgateFriendly, b.TailgateCovert, b.TwoAbreast)
INTRUDERS: dict[str, str] = {
    b.JumpOver.name: b.JUMPED,
    b.Climb.name: b.CLIMBED,
    b.CrawlUnder.name: b.CRAWLED,
    b.Force.name: b.FORCED,
    b.Backcock.name: b.BACKCOCKED,
}


class State(Enum):
    """Where a rider is."""

    QUEUED = "queued"
    STEPPING_UP = "stepping up to the reader"
    WAITING = "at the reader, waiting for the lamp"
    TAPPING = "holding the medium to the reader"
    PRESENTED = "read; waiting for an answer"
    STARTING = "told to go; waiting for the arm"
    WALKING = "in the lane"
    LEAVING = "walking away"


AT_READER = (State.WAITING, State.TAPPING, State.PRESENTED)


class Visit:
    """One rider's stay at the lane."""

    __slots__ = (
        "all_left_ms",
        "arrived_ms",
        "asked",
        "body",
        "entered_ms",
        "follows",
        "free",
        "granted",
        "leader",
        "left_ms",
        "outcome",
        "pays",
        "plan",
        "reaction",
        "reader_ms",
        "retreating",
        "rider",
        "session",
        "state",
        "tapped_ms",
        "taps",
        "timer",
        "tries",
        "turn_ms",
        "turns_back",
    )

    def __init__(self, rider: Rider, now_ms: int) -> None:
        self.rider = rider
        self.plan = rider.plan
        self.state = State.QUEUED
        self.body: lane.Body | None = None
        self.outcome = ""
        self.leader = rider.leader
        self.taps = 0
        self.tries = 0  # in vain
        self.asked = False  # a medium was read and no answer has been acted upon
        self.granted = False
        self.free = False  # the gate was released to all when this rider came to the first beam
        self.follows = False
        self.pays = not isinstance(rider.plan, FOLLOWERS) and rider.behaviour not in INTRUDERS
        if rider.behaviour in (b.COMPANION, b.EnterThroughExit.name):
            self.pays = False
        self.retreating = False
        self.turns_back = False  # for good, whatever else comes
        self.turn_ms: int | None = None
        self.session: int | None = None  # of the device, when the first beam broke; 0 while it was dead
        self.timer: Timer | None = None
        self.reaction: Timer | None = None
        self.arrived_ms = now_ms
        self.reader_ms = self.tapped_ms = self.entered_ms = self.left_ms = self.all_left_ms = -1

    @property
    def intrudes(self) -> bool:
        """Goes past a closed arm."""
        return not self.pays and self.rider.behaviour in INTRUDERS and self.plan is self.rider.plan

    def forget(self) -> None:
        """Begin anew: what was granted is gone."""
        self.state, self.body, self.asked, self.granted, self.free = State.QUEUED, None, False, False, False
        self.follows = self.retreating = False
        self.turn_ms = self.session = None

    def way_walked(self, lanes_way: str) -> str:
        """The way this rider goes through a lane that leads `lanes_way`."""
        if self.rider.behaviour == b.EnterThroughExit.name and not self.pays:
            return "exit" if lanes_way == "entry" else "entry"
        return lanes_way

    def crossing(self, station: str, lane_name: str, lanes_way: str) -> Crossing:
        """The row of a rider who is done at that lane; its columns in their order."""
        rider = self.rider
        return Crossing(
            station,
            lane_name,
            rider.id,
            self.leader,
            self.way_walked(lanes_way),
            rider.kind,
            rider.behaviour,
            self.outcome,
            self.outcome not in b.EVASIONS,
            rider.consent if self.pays else None,
            rider.product if self.pays else None,
            self.arrived_ms,
            self.reader_ms,
            self.tapped_ms,
            self.entered_ms,
            self.left_ms,
            self.all_left_ms,
            self.taps,
        )
