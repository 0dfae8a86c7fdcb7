"""Demand: when riders come, by real counts.

Entries are a Poisson process whose rate is the quarter hour's; exits likewise, or in bursts as trains arrive. Each way
has a generator of its own.

The evening peak is the real one, unscaled: Nadaprabhu Kempegowda Station, Majestic, on 14 August 2025, hour 18, the
busiest station in any hour 18 of the data, with 2,819 entries and 7,052 exits, 164.5 riders a minute. The
simplification, said plainly: one gateline of eight lanes carries the whole station's riders (20.6 a minute and lane, a
usual load for such a lane); the real station has more gates. The count of a minute is Poisson: the chance of fewer than
100 riders is 2.4e-8.

Does not belong here: the counts (counts.py), who the riders are (riders.py), which lane they take (station.py).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from simulator.clock import rng
from simulator.world.counts import ENTRY, EXIT, HOURS, PEAK_DATE, PEAK_HOUR, PEAK_STATION, QUARTERS, HourlyProfile
from simulator.world.counts import load_profile as load_profile
from simulator.world.counts import stations as stations

HOUR_MS = 3_600_000
QUARTER_MS = 900_000

__all__ = ["ENTRY", "EXIT", "HOURS", "HOUR_MS", "PEAK_DATE", "PEAK_HOUR", "PEAK_STATION", "QUARTERS", "QUARTER_MS"]
__all__ += ["Demand", "HourlyProfile", "evening_peak", "lane_ways", "load_profile", "stations"]

# Alighting riders string out between platform and gates: a gamma distribution of this shape around the mean delay.
_STRING_OUT_SHAPE = 3.0


@dataclass(frozen=True, slots=True)
class Demand:
    """Riders who come by a profile from `start_hour` and `start_min` on; after hour 23 the profile begins anew.

    `scale` multiplies every count: what share of the station's riders this gateline gets (1.0: all). `smooth` spreads
    each hour's count over its quarters by the slope to its neighbours instead of evenly; the hour's count stays.

    With a `headway_s` above 0, riders on their way out come as trains do: each train brings as many as the counts give
    its headway, a Poisson number, and they reach the gates after a gamma distributed time with the mean `spread_s`.
    """

    profile: HourlyProfile
    start_hour: int = PEAK_HOUR
    scale: float = 1.0
    start_min: int = 0
    smooth: bool = False
    headway_s: float = 0.0
    spread_s: float = 40.0

    def __post_init__(self) -> None:
        if not 0 <= self.start_hour < HOURS or self.scale < 0:
            raise ValueError("demand starts at an hour from 0 to 23, and its scale is not below 0")
        if not 0 <= self.start_min < 60 or self.headway_s < 0 or self.spread_s <= 0:
            raise ValueError("demand starts at a minute from 0 to 59; headway is not below 0 s, spread above 0 s")

    def quarters(self, way: str) -> tuple[float, ...]:
        """The mean number of riders in each of the day's 96 quarter hours, from midnight."""
        return tuple(count * self.scale for count in self.profile.quarters(way, self.smooth))

    def per_minute(self, way: str, t_ms: int = 0) -> float:
        """The mean number of riders a minute at `t_ms` after the start."""
        return self.quarters(way)[self._quarter_at(t_ms)] / 15

    def busiest_per_minute(self, way: str, duration_ms: int) -> float:
        """The mean number of riders a minute in the busiest quarter hour of so long from the start."""
        quarters, first = self.quarters(way), self._quarter_at(0)
        return max(quarters[(first + n) % QUARTERS] for n in range(max(1, -(-duration_ms // QUARTER_MS)))) / 15

    def expected(self, way: str, duration_ms: int) -> float:
        """The mean number of riders from the start on, until then."""
        return self._between(self.quarters(way), 0.0, duration_ms)

    def arrivals(self, way: str, seed: int) -> Iterator[int]:
        """When riders come, in ms after the start, in order, without end (empty when nobody ever comes)."""
        quarters = self.quarters(way)
        if not any(quarters):
            return iter(())
        own = rng(seed, "arrivals", way)
        if way == EXIT and self.headway_s:
            return self._by_train(quarters, own)
        return self._poisson(quarters, own)

    def _start_ms(self) -> int:
        return self.start_hour * HOUR_MS + self.start_min * 60_000

    def _quarter_at(self, t_ms: float) -> int:
        return int((self._start_ms() + t_ms) // QUARTER_MS) % QUARTERS

    def _quarter_end_ms(self, t_ms: float) -> float:
        """The end of the quarter hour that `t_ms` lies in, in ms after the start."""
        start_ms = self._start_ms()
        return ((start_ms + t_ms) // QUARTER_MS + 1) * float(QUARTER_MS) - start_ms

    def _poisson(self, quarters: tuple[float, ...], own: random.Random) -> Iterator[int]:
        at_ms = 0.0
        while True:
            # A unit exponential, spent at each quarter's own rate: exact across the quarters, without thinning.
            left = own.expovariate(1.0)
            end_ms = self._quarter_end_ms(at_ms)
            while True:
                per_ms = quarters[self._quarter_at(at_ms)] / QUARTER_MS
                if left <= per_ms * (end_ms - at_ms):
                    at_ms += left / per_ms
                    break
                left -= per_ms * (end_ms - at_ms)
                at_ms, end_ms = end_ms, end_ms + QUARTER_MS
            yield int(at_ms)

    def _by_train(self, quarters: tuple[float, ...], own: random.Random) -> Iterator[int]:
        headway_ms = self.headway_s * 1000
        scale_ms = self.spread_s * 1000 / _STRING_OUT_SHAPE
        train_ms = own.random() * headway_ms
        waiting: list[int] = []
        while True:
            mean = self._between(quarters, train_ms - headway_ms, train_ms)
            for _ in range(_poisson_number(own, mean)):
                heappush(waiting, int(train_ms + own.gammavariate(_STRING_OUT_SHAPE, scale_ms)))
            train_ms += headway_ms
            while waiting and waiting[0] < train_ms:
                yield heappop(waiting)

    def _between(self, quarters: tuple[float, ...], from_ms: float, to_ms: float) -> float:
        """The mean number of riders between two times after the start (before it nobody comes)."""
        at_ms, total = max(0.0, from_ms), 0.0
        while at_ms < to_ms:
            until_ms = min(to_ms, self._quarter_end_ms(at_ms))
            total += quarters[self._quarter_at(at_ms)] * (until_ms - at_ms) / QUARTER_MS
            at_ms = until_ms
        return total


def _poisson_number(own: random.Random, mean: float) -> int:
    """A Poisson number, by counting exponentials: exact, and fast enough for a train."""
    count, left = 0, mean
    while (left := left - own.expovariate(1.0)) > 0:
        count += 1
    return count


def evening_peak() -> Demand:
    """The real evening peak that the demo runs (see the head of this file)."""
    return Demand(load_profile(), PEAK_HOUR)


def lane_ways(lanes: int, demand: Demand) -> list[str]:
    """Which way each of `lanes` lanes should point, by the starting hour's flows; both ways get one when two exist."""
    if lanes < 1:
        raise ValueError("a gateline needs a lane")
    entries, exits = demand.per_minute(ENTRY), demand.per_minute(EXIT)
    total = entries + exits
    share = entries / total if total else 0.5
    entry_lanes = round(lanes * share)
    if lanes > 1:
        entry_lanes = min(lanes - 1, max(1, entry_lanes))
    return [ENTRY] * entry_lanes + [EXIT] * (lanes - entry_lanes)
