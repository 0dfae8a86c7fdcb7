"""A kiosk on a Raspberry Pi: coin acceptor, escrow, buttons on its pins through gpiozero, a thermal printer on a serial
line through python-escpos, a scanner on another. CPython only; docs/kiosk.md has the wiring.

Rules: what comes from pins, printer and scanner comes from threads, as events with the time at which it came; ``wait``
alone hands them out, in order. Printing has a thread, for a serial line is slow; the escrow's magnet is waited for, as
the seam asks. Coins are refused until the firmware says otherwise, also while no firmware runs (the inhibit line).
"""

import os
import queue
import select
import threading
import time
from collections import deque

from chumicro_timing import ticks_diff
from chumicro_timing.ticks import TICKS_MAX
from gpiozero import Button, DigitalInputDevice, DigitalOutputDevice

from firmware.boards import board as b
from firmware.boards import kiosk_board as k
from firmware.boards.storage import FileStorage
from firmware.drivers import escpos_printer

COIN_PIN = 17
ACCEPT_PIN = 27
KEEP_PIN = 22
RETURN_PIN = 23
BUTTON_PINS = (5, 6, 13, 19)
BOUNCE_S = 0.03
ESCROW_S = 0.4  # how long a magnet of the escrow is held
PAPER_S = 5.0  # how often a printer without paper is asked again
SCAN_MAX_BYTES = 1024
_SYNCHRONIZED = "/run/systemd/timesync/synchronized"


def clock_is_valid():
    """Whether network time has set the clock since the start, or a clock with a battery has."""
    return os.path.exists(_SYNCHRONIZED) or os.path.exists("/dev/rtc0")


class KioskRaspberryPi:
    """``printer`` an escpos printer (TtyPrinter), ``printer_answers`` whether it can be read; ``display`` has
    ``show(lines)``, or None; ``scanner`` a binary file of lines, or None."""

    emulated = False

    def __init__(
        self,
        folder,
        printer,
        printer_answers=True,
        display=None,
        scanner=None,
        pin_factory=None,
        escrow_s=ESCROW_S,
        clock=clock_is_valid,
        paper_s=PAPER_S,
    ):
        self.storage = FileStorage(folder, durable=True)
        self._clock_is_valid = clock
        self._display = display
        self._shown = None
        self._escrow_s = escrow_s
        self._paper_s = paper_s
        self._events = deque()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        pin = {"pin_factory": pin_factory}
        self._accept = DigitalOutputDevice(ACCEPT_PIN, initial_value=False, **pin)
        self._magnets = {
            k.KEEP: DigitalOutputDevice(KEEP_PIN, initial_value=False, **pin),
            k.RETURN: DigitalOutputDevice(RETURN_PIN, initial_value=False, **pin),
        }
        self._coin = DigitalInputDevice(COIN_PIN, pull_up=True, **pin)
        self._coin.when_activated = lambda: self._put(k.COIN, 1, 0)
        self._coin.when_deactivated = lambda: self._put(k.COIN, 0, 0)
        self._buttons = []
        for at, number in enumerate(BUTTON_PINS):
            button = Button(number, pull_up=True, bounce_time=BOUNCE_S, **pin)
            button.when_pressed = self._button(at, 1)
            button.when_released = self._button(at, 0)
            self._buttons.append(button)
        self._printer = printer
        self._printer_answers = printer_answers
        self._printer_fault = False
        self._documents = queue.Queue()
        self._print_thread = threading.Thread(target=self._print, name="kiosk-printer", daemon=True)
        self._print_thread.start()
        if scanner is not None:
            threading.Thread(target=self._scan, args=(scanner,), name="kiosk-scanner", daemon=True).start()

    # -- the seam

    def ticks_ms(self):
        return time.monotonic_ns() // 1000000 & TICKS_MAX

    def epoch_ms(self):
        return time.time_ns() // 1000000, self._clock_is_valid()

    def random_bytes(self, n):
        return os.urandom(n)

    def heap_free(self):
        """CPython's heap is the machine's."""
        return -1

    def wait(self, deadline, poll=None):
        """Input events in order; empty when the deadline (ticks) is reached, a socket is ready, or after ``wake``."""
        if not self._events:
            timeout_s = max(0, ticks_diff(deadline, self.ticks_ms())) / 1000
            reads = [self._wake_read]
            writes = []
            if poll is not None:
                socket, interest = poll
                if interest & 1:
                    reads.append(socket)
                if interest & 2:
                    writes.append(socket)
            ready, _, _ = select.select(reads, writes, [], timeout_s)
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
        found = []
        while self._events:
            found.append(self._events.popleft())
        return found

    def wake(self):
        """End a ``wait`` that is on, from any thread."""
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # it is full of such words already

    def accept_coins(self, on):
        self._accept.value = bool(on)

    def move_escrow(self, where):
        magnet = self._magnets[where]
        magnet.on()
        try:
            time.sleep(self._escrow_s)
        finally:
            magnet.off()

    def print_document(self, document):
        self._documents.put(document)

    def show(self, lines):
        if self._display is not None and lines != self._shown:
            self._shown = lines
            self._display.show(lines)

    def close(self):
        """Let go of the pins and end the printer's thread."""
        self._documents.put(None)
        self._print_thread.join(5)
        for device in [self._accept, self._coin] + list(self._magnets.values()) + self._buttons:
            device.close()

    # -- from threads

    def _put(self, kind, a, value):
        self._events.append((self.ticks_ms(), kind, a, value))
        self.wake()

    def _button(self, at, pressed):
        return lambda: self._put(k.BUTTON, at, pressed)

    def _print(self):
        while True:
            try:
                # While the printer is out of order it is asked again and again: somebody may have brought paper.
                document = self._documents.get(timeout=self._paper_s if self._printer_fault else None)
            except queue.Empty:
                if self._has_paper():
                    self._printer_fault = False
                    self._put(k.FAULT, "printer", 0)
                continue
            if document is None:
                return
            result = escpos_printer.print_document(self._printer, document, self._printer_answers)
            job = document["job"]
            del document  # the pass
            # A printer that can't be read can't say either when it is well again: then the engine tries anew.
            failed = self._printer_answers and result != k.PRINT_DONE
            if failed != self._printer_fault:
                self._printer_fault = failed
                self._put(k.FAULT, "printer", 1 if failed else 0)
            self._put(k.PRINTED, result, job)

    def _has_paper(self):
        try:
            return self._printer.paper_status() > 0
        except OSError:
            return False

    def _scan(self, scanner):
        while True:
            line = scanner.readline(SCAN_MAX_BYTES)
            if not line:
                return
            if line.strip():
                self._put(b.MEDIUM, line.strip(), 0)
