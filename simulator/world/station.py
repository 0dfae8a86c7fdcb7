"""A station: riders arrive by the demand and choose the shortest queue of their way.

Rules: arrivals and riders depend on seed and number alone, never on the lanes; only the choice of a lane looks at
queues (of equals the lane that has had fewer riders, then the first). Riders sent by hand have names and generators of
their own, so they change nobody else.

Does not belong here: what happens at a lane (traffic.py), pacing, devices.
"""

from collections.abc import Iterable, Iterator

from simulator.clock import Scheduler, Timer
from simulator.plant.lane import LanePlant
from simulator.truth import TruthLog
from simulator.world import riders
from simulator.world.demand import ENTRY, EXIT, Demand, HourlyProfile
from simulator.world.riders import Mix, Rider
from simulator.world.traffic import LaneTraffic


class Station:
    """One gateline and its riders. Without `demand` riders come only by `send`; a bare profile means its evening peak.

    Riders whose way no lane serves don't come. Arrivals begin at the scheduler's present time.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        lanes: Iterable[LanePlant],
        demand: Demand | HourlyProfile | None,
        seed: int,
        truth: TruthLog,
        *,
        mix: Mix | None = None,
    ) -> None:
        self.riders_sent = 0
        self._scheduler = scheduler
        self._seed = seed
        self._mix = mix or Mix()
        self._by_hand: dict[str, int] = {}
        self._traffic: dict[str, LaneTraffic] = {}
        for plant in lanes:
            if plant.name in self._traffic:
                raise ValueError(f"two lanes are named {plant.name}: give each a name of its own")
            self._traffic[plant.name] = LaneTraffic(scheduler, plant, truth)
        self._start_ms = scheduler.now_ms
        self._next: dict[str, Timer] = {}
        self._arrivals: dict[str, Iterator[int]] = {}
        if isinstance(demand, HourlyProfile):
            demand = Demand(demand)
        if demand is not None:
            for way in (ENTRY, EXIT):
                if any(traffic.plant.way == way for traffic in self._traffic.values()):
                    self._arrivals[way] = demand.arrivals(way, seed)
                    self._plan_arrival(way, 0)

    def send(self, lane: str, behaviour: str = riders.PAY) -> Rider:
        """Send one rider to a lane by hand; an unknown lane or behaviour raises ValueError."""
        if lane not in self._traffic:
            raise ValueError(f"this station has no lane {lane!r}: it has {', '.join(self._traffic)}")
        number = self._by_hand.get(lane, 0)
        traffic = self._traffic[lane]
        rider = riders.draw(self._seed, f"hand-{lane}-{number}", traffic.plant.way, self._mix, behaviour)
        self._by_hand[lane] = number + 1
        self._join(traffic, rider)
        return rider

    def stop_arrivals(self) -> None:
        """Nobody new comes; who is here goes on."""
        for timer in self._next.values():
            timer.cancel()
        self._next.clear()

    def idle(self) -> bool:
        """True when nobody is in a queue or a lane."""
        return all(traffic.idle() for traffic in self._traffic.values())

    def queue_length(self, lane: str) -> int:
        """Riders waiting at one lane, the one at the reader included."""
        return self._traffic[lane].waiting()

    def queue_lengths(self) -> dict[str, int]:
        """Riders waiting by lane, the one at the reader included."""
        return {name: traffic.waiting() for name, traffic in self._traffic.items()}

    def fire(self, on: bool) -> None:
        """The fire contact of every lane closes or opens."""
        for traffic in self._traffic.values():
            traffic.plant.fire(on)

    @property
    def turned_away(self) -> int:
        """Riders who found a full queue and went; they are not among `riders_sent`."""
        return sum(traffic.turned_away for traffic in self._traffic.values())

    def _plan_arrival(self, way: str, number: int) -> None:
        at_ms = next(self._arrivals[way], None)
        if at_ms is not None:
            self._next[way] = self._scheduler.at(self._start_ms + at_ms, lambda: self._arrive(way, number))

    def _arrive(self, way: str, number: int) -> None:
        self._plan_arrival(way, number + 1)
        rider = riders.draw(self._seed, f"{way}-{number}", way, self._mix)
        serving = [traffic for traffic in self._traffic.values() if traffic.plant.way == way]
        self._join(min(serving, key=lambda traffic: (traffic.waiting(), traffic.joined)), rider)

    def _join(self, traffic: LaneTraffic, rider: Rider) -> None:
        if traffic.join(rider):
            self.riders_sent += 1
