"""A kiosk's hardware that isn't there: coin slot, escrow, printer, buttons, display, power, on a virtual clock.

Rules: it has the seam of firmware/boards/kiosk_board.py and world-side verbs (`insert`, `press`, `scan`, `take_ticket`,
`paper_out`, `cut_power`). What is mechanical survives a power cut: coins in the escrow, the cup and the cash box,
tickets in the tray, paper, storage. What is not doesn't: events on their way, the slot's gate, a document in the
printer. Money is never made or lost here: what went in is in escrow, cup or box.

Does not belong here: engines (firmware/kiosk), what riders want.
"""

from collections.abc import Callable, Sequence
from typing import Any

from chumicro_timing.ticks import TICKS_MAX

from firmware.boards import board as b
from firmware.boards import kiosk_board as k
from simulator.clock import Scheduler, Timer, rng
from simulator.devices.in_process import MemoryStorage, Storage

_TICKS_MAX = int(TICKS_MAX)
PULSE_MS = 50
PAUSE_MS = 100
PRINT_MS = 2500
Event = tuple[int, int, Any, int]


def _nobody() -> None:
    """Nobody wants to know."""


class EmulatedKioskBoard:
    """One kiosk's body. `pulses` says how many pulses the acceptor gives for a coin of so many cents."""

    emulated = True

    def __init__(
        self,
        scheduler: Scheduler,
        epoch_of: Callable[[int], int],
        pulses: dict[int, int],
        *,
        storage: Storage | None = None,
        seed: int = 0,
        name: str = "kiosk-1",
        print_ms: int = PRINT_MS,
    ) -> None:
        self.storage: Storage = storage or MemoryStorage()
        self._scheduler = scheduler
        self._epoch_of = epoch_of
        self._pulses = pulses
        self._random = rng(seed, "kiosk", name)
        self._print_ms = print_ms
        self.clock_valid = True
        self.happened: Callable[[], None] = _nobody
        """Called, in the scheduler's thread, when an input has come: wake the firmware."""
        self._events: list[Event] = []
        self._timers: list[Timer] = []
        self._wire_free_ms = scheduler.now_ms
        # What stays where it is when the power goes.
        self.escrow: list[int] = []
        self.box: list[int] = []
        self.cup: list[int] = []
        self.tray: list[dict[str, Any]] = []
        self.paper = True
        # What doesn't.
        self.powered = True
        self.accepting = False
        self.display: list[str] = []

    # -- the seam

    def ticks_ms(self) -> int:
        return self._scheduler.now_ms & _TICKS_MAX

    def epoch_ms(self) -> tuple[int, bool]:
        return self._epoch_of(self._scheduler.now_ms), self.clock_valid

    def random_bytes(self, n: int) -> bytes:
        return self._random.randbytes(n)

    def heap_free(self) -> int:
        """CPython's heap is not the device's."""
        return -1

    def wait(self, deadline: int, poll: Any = None) -> list[Event]:
        """Input events that have come, at once: on a virtual clock waiting is the scheduler's."""
        found = self._events
        self._events = []
        return found

    def wake(self) -> None:
        """An answer has come: see to it that the firmware runs."""
        self._scheduler.after(0, self._ring)

    def accept_coins(self, on: bool) -> None:
        self.accepting = bool(on)

    def move_escrow(self, where: str) -> None:
        target = {k.KEEP: self.box, k.RETURN: self.cup}[where]
        target.extend(self.escrow)
        self.escrow.clear()

    def print_document(self, document: dict[str, Any]) -> None:
        self._later(self._print_ms if self.paper else 1, lambda: self._printed(document))

    def show(self, lines: Sequence[str]) -> None:
        self.display = list(lines)

    # -- the world's side

    def insert(self, cents: int) -> bool:
        """Put a coin into the slot. False: it falls through, because the slot is closed (or the acceptor busy)."""
        if not (self.powered and self.accepting) or self._scheduler.now_ms < self._wire_free_ms:
            self.cup.append(cents)
            return False
        self.escrow.append(cents)
        at_ms = 0
        for _ in range(self._pulses.get(cents, max(self._pulses.values()) + 1)):
            self._later(at_ms, lambda: self._put(k.COIN, 1, 0))
            self._later(at_ms + PULSE_MS, lambda: self._put(k.COIN, 0, 0))
            at_ms += PULSE_MS + PAUSE_MS
        # The next coin's train can't be told from this one's before the silence is over.
        self._wire_free_ms = self._scheduler.now_ms + at_ms + 4 * PAUSE_MS
        return True

    @property
    def slot_free_ms(self) -> int:
        """When the acceptor takes another coin."""
        return self._wire_free_ms

    def noise(self, length_ms: int = 5) -> None:
        """A spark on the acceptor's wire."""
        self._put(k.COIN, 1, 0)
        self._later(length_ms, lambda: self._put(k.COIN, 0, 0))

    def press(self, button: int) -> None:
        """Press and release one of the buttons."""
        self._put(k.BUTTON, button, 1)
        self._put(k.BUTTON, button, 0)

    def scan(self, medium: bytes) -> None:
        """Hold a code before the scanner."""
        self._put(b.MEDIUM, medium, 0)

    def take_money(self) -> int:
        """What is in the cup, in cents."""
        cents = sum(self.cup)
        self.cup.clear()
        return cents

    def take_ticket(self) -> dict[str, Any] | None:
        """The topmost paper of the tray."""
        return self.tray.pop(0) if self.tray else None

    def paper_out(self) -> None:
        """The roll ends. A document that is being printed breaks off before its code."""
        self.paper = False
        self._put(k.FAULT, "printer", 1)

    def paper_in(self) -> None:
        """Somebody brings paper."""
        self.paper = True
        self._put(k.FAULT, "printer", 0)

    def cut_power(self) -> None:
        """From now on nothing electric happens. The firmware's objects are to be thrown away."""
        self.powered = False
        self.accepting = False
        self.display = []
        self._events.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def restore_power(self) -> None:
        """Power is back; a new firmware may be built over this board."""
        self.powered = True

    # -- inside

    def _later(self, after_ms: int, what: Callable[[], None]) -> None:
        self._timers = [timer for timer in self._timers if timer.fn is not None]
        self._timers.append(self._scheduler.after(after_ms, what))

    def _printed(self, document: dict[str, Any]) -> None:
        if self.paper:
            self.tray.append(document)
        self._put(k.PRINTED, k.PRINT_DONE if self.paper else k.PRINT_NOTHING, document["job"])

    def _put(self, kind: int, a: Any, value: int) -> None:
        if self.powered:
            self._events.append((self.ticks_ms(), kind, a, value))
            self._ring()

    def _ring(self) -> None:
        if self.powered:
            self.happened()
