"""An emulated kiosk in real time, for a touch page: the real firmware, its hardware, and a person's hands.

Rules: everything happens in the paced loop's thread; `screen` and `press` may be called from any thread and never wait.
The randomness is the system's, for these passes are real ones. Coins are put in one after the other, as a hand does it:
the acceptor wants its time between two. The tray draws in what nobody took when the screen goes back to its start, as
presenters do in places where the next rider might read it.

Does not belong here: the page (firmware/kiosk/touch), the command line.
"""

import json
import logging
import os
import queue
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from firmware.boards.storage import FileStorage
from firmware.kiosk import receipt
from firmware.kiosk.config import KioskSettings
from firmware.kiosk.texts import PAPER, paid
from firmware.link.kiosk_http import KioskHttp
from firmware.link.mqtt import MqttLink
from firmware.report.seal import Seal
from simulator.clock import Scheduler
from simulator.kiosk.board import PRINT_MS, EmulatedKioskBoard
from simulator.kiosk.device import KioskDevice
from simulator.pacing import PacedLoop

log = logging.getLogger("gateline.kiosk")

TURN_MS = 50
PRESSES_MAX = 64
LEFT_MS = 10_000
"""How long a paper may lie in the tray while nobody is before the kiosk."""

Event = tuple[Any, ...]
DARK: Mapping[str, Any] = {"state": "out_of_order"}
_EMPTY = ("start", "out_of_order")


class _Board(EmulatedKioskBoard):
    """Its nonces and blinds are drawn from the system: two starts with one seed would sell the same pass twice."""

    def random_bytes(self, n: int) -> bytes:
        return os.urandom(n)


class _Device(KioskDevice):
    """Tells its owner when the firmware has failed."""

    def __init__(self, *given: Any, failed: Callable[[], None]) -> None:
        self._failed = failed
        super().__init__(*given)

    def wake(self) -> None:
        try:
            super().wake()
        except Exception:
            log.exception("The kiosk has failed; what it owes is in its ledger.")
            self.app = None
            self._failed()


def paper(document: Mapping[str, Any]) -> dict[str, Any]:
    """What lies in the tray: the code's text (None on the receipt of an erasure), and what else is printed."""
    texts = PAPER.get(document["language"]) or PAPER["en"]
    if document["kind"] != "pass":
        lines = [texts["erased"] % document["erased"], texts["time"] % receipt.clock(document["time"])]
        return {"pass_text": None, "title": texts["erasure"], "lines": lines, "receipt": None}
    price = texts["price"] % paid(texts, document["price_cents"], document["currency"])
    choice = texts[document["choice"]]
    lines = [
        texts["valid"] % (receipt.date(document["valid_from"]), receipt.date(document["valid_to"])),
        texts["exchanged"] if document["exchanged"] else price,
        choice % document["notice"] if document["choice"] == "research" else choice,
        texts["list"],
        document["list_hash"],
    ]
    printed = as_json = None
    if document["receipt"] is not None:
        as_json = json.dumps(document["receipt"], ensure_ascii=False, indent=2)
        printed = "\n".join(f"{name}: {text}" for name, text in receipt.paper(document["receipt"]))
    return {
        "pass_text": document["pass_text"],
        "title": texts[document["product"]],
        "lines": lines,
        "receipt": printed,
        "receipt_json": as_json,
    }


class PacedKiosk:
    """A `Machine` for the touch page; `settings` as provisioned, `folder` holds the durable storage.

    `present_url` is where a pass can be held to a gate. SettingsError where the settings are wrong.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        folder: Path,
        *,
        epoch_ms: int,
        present_url: str | None = None,
        on_failure: Callable[[], None] = lambda: None,
        print_ms: int = PRINT_MS,
    ) -> None:
        parsed = KioskSettings(settings)
        self._present_url = present_url
        self._on_failure = on_failure
        self._pressed: queue.Queue[Event] = queue.Queue(PRESSES_MAX)
        self._coins: deque[int] = deque()
        self._scheduler = Scheduler()
        self.loop = PacedLoop(self._scheduler)
        pulses = {cents: count for count, cents in parsed.coins.items()}
        folder.mkdir(parents=True, exist_ok=True)
        self.board = _Board(
            self._scheduler,
            lambda t_ms: epoch_ms + t_ms,
            pulses,
            storage=FileStorage(str(folder)),
            name=parsed.device,
            print_ms=print_ms,
        )
        self._client: Any = None
        self._make_client: Callable[[], Any] = lambda: KioskHttp(parsed, Seal(parsed.key), self.board.random_bytes)
        self._device = _Device(
            self._scheduler, settings, self.board, self._client_of, MqttLink, failed=self._has_failed
        )
        self._currency = parsed.currency
        self._values = sorted(parsed.coins.values(), reverse=True)
        self._screen: Mapping[str, Any] = DARK
        self.failed = False
        self._was_empty = True
        self._lies_since_ms = 0
        self.drawn_in = 0
        """Papers that nobody took."""

    def screen(self) -> Mapping[str, Any]:
        """What the rider saw at the end of the last turn."""
        return self._screen

    def press(self, event: Event) -> None:
        """The rider pressed this on the screen, or (after "machine") did this with the hardware around it."""
        try:
            self._pressed.put_nowait(event)
        except queue.Full:
            log.warning("The kiosk is too busy; a press was dropped.")

    def start(self) -> None:
        """Power on, and let time run."""
        self._device.start()
        self._turn()
        self.loop.start()

    def stop(self) -> None:
        """Power off. Raises what ended the loop, if anything did."""
        try:
            self.loop.stop()
        finally:
            self._device.kill()
            if self._client is not None:
                self._client.close()
            self._screen = DARK

    # -- a Source of the loop

    def watched(self) -> tuple[Any, int] | None:
        found: tuple[Any, int] | None = self._device.poll()
        return found

    def ready(self) -> None:
        self._device.wake()
        self.loop.touch(self)

    # -- the loop's thread

    def _client_of(self, _: EmulatedKioskBoard) -> Any:
        self._client = self._make_client()
        return self._client

    def _has_failed(self) -> None:
        self.failed = True
        self._screen = DARK
        self._on_failure()

    def _turn(self) -> None:
        while not self.failed:
            try:
                event = self._pressed.get_nowait()
            except queue.Empty:
                break
            if event[0] == "machine":
                self._hands(*event[1:])
            else:
                self._device.rider(event)
        if self._coins and self._scheduler.now_ms >= self.board.slot_free_ms:
            self.board.insert(self._coins.popleft())
        self._device.wake()
        self.loop.touch(self)
        self._publish()
        self._scheduler.after(TURN_MS, self._turn)

    def _hands(self, what: str, cents: int = 0) -> None:
        if what == "insert" and cents in self._values:
            self._coins.append(cents)
        elif what == "take_money":
            self.board.take_money()
        elif what == "take_ticket":
            taken = []
            while (document := self.board.take_ticket()) is not None:
                taken.append(document["kind"])
            if "pass" in taken:
                # The rider has it in hand: what "I have it" says, too.
                self._device.rider(("taken",))

    def _draw_in(self, empty: bool) -> None:
        """Between two riders nothing may lie in the tray; what is printed after a rider has left lies a little."""
        if not self.board.tray:
            self._lies_since_ms = self._scheduler.now_ms
        elif empty != self._was_empty or (empty and self._scheduler.now_ms - self._lies_since_ms >= LEFT_MS):
            self.board.tray.clear()
            self.drawn_in += 1
        self._was_empty = empty

    def _publish(self) -> None:
        shown = self._device.screen()
        if shown is None:
            self._screen = DARK
            return
        self._draw_in(shown["state"] in _EMPTY)
        # The page never needs them: the paper has them.
        shown["pass_text"] = shown["receipt"] = None
        shown["machine"] = {
            "coins": self._values,
            "currency": self._currency,
            "cup_cents": sum(self.board.cup),
            "ticket": paper(self.board.tray[-1]) if self.board.tray else None,
            "present_url": self._present_url,
        }
        self._screen = shown
