"""Orders from the gateway's pages (docs/protocol.md, `world`): which are believed.

Pure: topic, bytes and the time in, an order out, or nothing and one more in `dropped`. An order is believed once, when
it has the simulator's seal, the one canonical form, a time that is near, an id that has not been seen, and a device
that is there. Ids are kept as long as an order with them could be believed, and no more than IDS_MAX: beyond, new
orders are dropped, never old ids.

Does not belong here: what an order does (hands.py), the broker (simulator/scene/publisher.py).
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from firmware.report.seal import SEAL_BYTES, Seal

NEAR_MS = 10_000
IDS_MAX = 1_024
PAYLOAD_MAX = 1_024
_INTEGER_MAX = 2**53 - 1

SEND, BEAM, ARM, NETWORK, FIRE = "send", "beam", "arm", "network", "fire"
RIDERS = ("commuter", "suitcase", "pram", "wheelchair", "tailgater", "jumper")

Dropped = Literal[
    "oversized", "unknown_device", "bad_seal", "malformed", "not_allowed", "not_near", "repeated", "too_many"
]

_BODY = re.compile(
    rb'\{"v":1,"at":(0|[1-9][0-9]{0,15}),"id":(0|[1-9][0-9]{0,15}),'
    rb'"do":"(send|beam|arm|network|fire)","what":"([a-z]{0,24}|0|[1-9][0-9]?)","on":([01])\}'
)


@dataclass(frozen=True)
class Order:
    """`what` is the rider's kind for SEND and empty else; `beam` is the beam's index for BEAM and 0 else; `number` is
    the order's id, by which whoever gave it knows what comes of it."""

    do: str
    what: str
    on: bool
    beam: int = 0
    number: int = field(default=0, compare=False)


class Orders:
    """`key` is the simulator's, `beams` says how many beams each device of `site` has."""

    def __init__(self, site: str, key: bytes, beams: Mapping[str, int]) -> None:
        self.taken = 0
        self.dropped: Counter[Dropped] = Counter()
        self._seal = Seal(key)
        self._devices = {f"gateline/1/{site}/{device}/world": (device, count) for device, count in beams.items()}
        self._ids: dict[int, int] = {}  # id -> when it may be forgotten, oldest first

    def take(self, topic: str, payload: bytes, now_ms: int) -> tuple[str, Order] | None:
        """The device and what is to be done there; None for what is dropped. `now_ms` is epoch ms."""
        found = self._check(topic, payload, now_ms)
        if isinstance(found, str):
            self.dropped[found] += 1
            return None
        self.taken += 1
        return found

    def _check(self, topic: str, payload: bytes, now_ms: int) -> tuple[str, Order] | Dropped:
        if len(payload) > PAYLOAD_MAX:
            return "oversized"
        known = self._devices.get(topic)
        if known is None:
            return "unknown_device"
        if not self._seal.check(topic, payload):
            return "bad_seal"
        match = _BODY.fullmatch(payload[:-SEAL_BYTES] + b"}")
        if match is None:
            return "malformed"
        at_ms, number = int(match[1]), int(match[2])
        if max(at_ms, number) > _INTEGER_MAX:
            return "malformed"
        device, beams = known
        order = _order(match[3].decode(), match[4].decode(), match[5] == b"1", beams)
        if order is None:
            return "not_allowed"
        if abs(now_ms - at_ms) > NEAR_MS:
            return "not_near"
        self._forget(now_ms)
        if number in self._ids:
            return "repeated"
        if len(self._ids) >= IDS_MAX:
            return "too_many"
        self._ids[number] = now_ms + 2 * NEAR_MS
        return device, replace(order, number=number)

    def _forget(self, now_ms: int) -> None:
        """Ids with which no order can be believed any more."""
        while self._ids:
            oldest = next(iter(self._ids))
            if self._ids[oldest] >= now_ms:
                return
            del self._ids[oldest]


def _order(do: str, what: str, on: bool, beams: int) -> Order | None:
    """What the members say together, None when they contradict each other."""
    if do == SEND:
        return Order(do, what, on) if what in RIDERS and on else None
    if do == BEAM:
        return Order(do, "", on, int(what)) if what.isdigit() and int(what) < beams else None
    return Order(do, "", on) if not what else None
