"""A run at the pace of real time, or a multiple of it, that fails loudly when it can't keep up.

A paced run that is late reports a load that never was: so it ends with an error that says how late it was, instead of
going on. Virtual time is what the scheduler says; this only waits.
"""

import time
from collections.abc import Callable, Iterator

from simulator.errors import TooLate as TooLate
from simulator.study.run import StationRun

LATE_MAX_MS = 250  # of real time; a person at a lamp or an arm would not yet notice
_NAP_S = 0.5


def paced_steps(
    run: StationRun,
    speed: float,
    late_max_ms: int = LATE_MAX_MS,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Like `run.steps()`, `speed` virtual milliseconds a real one; raises TooLate. Seconds for clock and sleep."""
    if speed <= 0:
        raise ValueError(f"a paced run has a speed above 0, not {speed}")
    origin_s: float | None = None

    def keep_pace(due_ms: int) -> None:
        """Wait until `due_ms` has really come; or say that it is long past."""
        nonlocal origin_s
        if origin_s is None:
            origin_s = clock() - due_ms / 1000 / speed
        while (left_s := origin_s + due_ms / 1000 / speed - clock()) > 0:
            sleep(min(left_s, _NAP_S))
        late_ms = -left_s * 1000
        if late_ms > late_max_ms:
            raise TooLate(
                f"This machine can't keep the pace: at {due_ms / 1000:.1f} s of virtual time the run was "
                f"{late_ms:.0f} ms late ({late_max_ms} ms are allowed). "
                "Run it slower (--speed), with fewer lanes, or unpaced."
            )

    return run.steps(keep_pace)
