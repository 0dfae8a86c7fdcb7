"""Where riders come: stations with their demand and how many gates of each way they have.

Three networks: a small site, the busiest station alone, and a whole metro with the lanes that the scenario
whole-metro-day gives it. Counts are those of the bundled data (simulator/world/counts.py).
"""

from dataclasses import dataclass
from math import ceil

from simulator.world.counts import ENTRY, EXIT, HOURS, PEAK_STATION, HourlyProfile, constant_profile, metro_day
from simulator.world.demand import Demand

DATE = "2025-08-16"
RIDERS_PER_LANE_MIN = 15
START_HOUR = 4  # before the first train
_DAY_MS = HOURS * 3_600_000


@dataclass(frozen=True, slots=True)
class Station:
    """One station: its demand from START_HOUR on, and its gates."""

    name: str
    demand: Demand
    entries: int
    exits: int


@dataclass(frozen=True, slots=True)
class Site:
    """All stations that share one spent set."""

    name: str
    stations: tuple[Station, ...]

    @property
    def gates(self) -> int:
        """Gates of both ways."""
        return sum(station.entries + station.exits for station in self.stations)

    @property
    def entry_gates(self) -> int:
        return sum(station.entries for station in self.stations)


def small(entries_per_h: float = 60.0, entries: int = 3) -> Site:
    """A station whose riders of an hour are always as many; as many leave."""
    profile = constant_profile(entries_per_h, entries_per_h)
    return Site("small", (Station("small", Demand(profile, START_HOUR), entries, 2),))


def station(name: str = PEAK_STATION, date: str = DATE) -> Site:
    """One real station as a network of its own; ValueError when the counts do not have it."""
    profiles, _ = metro_day(date)
    if name not in profiles:
        raise ValueError(f"the bundled counts have no {name} on {date}")
    return Site("station", (_station(name, profiles[name]),))


def metro(date: str = DATE) -> Site:
    """Every station of the bundled counts."""
    profiles, _ = metro_day(date)
    return Site("metro", tuple(_station(name, profile) for name, profile in profiles.items()))


def _station(name: str, profile: HourlyProfile) -> Station:
    demand = Demand(profile, START_HOUR, smooth=True)
    lanes = [max(1, ceil(demand.busiest_per_minute(way, _DAY_MS) / RIDERS_PER_LANE_MIN)) for way in (ENTRY, EXIT)]
    return Station(name, demand, *lanes)
