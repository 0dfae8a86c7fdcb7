"""Riders: who they are and what they mean to do.

Rules: everything about a rider is drawn from the rider's own generator, in a fixed order, so that no rider depends on
another, on a lane or on a device. The medium is the test token of the emulated readers (22 bytes, see docs/protocol.md)
until real passes exist.

Does not belong here: queues, lamps, walking (traffic.py); demand (demand.py).

Figures: walking speed normal(1.34, 0.26) m/s (Weidmann 1993), clipped to 0.7-2.0. Body depths, shares of behaviours and
the share of consent are settings of the study, not findings.
"""

import random
from dataclasses import dataclass, field

from simulator.clock import rng
from simulator.plant.reader import tap_ms

PAY = "pay"
TURN_BACK = "turn_back"
REFUSED = "refused"
TAILGATE = "tailgate"
BEHAVIOURS = (PAY, TURN_BACK, REFUSED, TAILGATE)

SINGLE, DAY = "single", "day"

_SPEED_MEAN_MPS, _SPEED_SD_MPS = 1.34, 0.26
_SPEED_MIN_MPS, _SPEED_MAX_MPS = 0.7, 2.0
_LENGTH_MIN_MM, _LENGTH_MAX_MM = 250, 450
# A follower keeps at least this much clear space; more than the far end would make two lone passages of one.
_GAP_MIN_MM, _GAP_MAX_MM = 250, 400
_REACTION_MEAN_MS, _REACTION_SD_MS, _REACTION_MIN_MS, _REACTION_MAX_MS = 250.0, 50.0, 120, 500


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares (0 to 1) of what riders mean to do; who is in none of the three pays."""

    turn_back: float = 0.02
    refused: float = 0.02
    tailgate: float = 0.02
    consent: float = 0.55
    day_pass: float = 0.30

    def __post_init__(self) -> None:
        shares = (self.turn_back, self.refused, self.tailgate, self.consent, self.day_pass)
        if not all(0.0 <= share <= 1.0 for share in shares) or sum(shares[:3]) > 1.0:
            raise ValueError("shares of riders lie between 0 and 1, and those of behaviours add up to 1 at most")


@dataclass(frozen=True, slots=True)
class Rider:
    """One rider; `rng` is the rider's own, for what can only be drawn later (a second tap)."""

    id: str
    way: str
    behaviour: str
    length_m: float
    speed_mps: float
    product: str
    consent: bool
    nonce: bytes
    gap_m: float
    turn_at: float
    reaction_ms: int
    tap_ms: int
    rng: random.Random = field(repr=False, compare=False)

    @property
    def length_mm(self) -> int:
        """Depth of the body along the lane, in mm."""
        return round(self.length_m * 1000)

    @property
    def speed_mmps(self) -> int:
        """Walking speed in mm per second."""
        return round(self.speed_mps * 1000)

    @property
    def gap_mm(self) -> int:
        """The clear space a tailgater keeps to the one in front, in mm."""
        return round(self.gap_m * 1000)

    def medium(self) -> bytes:
        """What the rider holds to the reader: 22 bytes; a refused rider's begin with what no reader knows."""
        head = b"GLT0" if self.behaviour == REFUSED else b"GLT1"
        product = b"s" if self.product == SINGLE else b"d"
        return head + product + (b"y" if self.consent else b"n") + self.nonce

    def next_tap_ms(self, taps_done: int) -> int:
        """How long the next tap takes, in ms."""
        return self.tap_ms if taps_done == 0 else tap_ms(self.rng)


def draw(seed: int, name: str, way: str, mix: Mix | None = None, behaviour: str | None = None) -> Rider:
    """The rider of that name in the world of that seed; `behaviour` overrides what chance would have given."""
    if behaviour is not None and behaviour not in BEHAVIOURS:
        raise ValueError(f"riders can {', '.join(BEHAVIOURS)}, not {behaviour!r}")
    mix = mix or Mix()
    own = rng(seed, "rider", name)
    drawn = own.random()
    if behaviour is None:
        behaviour = PAY
        for kind, share in ((TURN_BACK, mix.turn_back), (REFUSED, mix.refused), (TAILGATE, mix.tailgate)):
            if drawn < share:
                behaviour = kind
                break
            drawn -= share
    speed_mps = own.gauss(_SPEED_MEAN_MPS, _SPEED_SD_MPS)
    reaction_ms = own.gauss(_REACTION_MEAN_MS, _REACTION_SD_MS)
    return Rider(
        id=name,
        way=way,
        behaviour=behaviour,
        length_m=own.randint(_LENGTH_MIN_MM, _LENGTH_MAX_MM) / 1000,
        speed_mps=round(min(_SPEED_MAX_MPS, max(_SPEED_MIN_MPS, speed_mps)), 3),
        product=DAY if own.random() < mix.day_pass else SINGLE,
        consent=own.random() < mix.consent,
        nonce=own.randbytes(16),
        gap_m=own.randint(_GAP_MIN_MM, _GAP_MAX_MM) / 1000,
        turn_at=own.random(),
        reaction_ms=round(min(_REACTION_MAX_MS, max(_REACTION_MIN_MS, reaction_ms))),
        tap_ms=tap_ms(own),
        rng=own,
    )
