"""A thermal printer over python-escpos: what a kiosk's documents look like on paper, and whether they got there.

Rules: the consent receipt comes first and is cut off, for who finds the one must not have the other; the code of the
pass comes last, so that a print that broke off has none that could be read. What is printed is remembered by nobody
here. CPython only.
"""

import os
import select
import termios
import tty

from escpos.escpos import Escpos

from firmware.boards.kiosk_board import PRINT_DONE, PRINT_FAILED, PRINT_NOTHING
from firmware.kiosk import receipt
from firmware.kiosk.texts import PAPER, paid

QR_LEVEL_M = 1  # escpos' number; a thermal print that has been in a pocket loses some
QR_DOTS = 4
# GS r 1: the paper sensor's status, answered *after* everything before it was printed (DLE EOT is answered at once).
_WHEN_PRINTED = b"\x1dr\x01"
_PAPER_OUT = 0x0C
_BAUD = {9600: termios.B9600, 19200: termios.B19200, 38400: termios.B38400, 115200: termios.B115200}


class TtyPrinter(Escpos):
    """A printer on a serial line (``/dev/serial0``), in raw mode. OSError when the line can't be opened."""

    def __init__(self, path, baud=19200, answer_s=20.0):
        super().__init__()
        self._line = os.open(path, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._line)
        attributes = termios.tcgetattr(self._line)
        attributes[4] = attributes[5] = _BAUD[baud]
        termios.tcsetattr(self._line, termios.TCSANOW, attributes)
        self._answer_s = answer_s

    def _raw(self, msg):
        while msg:
            msg = msg[os.write(self._line, msg) :]

    def _read(self):
        ready, _, _ = select.select([self._line], [], [], self._answer_s)
        return os.read(self._line, 16) if ready else b""

    def open(self, raise_not_found=True):
        """The line is open from the start."""

    def close(self):
        """Give the line back."""
        if self._line >= 0:
            os.close(self._line)
            self._line = -1


def print_document(printer, document, answers=True):
    """Print it; one of PRINT_DONE, PRINT_FAILED, PRINT_NOTHING. ``answers``: the printer can be read, so its word
    counts; without that nobody knows better than that the bytes went out."""
    try:
        if answers and printer.paper_status() == 0:
            return PRINT_NOTHING
    except OSError:
        return PRINT_NOTHING
    try:
        # Page 858 has western letters and the euro; only what it lacks is looked for in others, which fewer have.
        printer.charcode("CP858")
        printer.charcode("AUTO")
        if document["kind"] == "pass":
            if document["receipt"] is not None:
                _receipt(printer, document)
            _pass(printer, document)
        else:
            _erasure(printer, document)
        if answers:
            printer._raw(_WHEN_PRINTED)
            status = printer._read()
            if not status or status[0] & _PAPER_OUT:
                return PRINT_FAILED
    except OSError:
        return PRINT_FAILED
    return PRINT_DONE


def _title(printer, text):
    printer.set(align="center", bold=True, double_height=True, double_width=True)
    printer.textln(text)
    printer.set_with_default()


def _pass(printer, document):
    texts = PAPER.get(document["language"]) or PAPER["en"]
    _title(printer, texts[document["product"]])
    printer.textln(texts["valid"] % (receipt.date(document["valid_from"]), receipt.date(document["valid_to"])))
    if document["exchanged"]:
        printer.textln(texts["exchanged"])
    else:
        printer.textln(texts["price"] % paid(texts, document["price_cents"], document["currency"]))
    choice = texts[document["choice"]]
    printer.textln(choice % document["notice"] if document["choice"] == "research" else choice)
    printer.textln(texts["cash"])
    printer.textln(texts["list"])
    printer.textln(document["list_hash"])
    printer.set(align="center")
    printer.qr(document["pass_text"], ec=QR_LEVEL_M, size=QR_DOTS, native=True)
    printer.set_with_default()
    printer.cut()


def _receipt(printer, document):
    texts = PAPER.get(document["language"]) or PAPER["en"]
    _title(printer, texts["receipt"])
    for member, text in receipt.paper(document["receipt"]):
        printer.set(bold=True)
        printer.textln(member)
        printer.set_with_default()
        printer.textln(text)
    printer.textln(texts["keep"])
    printer.cut()


def _erasure(printer, document):
    texts = PAPER.get(document["language"]) or PAPER["en"]
    _title(printer, texts["erasure"])
    printer.textln(texts["erased"] % document["erased"])
    printer.textln(texts["time"] % receipt.clock(document["time"]))
    printer.cut()
