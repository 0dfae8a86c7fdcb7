"""A station: riders arrive by the demand and choose a lane of their way.

Rules: arrivals and riders depend on seed and number alone, never on the lanes. Only the choice of a lane looks at them:
a rider goes where the queue and the arm promise the shortest wait (of equals to the lane that has had fewer riders,
then to the first); who needs width, or wants in by the exit, looks for a wide lane first. Where media are sold
(`shop`), riders choose a lane when they have theirs; who gets none stays at the shop. A lane with an arrival stream of
its own (`own_demand`) shares nothing with the others. Riders sent by hand have names and generators of their own, so
they change nobody else.

Does not belong here: what happens at a lane (traffic.py), pacing, devices.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from simulator.clock import Scheduler, Timer
from simulator.plant.lane import LanePlant
from simulator.plant.makes import WIDE
from simulator.truth import TruthLog
from simulator.world import behaviours as b
from simulator.world import bodies, riders
from simulator.world.account import CrossingSink, Onlooker
from simulator.world.demand import ENTRY, EXIT, Demand, HourlyProfile
from simulator.world.population import Population, plain_population
from simulator.world.riders import Rider
from simulator.world.traffic import LaneTraffic
from simulator.world.visit import Visit

_TURN_MS = 1500  # what a rider seems to take, the arm apart; it matters only where arms differ
_OTHER = {ENTRY: EXIT, EXIT: ENTRY}

Shop = Callable[[Rider, Callable[[], None]], None]
"""Sees to it that a rider carries a medium, then calls the second argument, once, in the scheduler's thread; never,
when there is none to be had."""


class Station:
    """One gateline and its riders. Without `demand` riders come only by `send`; a bare profile means its evening peak.

    Riders whose way no lane serves don't come. Arrivals begin at the scheduler's present time. `truth` and `crossings`
    are told what riders did (see traffic.py); `name` is the station's in those rows.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        lanes: Iterable[LanePlant],
        demand: Demand | HourlyProfile | None,
        seed: int,
        truth: TruthLog | None,
        *,
        population: Population | None = None,
        crossings: CrossingSink | None = None,
        name: str = "",
        own_demand: Mapping[str, Demand] | None = None,
        shop: Shop | None = None,
    ) -> None:
        self.riders_sent = 0
        self.shopping = 0
        """Riders who have come and don't have a medium yet; they are not among `riders_sent`."""
        self._shop = shop
        self.name = name
        self._scheduler = scheduler
        self._seed = seed
        self._population = population or plain_population()
        self._by_hand: dict[str, int] = {}
        self._shopping_for: Counter[str] = Counter()  # riders sent by hand, by lane
        self._traffic: dict[str, LaneTraffic] = {}
        for plant in lanes:
            if plant.name in self._traffic:
                raise ValueError(f"two lanes are named {plant.name}: give each a name of its own")
            traffic = LaneTraffic(scheduler, plant, truth, crossings, name)
            traffic.convert = self._pay_elsewhere
            self._traffic[plant.name] = traffic
        own = own_demand or {}
        self._serving: dict[str, list[LaneTraffic]] = {ENTRY: [], EXIT: []}
        for lane, traffic in self._traffic.items():
            if lane not in own:
                self._serving[traffic.plant.way].append(traffic)
        self._wide = {
            way: [traffic for traffic in serving if traffic.plant.arm.kind.name == WIDE.name]
            for way, serving in self._serving.items()
        }
        for serving in self._serving.values():
            for left, right in zip(serving, serving[1:] + serving[:1], strict=True):
                left.neighbour = right if right is not left else None
        self._start_ms = scheduler.now_ms
        self._next: dict[str, Timer] = {}
        self._arrivals: dict[str, Iterator[int]] = {}
        if isinstance(demand, HourlyProfile):
            demand = Demand(demand)
        if demand is not None:
            for way in (ENTRY, EXIT):
                if self._serving[way]:
                    self._arrivals[way] = demand.arrivals(way, seed)
                    self._plan_arrival(way, way, 0)
        for lane, lane_demand in own.items():
            way = self._traffic[lane].plant.way
            self._arrivals[lane] = lane_demand.arrivals(way, _lane_seed(seed, lane))
            self._plan_arrival(lane, way, 0)

    def send(
        self,
        lane: str,
        behaviour: str = b.PAY,
        kind: str | None = None,
        change: Callable[[Rider], None] | None = None,
        *,
        first: bool = False,
        buys: bool = True,
        followed_by: str | None = None,
        order: int = 0,
    ) -> Rider:
        """Send one rider to a lane by hand; an unknown lane, behaviour or kind of rider raises ValueError.

        `change` may alter what chance has given the rider, before they join; who carries something goes to no shop,
        nor does who `buys` nothing. `first` puts them before all who were not sent so. `followed_by` is the behaviour
        of somebody who comes right behind, and buys nothing. `order` is the number of the order that they are sent by.
        """
        if lane not in self._traffic:
            raise ValueError(f"this station has no lane {lane!r}: it has {', '.join(self._traffic)}")
        traffic = self._traffic[lane]
        rider = self._draw_by_hand(lane, behaviour, kind, order)
        if change is not None:
            change(rider)
        party = [rider]
        if followed_by is not None:
            party.append(self._draw_by_hand(lane, followed_by, None, order))
        if self._shop is None or rider.carried is not None or not buys:
            self._join(traffic, party, first)
            return rider
        self.shopping += 1
        self._shopping_for[lane] += len(party)

        def bought() -> None:
            self.shopping -= 1
            self._shopping_for[lane] -= len(party)
            self._join(traffic, party, first)

        self._shop(rider, bought)
        return rider

    def _draw_by_hand(self, lane: str, behaviour: str, kind: str | None, order: int = 0) -> Rider:
        way = self._traffic[lane].plant.way
        if behaviour == b.EnterThroughExit.name:
            way = _OTHER[way]  # means to go against the lane
        number = self._by_hand.get(lane, 0)
        rider = riders.draw(self._seed, f"hand-{lane}-{number}", way, self._population, behaviour, kind)
        rider.by_hand, rider.order = True, order
        self._by_hand[lane] = number + 1
        return rider

    def by_hand(self, lane: str) -> int:
        """Riders sent to that lane by hand who are still on their way, in front of it or in it."""
        return self._shopping_for[lane] + sum(visit.rider.by_hand for visit in self._traffic[lane].visits())

    def stop_arrivals(self) -> None:
        """Nobody new comes; who is here goes on."""
        for timer in self._next.values():
            timer.cancel()
        self._next.clear()

    def idle(self) -> bool:
        """True when nobody is in a queue or a lane, nor on the way there."""
        return not self.shopping and all(traffic.idle() for traffic in self._traffic.values())

    def show(self, lane: str, onlooker: Onlooker) -> None:
        """From now on `onlooker` sees what riders do at that lane."""
        self._traffic[lane].account.onlooker = onlooker

    def queue_length(self, lane: str) -> int:
        """Riders waiting at one lane, the one at the reader included."""
        return self._traffic[lane].waiting()

    def visits(self, lane: str) -> list[Visit]:
        """Everybody who is at one lane, with where they are."""
        return self._traffic[lane].visits()

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

    def _plan_arrival(self, stream: str, way: str, number: int) -> None:
        at_ms = next(self._arrivals[stream], None)
        if at_ms is not None:
            due = partial(self._arrive, stream, way, number)
            self._next[stream] = self._scheduler.at(self._start_ms + at_ms, due)

    def _arrive(self, stream: str, way: str, number: int) -> None:
        self._plan_arrival(stream, way, number + 1)
        rider = riders.draw(self._seed, f"{stream}-{number}", way, self._population)
        if stream != way:
            self._come(rider, lambda: self._traffic[stream])
            return
        serving = self._serving[way]
        if rider.behaviour == b.EnterThroughExit.name:
            # Where it stands open longest: a wide lane, if one leads out.
            serving = self._wide[_OTHER[way]] or self._serving[_OTHER[way]]
            if not serving:  # no lane leads the other way: they pay
                rider.behaviour, rider.plan = b.PAY, None
                serving = self._serving[way]
        self._come(rider, lambda: self._shortest(serving, way, rider))

    def _shortest(self, serving: list[LaneTraffic], way: str, rider: Rider) -> LaneTraffic:
        if rider.kind in bodies.NEEDS_WIDTH and self._wide[way]:
            serving = self._wide[way]
        if len(serving) == 1:
            return serving[0]
        return min(serving, key=_crowding)

    def _come(self, rider: Rider, choose: Callable[[], LaneTraffic]) -> None:
        """To the shop, where there is one, and then to the lane that seems best."""
        if self._shop is None or rider.carried is not None:
            self._join(choose(), [rider])
            return
        self.shopping += 1

        def bought() -> None:
            self.shopping -= 1
            self._join(choose(), [rider])

        self._shop(rider, bought)

    def _join(self, traffic: LaneTraffic, party: list[Rider], first: bool = False) -> None:
        """All of them in that order, with whom the first of them brings along; unless there is no room for this one."""
        for rider in (*party, *self._companions(party[0])):
            if traffic.join(rider, first):
                self.riders_sent += 1
            elif rider is party[0]:
                return

    def _companions(self, rider: Rider) -> list[Rider]:
        """Who comes along: for a pass handed back its second user, for a gate held those it is held for."""
        if isinstance(rider.plan, b.Passback):
            second = riders.draw(self._seed, f"{rider.id}-b", rider.way, self._population, b.Passback.name)
            second.nonce, second.product, second.consent = rider.nonce, rider.product, rider.consent
            second.carried = rider.carried
            second.leader, second.by_hand, second.order = rider.id, rider.by_hand, rider.order
            return [second]
        if isinstance(rider.plan, b.HoldGate):
            found = []
            for n in range(rider.rng.randint(*rider.plan.companions)):
                companion = riders.draw(self._seed, f"{rider.id}-c{n}", rider.way, self._population, b.COMPANION)
                companion.leader, companion.by_hand, companion.order = rider.id, rider.by_hand, rider.order
                found.append(companion)
            return found
        return []

    def _pay_elsewhere(self, rider: Rider) -> None:
        """Somebody found no way in by the wrong side, and pays at a lane of the right one."""
        serving = self._serving[rider.way]
        if serving:
            paying = riders.draw(self._seed, f"{rider.id}-pays", rider.way, self._population, b.PAY)
            paying.by_hand, paying.order = rider.by_hand, rider.order
            self._come(paying, lambda: self._shortest(serving, rider.way, paying))


def _crowding(traffic: LaneTraffic) -> tuple[int, int]:
    """How long it seems to take there: each of those waiting opens the arm once, and so does who asks."""
    waiting, opening_ms = traffic.waiting(), traffic.plant.arm.kind.opening_ms
    return waiting * (_TURN_MS + opening_ms) + opening_ms, traffic.joined


def _lane_seed(seed: int, lane: str) -> int:
    """A lane with arrivals of its own has them whatever other lanes there are."""
    return int.from_bytes(f"{seed}:{lane}".encode(), "big")
