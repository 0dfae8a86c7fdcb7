"""The scorecard: how good the evidence of a gate is, in figures.

A `Tally` counts as rows come, and tallies add up: over lanes, stations and processes. A `Scorecard` is worked out from
one tally (with intervals from its counts) or from several runs with different seeds (with intervals over the seeds).

The terms are those of join.py and docs/scorecard.md. Pure; drawing is in scorecard_view.py.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.study import join
from simulator.study.intervals import Interval, mean_interval, poisson, wilson
from simulator.study.rows import Crossing
from simulator.world import behaviours as b
from simulator.world.counts import ENTRY

SCORECARD_FORM = 1  # of scorecard.json; another number where a reader of this one would misread it
BUSY_MS = 900_000
WAITING_STEPS_MAX = 60
WAITING_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)
NOTHING = "nothing"

Counts = Callable[["Tally"], int]
"""A count taken from a tally."""

_THROUGH = frozenset((b.PASSED, b.PASSED_FREE)) | b.EVASIONS


@dataclass
class Tally:
    """Counts of one run, or of a part of it."""

    runs_ms: int = 0  # virtual time simulated, of the longest part
    crossings: int = 0
    through: Counter[str] = field(default_factory=Counter)  # by lane
    # By lane and quarter hour, without those whom the run's end found still waiting: it lets them out without a crowd.
    flow: Counter[tuple[str, int]] = field(default_factory=Counter)
    waits_s: Counter[tuple[str, int]] = field(default_factory=Counter)  # by lane: arrival to first beam, whole seconds
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)  # outcome, verdict
    honest: Counter[str] = field(default_factory=Counter)  # honest riders who came to the beams, by kind
    accused: Counter[str] = field(default_factory=Counter)  # false accusations, by the kind of rider accused
    accused_riders: Counter[str] = field(default_factory=Counter)  # honest riders accused at least once, by kind
    accused_as: Counter[tuple[str, str]] = field(default_factory=Counter)  # the same, by outcome and verdict
    evaders: Counter[str] = field(default_factory=Counter)  # by how they did it
    came_in: Counter[str] = field(default_factory=Counter)  # who walked in, by outcome: what agencies count
    caught: Counter[str] = field(default_factory=Counter)
    matches: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add_rows(self, crossings: Sequence[Crossing], rows: Iterable[join.Joined], run_ms: int) -> None:
        """Count one part of a run: its crossings, and their join with the verdicts."""
        self.runs_ms = max(self.runs_ms, run_ms)
        for crossing in crossings:
            self.crossings += 1
            self.outcomes[crossing.outcome] += 1
            lane = f"{crossing.station}/{crossing.lane}" if crossing.station else crossing.lane
            if crossing.outcome in _THROUGH:
                self.through[lane] += 1
                self.came_in[crossing.outcome] += crossing.way == ENTRY
                if crossing.left_ms < run_ms:
                    self.flow[lane, crossing.left_ms // BUSY_MS] += 1
            if crossing.entered_ms >= 0:
                self.waits_s[lane, (crossing.entered_ms - crossing.arrived_ms) // 1000] += 1
                if crossing.honest:
                    self.honest[crossing.rider_kind] += 1
            if not crossing.honest:
                self.evaders[crossing.outcome] += 1
        accused = set()
        for row in rows:
            self.matches[row.match] += 1
            if row.match in (join.FALSE, join.REPEATED, join.PHANTOM, join.SPURIOUS):
                if row.match == join.FALSE:
                    self.accused[row.rider_kind] += 1
                    self.accused_as[row.outcome, row.what] += 1
                    accused.add((row.station, row.lane, row.rider, row.rider_kind))
                continue
            self.confusion[row.outcome, row.what or NOTHING] += 1
            if row.match == join.TRUE:
                self.caught[row.outcome] += 1
        for *_, kind in accused:
            self.accused_riders[kind] += 1

    def add(self, other: "Tally") -> None:
        """Add what was counted elsewhere in the same run."""
        self.runs_ms = max(self.runs_ms, other.runs_ms)
        self.crossings += other.crossings
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))


_COUNTERS = (
    "through",
    "flow",
    "waits_s",
    "confusion",
    "honest",
    "accused",
    "accused_riders",
    "accused_as",
    "evaders",
    "came_in",
    "caught",
    "matches",
    "outcomes",
)


@dataclass(frozen=True)
class Figure:
    """A share or a mean with its 95 % interval; `value` None where there is nothing to rate."""

    value: float | None
    interval: Interval | None = None

    def times(self, factor: float) -> "Figure":
        """The same figure in another unit."""
        scaled = None if self.interval is None else (self.interval[0] * factor, self.interval[1] * factor)
        return Figure(None if self.value is None else self.value * factor, scaled)

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "low": self.interval and self.interval[0],
            "high": self.interval and self.interval[1],
        }


def share(hits: int, trials: int) -> Figure:
    """A share of what was counted."""
    return Figure(hits / trials if trials else None, wilson(hits, trials))


def rate(events: int, exposure: int) -> Figure:
    """How often something came for each of what was counted; more than once each is possible."""
    return Figure(events / exposure if exposure else None, poisson(events, exposure))


@dataclass(frozen=True)
class Scorecard:
    """What the tallies of one or more runs (one a seed) come to. Shares of 1, times in seconds, flows per minute."""

    runs: tuple[Tally, ...]

    def __post_init__(self) -> None:
        if not self.runs:
            raise ValueError("a scorecard needs at least one run")

    @property
    def total(self) -> Tally:
        """All runs together."""
        total = Tally()
        for run in self.runs:
            total.add(run)
        return total

    # Each figure over several seeds: the mean of the runs' own, with an interval from their scatter; where that can't
    # be had, the counts of all runs together.

    def _share(self, hits: Counts, trials: Counts, of_one: Callable[[int, int], Figure] = share) -> Figure:
        if len(self.runs) == 1:
            return of_one(hits(self.runs[0]), trials(self.runs[0]))
        values = [hits(run) / trials(run) for run in self.runs if trials(run)]
        found = mean_interval(values)
        if found is None:
            total = self.total
            return of_one(hits(total), trials(total))
        mean, (low, high) = found
        return Figure(mean, (max(0.0, low), min(1.0, high) if of_one is share else high))

    def false_accusations(self) -> Figure:
        """False accusations per honest passage (an honest rider may be accused more than once)."""
        return self._share(_false, _honest, rate)

    def accused_honest(self, kind: str | None = None) -> Figure:
        """The share of honest riders (of one kind) who were accused."""
        if kind is None:
            return self._share(lambda run: run.accused_riders.total(), _honest)
        return self._share(lambda run: run.accused_riders[kind], lambda run: run.honest[kind])

    def recall(self, outcome: str | None = None) -> Figure:
        """The share of evaders (of one kind of evasion) who were caught."""
        if outcome is None:
            return self._share(lambda run: run.caught.total(), lambda run: run.evaders.total())
        return self._share(lambda run: run.caught[outcome], lambda run: run.evaders[outcome])

    def precision(self) -> Figure:
        """The share of accusations that were true, at this evasion rate."""
        return self._share(lambda run: run.matches[join.TRUE], _accusations)

    def evasion_rate(self) -> Figure:
        """The share of those who got through who had not paid."""
        return self._share(lambda run: run.evaders.total(), lambda run: run.through.total())

    def throughput_per_min(self) -> dict[str, tuple[float, float]]:
        """For each lane, riders a minute over the whole run, and in its busiest quarter hour (mean of the runs)."""
        lanes = sorted(set().union(*(run.through for run in self.runs)))
        found = {}
        for lane in lanes:
            over = busy = 0.0
            for run in self.runs:
                quarters = [count for (name, _), count in run.flow.items() if name == lane]
                over += sum(quarters) / max(1, run.runs_ms) * 60_000
                busy += max(quarters, default=0) / (min(BUSY_MS, max(1, run.runs_ms)) / 60_000)
            found[lane] = (over / len(self.runs), busy / len(self.runs))
        return found

    def waiting_s(self, lane: str | None = None) -> dict[str, float | None]:
        """Arrival to first beam, over all runs (at one lane): mean, median, 95th percentile, longest; whole seconds,
        rounded down.
        """
        waits: Counter[int] = Counter()
        for (name, wait), count in self.total.waits_s.items():
            if lane in (None, name):
                waits[wait] += count
        return _waited(waits)

    def waiting_s_by_lane(self) -> dict[str, dict[str, float | None]]:
        """The same for each lane to whose first beam anybody came."""
        lanes: dict[str, Counter[int]] = {}
        for (lane, wait), count in self.total.waits_s.items():
            lanes.setdefault(lane, Counter())[wait] += count
        return {lane: _waited(lanes[lane]) for lane in sorted(lanes)}

    def waiting_counts(self) -> dict[str, Any]:
        """How many waited how long: riders for each step of `step_s` seconds from 0; at most 60 steps."""
        waits: Counter[int] = Counter()
        for (_, wait), count in self.total.waits_s.items():
            waits[wait] += count
        longest = max(waits, default=-1)
        fitting = (step for step in WAITING_STEPS_S if longest < step * WAITING_STEPS_MAX)
        step_s = next(fitting, longest // WAITING_STEPS_MAX + 1)
        riders = [0] * (longest // step_s + 1)
        for wait, count in waits.items():
            riders[wait // step_s] += count
        return {"step_s": step_s, "riders": riders}

    def conclusion(self) -> str:
        """One plain sentence."""
        total = self.total
        honest, accusations = total.honest.total(), _accusations(total)
        if not honest:
            return "Nobody honest came to a beam, so there is nothing to rate."
        wrongly = self.false_accusations().times(10_000)
        text = f"To 10,000 honest passages come {_rounded(wrongly)} false accusations"
        if total.evaders:
            text += f"; {_percent(self.recall())} of evasions were noticed"
        if accusations:
            text += f"; {_percent(self.precision())} of accusations were right"
        return text + "."

    def to_dict(self) -> dict[str, Any]:
        """Everything, for programs. Keys keep their order."""
        total = self.total
        outcomes = [outcome for outcome in b.OUTCOMES if total.outcomes[outcome]]
        whats = sorted({what for _, what in total.confusion})
        return {
            "seeds": len(self.runs),
            "crossings": total.crossings,
            "honest_passages": total.honest.total(),
            "evasions": total.evaders.total(),
            "accusations": _accusations(total),
            "conclusion": self.conclusion(),
            "evasion_rate": self.evasion_rate().to_dict(),
            "false_accusations_per_10000": self.false_accusations().times(10_000).to_dict(),
            "recall": self.recall().to_dict(),
            "precision": self.precision().to_dict(),
            "by_rider_kind": {
                kind: {
                    "honest_passages": total.honest[kind],
                    "false_accusations": total.accused[kind],
                    "accused_share": self.accused_honest(kind).to_dict(),
                }
                for kind in sorted(total.honest)
            },
            "by_evasion": {
                outcome: {"evasions": total.evaders[outcome], "recall": self.recall(outcome).to_dict()}
                for outcome in sorted(total.evaders)
            },
            "confusion": {
                outcome: {what: total.confusion[outcome, what] for what in whats if total.confusion[outcome, what]}
                for outcome in outcomes
            },
            "accused_as": {
                outcome: {what: count for (of, what), count in sorted(total.accused_as.items()) if of == outcome}
                for outcome in outcomes
            },
            "unmatched_verdicts": {
                match: total.matches[match] for match in (join.FALSE, join.REPEATED, join.PHANTOM, join.SPURIOUS)
            },
            "throughput_per_min": {
                lane: {"mean": mean, "busiest_quarter_hour": busy}
                for lane, (mean, busy) in self.throughput_per_min().items()
            },
            "waiting_s": self.waiting_s(),
            "waiting_s_by_lane": self.waiting_s_by_lane(),
            "waiting_counts": self.waiting_counts(),
        }


def _honest(run: Tally) -> int:
    return run.honest.total()


def _false(run: Tally) -> int:
    return run.matches[join.FALSE]


def _accusations(run: Tally) -> int:
    return sum(run.matches[match] for match in (join.TRUE, join.FALSE, join.REPEATED, join.PHANTOM))


def _waited(waits: Counter[int]) -> dict[str, float | None]:
    n = waits.total()
    if not n:
        return {"mean": None, "p50": None, "p95": None, "max": None}
    ordered = sorted(waits.items())
    return {
        "mean": sum(wait * count for wait, count in ordered) / n,
        "p50": _quantile(ordered, n, 0.50),
        "p95": _quantile(ordered, n, 0.95),
        "max": float(ordered[-1][0]),
    }


def _quantile(ordered: list[tuple[int, int]], n: int, at: float) -> float:
    seen = 0
    for value, count in ordered:
        seen += count
        if seen >= at * n:
            return float(value)
    return float(ordered[-1][0])


def _rounded(figure: Figure) -> str:
    assert figure.value is not None
    text = f"{figure.value:,.0f}"
    if figure.interval is None:
        return text
    return f"{text} (95 %: {figure.interval[0]:,.0f} to {figure.interval[1]:,.0f})"


def _percent(figure: Figure) -> str:
    """In whole percent; 0 and 100 only where it is none or all."""
    if figure.value is None:
        return "–"
    if 0.995 <= figure.value < 1.0:
        return "more than 99 %"
    if 0.0 < figure.value < 0.005:
        return "less than 1 %"
    return f"{figure.value * 100:.0f} %"
