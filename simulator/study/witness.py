"""The witness: hears every decision of the firmware in one lane, whether or not it ever leaves the device.

A gate's own records keep most of what it decided to itself (docs/privacy.md): riders who declined are a count, and so
is everything irregular at a real site. To rate the detector each decision is needed, so a study, and a demo, runs a
gate that also tells them to the simulator. It is the same firmware: `decided` is a method that the firmware calls and
leaves empty. That class exists only here, for emulated gates, and for gates in a MicroPython process in
simulator/devices/witness_main.py; no board's bundle has either.

Does not belong here: holding decisions against the truth (join.py).
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from chumicro_timing.ticks import ticks_diff

from firmware.app import Gate
from simulator.study.rows import Verdict

VerdictSink = Callable[[Verdict], None]

_TOLD_AS = {"passed": "passage", "passed_free": "tally", "refused": "daily", "turned_back": ""}
_OTHER = {"entry": "exit", "exit": "entry"}
_BACK = 1  # firmware/lane/detector.py: came from the far side


class Decisions:
    """A sink that counts what gates decided, as the reckoning wants it (simulator/reckoning.py)."""

    def __init__(self) -> None:
        self.by_lane: dict[str, Counter[str]] = {}

    def __call__(self, verdict: Verdict) -> None:
        kind = verdict.told_as
        if verdict.what == "passed":
            kind = "consented" if kind == "passage" else "declined"
        elif verdict.what == "passed_free":
            kind = "free"
        elif kind != "irregular":
            return
        self.by_lane.setdefault(verdict.lane, Counter())[kind] += 1


def witnessed(now_ms: Callable[[], int], station: str, lane: str, way: str, sink: VerdictSink) -> Callable[..., Gate]:
    """A maker of gates that tell `sink` what they decide; `now_ms` gives the virtual time."""

    class WitnessedGate(Gate):
        def decided(self, ticks: int, what: str, body: Any) -> None:
            at_ms = now_ms()
            if body is None:
                sink(_of_nobody(station, lane, at_ms, what, way))
                return
            declined = what == "passed" and not body.grant.consent
            transit_ms, kind, confidence = ticks_diff(ticks, body.since), body.kind, body.confidence()
            sink(_of_body(station, lane, at_ms, what, way, transit_ms, body.origin, kind, confidence, declined))

    return WitnessedGate


def overheard(
    now_ms: Callable[[], int], station: str, lane: str, way: str, sink: VerdictSink
) -> Callable[[list[str]], None]:
    """The same for a gate in a MicroPython process: takes a decision's words (simulator/devices/witness_main.py)."""

    def hear(words: list[str]) -> None:
        what, transit, origin, kind, confidence, consent = words
        if origin == "-":
            sink(_of_nobody(station, lane, now_ms(), what, way))
            return
        numbers = int(transit), int(origin)
        sink(_of_body(station, lane, now_ms(), what, way, *numbers, kind, int(confidence), consent == "n"))

    return hear


def _of_nobody(station: str, lane: str, at_ms: int, what: str, way: str) -> Verdict:
    return Verdict(station, lane, at_ms, at_ms, what, -1, way, 0, "", _TOLD_AS.get(what, "irregular"))


def _of_body(
    station: str,
    lane: str,
    at_ms: int,
    what: str,
    way: str,
    transit_ms: int,
    origin: int,
    kind: str,
    confidence: int,
    declined: bool,
) -> Verdict:
    told_as = "tally" if declined else _TOLD_AS.get(what, "irregular")
    walked = _OTHER[way] if origin == _BACK else way
    transit_ms = max(0, transit_ms)
    return Verdict(station, lane, at_ms, at_ms - transit_ms, what, confidence, walked, transit_ms, kind, told_as)
