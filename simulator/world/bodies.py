"""Bodies: what a rider looks like from the side, as the beams of a lane see it.

A body is a row of segments (simulator/plant/silhouette.py). The `core` is the person: what has to be through for the
person to be through. Everything else – legs that swing ahead and behind, a suitcase on its handle, a pram – only breaks
beams. Millimetres, rounded to 10, so that equal bodies share their precomputed edges.

Figures: adults' heights are about normal(1.70, 0.09) m over both sexes (NCD-RisC 2016: means of most countries lie
between 1.58 and 1.78 m); the proportions of hip and shoulder height, 0.52 and 0.82 of the height, are Drillis and
Contini's (1966, hip 0.530, shoulder 0.818). Body depths, luggage and the rest are settings of the study: cabin luggage
is 0.55 × 0.40 × 0.20 m by the airlines' common rule, a 28-inch bicycle is some 1.75 m long with wheels of 0.67 m.

Does not belong here: how bodies move (traffic.py), what beams make of them (simulator/plant).
"""

import random
from collections.abc import Callable
from functools import lru_cache

from simulator.plant.silhouette import Segment, Shape

ADULT = "adult"
BACKPACK = "backpack"
SUITCASE = "suitcase"
PRAM = "pram"
WHEELCHAIR = "wheelchair"
BICYCLE = "bicycle"
CHILD = "child"
CHILD_BY_HAND = "child_by_hand"
UMBRELLA = "umbrella"
DOG = "dog"

_STEP_MM = 10


def _mm(rng: random.Random, low: int, high: int) -> int:
    return rng.randrange(low, high + 1, _STEP_MM)


def _height_mm(rng: random.Random) -> int:
    return round(min(2000, max(1450, rng.gauss(1700, 90))) / _STEP_MM) * _STEP_MM


def _person(height_mm: int, depth_mm: int) -> tuple[Segment, ...]:
    """Somebody walking upright, mid-stride: below the hip two legs apart, thighs together, a torso, a head."""
    hip_mm, knee_mm, shoulder_mm = height_mm * 52 // 100, height_mm * 28 // 100, height_mm * 82 // 100
    stride_mm, leg_mm = height_mm * 10 // 100, max(100, depth_mm * 4 // 10)
    head_mm = min(200, depth_mm)
    return (
        Segment("torso", 0, depth_mm, hip_mm, shoulder_mm),
        Segment("head", (depth_mm - head_mm) // 2, head_mm, shoulder_mm, height_mm),
        Segment("thighs", 0, depth_mm, knee_mm, hip_mm, core=False),
        Segment("leg", -stride_mm, leg_mm, 0, knee_mm, core=False),
        Segment("leg", depth_mm - leg_mm + stride_mm, leg_mm, 0, knee_mm, core=False),
    )


def _adult(rng: random.Random) -> tuple[Segment, ...]:
    return _person(_height_mm(rng), _mm(rng, 250, 450))


def _depth_mm(segments: tuple[Segment, ...]) -> int:
    return segments[0].length_mm


def _backpack(rng: random.Random) -> tuple[Segment, ...]:
    body = _adult(rng)
    torso = body[0]
    return (*body, Segment("backpack", torso.length_mm, _mm(rng, 120, 300), torso.low_mm + 100, torso.high_mm, False))


def _suitcase(rng: random.Random) -> tuple[Segment, ...]:
    """Pulled behind on its handle, which is too thin for a beam; most are cabin size, some large."""
    body = _adult(rng)
    gap_mm = _mm(rng, 200, 550)
    length_mm, high_mm = (_mm(rng, 200, 250), 550) if rng.random() < 0.7 else (_mm(rng, 280, 350), _mm(rng, 650, 800))
    return (*body, Segment("suitcase", _depth_mm(body) + gap_mm, length_mm, 0, high_mm, False))


def _pram(rng: random.Random) -> tuple[Segment, ...]:
    """Pushed ahead at arm's length."""
    body = _adult(rng)
    length_mm, gap_mm = _mm(rng, 700, 900), _mm(rng, 150, 350)
    return (*body, Segment("pram", -gap_mm - length_mm, length_mm, 0, _mm(rng, 950, 1050), False))


def _wheelchair(rng: random.Random) -> tuple[Segment, ...]:
    depth_mm = _mm(rng, 300, 450)
    return (
        Segment("torso", 0, depth_mm, 500, 1100),
        Segment("head", depth_mm // 4, min(200, depth_mm), 1100, 1300),
        Segment("seat and legs", -_mm(rng, 350, 450), depth_mm + 450, 300, 650, core=False),
        Segment("wheels", -_mm(rng, 100, 200), 650, 0, 600, core=False),
        Segment("footrest", -_mm(rng, 500, 600), 300, 50, 350, core=False),
        Segment("backrest", depth_mm, 80, 500, 950, core=False),
    )


def _bicycle(rng: random.Random) -> tuple[Segment, ...]:
    """Pushed beside its rider; between the wheels only the frame's tubes, which are no thicker than a handle."""
    body = _adult(rng)
    ahead_mm = _mm(rng, 500, 700)
    return (
        *body,
        Segment("front wheel", -ahead_mm, 670, 0, 670, False),
        Segment("rear wheel", -ahead_mm + 1080, 670, 0, 670, False),
        Segment("handlebar", -ahead_mm + 350, 150, 900, 1050, False),
        Segment("saddle", -ahead_mm + 1100, 250, 850, 980, False),
    )


def _child(rng: random.Random) -> tuple[Segment, ...]:
    """On its own: small enough to walk under the beams of many lanes."""
    height_mm = _mm(rng, 950, 1350)
    return _person(height_mm, _mm(rng, 170, 260))


def _child_by_hand(rng: random.Random) -> tuple[Segment, ...]:
    """An adult with a child half a step behind or ahead; small children travel free: one medium is right for both."""
    body = _adult(rng)
    height_mm, depth_mm = _mm(rng, 850, 1150), _mm(rng, 160, 220)
    offset_mm = _mm(rng, 100, 500) if rng.random() < 0.7 else -_mm(rng, 150, 350)
    beside = tuple(
        Segment(f"child's {part.name}", part.offset_mm + offset_mm, part.length_mm, part.low_mm, part.high_mm, False)
        for part in _person(height_mm, depth_mm)
    )
    return (*body, *beside)


def _umbrella(rng: random.Random) -> tuple[Segment, ...]:
    """Carried level, its tip ahead."""
    body = _adult(rng)
    return (*body, Segment("umbrella", -_mm(rng, 300, 500), 700, 820, 900, False))


def _dog(rng: random.Random) -> tuple[Segment, ...]:
    """On a leash, behind or ahead."""
    body = _adult(rng)
    length_mm, gap_mm = _mm(rng, 400, 900), _mm(rng, 200, 1000)
    offset_mm = _depth_mm(body) + gap_mm if rng.random() < 0.6 else -gap_mm - length_mm
    return (*body, Segment("dog", offset_mm, length_mm, 150, _mm(rng, 350, 700), False))


_MAKERS: dict[str, Callable[[random.Random], tuple[Segment, ...]]] = {
    ADULT: _adult,
    BACKPACK: _backpack,
    SUITCASE: _suitcase,
    PRAM: _pram,
    WHEELCHAIR: _wheelchair,
    BICYCLE: _bicycle,
    CHILD: _child,
    CHILD_BY_HAND: _child_by_hand,
    UMBRELLA: _umbrella,
    DOG: _dog,
}

KINDS = tuple(_MAKERS)
"""Every kind of rider that a population can have."""

NEEDS_WIDTH = frozenset((PRAM, WHEELCHAIR, BICYCLE))
"""Riders who look for a wide lane first."""

SPEED_FACTORS = {WHEELCHAIR: 0.8, PRAM: 0.85, SUITCASE: 0.9, CHILD: 0.8, CHILD_BY_HAND: 0.75, BICYCLE: 0.85, DOG: 0.95}
"""What share of their free speed riders keep with what they bring along: a setting of the study. Others keep all."""


def draw_shape(kind: str, rng: random.Random) -> Shape:
    """A body of that kind; raises ValueError for a kind that there is not."""
    maker = _MAKERS.get(kind)
    if maker is None:
        raise ValueError(f"riders come as {', '.join(KINDS)}, not as {kind!r}")
    return Shape(maker(rng))


_LEGS = frozenset(("thighs", "leg"))


@lru_cache(maxsize=100_000)
def without_legs(shape: Shape) -> tuple[int, int]:
    """Where a body begins and ends for who keeps a distance to it, mm behind its front: swinging feet don't count."""
    segments = [segment for segment in shape.segments if segment.name not in _LEGS]
    return (
        min(segment.offset_mm for segment in segments),
        max(segment.offset_mm + segment.length_mm for segment in segments),
    )


def crawling(shape: Shape, height_mm: int) -> Shape:
    """The same person on all fours: as long as three quarters of their height, no higher than `height_mm`."""
    tall_mm = max(segment.high_mm for segment in shape.segments)
    return Shape((Segment("torso", 0, tall_mm * 3 // 4, 0, height_mm),))
