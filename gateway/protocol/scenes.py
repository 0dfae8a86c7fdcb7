"""What simulator and gateway tell each other of an emulated lane: `layout` and `scene` for the eye, `world` back.

Rules: closed, bounded and canonical like everything of the wire. `truth` says what a body did and never what its rider
chose: there is no word for consent in it. Emulated sites only; that is the observer's and the sender's to hold
(gateway/ingest/observer.py, gateway/live/world.py). None of it is ever stored.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from gateway.protocol import canonical
from gateway.protocol.records import MAX_BEAMS, Beam, Bit, Count, EpochMs, Way
from gateway.protocol.refusal import Reason, Refused

MAX_BODIES: Final = 16
MAX_PARTS: Final = 24
MAX_EDGES: Final = 64
MAX_TRUTHS: Final = 32
MAX_HANDS: Final = 20
MAX_MM: Final = 1_000_000
MAX_AGO_MS: Final = 10_000
"""How far back edges and outcomes of one scene may reach; a simulator repeats less (docs/protocol.md)."""

Make = Literal["paddle", "tripod", "flap", "full_height", "wide", "none"]
Lamp = Literal["wait", "ready", "go", "stop"]
Outcome = Literal[
    "passed",
    "passed_free",
    "turned_back",
    "refused",
    "gave_up",
    "tailgated",
    "jumped",
    "climbed",
    "crawled",
    "forced",
    "backcocked",
    "reversed",
    "passed_back",
    "unobserved",
]
"""What a body did. What its rider chose is not told: consented and declined are both `passed`."""

Order = Literal["send", "beam", "arm", "network", "fire"]
Sent = Literal["commuter", "suitcase", "pram", "wheelchair", "tailgater", "jumper"]
SENT: Final[tuple[str, ...]] = get_args(Sent)
ORDERS: Final[tuple[str, ...]] = get_args(Order)

Mm = Annotated[int, Meta(ge=-MAX_MM, le=MAX_MM)]
Length = Annotated[int, Meta(ge=0, le=MAX_MM)]
Word = Annotated[str, Meta(pattern=r"\A[a-z][a-z_]{0,23}\Z")]
AgoMs = Annotated[int, Meta(ge=0, le=MAX_AGO_MS)]
PartName = Annotated[str, Meta(pattern=r"\A[a-z' ]{1,24}\Z")]
Hand = Annotated[str, Meta(pattern=r"\A[a-z0-9 ]{1,24}\Z")]

Part = tuple[PartName, Mm, Length, Mm, Mm]
"""[name, offset_mm, length_mm, low_mm, high_mm]"""
Body = tuple[Count, Mm, Bit, Bit, Mm, Annotated[list[Part], Meta(max_length=MAX_PARTS)]]
"""[id, front_mm, kind, reverse, lift_mm, parts]"""
Edge = tuple[Count, AgoMs, Beam, Bit]
"""[n, ago_ms, beam, blocked]"""
Truth = tuple[Count, AgoMs, Outcome, Way, Word, Count]
"""[n, ago_ms, what, way, figure, hand]"""


class Layout(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `layout`: what one emulated lane is built like; all along the lane's own direction."""

    v: Literal[1]
    way: Way
    make: Make
    detector: Word
    beams: Annotated[list[tuple[Mm, Length]], Meta(min_length=1, max_length=MAX_BEAMS)]
    arm: tuple[Mm, Length, Length]
    stand_mm: Mm
    queue_mm: Mm
    away_mm: Mm
    width_mm: Length


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `scene`: bodies, beams and arm of one emulated lane now, and what has just happened there."""

    v: Literal[1]
    at: EpochMs
    state: Word
    arm: Annotated[int, Meta(ge=0, le=100)]
    lamp: Lamp
    beams: Annotated[list[Bit], Meta(max_length=MAX_BEAMS)]
    waiting: Annotated[int, Meta(ge=0, le=1_000_000)]
    bodies: Annotated[list[Body], Meta(max_length=MAX_BODIES)]
    edges: Annotated[list[Edge], Meta(max_length=MAX_EDGES)]
    truth: Annotated[list[Truth], Meta(max_length=MAX_TRUTHS)]
    hands: Annotated[list[Hand], Meta(max_length=MAX_HANDS)]


class World(Struct, frozen=True):
    """The body of `world`: what somebody at a page asks the simulator to do with an emulated lane."""

    v: Literal[1]
    at: EpochMs
    id: Count
    do: Order
    what: str
    on: Bit


_layout_decoder = msgspec.json.Decoder(Layout)
_scene_decoder = msgspec.json.Decoder(Scene)


def decode_layout(body: bytes) -> Layout:
    """The body of `layout`; :class:`Refused` (malformed, unknown_version)."""
    canonical.require_version(body)
    return canonical.decode(_layout_decoder, body)


def decode_scene(body: bytes) -> Scene:
    """The body of `scene`; :class:`Refused` (malformed, unknown_version)."""
    canonical.require_version(body)
    scene = canonical.decode(_scene_decoder, body)
    if not (_ascending([one[0] for one in scene.edges]) and _ascending([one[0] for one in scene.truth])):
        raise Refused(Reason.MALFORMED)
    if len({part[0] for part in scene.bodies}) != len(scene.bodies) or len(set(scene.hands)) != len(scene.hands):
        raise Refused(Reason.MALFORMED)
    return scene


def _ascending(numbers: list[int]) -> bool:
    """Whether each number is above the one before: what is counted comes in order, and once."""
    return all(one < other for one, other in pairwise(numbers))


def encode_world(order: World) -> bytes:
    """The body of `world`, to be sealed with the key of the site's simulator."""
    return canonical.encode(order)
