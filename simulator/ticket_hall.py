"""The ticket hall: the demo's riders buy their passes here, at emulated kiosks with the real firmware.

All kiosks run on a paced loop of their own, in a thread of its own, so the lanes never wait for a sale; each asks the
gateway over HTTP and has its link to the broker, as any kiosk. Riders act as fast as the machines allow. Who can't be
served takes the money back, stays and tries again; while there is nothing to be had the hall fills, and the gates get
nobody new. Nothing makes up for a pass that was not bought.

Rules: `shop` is called in the lanes' thread and returns at once; who has bought comes back by `post`, in that thread.
Nonces and blinds are the system's randomness, so a seed gives the same riders with other passes. A rider's consent is
what the kiosk has asked and been told, so riders are served only where it can ask. Who means to be refused buys nothing
and brings a forgery: a pass under a real key's name, whose signature is nobody's. Who means to jump brings nothing.

Does not belong here: how a kiosk sells (firmware/kiosk), its hardware (simulator/kiosk).
"""

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.boards.storage import FileStorage
from firmware.kiosk import table
from firmware.kiosk.config import KioskSettings
from firmware.link.kiosk_http import KioskHttp
from firmware.link.mqtt import MqttLink
from firmware.report.seal import Seal
from simulator.clock import Scheduler
from simulator.gateline_page import medium_of, pass_bytes
from simulator.kiosk.board import EmulatedKioskBoard
from simulator.kiosk.device import Client, KioskDevice
from simulator.pacing import PacedLoop
from simulator.world.behaviours import JumpOver, RefusedRetreat
from simulator.world.riders import Rider

HALL_MAX = 2_000  # who finds it full stays outside, and is never served
RETRY_MS = 1_000
STEP_MS = 20
PRINT_MS = 50
_NONCE_BYTES, _SIGNATURE_BYTES = 32, 256
_ID_FROM, _NONCE_FROM, _NONCE_TO = 1, 9, 41

Post = Callable[[Callable[[], None]], None]
Customer = tuple[Rider, Callable[[], None]]
ClientOf = Callable[[dict[str, Any], Callable[[], None]], Client]


@dataclass(frozen=True)
class Till:
    """Books: passes handed over, what they cost by the price list, the money in the cash boxes, sales that were given
    up with the money back."""

    sold: int = 0
    price_cents: int = 0
    box_cents: int = 0
    refunded: int = 0


class _Board(EmulatedKioskBoard):
    """Emulated, but for its randomness: passes are real."""

    def random_bytes(self, n: int) -> bytes:
        return os.urandom(n)


class _Device(KioskDevice):
    """Tells the loop when what to watch may have changed."""

    handled: Callable[[], None] = staticmethod(lambda: None)

    def wake(self) -> None:
        super().wake()
        self.handled()


class Stand:
    """One kiosk and the rider before it; a `Source` of the hall's loop."""

    def __init__(self, hall: "TicketHall", settings: dict[str, Any], folder: Path, client_of: ClientOf) -> None:
        self._hall = hall
        checked = KioskSettings(settings)
        self._prices: dict[str, int] = checked.prices
        self._coins = sorted(checked.coins.values(), reverse=True)
        pulses = {cents: count for count, cents in checked.coins.items()}
        folder.mkdir(parents=True, exist_ok=True)
        self.board = _Board(
            hall.loop.scheduler,
            hall.epoch_of,
            pulses,
            storage=FileStorage(str(folder)),
            name=settings["device"],
            print_ms=PRINT_MS,
        )
        self._customer: Customer | None = None
        self.client = client_of(settings, lambda: hall.loop.post(self._wake))
        self.device = _Device(
            hall.loop.scheduler,
            settings,
            self.board,
            lambda board: self.client,
            MqttLink if checked.networked else None,
        )
        self.device.handled = lambda: hall.loop.touch(self)
        self.sold = self.price_cents = self.refunded = 0

    def start(self) -> None:
        self.device.start()
        self._step()

    def close(self) -> None:
        if self.device.app is not None:
            self.device.app.close()
        close = getattr(self.client, "close", None)
        if close is not None:
            close()

    def watched(self) -> tuple[Any, int] | None:
        found: tuple[Any, int] | None = self.device.poll()
        return found

    def ready(self) -> None:
        self.device.wake()

    def _wake(self) -> None:
        self.device.wake()

    # -- the rider

    def _step(self) -> None:
        """See what the screen says, do what it asks for."""
        self._hall.loop.scheduler.after(STEP_MS, self._step)
        screen = self.device.screen()
        if screen is None:
            return
        state = screen["state"]
        if self._customer is None:
            if state == table.START and screen["notice"] is not None:
                self._customer = self._hall.next()
                if self._customer is not None:
                    self.device.rider(("buy",))
            return
        rider, _ = self._customer
        if state == table.CHOOSE:
            self.device.rider(("choose", rider.product))
        elif state == table.PAY:
            self._pay(screen["missing_cents"])
        elif state == table.ASK:
            self.device.rider(("answer", rider.consent))
        elif state == table.HAND_OVER:
            self._take()
        elif state in (table.SORRY, table.START) or (state == table.OUT_OF_ORDER and not screen["owed"]):
            self._give_up(state)

    def _pay(self, missing_cents: int) -> None:
        if self._hall.loop.scheduler.now_ms >= self.board.slot_free_ms and self.board.accepting:
            self.board.insert(next(cents for cents in self._coins if cents <= missing_cents))

    def _take(self) -> None:
        assert self._customer is not None
        document = self.board.take_ticket()
        if document is None:
            return
        self.device.rider(("taken",))
        rider, then = self._customer
        self._customer = None
        sold = pass_bytes(medium_of(document["pass_text"]))
        if sold is None or document["product"] != rider.product:
            raise ValueError("a kiosk has printed something else than the pass that was paid for")
        self.sold += 1
        self.price_cents += self._prices[rider.product]
        consent = document["choice"] == "research"
        self._hall.go(rider, then, sold, consent)

    def _give_up(self, state: str) -> None:
        """No pass: take what lies in the cup, and try again later."""
        assert self._customer is not None
        self.board.take_money()
        if state == table.SORRY:
            self.device.rider(("back",))
        self.refunded += 1
        self._hall.again(self._customer)
        self._customer = None


def http_client(settings: dict[str, Any], wake: Callable[[], None]) -> Client:
    """Asks the real gateway."""
    return KioskHttp(KioskSettings(settings), Seal(bytes.fromhex(settings["key"])), os.urandom, wake)


class TicketHall:
    """`settings` of each kiosk as provisioned; `folder` gets their storage. From `open` to `close`."""

    def __init__(
        self, settings: Sequence[dict[str, Any]], folder: Path, post: Post, client_of: ClientOf = http_client
    ) -> None:
        self._epoch_start_ms = int(time.time() * 1000)
        self.loop = PacedLoop(Scheduler())
        self._post = post
        self._waiting: deque[Customer] = deque()
        self._first: deque[Customer] = deque()
        self._key_id = secrets.token_bytes(_NONCE_FROM - _ID_FROM)  # no key's, until one is known
        self.stands = [Stand(self, one, folder / one["device"], client_of) for one in settings]

    def epoch_of(self, t_ms: int) -> int:
        """Epoch ms of a virtual time."""
        return self._epoch_start_ms + t_ms

    def open(self) -> None:
        self.loop.begin()
        for stand in self.stands:
            stand.start()
        self.loop.start()

    def close(self) -> None:
        """The kiosks end where they are; who has no pass stays unserved."""
        try:
            self.loop.stop()
        finally:
            for stand in self.stands:
                stand.close()

    def check(self) -> None:
        """Raise what ended the kiosks' loop, if anything did."""
        self.loop.check()

    # -- in the lanes' thread

    def shop(self, rider: Rider, then: Callable[[], None]) -> None:
        """A `Shop` of simulator/world/station.py."""
        if rider.behaviour == JumpOver.name:
            then()  # and pays nothing
        elif rider.behaviour == RefusedRetreat.name:
            forged = b"\x01" + self._key_id + secrets.token_bytes(_NONCE_BYTES) + secrets.token_bytes(_SIGNATURE_BYTES)
            rider.carry(forged, forged[_NONCE_FROM:_NONCE_TO])
            then()
        elif len(self._waiting) + len(self._first) < HALL_MAX:
            self._queue_of(rider).append((rider, then))

    # -- from any thread

    def till(self) -> Till:
        """All kiosks' books together."""
        return self.loop.call(
            lambda: Till(
                sum(stand.sold for stand in self.stands),
                sum(stand.price_cents for stand in self.stands),
                sum(sum(stand.board.box) for stand in self.stands),
                sum(stand.refunded for stand in self.stands),
            )
        )

    # -- in the kiosks' thread

    def next(self) -> Customer | None:
        """Who is next, taken out of the queue."""
        queue = self._first or self._waiting
        return queue.popleft() if queue else None

    def again(self, customer: Customer) -> None:
        """Somebody got nothing, and stands in the queue again a little later."""
        self.loop.scheduler.after(RETRY_MS, lambda: self._queue_of(customer[0]).append(customer))

    def _queue_of(self, rider: Rider) -> deque[Customer]:
        """Who was sent by hand is served first: somebody looks on and waits."""
        return self._first if rider.by_hand else self._waiting

    def go(self, rider: Rider, then: Callable[[], None], sold: bytes, consent: bool) -> None:
        """To the lanes, with a pass."""
        self._key_id = sold[_ID_FROM:_NONCE_FROM]

        def went() -> None:
            rider.carry(sold, sold[_NONCE_FROM:_NONCE_TO])
            rider.consent = consent
            then()

        self._post(went)
