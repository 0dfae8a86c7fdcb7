"""The ticket hall: the demo's riders buy their passes here before they choose a lane.

Each kiosk has a thread of its own, which serves one rider after the other: signatures come over the network, and the
paced loop never waits for it. A rider who can't be served stays and tries again; while there is nothing to be had the
hall fills, and the gates get nobody new. Nothing makes up for a pass that was not bought.

Rules: `shop` is called in the loop's thread and returns at once; riders who have bought come back by `post`, in that
thread. Passes are drawn from the system's randomness, so a seed gives the same riders and other passes. Who means to be
refused buys nothing and brings a forgery: a pass under a real key's name, whose signature is nobody's.

Does not belong here: how a kiosk sells (firmware/kiosk), its hardware (simulator/kiosk).
"""

import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.world.behaviours import RefusedRetreat
from simulator.world.riders import Rider

HALL_MAX = 2_000  # who finds it full stays outside, and counts as unserved
RETRY_S = 1.0
_NONCE_BYTES, _SIGNATURE_BYTES = 32, 256
_ID_FROM, _NONCE_FROM, _NONCE_TO = 1, 9, 41

Post = Callable[[Callable[[], None]], None]


@dataclass(frozen=True)
class Till:
    """One kiosk's books: passes handed over, money kept for them, and how often money went back."""

    sold: int = 0
    kept_cents: int = 0
    price_cents: int = 0
    refunds: int = 0


class Seller(Protocol):
    """A kiosk, as a rider uses it."""

    def sell(self, product: str, consent: bool) -> bytes | None:
        """Buy one pass: choose, pay, answer, take. None when the money came back instead. Blocks."""

    def till(self) -> Till:
        """Its books so far; `price_cents` is what the passes handed over cost by the price list."""


class TicketHall:
    """`sellers` each get a thread, from `open` to `close`."""

    def __init__(self, sellers: Sequence[Seller], post: Post) -> None:
        self._sellers = list(sellers)
        self._post = post
        self._waiting: queue.Queue[tuple[Rider, Callable[[], None]]] = queue.Queue(HALL_MAX)
        self._closing = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=(seller,), name=f"kiosk {n + 1}", daemon=True)
            for n, seller in enumerate(self._sellers)
        ]
        self._key_id = secrets.token_bytes(_NONCE_FROM - _ID_FROM)  # no key's, until one is known
        self._problem: BaseException | None = None

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Whoever is being served is served; the others stay unserved."""
        self._closing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def check(self) -> None:
        """Raise what ended a kiosk's thread, if anything did."""
        if self._problem is not None:
            raise self._problem

    def shop(self, rider: Rider, then: Callable[[], None]) -> None:
        """A `Shop` of simulator/world/station.py."""
        if rider.behaviour == RefusedRetreat.name:
            forged = b"\x01" + self._key_id + secrets.token_bytes(_NONCE_BYTES) + secrets.token_bytes(_SIGNATURE_BYTES)
            rider.carry(forged, forged[_NONCE_FROM:_NONCE_TO])
            then()
            return
        try:
            self._waiting.put_nowait((rider, then))
        except queue.Full:
            return  # never served

    def till(self) -> Till:
        """All kiosks' books together."""
        tills = [seller.till() for seller in self._sellers]
        return Till(
            sum(one.sold for one in tills),
            sum(one.kept_cents for one in tills),
            sum(one.price_cents for one in tills),
            sum(one.refunds for one in tills),
        )

    def _serve(self, seller: Seller) -> None:
        try:
            while not self._closing.is_set():
                try:
                    rider, then = self._waiting.get(timeout=0.1)
                except queue.Empty:
                    continue
                self._sell(seller, rider, then)
        except BaseException as error:
            self._problem = error

    def _sell(self, seller: Seller, rider: Rider, then: Callable[[], None]) -> None:
        while (sold := seller.sell(rider.product, rider.consent)) is None:
            if self._closing.wait(RETRY_S):
                return
        self._key_id = sold[_ID_FROM:_NONCE_FROM]

        def go() -> None:
            rider.carry(sold, sold[_NONCE_FROM:_NONCE_TO])
            then()

        self._post(go)
