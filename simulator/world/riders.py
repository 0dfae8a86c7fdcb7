"""Riders: who they are, what they carry and what they mean to do.

Rules: everything about a rider is drawn from the rider's own generator, in a fixed order, so that no rider depends on
another, on a lane or on a device. The medium is the test token of the emulated readers (22 bytes, see docs/protocol.md)
which riders make up; where they buy real passes (the demo), it is the one that they were given.

Does not belong here: queues, lamps, walking (traffic.py); demand (demand.py); how bodies look (bodies.py).

Figures: walking speed normal(1.34, 0.26) m/s (Weidmann 1993), clipped to 0.7-2.0. Who comes is
population.py's.
"""

import random
from collections.abc import Mapping

from simulator.clock import rng
from simulator.plant.reader import tap_ms
from simulator.plant.silhouette import Segment, Shape
from simulator.world import bodies
from simulator.world.behaviours import ALL, COMPANION, PAY, Behaviour, RefusedRetreat
from simulator.world.behaviours import drawn as drawn_from
from simulator.world.population import PLAIN, Population

SINGLE, DAY = "single", "day"

_SPEED_MEAN_MPS, _SPEED_SD_MPS = 1.34, 0.26
_SPEED_MIN_MPS, _SPEED_MAX_MPS = 0.7, 2.0
_REACTION_MEAN_MS, _REACTION_SD_MS, _REACTION_MIN_MS, _REACTION_MAX_MS = 250.0, 50.0, 120, 500

_PLAIN_DEPTHS_MM = range(250, 451)
_PLAIN_HIGH_MM = 1700


class Rider:
    """One rider; `rng` is the rider's own, for what can only be drawn later (a second tap, a path)."""

    __slots__ = (
        "behaviour",
        "by_hand",
        "carried",
        "consent",
        "fixed_tap_ms",
        "id",
        "kind",
        "leader",
        "nonce",
        "order",
        "plan",
        "product",
        "reaction_ms",
        "rng",
        "search_ms",
        "shape",
        "speed_mmps",
        "tap_ms",
        "way",
    )

    def __init__(
        self,
        name: str,
        way: str,
        kind: str,
        behaviour: str,
        plan: Behaviour | None,
        shape: Shape,
        speed_mmps: int,
        product: str,
        consent: bool,
        nonce: bytes,
        reaction_ms: int,
        tap_ms: int,
        search_ms: int,
        fixed_tap_ms: int | None,
        own: random.Random,
    ) -> None:
        self.id = name
        self.way = way
        self.kind = kind
        self.behaviour = behaviour
        self.plan = plan
        self.shape = shape
        self.speed_mmps = speed_mmps
        self.product = product
        self.consent = consent
        self.nonce = nonce
        self.reaction_ms = reaction_ms
        self.tap_ms = tap_ms
        self.search_ms = search_ms
        self.fixed_tap_ms = fixed_tap_ms
        self.rng = own
        self.leader = ""  # whom they follow or come with
        self.carried: bytes | None = None  # the pass that they were sold
        self.by_hand = False  # somebody sent them
        self.order = 0  # by the order of this number; 0 for none

    def carry(self, medium: bytes, nonce: bytes) -> None:
        """From now on the rider holds this medium to the reader, whose handle comes from `nonce`."""
        self.carried = medium
        self.nonce = nonce

    def medium(self) -> bytes:
        """What the rider holds to the reader. A test token has 22 bytes; a refused rider's begins with what no reader
        knows."""
        if self.carried is not None:
            return self.carried
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
        name,
        way,
        kind,
        behaviour or (PAY if plan is None else plan.name),
        plan,
        shape,
        round(speed_mps * 1000),
        product,
        consent,
        nonce,
        round(min(_REACTION_MAX_MS, max(_REACTION_MIN_MS, reaction_ms))),
        first_tap_ms if population.tap_ms is None else population.tap_ms,
        search_ms,
        population.tap_ms,
        own,
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
