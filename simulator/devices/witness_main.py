"""A study's or a demo's gate under MicroPython: `firmware.main`, with a gate that tells its plant what it decides.

The counterpart of simulator/study/witness.py for a gate that runs in a process of its own. It is compiled into a
study's or a demo's bundle alone (bundle.py), so no board's has it. For each decision one line to the plant, between
those that firmware/boards/emulated.py lists: `V <what> <ms since the body's first edge> <origin> <kind> <confidence>
<consent>`, `-` standing for what there is not.
"""

import sys

from firmware import app, main
from firmware.lane.detector import Body


class WitnessedGate(app.Gate):
    """The real gate; only the method that the firmware calls and leaves empty does something here."""

    def decided(self, ticks: int, what: str, body: "Body | None") -> None:
        if body is None:
            self._board._send(f"V {what} - - - - -")
            return
        grant = body.grant
        consent = "-" if what != "passed" or grant is None else "y" if grant.consent else "n"
        about = f"{body.transit_ms(ticks)} {body.origin} {body.kind} {body.confidence()} {consent}"
        self._board._send(f"V {what} {about}")


if __name__ == "__main__":
    app.Gate = WitnessedGate  # type: ignore[misc]  # main looks it up there when it makes its gate
    main.main(sys.argv[1:])
