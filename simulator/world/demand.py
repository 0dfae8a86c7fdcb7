"""Demand: how many riders come, from real hourly counts, and when.

Arrivals are a Poisson process whose rate is the hour's count. Entries and exits are two streams with a generator each.

The evening peak is the real one, unscaled: Nadaprabhu Kempegowda Station, Majestic, on 14 August 2025, hour 18, the
busiest station in any hour 18 of the data, with 2,819 entries and 7,052 exits, 164.5 riders a minute. The
simplification, said plainly: one gateline of eight lanes carries the whole station's riders (20.6 a minute and lane, a
usual load for such a lane); the real station has more gates. The count of a minute is Poisson: the chance of fewer than
100 riders is 2.4e-8.

Does not belong here: who the riders are (riders.py), which lane they take (station.py).
"""

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from simulator.clock import rng

HOUR_MS = 3_600_000
HOURS = 24
ENTRY, EXIT = "entry", "exit"

PEAK_STATION = "Nadaprabhu Kempegowda Station, Majestic"
PEAK_DATE = "2025-08-14"
PEAK_HOUR = 18

_COUNTS = ("namma-metro", "hourly-2025-08.csv.gz")


@dataclass(frozen=True, slots=True)
class HourlyProfile:
    """Riders per hour of one station and date, hours 0 to 23, local time."""

    station: str
    date: str
    entries: tuple[int, ...]
    exits: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.entries) != HOURS or len(self.exits) != HOURS or min(*self.entries, *self.exits) < 0:
            raise ValueError("a profile needs 24 counts of entries and 24 of exits, none below 0")

    def count(self, way: str, hour: int) -> int:
        """Riders of that way in that hour."""
        return (self.entries if way == ENTRY else self.exits)[hour]

    def busiest_hour(self) -> int:
        """The hour with the most riders, both ways together; the earliest of equals."""
        return max(range(HOURS), key=lambda hour: (self.entries[hour] + self.exits[hour], -hour))


def load_profile(station: str = PEAK_STATION, date: str = PEAK_DATE) -> HourlyProfile:
    """The bundled counts of one station and date; raises ValueError when the data has none, or only half."""
    entries, exits = [0] * HOURS, [0] * HOURS
    found = False
    for row in _rows():
        if row["station"] != station or row["date"] != date:
            continue
        found = True
        if not row["entries"] or not row["exits"]:
            raise ValueError(f"the bundled counts of {station} on {date} lack entries or exits: choose another date")
        entries[int(row["hour"])] = int(row["entries"])
        exits[int(row["hour"])] = int(row["exits"])
    if not found:
        raise ValueError(
            f"the bundled counts have no riders for {station} on {date}: "
            "dates run from 2025-08-01 to 2025-08-18, and stations() lists the names"
        )
    return HourlyProfile(station, date, tuple(entries), tuple(exits))


def stations() -> list[str]:
    """The names of all stations with riders in the bundled counts."""
    return sorted({row["station"] for row in _rows()})


def _rows() -> Iterator[dict[str, str]]:
    resource = files("simulator.data").joinpath(*_COUNTS)
    with resource.open("rb") as packed, gzip.open(packed, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


@dataclass(frozen=True, slots=True)
class Demand:
    """Riders who come by a profile from `start_hour` on; after hour 23 the profile begins anew.

    `scale` multiplies every count: what share of the station's riders this gateline gets (1.0: all).
    """

    profile: HourlyProfile
    start_hour: int = PEAK_HOUR
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.start_hour < HOURS or self.scale < 0:
            raise ValueError("demand starts at an hour from 0 to 23, and its scale is not below 0")

    def per_minute(self, way: str, t_ms: int = 0) -> float:
        """The mean number of riders a minute at `t_ms` after the start."""
        hour = (self.start_hour + t_ms // HOUR_MS) % HOURS
        return self.profile.count(way, hour) * self.scale / 60

    def arrivals(self, way: str, seed: int) -> Iterator[int]:
        """When riders come, in ms after the start, in order, without end (empty when nobody ever comes)."""
        if not any(self.profile.count(way, hour) for hour in range(HOURS)) or self.scale == 0:
            return iter(())
        return self._arrivals(way, rng(seed, "arrivals", way))

    def _arrivals(self, way: str, own: random.Random) -> Iterator[int]:
        at_ms = 0.0
        while True:
            # A unit exponential, spent at each hour's own rate: exact across the hours, without thinning.
            left = own.expovariate(1.0)
            while True:
                hours_past = int(at_ms // HOUR_MS)
                per_ms = self.profile.count(way, (self.start_hour + hours_past) % HOURS) * self.scale / HOUR_MS
                hour_end_ms = (hours_past + 1) * float(HOUR_MS)
                if left <= per_ms * (hour_end_ms - at_ms):
                    at_ms += left / per_ms
                    break
                left -= per_ms * (hour_end_ms - at_ms)
                at_ms = hour_end_ms
            yield int(at_ms)


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
