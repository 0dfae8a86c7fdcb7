"""Gates that judge passes: the firmware's Fare with its caches, and when its gate would tell what was used.

A signature takes a millisecond and says nothing about spending, so every one counts as right (``verify``). When
nullifiers are told is the reporter's rule (firmware/report/reporter.py): with the tally, which closes on a boundary of
INTERVAL_MS once it counts TALLY_MIN riders who did not agree, or when the service day has ended.

Does not belong here: who comes when (run.py).
"""

import base64
import hashlib
import random
from dataclasses import dataclass, field

from chumicro_timing.ticks import TICKS_MAX

from firmware.fare.decision import Decision
from firmware.fare.passes import Fare
from firmware.fare.spent import SpentPages
from simulator.devices.in_process import MemoryStorage
from simulator.world.counts import ENTRY

DAY = 20_316  # 2025-08-16
DAY_MS = 86_400_000
INTERVAL_MS = 900_000
TALLY_MIN = 10
PASSBACK_MS = 600_000
SINGLE, DAY_PASS = "single", "day"
_LIST_KEY = bytes(256)
_UNSIGNED = b',"sig":"' + b"A" * 342 + b'=="}'


def right(*_: object) -> bool:
    """Every signature is."""
    return True


@dataclass(frozen=True, slots=True)
class Settings:
    """What Fare reads of a device's settings."""

    way: str
    spent_pages: int = 4
    list_key: bytes = _LIST_KEY
    passback_ms: int = PASSBACK_MS


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass as it is carried: ``raw`` is the medium, of 297 bytes, which whoever wants may copy."""

    product: str
    raw: bytes
    nullifier: bytes
    to: int


class Keys:
    """The network's key list with a key for each product; numbers drawn by chance, as no signature is looked at."""

    def __init__(self, own: random.Random) -> None:
        self._ids: dict[str, bytes] = {}
        self.last = {SINGLE: DAY + 24, DAY_PASS: DAY}
        texts = []
        for product, first, sold_to in ((SINGLE, DAY - 5, DAY + 9), (DAY_PASS, DAY, DAY)):
            n = own.randbytes(256)
            self._ids[product] = hashlib.sha256(n).digest()[:8]
            texts.append(
                f'{{"id":"{self._ids[product].hex()}","product":"{product}","choice":"none","notice":"2026-1",'
                f'"from":{first},"sold_to":{sold_to},"to":{self.last[product]},"n":"{base64.b64encode(n).decode()}"}}'
            )
        self.message = f'{{"v":1,"serial":1,"keys":[{",".join(texts)}]'.encode() + _UNSIGNED

    def new_pass(self, product: str, nonce: bytes) -> Pass:
        """A pass of that product; ``nonce`` has 32 bytes."""
        nullifier = hashlib.sha256(b"gateline nullifier" + nonce).digest()[:16]
        raw = b"\x01" + self._ids[product] + nonce + bytes(256)
        return Pass(product, raw, nullifier, self.last[product])


def new_pages(spent_pages: int) -> SpentPages:
    """The pages as a gate holds them."""
    return SpentPages(_LIST_KEY, spent_pages, right)


@dataclass
class Gate:
    """One gate: what it knows, and what it has yet to tell. Times are ms of the service day, which it starts with 0."""

    station: int
    way: str
    keys: Keys
    fare: Fare = field(init=False)
    tally: int = 0
    waiting: list[bytes] = field(default_factory=list)
    """Nullifiers that wait for the tally to close."""
    closed: list[bytes] = field(default_factory=list)
    """Nullifiers that may be told, as soon as there is a network."""

    def __post_init__(self) -> None:
        self.fare = Fare(Settings(self.way), MemoryStorage(), right)
        self.fare.keys.accept(self.keys.message)

    def opens(self, carried: Pass, pages: SpentPages | None, t_ms: int) -> bool:
        """Whether it would open to this medium; ``pages``: which it holds (an exit holds none). Changes nothing."""
        return bool(self._judged(carried, pages, t_ms).accepted)

    def present(self, carried: Pass, pages: SpentPages | None, t_ms: int) -> bool:
        """Whether it opens, and whoever presents it goes through."""
        decision = self._judged(carried, pages, t_ms)
        if decision.accepted:
            self._through(decision, t_ms)
        return bool(decision.accepted)

    def pass_rider(self, product: str, nullifier: bytes, to: int, t_ms: int) -> None:
        """A rider with a pass of their own goes through (so many do that only the caches are told)."""
        self._through(Decision(True, product).of_medium(DAY, b"", nullifier, to), t_ms)

    def close(self, t_ms: int) -> list[bytes]:
        """A boundary of INTERVAL_MS: what the tally lets go now, if it closes."""
        if not (self.tally >= TALLY_MIN or (t_ms % DAY_MS == 0 and (self.tally or self.waiting))):
            return []
        told, self.waiting, self.tally = self.waiting, [], 0
        self.closed += told
        return told

    def _judged(self, carried: Pass, pages: SpentPages | None, t_ms: int) -> Decision:
        if self.way == ENTRY:
            # One set of pages stands for all gates that are connected alike: they are handed the same messages.
            self.fare.spent = pages
        return self.fare.decide(carried.raw, DAY, t_ms & TICKS_MAX)  # type: ignore[no-any-return]

    def _through(self, decision: Decision, t_ms: int) -> None:
        if self.fare.use(decision, t_ms & TICKS_MAX):
            self.waiting.append(decision.nullifier)  # type: ignore[arg-type]
