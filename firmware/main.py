"""Start of a gate, and its loop: read the board, feed the engines, wait.

On an emulated board: ``micropython -X heapsize=... -m firmware.main FOLDER PORT DEVICE``.
"""

import gc
import sys

from chumicro_timing import ticks_diff

from firmware import app, config
from firmware.link.mqtt import MqttLink


def run(board):
    """Serve until the board says stop."""
    if hasattr(gc, "threshold"):
        gc.threshold(8192)  # collect early and often: a long pause between collections leaves the heap in pieces
    settings = config.load(board.storage)
    gate = app.Gate(board, settings, MqttLink if settings.networked else None)
    events = ()
    while True:
        started = board.ticks_ms()
        gate.handle(started, events)
        if gate.stopping:
            break
        now = board.ticks_ms()
        gate.took(ticks_diff(now, started))
        events = board.wait(gate.next_deadline(now), gate.poll(now))
    gate.close()


def main(arguments):
    from firmware.boards.emulated import EmulatedBoard, PlantGone

    folder, port, device = arguments
    try:
        run(EmulatedBoard(folder, int(port), device))
    except PlantGone:
        print("%s: the plant is gone" % device)


if __name__ == "__main__":
    main(sys.argv[1:])
