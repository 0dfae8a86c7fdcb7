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

Segments = tuple[Segment, ...]
Numbers = tuple[int, ...]


def _mm(rng: random.Random, low: int, high: int) -> int:
    return rng.randrange(low, high + 1, _STEP_MM)


def _height_mm(rng: random.Random) -> int:
    return round(min(2000, max(1450, rng.gauss(1700, 90))) / _STEP_MM) * _STEP_MM


def _person(height_mm: int, depth_mm: int) -> Segments:
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


# Each kind of rider: the numbers that are drawn, in a fixed order, and what a body of those numbers looks like.


def _draw_adult(rng: random.Random) -> Numbers:
    return _height_mm(rng), _mm(rng, 250, 450)


def _adult(height_mm: int, depth_mm: int) -> Segments:
    return _person(height_mm, depth_mm)


def _draw_backpack(rng: random.Random) -> Numbers:
    return *_draw_adult(rng), _mm(rng, 120, 300)


def _backpack(height_mm: int, depth_mm: int, pack_mm: int) -> Segments:
    body = _person(height_mm, depth_mm)
    torso = body[0]
    return (*body, Segment("backpack", torso.length_mm, pack_mm, torso.low_mm + 100, torso.high_mm, False))


def _draw_suitcase(rng: random.Random) -> Numbers:
    adult, gap_mm = _draw_adult(rng), _mm(rng, 200, 550)
    if rng.random() < 0.7:
        return *adult, gap_mm, _mm(rng, 200, 250), 550
    return *adult, gap_mm, _mm(rng, 280, 350), _mm(rng, 650, 800)


def _suitcase(height_mm: int, depth_mm: int, gap_mm: int, length_mm: int, high_mm: int) -> Segments:
    """Pulled behind on its handle, which is too thin for a beam; most are cabin size, some large."""
    return (
        *_person(height_mm, depth_mm),
        Segment("suitcase", depth_mm + gap_mm, length_mm, 0, high_mm, False),
    )


def _draw_pram(rng: random.Random) -> Numbers:
    return *_draw_adult(rng), _mm(rng, 700, 900), _mm(rng, 150, 350), _mm(rng, 950, 1050)


def _pram(height_mm: int, depth_mm: int, length_mm: int, gap_mm: int, high_mm: int) -> Segments:
    """Pushed ahead at arm's length."""
    return (*_person(height_mm, depth_mm), Segment("pram", -gap_mm - length_mm, length_mm, 0, high_mm, False))


def _draw_wheelchair(rng: random.Random) -> Numbers:
    return _mm(rng, 300, 450), _mm(rng, 350, 450), _mm(rng, 100, 200), _mm(rng, 500, 600)


def _wheelchair(depth_mm: int, legs_mm: int, wheels_mm: int, footrest_mm: int) -> Segments:
    return (
        Segment("torso", 0, depth_mm, 500, 1100),
        Segment("head", depth_mm // 4, min(200, depth_mm), 1100, 1300),
        Segment("seat and legs", -legs_mm, depth_mm + 450, 300, 650, core=False),
        Segment("wheels", -wheels_mm, 650, 0, 600, core=False),
        Segment("footrest", -footrest_mm, 300, 50, 350, core=False),
        Segment("backrest", depth_mm, 80, 500, 950, core=False),
    )


def _draw_bicycle(rng: random.Random) -> Numbers:
    return *_draw_adult(rng), _mm(rng, 500, 700)


def _bicycle(height_mm: int, depth_mm: int, ahead_mm: int) -> Segments:
    """Pushed beside its rider; between the wheels only the frame's tubes, which are no thicker than a handle."""
    return (
        *_person(height_mm, depth_mm),
        Segment("front wheel", -ahead_mm, 670, 0, 670, False),
        Segment("rear wheel", -ahead_mm + 1080, 670, 0, 670, False),
        Segment("handlebar", -ahead_mm + 350, 150, 900, 1050, False),
        Segment("saddle", -ahead_mm + 1100, 250, 850, 980, False),
    )


def _draw_child(rng: random.Random) -> Numbers:
    """On its own: small enough to walk under the beams of many lanes."""
    return _mm(rng, 950, 1350), _mm(rng, 170, 260)


def _draw_child_by_hand(rng: random.Random) -> Numbers:
    adult, child = _draw_adult(rng), (_mm(rng, 850, 1150), _mm(rng, 160, 220))
    offset_mm = _mm(rng, 100, 500) if rng.random() < 0.7 else -_mm(rng, 150, 350)
    return *adult, *child, offset_mm


def _child_by_hand(height_mm: int, depth_mm: int, child_mm: int, child_depth_mm: int, offset_mm: int) -> Segments:
    """An adult with a child half a step behind or ahead; small children travel free: one medium is right for both."""
    beside = tuple(
        Segment(f"child's {part.name}", part.offset_mm + offset_mm, part.length_mm, part.low_mm, part.high_mm, False)
        for part in _person(child_mm, child_depth_mm)
    )
    return (*_person(height_mm, depth_mm), *beside)


def _draw_umbrella(rng: random.Random) -> Numbers:
    return *_draw_adult(rng), _mm(rng, 300, 500)


def _umbrella(height_mm: int, depth_mm: int, ahead_mm: int) -> Segments:
    """Carried level, its tip ahead."""
    return (*_person(height_mm, depth_mm), Segment("umbrella", -ahead_mm, 700, 820, 900, False))


def _draw_dog(rng: random.Random) -> Numbers:
    adult, length_mm, gap_mm = _draw_adult(rng), _mm(rng, 400, 900), _mm(rng, 200, 1000)
    offset_mm = adult[1] + gap_mm if rng.random() < 0.6 else -gap_mm - length_mm
    return *adult, length_mm, offset_mm, _mm(rng, 350, 700)


def _dog(height_mm: int, depth_mm: int, length_mm: int, offset_mm: int, high_mm: int) -> Segments:
    """On a leash, behind or ahead."""
    return (*_person(height_mm, depth_mm), Segment("dog", offset_mm, length_mm, 150, high_mm, False))


_MAKERS: dict[str, tuple[Callable[[random.Random], Numbers], Callable[..., Segments]]] = {
    ADULT: (_draw_adult, _adult),
    BACKPACK: (_draw_backpack, _backpack),
    SUITCASE: (_draw_suitcase, _suitcase),
    PRAM: (_draw_pram, _pram),
    WHEELCHAIR: (_draw_wheelchair, _wheelchair),
    BICYCLE: (_draw_bicycle, _bicycle),
    CHILD: (_draw_child, _adult),
    CHILD_BY_HAND: (_draw_child_by_hand, _child_by_hand),
    UMBRELLA: (_draw_umbrella, _umbrella),
    DOG: (_draw_dog, _dog),
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
    return _shape(kind, maker[0](rng))


@lru_cache(maxsize=50_000)
def _shape(kind: str, numbers: Numbers) -> Shape:
    """Bodies of the same numbers are one: most riders are adults, of whom there are some thousand different ones."""
    return Shape(_MAKERS[kind][1](*numbers))


def crawling(shape: Shape, height_mm: int) -> Shape:
    """The same person on all fours: as long as three quarters of their height, no higher than `height_mm`."""
    tall_mm = max(segment.high_mm for segment in shape.segments)
    return Shape((Segment("torso", 0, tall_mm * 3 // 4, 0, height_mm),))
