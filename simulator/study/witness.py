"""The witness: hears every decision of the firmware in one lane, whether or not it ever leaves the device.

A gate's own records keep most of what it decided to itself (docs/privacy.md): riders who declined are a count, and so
is everything irregular at a real site. To rate the detector each decision is needed, so a study runs a gate that also
tells them to the simulator. It is the same firmware: `decided` is a method that the firmware calls and leaves empty.
That class exists only here, for emulated gates; no board's bundle has it.

Does not belong here: holding decisions against the truth (join.py).
"""

from collections.abc import Callable
from typing import Any

from chumicro_timing.ticks import ticks_diff

from firmware.app import Gate
from simulator.study.rows import Verdict

VerdictSink = Callable[[Verdict], None]

_TOLD_AS = {"passed": "passage", "passed_free": "tally", "refused": "daily", "turned_back": ""}
_OTHER = {"entry": "exit", "exit": "entry"}
_BACK = 1  # firmware/lane/detector.py: came from the far side


def witnessed(now_ms: Callable[[], int], station: str, lane: str, way: str, sink: VerdictSink) -> Callable[..., Gate]:
    """A maker of gates that tell `sink` what they decide; `now_ms` gives the virtual time."""

    class WitnessedGate(Gate):
        def decided(self, ticks: int, what: str, body: Any) -> None:
            at_ms = now_ms()
            told_as = _TOLD_AS.get(what, "irregular")
            if body is None:
                sink(Verdict(station, lane, at_ms, at_ms, what, -1, way, 0, "", told_as))
                return
            if what == "passed" and not body.grant.consent:
                told_as = "tally"
            since_ms = at_ms - max(0, ticks_diff(ticks, body.since))
            walked = _OTHER[way] if body.origin == _BACK else way
            kind, confidence = body.kind, body.confidence()
            sink(Verdict(station, lane, at_ms, since_ms, what, confidence, walked, at_ms - since_ms, kind, told_as))

    return WitnessedGate
