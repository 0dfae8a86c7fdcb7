"""Traces: what a record joins under one number. A card's week in the usual record, one handle's service day in ours.

And the oldest attack on them (de Montjoye and others 2013, "Unique in the Crowd"): who knows a few points of somebody,
from having seen them, looks for the traces that have these points. One such trace: found, and all its other points with
it.

Pure. Does not belong here: who is behind a trace (score.py knows the truth).
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from simulator.linkage.baseline import Tap
from simulator.linkage.week import DAY_START_MS
from simulator.truth import DAY_MS

SECOND_MS, MINUTE_MS, QUARTER_MS = 1_000, 60_000, 900_000
RESOLUTIONS = {"second": SECOND_MS, "minute": MINUTE_MS, "quarter hour": QUARTER_MS, "day": DAY_MS}
PLACES = ("gate", "station")


class Point(NamedTuple):
    """Somebody at a gate, as exactly as the record has it."""

    at_ms: int
    gate: str


Traces = Mapping[str, Sequence[Point]]


def of_handles(passages: Iterable[Mapping[str, Any]]) -> dict[str, list[Point]]:
    """The traces in the table `passages`: by handle, in order of time."""
    traces: dict[str, list[Point]] = defaultdict(list)
    for row in passages:
        traces[row["handle"]].append(Point(row["at"], row["device"]))
    return {handle: sorted(points) for handle, points in sorted(traces.items())}


def of_cards(taps: Iterable[Tap]) -> dict[str, list[Point]]:
    """The traces in the usual record: by card."""
    traces: dict[str, list[Point]] = defaultdict(list)
    for tap in taps:
        traces[tap.card].append(Point(tap.at_s * 1_000, tap.gate))
    return {card: sorted(points) for card, points in sorted(traces.items())}


def blurred(point: Point, time_ms: int, place: str) -> Point:
    """The point as somebody remembers it who knows the time to `time_ms` and the place. Days are service days."""
    at_ms = (point.at_ms - DAY_START_MS) // time_ms * time_ms + DAY_START_MS
    return Point(at_ms, point.gate.split("-")[0] if place == "station" else point.gate)


@dataclass(frozen=True, slots=True)
class Unicity:
    """`unique` of `tried` traces are the only ones with the known points; `further` points each are learnt on
    average."""

    unique: int
    tried: int
    further: float

    @property
    def share(self) -> float | None:
        """None where no trace has so many points."""
        return self.unique / self.tried if self.tried else None


def unicity(traces: Traces, known: int, time_ms: int, place: str, rng: random.Random) -> Unicity:
    """Of each trace with at least `known` points as many are drawn, and blurred; is it the only one that has them?"""
    having: dict[Point, set[str]] = defaultdict(set)
    blurs: dict[str, list[Point]] = {}
    for name, points in traces.items():
        blurs[name] = [blurred(point, time_ms, place) for point in points]
        for point in blurs[name]:
            having[point].add(name)
    unique = tried = further = 0
    for name, points in blurs.items():
        if len(points) < known:
            continue
        tried += 1
        fits = set.intersection(*(having[point] for point in rng.sample(points, known)))
        if fits == {name}:
            unique += 1
            further += len(points) - known
    return Unicity(unique, tried, further / unique if unique else 0.0)
