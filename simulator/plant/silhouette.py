"""Silhouettes: bodies from the side, and for which positions of its front a body is in the way of a beam.

A body is rigid: segments with an extent along the lane and in height, at fixed offsets behind its front (the torso's
leading edge). So for a beam at (x, z) all that matters of body and beam is a set of intervals of the front's position,
which is worked out once for equal bodies; when the body walks, those intervals become edges in time (beams.py).

Millimetres, integers, intervals closed at both ends. Does not belong here: time, paths, noise.
"""

from dataclasses import dataclass
from functools import lru_cache

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """Covers [front - offset - length, front - offset] along the lane, [low, high] above the floor, in mm.

    `core` is what makes the person, whom truth is about: torso and head. The rest is only in the way of beams.
    """

    name: str
    offset_mm: int
    length_mm: int
    low_mm: int
    high_mm: int
    core: bool = True

    def __post_init__(self) -> None:
        if self.length_mm <= 0 or not 0 <= self.low_mm < self.high_mm:
            raise ValueError(f"segment {self.name!r} needs a length above 0 mm, and heights with 0 <= low < high")


@dataclass(frozen=True, slots=True)
class Lift:
    """While the body's front is in [from, to] mm along the lane, its core is `by_mm` higher than on the floor."""

    from_mm: int
    to_mm: int
    by_mm: int


class Shape:
    """A body: its segments, and the extents that follow. Equal shapes are interchangeable and hash quickly.

    Offsets in mm, counted backwards from the front: `front_mm` and `rear_mm` of everything, `core_front_mm` and
    `core_rear_mm` of the person alone.
    """

    __slots__ = ("_hash", "core_front_mm", "core_rear_mm", "front_mm", "high_mm", "rear_mm", "segments")

    def __init__(self, segments: tuple[Segment, ...]) -> None:
        core = [segment for segment in segments if segment.core]
        if not core:
            raise ValueError("a body needs a core segment: the person")
        self.segments = segments
        self.front_mm = min(segment.offset_mm for segment in segments)
        self.rear_mm = max(segment.offset_mm + segment.length_mm for segment in segments)
        self.core_front_mm = min(segment.offset_mm for segment in core)
        self.core_rear_mm = max(segment.offset_mm + segment.length_mm for segment in core)
        self.high_mm = max(segment.high_mm for segment in segments)
        self._hash = hash(segments)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Shape) and self.segments == other.segments)

    def __repr__(self) -> str:
        return f"Shape({self.segments!r})"


def merged(spans: list[Span]) -> tuple[Span, ...]:
    """The same positions in order, touching intervals joined."""
    result: list[Span] = []
    for low, high in sorted(spans):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


@lru_cache(maxsize=200_000)
def front_spans(shape: Shape, x_mm: int, z_mm: int, lifts: tuple[Lift, ...], reverse: bool) -> tuple[Span, ...]:
    """The positions of the front at which the body is in the way of a beam at (x, z).

    A `reverse` body walks towards smaller x and is mirrored: what is behind its front lies at larger x.
    """
    found: list[Span] = []
    for segment in shape.segments:
        near_mm, far_mm = segment.offset_mm, segment.offset_mm + segment.length_mm
        span = (x_mm - far_mm, x_mm - near_mm) if reverse else (x_mm + near_mm, x_mm + far_mm)
        at_height = segment.low_mm <= z_mm <= segment.high_mm
        if not segment.core or not lifts:
            if at_height:
                found.append(span)
            continue
        if at_height:
            found.extend(_without(span, lifts))
        for lift in lifts:
            if segment.low_mm + lift.by_mm <= z_mm <= segment.high_mm + lift.by_mm:
                low, high = max(span[0], lift.from_mm), min(span[1], lift.to_mm)
                if low <= high:
                    found.append((low, high))
    return merged(found)


def _without(span: Span, lifts: tuple[Lift, ...]) -> list[Span]:
    """The positions of the span at which nothing is lifted."""
    left = [span]
    for lift in lifts:
        rest: list[Span] = []
        for low, high in left:
            if low < lift.from_mm:
                rest.append((low, min(high, lift.from_mm - 1)))
            if high > lift.to_mm:
                rest.append((max(low, lift.to_mm + 1), high))
        left = rest
    return left
