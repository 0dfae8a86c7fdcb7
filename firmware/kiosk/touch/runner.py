"""A kiosk's loop on a thread of its own, and what the page sees of it.

Rules: only this thread calls the kiosk; pages put what was pressed into a queue, and read the screen that the loop
published last. A kiosk that fails is shown as out of order, and the process ends: money and pass are safe in the
ledger, and whoever watches the process starts it anew.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Any

from chumicro_timing import ticks_add, ticks_diff

from firmware.kiosk.app import KioskApp
from firmware.kiosk.touch.nodes import Event
from firmware.link.kiosk_http import KioskHttp
from firmware.link.mqtt import MqttLink
from firmware.report.seal import Seal

log = logging.getLogger("gateline.kiosk")

TURN_MS = 50
"""At most this long between a press and the turn of the loop that takes it."""

QUEUE_MAX = 64
"""Presses that may wait; a finger makes fewer in a turn, and what is beyond is dropped."""


class Runner:
    """Runs a kiosk of `settings` (KioskSettings) on `board`; a `Machine` for pages.

    `on_failure` is called, from the loop's thread, when the kiosk has failed.
    """

    def __init__(self, settings: Any, board: Any, on_failure: Callable[[], None] = lambda: None) -> None:
        self._board = board
        seal = Seal(settings.key)
        self._client = KioskHttp(settings, seal, board.random_bytes, board.wake)
        self._kiosk = KioskApp(board, settings, self._client, MqttLink if settings.networked else None)
        self._on_failure = on_failure
        self._pressed: queue.Queue[Event] = queue.Queue(QUEUE_MAX)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kiosk")
        self._screen: Mapping[str, Any] = {"state": "out_of_order"}
        self.failed = False

    def screen(self) -> Mapping[str, Any]:
        """What the screen showed at the end of the last turn."""
        return self._screen

    def press(self, event: Event) -> None:
        """Take a press; the next turn acts on it. Only emulated hardware has a machine on the page."""
        if event[0] == "machine":
            return
        try:
            self._pressed.put_nowait(event)
        except queue.Full:
            log.warning("The kiosk is too busy; a press was dropped.")
        self._board.wake()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the loop after its turn, wait for it, and let go of the hardware."""
        self._stopping.set()
        self._board.wake()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.close()
        self._board.close()

    def _run(self) -> None:
        try:
            self._loop()
        except Exception:
            log.exception("The kiosk has failed; what it owes is in its ledger.")
            self.failed = True
            self._screen = {"state": "out_of_order", "language": self._screen.get("language")}
            self._on_failure()

    def _loop(self) -> None:
        kiosk, board = self._kiosk, self._board
        events: Any = ()
        try:
            while not self._stopping.is_set():
                started = board.ticks_ms()
                kiosk.handle(started, events)
                self._take_presses()
                self._publish()
                if kiosk.stopping:
                    break
                now = board.ticks_ms()
                kiosk.took(ticks_diff(now, started))
                soon = ticks_add(now, TURN_MS)
                due = kiosk.next_deadline(now)
                deadline = soon if due is None or ticks_diff(due, soon) > 0 else due
                events = board.wait(deadline, kiosk.poll(now))
        finally:
            kiosk.close()

    def _take_presses(self) -> None:
        while True:
            try:
                event = self._pressed.get_nowait()
            except queue.Empty:
                return
            self._kiosk.rider(event)

    def _publish(self) -> None:
        shown = dict(self._kiosk.screen())
        # The page never needs them: the paper has them.
        for secret in ("pass_text", "receipt"):
            shown.pop(secret, None)
        self._screen = shown
