"""The join: what riders did, held against what the firmware decided, lane by lane.

An *accusation* is a verdict of something irregular. The rule, in order, each crossing and each verdict used once
(docs/scorecard.md says it in words); of all pairs that a rule could join, those closest in time (from the verdict to
when the rider left) come first:

1. An accusation goes to an evader whose stay between the beams overlaps the body that the verdict is about. That
   accusation is *true*, that evader was *caught*.
2. A verdict `passed` or `passed_free` goes likewise to a rider who passed rightly; what is left of them goes to
   evaders, who were *missed*: taken for paying riders.
3. `turned_back` and `refused` go to riders who did that.
4. What is left: an accusation is *repeated* when the only one it can be about is an evader who was caught already,
   *false* when it falls on an honest rider (who then is the accused: first of all one for whom no verdict was left),
   and a *phantom* when nobody was there. Another verdict that nobody answers to is *spurious*. A crossing without a
   verdict is *unseen* (an evader: missed).

Pure, and close to linear: riders leave a lane nearly in the order in which they came.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from simulator.study.rows import Crossing, Verdict
from simulator.world import behaviours as b

ACCUSATIONS = frozenset(("tailgate", "reverse", "forced", "jump", "crawl", "passback"))
_PASSED = frozenset((b.PASSED, b.PASSED_FREE))
_PASSED_VERDICTS = frozenset(("passed", "passed_free"))

AGREED, TRUE, MISSED, UNSEEN = "agreed", "true", "missed", "unseen"
FALSE, REPEATED, PHANTOM, SPURIOUS = "false", "repeated", "phantom", "spurious"

SLACK_MS = 400
"""How far a verdict may lie from the body it is about: debouncing, latency, and a detector's own timer."""


class Joined(NamedTuple):
    """A crossing with the verdict it got, or a verdict without a crossing of its own (`rider` is then the accused)."""

    station: str
    lane: str
    match: str
    rider: str
    rider_kind: str
    behaviour: str
    outcome: str
    honest: bool | None
    left_ms: int
    what: str
    confidence: int
    at_ms: int


def join(crossings: Iterable[Crossing], verdicts: Iterable[Verdict], slack_ms: int = SLACK_MS) -> Iterator[Joined]:
    """Rows in order of lanes and time: one for each crossing, one for each verdict that no crossing took."""
    by_lane: dict[tuple[str, str], tuple[list[Crossing], list[Verdict]]] = defaultdict(lambda: ([], []))
    for crossing in crossings:
        by_lane[crossing.station, crossing.lane][0].append(crossing)
    for verdict in verdicts:
        by_lane[verdict.station, verdict.lane][1].append(verdict)
    for lane in sorted(by_lane):
        yield from _join_lane(*by_lane[lane], slack_ms)


class _Lane:
    """The crossings of one lane in order of time, and which of them have been taken."""

    def __init__(self, crossings: list[Crossing], slack_ms: int) -> None:
        self.crossings = sorted(crossings, key=_span)
        self.spans = [_span(crossing) for crossing in self.crossings]
        self.taken: dict[int, tuple[Verdict, str]] = {}
        self._slack_ms = slack_ms
        # The latest end of all crossings up to here: before the first that reaches a time, nobody does.
        self._reach: list[int] = []
        reach_ms = -1
        for _, end_ms in self.spans:
            reach_ms = max(reach_ms, end_ms)
            self._reach.append(reach_ms)

    def overlapping(self, verdicts: list[Verdict]) -> Iterator[tuple[int, Verdict, list[int]]]:
        """(number, verdict, crossings that it may be about), in order of the verdicts' beginnings."""
        first = 0
        for number in sorted(range(len(verdicts)), key=lambda n: (verdicts[n].since_ms, verdicts[n].at_ms, n)):
            verdict = verdicts[number]
            from_ms, to_ms = verdict.since_ms - self._slack_ms, verdict.at_ms + self._slack_ms
            while first < len(self.spans) and self._reach[first] < from_ms:
                first += 1
            found = []
            for n in range(first, len(self.spans)):
                if self.spans[n][0] > to_ms:
                    break
                if self.spans[n][1] >= from_ms:
                    found.append(n)
            yield number, verdict, found

    def closest(self, candidates: list[int], at_ms: int) -> int | None:
        """The one who left nearest to that time; of equals the first."""
        return min(candidates, key=lambda n: (abs(_end(self.crossings[n]) - at_ms), n), default=None)


def _join_lane(crossings: list[Crossing], verdicts: list[Verdict], slack_ms: int) -> Iterator[Joined]:
    lane = _Lane(crossings, slack_ms)
    candidates = {number: found for number, _, found in lane.overlapping(verdicts)}
    order = sorted(candidates, key=lambda n: (verdicts[n].at_ms, n))
    left = _take(lane, verdicts, order, candidates, ACCUSATIONS, b.EVASIONS, TRUE)
    left = _take(lane, verdicts, left, candidates, _PASSED_VERDICTS, _PASSED, AGREED)
    left = _take(lane, verdicts, left, candidates, _PASSED_VERDICTS, b.EVASIONS, MISSED)
    left = _take(lane, verdicts, left, candidates, {"turned_back"}, {b.TURNED_BACK, b.GAVE_UP}, AGREED)
    left = _take(lane, verdicts, left, candidates, {"refused"}, {b.REFUSED}, AGREED)
    rows = [_row(lane.crossings[n], *lane.taken.get(n, (None, ""))) for n in range(len(lane.crossings))]
    for number in left:
        verdict = verdicts[number]
        if verdict.what not in ACCUSATIONS:
            rows.append(_without(verdict, SPURIOUS, None))
            continue
        here = [n for n in candidates[number] if lane.crossings[n].entered_ms >= 0]
        honest = [n for n in here if lane.crossings[n].honest]
        free = [n for n in honest if n not in lane.taken]
        accused = lane.closest(free or honest, verdict.at_ms)
        evader = lane.closest([n for n in here if not lane.crossings[n].honest], verdict.at_ms)
        if accused is not None and (free or evader is None or _nearer(lane, accused, evader, verdict.at_ms)):
            rows.append(_without(verdict, FALSE, lane.crossings[accused]))
        elif evader is not None:
            rows.append(_without(verdict, REPEATED, lane.crossings[evader]))
        else:
            rows.append(_without(verdict, PHANTOM, None))
    rows.sort(key=lambda row: (row.at_ms if row.at_ms >= 0 else row.left_ms, row.rider, row.match))
    yield from rows


def _take(
    lane: _Lane,
    verdicts: list[Verdict],
    order: list[int],
    candidates: dict[int, list[int]],
    whats: Iterable[str],
    outcomes: Iterable[str],
    match: str,
) -> list[int]:
    """Join these verdicts to untaken crossings of these outcomes, closest first; returns the verdicts still left."""
    whats, outcomes = frozenset(whats), frozenset(outcomes)
    pairs = [
        (abs(_end(lane.crossings[n]) - verdicts[number].at_ms), verdicts[number].at_ms, number, n)
        for number in order
        if verdicts[number].what in whats
        for n in candidates[number]
        if n not in lane.taken and lane.crossings[n].outcome in outcomes
    ]
    used = set()
    for _, _, number, n in sorted(pairs):
        if number not in used and n not in lane.taken:
            lane.taken[n] = (verdicts[number], match)
            used.add(number)
    return [number for number in order if number not in used]


def _nearer(lane: _Lane, one: int, other: int, at_ms: int) -> bool:
    return abs(_end(lane.crossings[one]) - at_ms) <= abs(_end(lane.crossings[other]) - at_ms)


def _span(crossing: Crossing) -> tuple[int, int]:
    """From when to when the rider was where the gate could notice them; at the reader, if they came no further."""
    if crossing.entered_ms >= 0:
        return crossing.entered_ms, max(crossing.entered_ms, crossing.left_ms, crossing.all_left_ms)
    start_ms = crossing.tapped_ms if crossing.tapped_ms >= 0 else crossing.arrived_ms
    return start_ms, start_ms


def _end(crossing: Crossing) -> int:
    return crossing.left_ms if crossing.left_ms >= 0 else _span(crossing)[1]


def _row(crossing: Crossing, verdict: Verdict | None, match: str) -> Joined:
    what, confidence, at_ms = ("", -1, -1) if verdict is None else (verdict.what, verdict.confidence, verdict.at_ms)
    return Joined(
        crossing.station,
        crossing.lane,
        match or UNSEEN,
        crossing.rider,
        crossing.rider_kind,
        crossing.behaviour,
        crossing.outcome,
        crossing.honest,
        crossing.left_ms,
        what,
        confidence,
        at_ms,
    )


def _without(verdict: Verdict, match: str, accused: Crossing | None) -> Joined:
    rider, kind, behaviour, outcome, honest, left_ms = "", "", "", "", None, -1
    if accused is not None:
        rider, kind, behaviour = accused.rider, accused.rider_kind, accused.behaviour
        outcome, honest, left_ms = accused.outcome, accused.honest, accused.left_ms
    return Joined(
        verdict.station,
        verdict.lane,
        match,
        rider,
        kind,
        behaviour,
        outcome,
        honest,
        left_ms,
        verdict.what,
        verdict.confidence,
        verdict.at_ms,
    )
