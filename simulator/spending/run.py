"""One day of a site, and copies presented at its gates.

Riders enter by the site's counts, each at an entry gate of their station drawn by chance, ride, and leave at an exit of
a station drawn by its exits. Some singles are *watched* (those of an hour, drawn by chance): copies of them are put
before gates after each of DELAYS_MIN, without going through, so that no watched copy changes what another one meets.
Others go on *tours*: one single is presented at another entry gate every TOUR_STEP_MS, round and round, and goes
through where it can.

Times are ms of the service day. Does not belong here: what a gate knows (gates.py), what comes of it all (measure.py).
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush, merge
from itertools import count

from firmware.fare.spent import SpentPages
from simulator.clock import rng
from simulator.spending.gates import DAY_MS, DAY_PASS, INTERVAL_MS, SINGLE, Gate, Keys, Pass, new_pages
from simulator.spending.office import PAGE_ENTRIES, Office
from simulator.spending.site import START_HOUR, Site
from simulator.world.counts import ENTRY, EXIT

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
DELAYS_MIN = (1, 5, 15, 20, 30, 60, 120, 240)
SPENT_PAGES = (1, 4, 16)
PAGE_INTERVAL_MS = 60_000
DELIVERY_MS = 2_000
"""The longest that a message takes, each way."""
RIDE_MIN = (15, 45)
WATCHED_MS = (17 * HOUR_MS + HOUR_MS // 2, 18 * HOUR_MS + HOUR_MS // 2)
_END_MS = WATCHED_MS[1] + 5 * HOUR_MS
TOUR_STEP_MS, TOUR_MS = 5 * MINUTE_MS, 4 * HOUR_MS

SAME, STATION, ELSEWHERE = "same gate", "same station", "other station"
LEFT_BY, OTHER_EXIT = "exit it left by", "other exit"
DAY_SAME, DAY_OTHER = "day pass, same gate", "day pass, other gate"
EXCHANGED = "exchanged"


@dataclass(frozen=True, slots=True)
class Network:
    """When gates and gateway do not reach each other: from, to, in ms of the day."""

    name: str
    cut_ms: tuple[int, int] = (0, 0)

    def up(self, t_ms: int) -> bool:
        return not self.cut_ms[0] <= t_ms < self.cut_ms[1]


UP = Network("up")
HOUR = Network("cut for an hour", WATCHED_MS)
ALL_DAY = Network("cut all day", (0, 2 * DAY_MS))
NETWORKS = (UP, HOUR, ALL_DAY)


@dataclass
class Watched:
    """One single: used at ``used_ms``; told with the tally that closed at ``closed_ms``."""

    carried: Pass
    gate: Gate
    used_ms: int
    closed_ms: int | None = None
    learned_ms: dict[int, int] = field(default_factory=dict)
    """spent_pages -> when gates with so many pages had it in a page."""
    forgotten_ms: dict[int, int] = field(default_factory=dict)
    later: dict[int, int] = field(default_factory=dict)
    """spent_pages -> how many entries the gateway had added after it when gates did not hold it any more."""
    later_held: dict[int, int] = field(default_factory=dict)
    """spent_pages -> the most entries after it at which gates still held it."""


@dataclass
class Tour:
    """One single, carried from entry gate to entry gate, and round again."""

    carried: Pass
    tries: int = 0
    opened: dict[int, int] = field(default_factory=dict)
    """Gate's number -> how often it opened."""


@dataclass(frozen=True, slots=True)
class Options:
    """``consent``: share of riders who agreed; ``day_pass``: share with a day pass; ``watched``: about
    how many at most; ``exchanged``: how many passes are exchanged, for each single that is used."""

    consent: float = 0.55
    day_pass: float = 0.30
    watched: int = 400
    exchanged: float = 0.02
    tours: int = 10
    spent_pages: tuple[int, ...] = SPENT_PAGES
    tour_pages: int = 4
    from_ms: int = START_HOUR * HOUR_MS
    end_ms: int = _END_MS


class Run:
    """Deterministic by ``seed``. After :meth:`run`: ``opened``, ``watched``, ``tours``."""

    def __init__(self, site: Site, network: Network, seed: int, options: Options | None = None) -> None:
        self.site, self.network, self.options = site, network, options or Options()
        self.opened: dict[tuple[str, int, int], list[bool]] = {}
        """(place, delay in minutes, spent_pages) -> for each copy whether it opened."""
        self.watched: list[Watched] = []
        self.exchanged: list[Watched] = []
        self.tours: list[Tour] = []
        self.singles = self.singles_in_the_hour = 0
        self._by_nullifier: dict[bytes, Watched] = {}
        self._riders, self._copies, self._net = (rng(seed, f"spending {what}") for what in ("riders", "copies", "net"))
        self.keys = Keys(self._riders)
        self.gates = [
            Gate(number, way, self.keys)
            for number, station in enumerate(site.stations)
            for way, gates in ((ENTRY, station.entries), (EXIT, station.exits))
            for _ in range(gates)
        ]
        self._of: dict[tuple[int, str], list[Gate]] = {}
        for gate in self.gates:
            self._of.setdefault((gate.station, gate.way), []).append(gate)
        self._entries = [gate for gate in self.gates if gate.way == ENTRY]
        self._exits = [gate for gate in self.gates if gate.way == EXIT]
        self._leaving = [sum(station.demand.quarters(EXIT)) for station in site.stations]
        for number in range(1, len(self._leaving)):
            self._leaving[number] += self._leaving[number - 1]
        self.pages = {pages: new_pages(pages) for pages in self.options.spent_pages}
        self.office = Office(rng(seed, "spending office"))
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()
        self._seed = seed

    # -- the day

    def run(self) -> "Run":
        options = self.options
        self._at(-(-options.from_ms // INTERVAL_MS) * INTERVAL_MS, self._boundary)
        self._at(options.from_ms + self._net.randrange(PAGE_INTERVAL_MS), self._publish)
        if self.network.cut_ms[1] > options.from_ms:
            self._at(self.network.cut_ms[1], self._reconnect)
        between = WATCHED_MS[1] - WATCHED_MS[0]
        singles = self._singles_between(*WATCHED_MS)
        for _ in range(round(singles * options.exchanged)):
            self._at(WATCHED_MS[0] + self._copies.randrange(between), self._exchange)
        for _ in range(options.tours):
            self._at(WATCHED_MS[0] + self._copies.randrange(between), self._begin_tour)
        chance = options.watched / max(1.0, singles)
        day_chance = chance * (1 - options.day_pass) / options.day_pass if options.day_pass else 0.0
        for t_ms, station in self._arrivals():
            self._until(t_ms)
            if t_ms >= options.end_ms:
                break
            in_hour = WATCHED_MS[0] <= t_ms < WATCHED_MS[1]
            self._enter(t_ms, station, chance if in_hour else 0.0, day_chance if in_hour else 0.0)
        return self

    def _singles_between(self, from_ms: int, to_ms: int) -> float:
        riders = 0.0
        for station in self.site.stations:
            start_ms = START_HOUR * HOUR_MS
            expected = station.demand.expected
            riders += expected(ENTRY, to_ms - start_ms) - expected(ENTRY, from_ms - start_ms)
        return riders * (1 - self.options.day_pass)

    def _arrivals(self) -> Iterator[tuple[int, int]]:
        def of(number: int) -> Iterator[tuple[int, int]]:
            for t_ms in self.site.stations[number].demand.arrivals(ENTRY, self._seed * 1000 + number):
                yield t_ms + START_HOUR * HOUR_MS, number

        for t_ms, number in merge(*(of(number) for number in range(len(self.site.stations)))):
            if t_ms >= self.options.from_ms:
                yield t_ms, number

    def _at(self, t_ms: int, what: Callable[[int], None]) -> None:
        heappush(self._events, (t_ms, next(self._order), what))

    def _until(self, t_ms: int) -> None:
        while self._events and self._events[0][0] <= min(t_ms, self.options.end_ms):
            at_ms, _, what = heappop(self._events)
            what(at_ms)

    def _enter(self, t_ms: int, station: int, chance: float, day_chance: float) -> None:
        own, options = self._riders, self.options
        gate = own.choice(self._of[station, ENTRY])
        product = DAY_PASS if own.random() < options.day_pass else SINGLE
        if own.random() >= options.consent:
            gate.tally += 1
        ride_ms = t_ms + own.randrange(RIDE_MIN[0] * MINUTE_MS, RIDE_MIN[1] * MINUTE_MS)
        leaves_by = own.choice(self._of[self._destination(), EXIT])
        nonce = own.randbytes(32)
        self.singles += product == SINGLE
        self.singles_in_the_hour += product == SINGLE and chance > 0
        if self._copies.random() < (chance if product == SINGLE else day_chance):
            carried = self.keys.new_pass(product, nonce)
            gate.pass_rider(product, carried.nullifier, carried.to, t_ms)
            if product == SINGLE:
                self._watch(carried, gate, leaves_by, t_ms, ride_ms)
            else:
                self._watch_day_pass(carried, gate, t_ms)
            nullifier, to = carried.nullifier, carried.to
        else:
            nullifier, to = nonce[:16], self.keys.last[product]
            gate.pass_rider(product, nullifier, to, t_ms)
        self._at(ride_ms, lambda at_ms: leaves_by.pass_rider(product, nullifier, to, at_ms))

    def _destination(self) -> int:
        if len(self._leaving) == 1:
            return 0
        return bisect_right(self._leaving, self._riders.random() * self._leaving[-1])

    # -- copies

    def _watch(self, carried: Pass, gate: Gate, leaves_by: Gate, t_ms: int, ride_ms: int) -> None:
        watched = Watched(carried, gate, t_ms)
        self.watched.append(watched)
        self._by_nullifier[carried.nullifier] = watched
        here = [other for other in self._of[gate.station, ENTRY] if other is not gate]
        away = [other for other in self._entries if other.station != gate.station]
        self._try(SAME, carried, gate, t_ms)
        self._try(STATION, carried, _one(self._copies, here), t_ms)
        self._try(ELSEWHERE, carried, _one(self._copies, away), t_ms)
        self._try(LEFT_BY, carried, leaves_by, ride_ms)
        others = [other for other in self._exits if other is not leaves_by]
        self._try(OTHER_EXIT, carried, _one(self._copies, others), ride_ms)

    def _watch_day_pass(self, carried: Pass, gate: Gate, t_ms: int) -> None:
        self._try(DAY_SAME, carried, gate, t_ms)
        self._try(DAY_OTHER, carried, _one(self._copies, [one for one in self._entries if one is not gate]), t_ms)

    def _exchange(self, t_ms: int) -> None:
        """A kiosk that reaches the gateway exchanges a single that was not used; its old copy goes to some gate."""
        carried = self.keys.new_pass(SINGLE, self._copies.randbytes(32))
        gate = self._copies.choice(self._entries)
        self.office.add([carried.nullifier])
        self.exchanged.append(Watched(carried, gate, t_ms, t_ms))
        self._try(EXCHANGED, carried, gate, t_ms)

    def _try(self, place: str, carried: Pass, gate: Gate | None, from_ms: int) -> None:
        """After each delay: would it open?"""
        if gate is None:
            return

        def tried(t_ms: int) -> None:
            for number, pages in self.pages.items():
                opens = gate.opens(carried, pages, t_ms)
                self.opened.setdefault((place, (t_ms - from_ms) // MINUTE_MS, number), []).append(opens)

        for delay_min in DELAYS_MIN:
            self._at(from_ms + delay_min * MINUTE_MS, tried)

    def _begin_tour(self, t_ms: int) -> None:
        tour = Tour(self.keys.new_pass(SINGLE, self._copies.randbytes(32)))
        self.tours.append(tour)
        pages = self.pages[self.options.tour_pages]
        way = self._copies.sample(range(len(self._entries)), len(self._entries))

        def step(at_ms: int) -> None:
            number = way[tour.tries % len(way)]
            tour.tries += 1
            if self._entries[number].present(tour.carried, pages, at_ms):
                tour.opened[number] = tour.opened.get(number, 0) + 1
            if at_ms + TOUR_STEP_MS <= t_ms + TOUR_MS:
                self._at(at_ms + TOUR_STEP_MS, step)

        step(t_ms)

    # -- how gates learn

    def _boundary(self, t_ms: int) -> None:
        for gate in self._entries:
            for nullifier in gate.close(t_ms):
                watched = self._by_nullifier.get(nullifier)
                if watched is not None and watched.closed_ms is None:
                    watched.closed_ms = t_ms
            self._tell(gate, t_ms)
        self._at(t_ms + INTERVAL_MS, self._boundary)

    def _tell(self, gate: Gate, t_ms: int) -> None:
        if gate.closed and self.network.up(t_ms):
            told, gate.closed = gate.closed, []
            self._at(t_ms + self._net.randrange(DELIVERY_MS), lambda _: self.office.add(told))

    def _publish(self, t_ms: int) -> None:
        messages = self.office.publish()
        if messages and self.network.up(t_ms):
            self._at(t_ms + self._net.randrange(DELIVERY_MS), lambda at_ms: self._hand(messages, at_ms))
        self._at(t_ms + PAGE_INTERVAL_MS, self._publish)

    def _reconnect(self, t_ms: int) -> None:
        """The network is back: gates are handed what is retained, and tell what has waited."""
        retained = list(self.office.retained.values())
        self._at(t_ms + self._net.randrange(DELIVERY_MS), lambda at_ms: self._hand(retained, at_ms))
        for gate in self._entries:
            self._tell(gate, t_ms)

    def _hand(self, messages: list[bytes], t_ms: int) -> None:
        for number, pages in self.pages.items():
            for message in messages:
                pages.accept(message)
            for watched in (*self.watched, *self.exchanged):
                self._look(watched, number, pages, t_ms)

    def _look(self, watched: Watched, number: int, pages: SpentPages, t_ms: int) -> None:
        """Note when it came into the pages and when it fell out of them."""
        place = self.office.place.get(watched.carried.nullifier)
        if place is None or number in watched.forgotten_ms:
            return
        if number not in watched.learned_ms and place // PAGE_ENTRIES <= pages.newest - number:
            return  # its page was over before gates were handed it: they will never have it
        later = len(self.office) - place - 1
        if pages.has(watched.carried.nullifier):
            watched.learned_ms.setdefault(number, t_ms)
            watched.later_held[number] = later
        elif number in watched.learned_ms:
            watched.forgotten_ms[number] = t_ms
            watched.later[number] = later


def _one(own: random.Random, gates: list[Gate]) -> Gate | None:
    return own.choice(gates) if gates else None
