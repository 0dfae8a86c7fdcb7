"""The world's own account of what every rider did: JSON lines, each flushed before any device sees the deciding edge.

Rules: one line per rider's outcome; it reaches the operating system before the edge (or medium) that decides it is
handed to a device, so that a device killed in that very moment cannot leave a rider without truth. A line is never
changed: what a device could not take (it was dead) is said by a second line of kind `unobserved` that names the rider.

`expected` is what a perfect device would have reported. What an unobserved rider did is kept apart as uncertain: a
device that died in that moment may have made it durable without being able to say so. All this grows with the riders of
a run, as the file does, unless the log is told to forget (`kept`): then it knows the last riders and the counts alone.

Where somebody holds a hand into a lane's beams, a perfect device reports what it sees, which is not what riders did.
`meddle` says when; riders of that time, and each hand, are counted apart, so that the reckoning knows how much of a
lane's account can be explained by hands.

Does not belong here: what devices or the gateway say. The comparison is made elsewhere.
"""

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

PASSED_CONSENTED = "passed_consented"
PASSED_DECLINED = "passed_declined"
PASSED_FREE = "passed_free"
TAILGATED = "tailgated"
TURNED_BACK = "turned_back"
REFUSED = "refused"
GAVE_UP = "gave_up"
UNOBSERVED = "unobserved"
# Ways past a gate that only a study or a rider sent by hand takes; see simulator/world/behaviours.py.
INTRUSIONS = ("jumped", "climbed", "crawled", "forced", "backcocked", "reversed", "passed_back")
KINDS = (
    PASSED_CONSENTED,
    PASSED_DECLINED,
    PASSED_FREE,
    TAILGATED,
    TURNED_BACK,
    REFUSED,
    GAVE_UP,
    *INTRUSIONS,
    UNOBSERVED,
)

# A passage that was just decided is not noted before all beams are clear; a gate that was made to see somebody needs
# its time to see nobody again, and who had to hold a medium to it twice is decided later.
MEDDLED_BEFORE_MS, MEDDLED_AFTER_MS = 5_000, 10_000

_PASS_NONCE = 32  # bytes; a test token's is shorter, and no gate tells that it was used

_COUNTED_AS = {
    PASSED_DECLINED: "declined",
    PASSED_FREE: "free",
    TAILGATED: "tailgates",
    TURNED_BACK: "turned_back",
    REFUSED: "refused",
    GAVE_UP: "gave_up",
    **dict.fromkeys(INTRUSIONS, "intruders"),
}

DAY_MS = 86_400_000


def handle_of(nonce: bytes, service_day: int) -> str:
    """The handle that a consented passage on this medium carries: SHA-256 of HMAC-SHA256(nonce, day in decimal)."""
    token = hmac.new(nonce, str(service_day).encode("ascii"), hashlib.sha256).digest()
    return hashlib.sha256(token).hexdigest()


def nullifier_of(nonce: bytes) -> str:
    """What names a used pass (docs/passes.md); written anew from the document, as `handle_of` is."""
    return hashlib.sha256(b"gateline nullifier" + nonce).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rider did; `at` in epoch ms, `handle` only where a consented passage would carry one."""

    rider: str
    lane: str
    way: str
    kind: str
    consent: bool | None
    product: str | None
    handle: str | None
    at: int


@dataclass(slots=True)
class LaneExpectation:
    """What a perfect device at this lane has seen.

    `nullifiers` are those of the singles that were used up here.
    `again` counts passages under a handle of `handles` beyond the first: a day pass may be shown twice a day.
    `uncertain` counts the unobserved riders by what they did, `uncertain_handles` names those who had consented: a
    record of theirs is neither missing when it is absent nor invented when it is there.
    `touches` counts the times a hand went into a beam or out of one, `meddled` the riders decided while it was there or
    around that time, `meddled_nullifiers` are those of `nullifiers` that these riders used.
    """

    way: str = "entry"
    handles: set[str] = field(default_factory=set)
    again: Counter[str] = field(default_factory=Counter)
    nullifiers: set[str] = field(default_factory=set)
    declined: int = 0
    free: int = 0
    tailgates: int = 0
    turned_back: int = 0
    refused: int = 0
    gave_up: int = 0
    intruders: int = 0
    uncertain: dict[str, int] = field(default_factory=dict)
    uncertain_handles: set[str] = field(default_factory=set)
    touches: int = 0
    meddled: int = 0
    meddled_nullifiers: set[str] = field(default_factory=set)

    @property
    def unobserved(self) -> int:
        """Riders whose deciding edge no device is known to have taken."""
        return sum(self.uncertain.values())

    @property
    def passages(self) -> int:
        """Everybody a perfect device counts as through: consented, declined and free, without tailgaters."""
        return len(self.handles) + self.again.total() + self.declined + self.free


class TruthLog:
    """Writes the truth; `path` None keeps it in memory alone (tests, benches).

    `epoch_of` turns virtual ms into epoch ms; `day_start_ms` is when the service day begins after midnight UTC.
    `kept` is how many of the last outcomes are remembered; with a number there is no `expected`.
    Raises FileExistsError when the file is there already (two truths in one file would be none) and OSError when the
    disk will not have it.
    """

    def __init__(
        self, path: Path | None, epoch_of: Callable[[int], int], day_start_ms: int = 0, kept: int | None = None
    ) -> None:
        self._file = path.open("x", encoding="ascii") if path is not None else None
        self._epoch_of = epoch_of
        self._day_start_ms = day_start_ms
        self._kept = kept
        self._outcomes: dict[str, Outcome] = {}
        self._counts = dict.fromkeys(KINDS, 0)
        self._lanes: dict[str, LaneExpectation] = {}
        self._unobserved: set[str] = set()
        self._nullifiers: dict[str, str] = {}
        self._hands: Counter[str] = Counter()  # by lane, in its beams now
        self._hand_left: dict[str, int] = {}  # epoch ms of the last one
        self._meddled: set[str] = set()

    def meddle(self, t_ms: int, lane: str, way: str, on: bool) -> None:
        """A hand goes into a beam of that lane now, or out of it; to be said before the device hears of it."""
        at = self._epoch_of(t_ms)
        self._hands[lane] += 1 if on else -1
        self._hand_left[lane] = at
        if self._kept is not None:
            return
        self._lanes.setdefault(lane, LaneExpectation(way)).touches += 1
        for outcome in reversed(self._outcomes.values()):
            if outcome.at < at - MEDDLED_BEFORE_MS:
                break
            if outcome.lane == lane:
                self._note_meddled(outcome.rider, lane)

    def _note_meddled(self, rider: str, lane: str) -> None:
        if rider not in self._meddled:
            self._meddled.add(rider)
            expected = self._lanes[lane]
            expected.meddled += 1
            if rider in self._nullifiers:
                expected.meddled_nullifiers.add(self._nullifiers[rider])

    def write(
        self,
        t_ms: int,
        kind: str,
        *,
        rider: str,
        lane: str,
        way: str,
        consent: bool | None = None,
        product: str | None = None,
        nonce: bytes | None = None,
    ) -> Outcome:
        """One rider's outcome at virtual time `t_ms`; returns when it is flushed. A second one raises ValueError."""
        if kind not in KINDS or kind == UNOBSERVED:
            raise ValueError(f"{kind!r} is no outcome of a rider")
        if rider in self._outcomes:
            raise ValueError(f"rider {rider} has an outcome already: {self._outcomes[rider].kind}")
        at = self._epoch_of(t_ms)
        handle = None
        if kind == PASSED_CONSENTED:
            if nonce is None:
                raise ValueError(f"rider {rider} passed with consent but without a medium's nonce")
            handle = handle_of(nonce, self.service_day(at))
        outcome = Outcome(rider, lane, way, kind, consent, product, handle, at)
        self._line(outcome)
        self._outcomes[rider] = outcome
        self._counts[kind] += 1
        if self._kept is None:
            expected = self._lanes.setdefault(lane, LaneExpectation(way))
            self._expect(expected, outcome, 1)
            passed = kind in (PASSED_CONSENTED, PASSED_DECLINED)
            if passed and way == "entry" and product == "single" and nonce is not None and len(nonce) == _PASS_NONCE:
                self._nullifiers[rider] = nullifier_of(nonce)
                expected.nullifiers.add(self._nullifiers[rider])
            if self._hands[lane] or at <= self._hand_left.get(lane, -MEDDLED_AFTER_MS) + MEDDLED_AFTER_MS:
                self._note_meddled(rider, lane)
        elif len(self._outcomes) > self._kept:
            del self._outcomes[next(iter(self._outcomes))]
        return outcome

    def unobserved(self, t_ms: int, rider: str) -> None:
        """Correct: no device took this rider's deciding edge. Said once; a rider without an outcome raises KeyError."""
        outcome = self._outcomes[rider]
        if rider in self._unobserved:
            return
        self._line(Outcome(rider, outcome.lane, outcome.way, UNOBSERVED, None, None, None, self._epoch_of(t_ms)))
        self._counts[outcome.kind] -= 1
        self._counts[UNOBSERVED] += 1
        if self._kept is not None:
            del self._outcomes[rider]
            return
        self._unobserved.add(rider)
        self._unexpect(self._lanes[outcome.lane], outcome)
        self._lanes[outcome.lane].nullifiers.discard(self._nullifiers.pop(rider, ""))

    def service_day(self, epoch_ms: int) -> int:
        """Days since 1970-01-01 by the site's service day."""
        return (epoch_ms - self._day_start_ms) // DAY_MS

    def outcome(self, rider: str) -> Outcome | None:
        """The rider's outcome as first written, or None while it is open."""
        return self._outcomes.get(rider)

    def outcomes(self) -> list[Outcome]:
        """What every rider did, as the file has it: an unobserved one has a second line, of that kind."""
        told = list(self._outcomes.values())
        return told + [replace(one, kind=UNOBSERVED, handle=None) for one in told if one.rider in self._unobserved]

    def counts(self) -> dict[str, int]:
        """Riders by kind, every kind named; an unobserved rider counts as that alone."""
        return dict(self._counts)

    def expected(self) -> dict[str, LaneExpectation]:
        """Per lane what a perfect device reports; lanes without an outcome are absent. A copy: it grows no more.

        A log that forgets raises ValueError.
        """
        if self._kept is not None:
            raise ValueError("this log forgets its riders, so it can't say what devices should have reported")
        return deepcopy(self._lanes)

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> "TruthLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _expect(lane: LaneExpectation, outcome: Outcome, step: int) -> None:
        handle = outcome.handle
        if handle is not None:
            if step > 0 and handle in lane.handles:
                lane.again[handle] += 1
            elif step > 0:
                lane.handles.add(handle)
            elif lane.again[handle]:
                lane.again[handle] -= 1
            else:
                lane.handles.discard(handle)
        else:
            name = _COUNTED_AS[outcome.kind]
            setattr(lane, name, getattr(lane, name) + step)

    @classmethod
    def _unexpect(cls, lane: LaneExpectation, outcome: Outcome) -> None:
        """No device is known to have seen it."""
        cls._expect(lane, outcome, -1)
        lane.uncertain[outcome.kind] = lane.uncertain.get(outcome.kind, 0) + 1
        if outcome.handle is not None:
            lane.uncertain_handles.add(outcome.handle)

    @classmethod
    def expected_by(cls, lines: Iterable[str]) -> dict[str, LaneExpectation]:
        """What the lines of a truth's file say that perfect devices would have reported, per lane."""
        lanes: dict[str, LaneExpectation] = {}
        outcomes: dict[str, Outcome] = {}
        for line in lines:
            outcome = Outcome(**json.loads(line))
            lane = lanes.setdefault(outcome.lane, LaneExpectation(outcome.way))
            if outcome.kind == UNOBSERVED:
                cls._unexpect(lane, outcomes[outcome.rider])
            else:
                outcomes[outcome.rider] = outcome
                cls._expect(lane, outcome, 1)
        return lanes

    def _line(self, outcome: Outcome) -> None:
        if self._file is None:
            return
        members = {name: getattr(outcome, name) for name in Outcome.__slots__}
        self._file.write(json.dumps(members, separators=(",", ":")) + "\n")
        self._file.flush()
