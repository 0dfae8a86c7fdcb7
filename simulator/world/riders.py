"""Riders: who they are, what they carry and what they mean to do.

Rules: everything about a rider is drawn from the rider's own generator, in a fixed order, so that no rider depends on
another, on a lane or on a device. The medium is the test token of the emulated readers (22 bytes, see docs/protocol.md)
until real passes exist.

Does not belong here: queues, lamps, walking (traffic.py); demand (demand.py); how bodies look (bodies.py).

Figures: walking speed normal(1.34, 0.26) m/s (Weidmann 1993), clipped to 0.7-2.0. Shares of behaviours, of consent
and of the unprepared are settings of the study, not findings.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from simulator.clock import rng
from simulator.plant.reader import tap_ms
from simulator.plant.silhouette import Segment, Shape
from simulator.world import bodies
from simulator.world.behaviours import ALL, COMPANION, PAY, Behaviour, Hesitate, RefusedRetreat, Span, TailgateCovert
from simulator.world.behaviours import drawn as drawn_from

SINGLE, DAY = "single", "day"

_SPEED_MEAN_MPS, _SPEED_SD_MPS = 1.34, 0.26
_SPEED_MIN_MPS, _SPEED_MAX_MPS = 0.7, 2.0
_REACTION_MEAN_MS, _REACTION_SD_MS, _REACTION_MIN_MS, _REACTION_MAX_MS = 250.0, 50.0, 120, 500

# A body that is only as deep as a torso and as high as a grown-up, whatever height a beam is at.
PLAIN = "plain"
_PLAIN_DEPTHS_MM = range(250, 451)
_PLAIN_HIGH_MM = 1700


@dataclass(frozen=True)
class Population:
    """Who comes: `kinds` maps bodies.KINDS (or PLAIN) to shares that add up to 1; `behaviours` is what some of them
    mean to do (the rest pay); `consent` and `day_pass` are shares of all riders.

    `unprepared` is the share of riders who look for their medium only when they stand at the reader, which takes them a
    time between the two ends of `search_s`. `tap_ms` makes every tap take just that long instead of the usual mixture:
    the ideal riders of a vendor's rating.
    """

    kinds: Mapping[str, float] = field(default_factory=lambda: {bodies.ADULT: 1.0})
    behaviours: tuple[Behaviour, ...] = ()
    consent: float = 0.55
    day_pass: float = 0.30
    unprepared: float = 0.0
    search_s: Span = (1.0, 4.0)
    tap_ms: int | None = None

    def __post_init__(self) -> None:
        shares = (*self.kinds.values(), self.consent, self.day_pass, self.unprepared)
        if not all(0.0 <= share <= 1.0 for share in shares):
            raise ValueError("shares of riders lie between 0 and 1")
        if abs(sum(self.kinds.values()) - 1.0) > 1e-6:
            raise ValueError(f"the shares of kinds of riders add up to 1, not to {sum(self.kinds.values()):g}")
        if sum(behaviour.share for behaviour in self.behaviours) > 1.0 + 1e-6:
            raise ValueError("the shares of behaviours add up to 1 at most")
        if not 0.0 <= self.search_s[0] <= self.search_s[1] or (self.tap_ms is not None and self.tap_ms < 1):
            raise ValueError("search_s needs its smaller end first, not below 0, and a tap takes at least 1 ms")
        unknown = set(self.kinds) - {*bodies.KINDS, PLAIN}
        if unknown:
            raise ValueError(f"riders come as {', '.join(bodies.KINDS)}, not as {', '.join(sorted(unknown))}")


def plain_population() -> Population:
    """Grown-ups without luggage, of whom few do anything but pay: nothing that a gate with four beams could mistake.

    The demo's, so that every difference between truth and table is a fault of the system and none of the detector. A
    follower keeps 250 to 400 mm: less could merge with who is ahead, more would be two lone passages.
    """
    return Population(
        {PLAIN: 1.0},
        (Hesitate(0.02, returns=0.0), RefusedRetreat(0.02), TailgateCovert(0.02, gap_m=(0.25, 0.40))),
    )


@dataclass(slots=True)
class Rider:
    """One rider; `rng` is the rider's own, for what can only be drawn later (a second tap, a path)."""

    id: str
    way: str
    kind: str
    behaviour: str
    plan: Behaviour | None
    shape: Shape
    speed_mmps: int
    product: str
    consent: bool
    nonce: bytes
    reaction_ms: int
    tap_ms: int
    rng: random.Random = field(repr=False, compare=False)
    leader: str = ""
    search_ms: int = 0
    fixed_tap_ms: int | None = None

    def medium(self) -> bytes:
        """What the rider holds to the reader: 22 bytes; a refused rider's begin with what no reader knows."""
        head = b"GLT0" if self.behaviour == RefusedRetreat.name else b"GLT1"
        product = b"s" if self.product == SINGLE else b"d"
        return head + product + (b"y" if self.consent else b"n") + self.nonce

    def next_tap_ms(self, taps_done: int) -> int:
        """How long the next tap takes, in ms."""
        if taps_done == 0:
            return self.tap_ms
        return tap_ms(self.rng) if self.fixed_tap_ms is None else self.fixed_tap_ms


def draw(
    seed: int, name: str, way: str, population: Population, behaviour: str | None = None, kind: str | None = None
) -> Rider:
    """The rider of that name in the world of that seed; `behaviour` and `kind` override what chance would have given.

    A behaviour that the population does not have takes its default parameters. Raises ValueError for an unknown one.
    """
    own = rng(seed, "rider", name)
    plan = _plan(own.random(), population, behaviour)
    drawn_kind = _pick(own.random(), population.kinds)
    speed_mps = own.gauss(_SPEED_MEAN_MPS, _SPEED_SD_MPS)
    reaction_ms = own.gauss(_REACTION_MEAN_MS, _REACTION_SD_MS)
    product = DAY if own.random() < population.day_pass else SINGLE
    consent = own.random() < population.consent
    nonce = own.randbytes(16)
    first_tap_ms = tap_ms(own)
    kind = kind or drawn_kind
    shape = _plain(own) if kind == PLAIN else bodies.draw_shape(kind, own)
    searches = population.unprepared > 0 and own.random() < population.unprepared
    search_ms = round(drawn_from(own, population.search_s) * 1000) if searches else 0
    speed_mps = min(_SPEED_MAX_MPS, max(_SPEED_MIN_MPS, speed_mps)) * bodies.SPEED_FACTORS.get(kind, 1.0)
    return Rider(
        id=name,
        way=way,
        kind=kind,
        behaviour=behaviour or (PAY if plan is None else plan.name),
        plan=plan,
        shape=shape,
        speed_mmps=round(speed_mps * 1000),
        product=product,
        consent=consent,
        nonce=nonce,
        reaction_ms=round(min(_REACTION_MAX_MS, max(_REACTION_MIN_MS, reaction_ms))),
        tap_ms=first_tap_ms if population.tap_ms is None else population.tap_ms,
        rng=own,
        search_ms=search_ms,
        fixed_tap_ms=population.tap_ms,
    )


def _plan(number: float, population: Population, behaviour: str | None) -> Behaviour | None:
    if behaviour is None:
        for plan in population.behaviours:
            if number < plan.share:
                return plan
            number -= plan.share
        return None
    if behaviour in (PAY, COMPANION):
        return None
    for plan in population.behaviours:
        if plan.name == behaviour:
            return plan
    if behaviour not in ALL:
        raise ValueError(f"riders can {', '.join((PAY, *ALL))}, not {behaviour!r}")
    return ALL[behaviour]()


def _pick(drawn: float, shares: Mapping[str, float]) -> str:
    for kind, share in shares.items():
        if drawn < share:
            return kind
        drawn -= share
    return next(reversed(dict(shares)))  # rounding


def _plain(own: random.Random) -> Shape:
    return _PLAIN[own.randrange(len(_PLAIN))]


_PLAIN = tuple(Shape((Segment("torso", 0, depth_mm, 0, _PLAIN_HIGH_MM),)) for depth_mm in _PLAIN_DEPTHS_MM)
