"""What a gate reported beside what really happened: irregular records and outcomes of one emulated lane, in pairs.

Pure: outcomes and records come in whatever order (records may be minutes late when a network was cut), `now_ms` is an
argument. A record belongs to the evasion next to it in time, one of a fitting name before others, and to none that is
further away than NEAR_MS, or than SURE_MS where an honest passage is nearer than that. Records that nobody's evasion
explains accuse somebody honest, the one who passed next to them, unless hands were in the lane (a beam broken from a
page): those are counted apart. What comes of them doesn't depend on the order in which they came, within bounds: what
is older than the newest KEPT of its kind is counted for good, and who passed before the newest KEPT is known only near
a record that had come by then.

Does not belong here: who is shown what; whole runs of the simulator, which know rider by rider (gateway/results).
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

NEAR_MS: Final = 2_000
"""How far a record's time may be from the outcome it tells of. Of 1,128 records of two simulated evenings all lay -253
to +529 ms from it, of a live station on a machine far too busy at most 0.7 s; only lanes with one beam or no arm are
now and then seconds late, and those few count against the gate. A wider window would pair the accusation of somebody
honest with an evasion nearby that nobody noticed, and call it caught."""
SURE_MS: Final = 700
"""A record this near to an honest passage is about that rider rather than about an evasion further away than this: so
an accusation beside an evasion that nobody noticed does not make it caught. As far as records lay from what they told
of, on all lanes but those few."""
HANDS_MS: Final = 4_000
"""So long after hands were in the lane, or before they are seen there, a record may come of them: a gate decides when
its lane is empty again."""
PATIENCE_MS: Final = 15_000
"""How long an evasion is `open` before it counts as missed; a record that comes later still is one that caught it."""
KEPT: Final = 256
MATCHES_TOLD: Final = 32
HANDS_KEPT: Final = 64

FITTING: Final = {
    "tailgated": ("tailgate",),
    "jumped": ("jump",),
    "climbed": ("jump",),
    "crawled": ("crawl",),
    "forced": ("forced",),
    "backcocked": ("forced",),
    "reversed": ("reverse",),
    "passed_back": ("passback",),
}
"""Which records name which evasion rightly. What is not here is honest."""
PASSAGES: Final = ("passed", "passed_free")

Result = Literal["caught", "misnamed", "missed", "open", "accused_wrongly", "by_hand"]


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """An evasion, or an honest passage, as the scene told it."""

    at: int
    n: int
    what: str
    figure: str = ""
    hand: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Report:
    """An irregular record, without its trace."""

    at: int
    boot: int
    seq: int
    what: str
    confidence: int


@dataclass(frozen=True, slots=True)
class Match:
    """One of the two is None where the other stands alone."""

    outcome: Outcome | None
    report: Report | None
    result: Result

    @property
    def at(self) -> int:
        """When it happened, as far as anybody knows."""
        if self.outcome is not None:
            return self.outcome.at
        assert self.report is not None
        return self.report.at

    def told(self) -> dict[str, Any]:
        """The match as pages read it."""
        report = self.report
        return {
            "truth": None if self.outcome is None else asdict(self.outcome),
            "record": None
            if report is None
            else {
                "at": report.at,
                "what": report.what,
                "confidence": report.confidence,
                "boot": report.boot,
                "seq": report.seq,
            },
            "result": self.result,
        }


class Verdict:
    """The pairs of one lane, and how often its gate was right and wrong since ``since_ms``."""

    def __init__(self, since_ms: int) -> None:
        self.since_ms = since_ms
        self._passages = 0
        self._outcomes: list[Outcome] = []
        self._reports: list[Report] = []
        self._honest: list[Outcome] = []
        """Passages that a report may be about: the newest, and older ones that one is near to."""
        self._hands: deque[list[int]] = deque(maxlen=HANDS_KEPT)
        """[from, to] of each time that somebody meddled."""
        self._for_good: Counter[str] = Counter()
        self._matches: list[Match] | None = None
        self._counted: Counter[str] = Counter()
        """What is counted for good and what :attr:`_matches` has, by result."""
        self._until_ms = math.inf
        """When one of them isn't open any more."""

    def happened(self, n: int, at: int, what: str, figure: str = "", hand: int = 0) -> None:
        """A body did that; ``at`` epoch ms, the others as in the scene."""
        outcome = Outcome(at, n, what, figure, hand)
        if what in PASSAGES:
            self._passages += 1
            self._honest.append(outcome)
            if len(self._honest) > 4 * KEPT:
                self._forget_honest()
            if self._reports:
                self._matches = None
        elif what in FITTING:
            self._outcomes.append(outcome)
            self._changed()

    def reported(self, at: int, what: str, confidence: int, boot: int, seq: int) -> None:
        """The gate's irregular record was stored; ``at`` epoch ms by the gate's own clock.

        One of a time before ``since_ms`` is left out: what happened then, nobody here has seen.
        """
        if at < self.since_ms:
            return
        self._reports.append(Report(at, boot, seq, what, confidence))
        self._changed()

    def meddled(self, at: int, still: bool) -> None:
        """Hands are in the lane at ``at`` (``still``), or aren't any more."""
        open_now = bool(self._hands) and self._hands[-1][1] < 0
        if still and not open_now:
            self._hands.append([at, -1])
            self._matches = None
        elif not still and open_now:
            self._hands[-1][1] = at
            self._matches = None

    def matches(self, now_ms: int) -> list[Match]:
        """All pairs that are still known, in order of time."""
        if self._matches is None or now_ms >= self._until_ms:
            self._matches = self._pair(now_ms)
            self._counted = self._for_good + Counter(match.result for match in self._matches)
            still_open = (match.at + PATIENCE_MS for match in self._matches if match.result == "open")
            self._until_ms = min(still_open, default=math.inf)
        return self._matches

    def counts(self, now_ms: int) -> dict[str, int]:
        """passages, evasions (the sum of caught, misnamed, missed and open), accused_wrongly, by_hand."""
        self.matches(now_ms)
        found = self._counted
        evasions = found["caught"] + found["misnamed"] + found["missed"] + found["open"]
        names = ("caught", "misnamed", "missed", "open", "accused_wrongly", "by_hand")
        return {"passages": self._passages, "evasions": evasions} | {name: found[name] for name in names}

    def told(self, now_ms: int) -> dict[str, Any]:
        """Counts and the last pairs, newest last, as a lane's page reads them."""
        matches = self.matches(now_ms)[-MATCHES_TOLD:]
        return self.counts(now_ms) | {"since_ms": self.since_ms, "matches": [match.told() for match in matches]}

    def _changed(self) -> None:
        self._matches = None
        if len(self._outcomes) <= KEPT and len(self._reports) <= KEPT:
            return
        # The older half is counted as it stands: nothing that comes now is near it.
        matches = self._pair(None)
        for match in matches[: len(matches) // 2]:
            self._for_good[match.result] += 1
            if match.outcome is not None and match.result != "accused_wrongly":
                self._outcomes.remove(match.outcome)
            if match.report is not None:
                self._reports.remove(match.report)

    def _forget_honest(self) -> None:
        """Keep the newest KEPT, and of older ones whom a known report accuses or may be about."""
        accused = {match.outcome for match in self._pair(None) if match.result == "accused_wrongly"}
        reports = sorted(report.at for report in self._reports)
        older, newest = self._honest[:-KEPT], self._honest[-KEPT:]
        kept = [one for one in older if one in accused or _any_within(reports, one.at, SURE_MS)]
        self._honest = kept[-2 * KEPT :] + newest

    def _pair(self, now_ms: int | None) -> list[Match]:
        """The pairs; ``now_ms`` None: nothing more is waited for."""
        outcomes, reports = sorted(self._outcomes), sorted(self._reports)
        near: list[tuple[bool, int, int, int]] = []
        passages = sorted(one.at for one in self._honest)
        others = [_any_within(passages, report.at, SURE_MS) for report in reports]
        first = 0
        for place, outcome in enumerate(outcomes):
            while first < len(reports) and reports[first].at < outcome.at - NEAR_MS:
                first += 1
            for number in range(first, len(reports)):
                report = reports[number]
                if report.at > outcome.at + NEAR_MS:
                    break
                if others[number] and abs(report.at - outcome.at) > SURE_MS:
                    continue
                misnamed = report.what not in FITTING[outcome.what]
                near.append((misnamed, abs(report.at - outcome.at), place, number))
        # By places in the order of time, not by the things themselves: this is asked for often.
        near.sort()
        of_outcome: dict[int, Match] = {}
        taken: set[int] = set()
        for misnamed, _, place, number in near:
            if place not in of_outcome and number not in taken:
                result: Result = "misnamed" if misnamed else "caught"
                of_outcome[place] = Match(outcomes[place], reports[number], result)
                taken.add(number)
        found = [
            of_outcome.get(place) or Match(outcome, None, self._alone(outcome, now_ms))
            for place, outcome in enumerate(outcomes)
        ]
        honest = set(self._honest)
        for number, report in enumerate(reports):
            if number in taken:
                continue
            if self._by_hand(report.at):
                found.append(Match(None, report, "by_hand"))
                continue
            # Whom it is about, as far as that can be told: the honest rider next to it.
            close = [one for one in honest if abs(one.at - report.at) <= NEAR_MS]
            accused = min(close, key=lambda one: (abs(one.at - report.at), one), default=None)
            honest.discard(accused)
            found.append(Match(accused, report, "accused_wrongly"))
        found.sort(key=lambda match: match.at)
        return found

    @staticmethod
    def _alone(outcome: Outcome, now_ms: int | None) -> Result:
        return "open" if now_ms is not None and now_ms - outcome.at < PATIENCE_MS else "missed"

    def _by_hand(self, at: int) -> bool:
        return any(begin - HANDS_MS <= at and (end < 0 or at <= end + HANDS_MS) for begin, end in self._hands)


def _any_within(times: list[int], at: int, within: int) -> bool:
    """Whether one of ``times``, which ascend, is so near to ``at``."""
    place = bisect_left(times, at - within)
    return place < len(times) and times[place] <= at + within
