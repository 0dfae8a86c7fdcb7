"""The kiosk's Board seam: the one surface between a kiosk's firmware and any hardware, real or emulated.

A kiosk's board has what every board has (board.py: ``ticks_ms``, ``wait``, ``storage``, ``epoch_ms``, ``random_bytes``,
``heap_free``, ``emulated``), and in the place of ``apply``:

- ``accept_coins(on)``: open or close the coin slot; it is closed after power comes;
- ``move_escrow(where)``: "keep" or "return" whatever lies in the escrow. Returns when it has moved; doing it again, or
  with nothing in it, does no harm. The escrow itself is mechanical: what lies in it lies there after a power cut;
- ``print_document(document)``: begin to print a document of firmware/kiosk/receipt.py; PRINTED tells how that ended;
- ``show(lines)``: texts for a small display, top line first; boards without one do nothing with it.

Inputs, ``(ticks, kind, a, b)``, besides board.py's MEDIUM (a pass before the scanner) and STOP:

- COIN: a 1 while the acceptor's wire is active, else 0 (firmware/kiosk/coins.py counts the pulses);
- BUTTON: a the button, from 0, b 1 pressed, 0 released;
- PRINTED: a one of the three below, b the document's job;
- FAULT: a the part's name ("printer", "escrow", "coins"), b 1 when it begins, 0 when it is mended.
"""

from firmware.boards.board import const

COIN = const(11)
BUTTON = const(12)
PRINTED = const(13)
FAULT = const(14)

PRINT_DONE = const(0)  # all of it is on the paper, as far as the printer can tell
PRINT_FAILED = const(1)  # some of it may be on the paper
PRINT_NOTHING = const(2)  # surely nothing is on the paper

KEEP = "keep"
RETURN = "return"
