"""The rows of a run's tables, as far as a replay shows them (docs/scorecard.md says what each column means).

Rules: plain data, checked when it is made of a row. Neither a rider's consent nor what they hold is among it. Names of
riders join rows within an answer and never leave the gateway.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

Ms = Annotated[int, msgspec.Meta(ge=-1, le=2**53)]
Mm = Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Percent = Annotated[int, msgspec.Meta(ge=-1, le=100)]
PARTS_MAX: Final = 32
POINTS_MAX: Final = 2_000
BEAMS_MAX: Final = 64


class Place(msgspec.Struct, frozen=True):
    """A beam's place."""

    x_mm: Mm
    z_mm: Mm


class Layout(msgspec.Struct, frozen=True):
    """Where the things of one lane are."""

    station: Word
    lane: Word
    way: Word
    make: Word
    detector: Word
    beams: Annotated[list[Place], msgspec.Meta(max_length=BEAMS_MAX)]
    arm_mm: Mm
    arm_height_mm: Mm
    arm_clearance_mm: Mm
    stand_mm: Mm
    queue_mm: Mm
    away_mm: Mm
    width_mm: Mm
    from_epoch_ms: Ms
    run_ms: Ms


class Part(msgspec.Struct, frozen=True):
    """One rectangle of a body from the side."""

    name: Word
    offset_mm: Mm
    length_mm: Mm
    low_mm: Mm
    high_mm: Mm
    core: bool


class Raised(msgspec.Struct, frozen=True):
    """A stretch on which a body's core is higher."""

    from_mm: Mm
    to_mm: Mm
    by_mm: Mm


class Point(msgspec.Struct, frozen=True):
    """Where a body's front was."""

    at_ms: Ms
    front_mm: Mm


class Walk(msgspec.Struct, frozen=True):
    """How one body went."""

    rider: Word
    medium: bool
    reverse: bool
    since_ms: Ms
    until_ms: Ms
    parts: Annotated[list[Part], msgspec.Meta(max_length=PARTS_MAX)]
    raised: Annotated[list[Raised], msgspec.Meta(max_length=PARTS_MAX)]
    points: Annotated[list[Point], msgspec.Meta(max_length=POINTS_MAX, min_length=1)]


class Show(msgspec.Struct, frozen=True):
    """What a gate showed from then on."""

    at_ms: Ms
    state: Word
    lamp: Word
    arm: Percent
    arm_to: Percent
    arm_by_ms: Ms


class Crossing(msgspec.Struct, frozen=True):
    """What one rider did: the truth."""

    rider: Word
    way: Word
    rider_kind: Word
    behaviour: Word
    outcome: Word
    honest: bool
    arrived_ms: Ms
    reader_ms: Ms
    tapped_ms: Ms
    entered_ms: Ms
    left_ms: Ms
    all_left_ms: Ms


class Verdict(msgspec.Struct, frozen=True):
    """What the gate decided."""

    at_ms: Ms
    since_ms: Ms
    what: Word
    confidence: Percent
    way: Word
    told_as: Word


class Joined(msgspec.Struct, frozen=True):
    """A crossing with its verdict, or either alone."""

    match: Word
    rider: Word
    rider_kind: Word
    behaviour: Word
    outcome: Word
    honest: bool | None
    left_ms: Ms
    what: Word
    confidence: Percent
    at_ms: Ms


class Edge(msgspec.Struct, frozen=True):
    """What a beam did."""

    at_ms: Ms
    beam: Annotated[int, msgspec.Meta(ge=0, lt=BEAMS_MAX)]
    blocked: Annotated[int, msgspec.Meta(ge=0, le=1)]


class OfLane(msgspec.Struct, frozen=True):
    """A lane's name."""

    station: Word
    lane: Word
