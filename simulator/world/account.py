"""What came of each rider at one lane: the truth, written down as it is decided.

Rules: a rider's truth is written here, from a body's `watch`, before the plant posts the edge that decides it. An
onlooker (a live page) is told the same moment, and never what the rider chose: who agreed and who said no have both
`passed`.

Does not belong here: what riders do next (traffic.py), the truth's form (simulator/truth.py).
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from simulator import truth as kinds
from simulator.clock import Scheduler
from simulator.plant import lane
from simulator.study.rows import Crossing
from simulator.truth import TruthLog
from simulator.world import behaviours as b
from simulator.world.riders import Rider
from simulator.world.visit import INTRUDERS, Visit

# How many decided riders can still be corrected when a device dies: far more than one could leave undealt with.
_DECIDED_KEPT = 4096

CrossingSink = Callable[[Crossing], None]


class Onlooker(Protocol):
    """Who looks at the lane and sees what riders do; not what they chose."""

    def decided(self, t_ms: int, rider: Rider, way: str, outcome: str) -> None:
        """The rider's outcome (one of behaviours.OUTCOMES), now."""

    def unobserved(self, t_ms: int, rider: str) -> None:
        """No device took the edge that decided this rider's outcome."""


class Account:
    """One lane's account. `truth` gets every outcome as it is decided, `crossings` one row for each rider who is done
    with the lane, an `onlooker` what an eye sees of it."""

    def __init__(
        self,
        scheduler: Scheduler,
        plant: lane.LanePlant,
        truth: TruthLog | None,
        crossings: CrossingSink | None,
        station: str,
    ) -> None:
        self.onlooker: Onlooker | None = None
        self._scheduler = scheduler
        self._plant = plant
        self._truth = truth
        self._crossings = crossings
        self._station = station
        self._decided: deque[tuple[int, int, str]] = deque(maxlen=_DECIDED_KEPT)  # (session, when, rider)

    def mark(self, visit: Visit, t_ms: int, mark: int) -> None:
        """A body's mark, before the device hears of any edge of that moment: how a rider's outcome is known."""
        plant = self._plant
        if mark == lane.ENTERED:
            if visit.session is None:
                visit.session = plant.session if plant.powered else 0
                visit.free = plant.fire_on
            if visit.entered_ms < 0:
                visit.entered_ms = t_ms
        elif mark == lane.LEFT:
            visit.left_ms = t_ms
            self.decide(visit, self._passed_as(visit))
            if self._truth is None:
                return
            if plant.powered and visit.session == plant.session:
                self._decided.append((plant.session, t_ms, visit.rider.id))
            else:
                self._unobserved(t_ms, visit.rider.id)
        elif mark == lane.RETURNED:
            if visit.turns_back and not visit.outcome:
                visit.left_ms = t_ms
                self.decide(visit, b.TURNED_BACK)
        elif mark == lane.ALL_LEFT:
            visit.all_left_ms = t_ms

    def events_lost(self, t_ms: int, taken_until_ms: int) -> None:
        """Correct the truth of all whose deciding edge the dead device had not dealt with."""
        if self._truth is None:
            return
        for session, at_ms, rider in self._decided:
            if session == self._plant.session and at_ms > taken_until_ms:
                self._unobserved(t_ms, rider)

    def _unobserved(self, t_ms: int, rider: str) -> None:
        assert self._truth is not None
        self._truth.unobserved(t_ms, rider)
        if self.onlooker is not None:
            self.onlooker.unobserved(t_ms, rider)

    def _passed_as(self, visit: Visit) -> str:
        if visit.free or (self._plant.fire_on and not visit.granted):
            return b.PASSED_FREE
        if visit.intrudes:
            return INTRUDERS[visit.rider.behaviour]
        if visit.rider.behaviour == b.EnterThroughExit.name and not visit.pays:
            return b.REVERSED
        if not visit.granted:  # also who set off while all might pass, and slips in behind another when that is over
            return b.TAILGATED
        if visit.rider.behaviour == b.Passback.name and visit.leader:
            return b.PASSED_BACK
        return b.PASSED

    def decide(self, visit: Visit, outcome: str) -> None:
        """This is what the rider did; said once."""
        rider = visit.rider
        if visit.outcome:
            raise ValueError(f"rider {rider.id} has an outcome already: {visit.outcome}")
        visit.outcome = outcome
        way = visit.way_walked(self._plant.way)
        if self._truth is not None:
            kind = outcome
            if outcome == b.PASSED:
                kind = kinds.PASSED_CONSENTED if rider.consent else kinds.PASSED_DECLINED
            # Where a medium was shown, it says product and choice.
            asked = visit.pays and outcome in (b.PASSED, b.PASSED_BACK, b.TURNED_BACK, b.REFUSED)
            self._truth.write(
                self._scheduler.now_ms,
                kind,
                rider=rider.id,
                lane=self._plant.name,
                way=way,
                consent=rider.consent if asked else None,
                product=rider.product if asked else None,
                nonce=rider.nonce if asked else None,
            )
        if self.onlooker is not None:
            self.onlooker.decided(self._scheduler.now_ms, rider, way, outcome)

    def report(self, visit: Visit) -> None:
        """One row for a rider who is done here."""
        if self._crossings is not None:
            self._crossings(visit.crossing(self._station, self._plant.name, self._plant.way))
