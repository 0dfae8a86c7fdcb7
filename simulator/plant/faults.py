"""Faults: what breaks in a lane, when, and for how long; from a script, or by rates.

By rate: times between failures and times to repair are exponential, each kind of fault of each lane with a generator of
its own, and each beam likewise. Does not belong here: what a fault does to riders (nobody plans that) or devices.

Figures: agencies count transactions between failures (bill validator 18,000, coin acceptor 27,000 hard: BART 1982); for
beams and arms none were found, so the rates are settings of a study.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from simulator.clock import Scheduler

BEAM_STUCK_ON, BEAM_STUCK_OFF = "beam_stuck_on", "beam_stuck_off"
READER_DEAD, ARM_JAMMED = "reader_dead", "arm_jammed"
POWER_CUT, NETWORK_CUT = "power_cut", "network_cut"
KINDS = (BEAM_STUCK_ON, BEAM_STUCK_OFF, READER_DEAD, ARM_JAMMED, POWER_CUT, NETWORK_CUT)

_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000


@dataclass(frozen=True)
class Fault:
    """One scripted fault; `beam` only for those of beams."""

    at_ms: int
    for_ms: int
    what: str
    beam: int = 0

    def __post_init__(self) -> None:
        if self.what not in KINDS:
            raise ValueError(f"faults are {', '.join(KINDS)}, not {self.what!r}")
        if self.at_ms < 0 or self.for_ms < 1:
            raise ValueError("a fault begins at 0 ms or later and lasts at least 1 ms")


@dataclass(frozen=True)
class Rate:
    """How often a kind of fault comes, and how long mending takes: means, in hours and minutes. Per beam for beams."""

    what: str
    mtbf_h: float
    repair_min: float = 30.0

    def __post_init__(self) -> None:
        if self.what not in KINDS:
            raise ValueError(f"faults are {', '.join(KINDS)}, not {self.what!r}")
        if self.mtbf_h <= 0 or self.repair_min <= 0:
            raise ValueError("times between failures and to repair are above 0")


@dataclass(frozen=True)
class Faults:
    """All that breaks in one lane."""

    script: tuple[Fault, ...] = ()
    rates: tuple[Rate, ...] = field(default=())


class Breakable(Protocol):
    """A lane to which faults happen."""

    def fault(self, what: str, beam: int, on: bool) -> None:
        """A fault begins or ends, now."""


def plan(
    scheduler: Scheduler, faults: Faults, lane: Breakable, beams: int, generator: Callable[..., random.Random]
) -> None:
    """Let the faults happen to the lane from now on. Faults of one kind that overlap in one place are one fault."""
    active: dict[tuple[str, int], int] = {}

    def turn(what: str, beam: int, on: bool) -> None:
        before = active.get((what, beam), 0)
        active[what, beam] = before + (1 if on else -1)
        if (before == 0) if on else (before == 1):
            lane.fault(what, beam, on)

    def happen(what: str, beam: int, for_ms: int) -> None:
        turn(what, beam, True)
        scheduler.after(for_ms, lambda: turn(what, beam, False))

    def by_script(fault: Fault) -> None:
        scheduler.after(fault.at_ms, lambda: happen(fault.what, fault.beam, fault.for_ms))

    def by_rate(rate: Rate, beam: int, own: random.Random) -> None:
        def due() -> None:
            for_ms = max(1, round(own.expovariate(1.0 / (rate.repair_min * _MINUTE_MS))))
            happen(rate.what, beam, for_ms)
            scheduler.after(for_ms + next_ms(), due)

        def next_ms() -> int:
            return max(1, round(own.expovariate(1.0 / (rate.mtbf_h * _HOUR_MS))))

        scheduler.after(next_ms(), due)

    for fault in faults.script:
        by_script(fault)
    for rate in faults.rates:
        places = range(beams) if rate.what in (BEAM_STUCK_ON, BEAM_STUCK_OFF) else range(1)
        for beam in places:
            by_rate(rate, beam, generator("fault", rate.what, beam))
