"""A week of one site with two stations: the same people every day, what they buy and where they go. The truth, and
nothing else.

Rules: drawn from one seed, each person from a generator of their own; times are epoch ms. Nobody here exists. A person
keeps their habits over the week (when, which gate, which product, yes or no, buying ahead or at the last minute),
because habits are what links days where no number does.

Does not belong here: devices, passes' bytes, what anybody records (baseline.py has the usual record of the same week).
"""

import random
from collections import defaultdict
from dataclasses import dataclass, replace

from simulator.clock import rng
from simulator.truth import DAY_MS

SINGLE, DAY = "single", "day"
STATIONS = ("north", "south")
ENTRIES = {station: (f"{station}-1", f"{station}-2") for station in STATIONS}
EXITS = {station: (f"{station}-3", f"{station}-4") for station in STATIONS}
GATES = tuple(gate for station in STATIONS for gate in (*ENTRIES[station], *EXITS[station]))
KIOSKS = {station: f"kiosk-{station}" for station in STATIONS}

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_START_MS = 3 * HOUR_MS  # the service day begins at three in the morning
FIRST_DAY = 20_402  # days since 1970-01-01: a Monday
DAYS = 7
GATE_TAKES_MS = 6_000  # one rider after the other
TAP_TO_THROUGH_MS = 1_950  # from the tap to the last beam cleared, as passage.py walks


@dataclass(frozen=True, slots=True)
class Size:
    """How many people of each sort, and the share of them who say yes."""

    commuters: int = 120
    occasional: int = 60
    visitors: int = 60
    consent: float = 0.6
    day_pass: float = 0.35
    ahead: float = 0.5


@dataclass(frozen=True, slots=True)
class Person:
    """One person's habits. `consent` is what they answer, each time."""

    name: str
    sort: str
    home: str
    consent: bool
    product: str
    ahead: bool
    out_ms: int  # time of day of the way out, and back
    back_ms: int
    steady_ms: int  # how much that varies from day to day (standard deviation)
    gates: dict[str, str]  # the entry gate that they like, by station
    minutes: int  # how long the ride takes them


@dataclass(frozen=True, slots=True)
class Sale:
    """One pass that somebody bought. Its number names it in the truth alone."""

    number: int
    person: str
    kiosk: str
    at_ms: int
    product: str
    consent: bool
    ahead: bool


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage: who, on which pass, where; `tap_ms` is when the medium is held to the reader."""

    person: str
    sale: int
    trip: int
    gate: str
    way: str
    product: str
    consent: bool
    tap_ms: int

    @property
    def at_ms(self) -> int:
        """When the passage is complete."""
        return self.tap_ms + TAP_TO_THROUGH_MS

    @property
    def station(self) -> str:
        """Where the gate stands."""
        return self.gate.split("-")[0]

    @property
    def day(self) -> int:
        """The service day, as handles have it."""
        return service_day(self.tap_ms)


@dataclass(frozen=True, slots=True)
class Week:
    """All of it, sorted by time."""

    people: tuple[Person, ...]
    sales: tuple[Sale, ...]
    passages: tuple[Passage, ...]

    @property
    def end_ms(self) -> int:
        """When the last service day is over."""
        return day_start(FIRST_DAY + DAYS)


def service_day(at_ms: int) -> int:
    """Days since 1970-01-01 of the site's service day."""
    return (at_ms - DAY_START_MS) // DAY_MS


def day_start(day: int) -> int:
    """Epoch ms at which a service day begins."""
    return day * DAY_MS + DAY_START_MS


def draw_week(seed: int, size: Size = Size()) -> Week:
    """The week of that seed."""
    people: list[Person] = []
    sales: list[Sale] = []
    passages: list[Passage] = []
    for sort, count in (("commuter", size.commuters), ("occasional", size.occasional), ("visitor", size.visitors)):
        for number in range(count):
            own = rng(seed, "person", sort, number)
            person = _person(own, f"{sort}-{number}", sort, size)
            people.append(person)
            _live(own, person, sales, passages)
    # Numbers in the order of sale would tell who is who: the truth's own are the order of drawing.
    return Week(
        tuple(people),
        tuple(sorted(sales, key=lambda sale: (sale.at_ms, sale.number))),
        tuple(_queued(passages)),
    )


def _person(own: random.Random, name: str, sort: str, size: Size) -> Person:
    home = own.choice(STATIONS)
    out_ms = round(own.gauss(8 * HOUR_MS, 45 * MINUTE_MS))
    return Person(
        name,
        sort,
        home,
        own.random() < size.consent,
        DAY if sort == "visitor" or own.random() < size.day_pass else SINGLE,
        own.random() < size.ahead,
        out_ms,
        out_ms + round(own.gauss(9 * HOUR_MS, 40 * MINUTE_MS)),
        round(own.uniform(2, 10) * MINUTE_MS),
        {station: own.choice(gates) for station, gates in ENTRIES.items()},
        own.randint(11, 27),
    )


def _live(own: random.Random, person: Person, sales: list[Sale], passages: list[Passage]) -> None:
    """Add a person's week."""
    if person.sort == "commuter":
        days = [day for day in range(5) if own.random() < 0.95]
    elif person.sort == "occasional":
        days = sorted(own.sample(range(DAYS), own.randint(1, 3)))
    else:
        days = [own.randrange(DAYS)]
    for day in days:
        trips = _trips(own, person, FIRST_DAY + day)
        pass_of_day: int | None = None
        for start_ms, origin in trips:
            if person.product == SINGLE or pass_of_day is None:
                pass_of_day = len(sales)
                sales.append(_sale(own, person, pass_of_day, start_ms, origin))
            _ride(own, person, pass_of_day, start_ms, origin, passages)


def _trips(own: random.Random, person: Person, day: int) -> list[tuple[int, str]]:
    """(time of the tap, station) of each trip of a day."""
    there, back = person.home, STATIONS[1 - STATIONS.index(person.home)]
    midnight_ms = day * DAY_MS
    if person.sort == "commuter":
        out = midnight_ms + round(own.gauss(person.out_ms, person.steady_ms))
        home = midnight_ms + round(own.gauss(person.back_ms, 2 * person.steady_ms))
        return [(out, there), (max(home, out + 2 * HOUR_MS), back)]
    start_ms = midnight_ms + own.randint(8 * HOUR_MS, 12 * HOUR_MS)
    trips = []
    for number in range(own.randint(1, 2) if person.sort == "occasional" else own.randint(2, 4)):
        trips.append((start_ms, (there, back)[number % 2]))
        start_ms += own.randint(60 * MINUTE_MS, 180 * MINUTE_MS)
    return trips


def _sale(own: random.Random, person: Person, number: int, start_ms: int, origin: str) -> Sale:
    """Bought within two minutes of the tap; or ahead: a single hours before, a day pass earlier on its one day."""
    if person.ahead:
        opens_ms = day_start(service_day(start_ms)) + 15 * MINUTE_MS
        earliest_ms = opens_ms if person.product == DAY else start_ms - 20 * HOUR_MS
        at_ms = own.randint(earliest_ms, max(earliest_ms, start_ms - 30 * MINUTE_MS))
    else:
        at_ms = start_ms - own.randint(20_000, 120_000)
    kiosk = KIOSKS[own.choice(STATIONS) if person.ahead else origin]
    return Sale(number, person.name, kiosk, at_ms, person.product, person.consent, person.ahead)


def _ride(own: random.Random, person: Person, sale: int, start_ms: int, origin: str, passages: list[Passage]) -> None:
    usual = person.gates[origin]
    entry = usual if own.random() < 0.8 else own.choice(ENTRIES[origin])
    end = STATIONS[1 - STATIONS.index(origin)]
    arrival_ms = start_ms + person.minutes * MINUTE_MS + own.randint(-90_000, 90_000)
    trip = len(passages) // 2
    for gate, way, tap_ms in ((entry, "entry", start_ms), (own.choice(EXITS[end]), "exit", arrival_ms)):
        passages.append(Passage(person.name, sale, trip, gate, way, person.product, person.consent, tap_ms))


def _queued(passages: list[Passage]) -> list[Passage]:
    """Who comes while a gate is busy waits for it."""
    free_ms: dict[str, int] = defaultdict(int)
    queued = []
    for passage in sorted(passages, key=lambda one: (one.tap_ms, one.trip, one.way)):
        tap_ms = max(passage.tap_ms, free_ms[passage.gate])
        free_ms[passage.gate] = tap_ms + GATE_TAKES_MS
        queued.append(replace(passage, tap_ms=tap_ms))
    return sorted(queued, key=lambda one: (one.tap_ms, one.trip, one.way))
