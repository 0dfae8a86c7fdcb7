"""Demand: the bundled counts, and arrivals that follow them."""

import math
from importlib.resources import files
from itertools import pairwise, takewhile

import pytest

from simulator.world import counts, demand
from simulator.world.demand import ENTRY, EXIT, HOUR_MS, Demand, HourlyProfile, evening_peak, lane_ways, load_profile

MINUTE_MS = 60_000


def count(source: Demand, seed: int, until_ms: int) -> int:
    return sum(
        len(list(takewhile(lambda at_ms: at_ms < until_ms, source.arrivals(way, seed)))) for way in (ENTRY, EXIT)
    )


def flat(entries: int, exits: int = 0) -> HourlyProfile:
    return HourlyProfile("Test", "2025-08-01", (entries,) * 24, (exits,) * 24)


def test_the_bundled_counts_are_the_real_ones() -> None:
    assert len(demand.stations()) == 83
    peak = load_profile()
    assert (peak.count(ENTRY, 18), peak.count(EXIT, 18)) == (2819, 7052)
    assert peak.count(ENTRY, 0) == 0  # hours without riders are not in the file
    assert peak.busiest_hour() == 19


def test_the_data_carries_its_licence_and_source() -> None:
    folder = files("simulator.data").joinpath("namma-metro")
    assert "Open Database License" in folder.joinpath("LICENSE").read_text(encoding="utf-8")
    readme = folder.joinpath("README.md").read_text(encoding="utf-8")
    assert "kdqed/bmrcl-ridership-hourly" in readme and "Attribution" in readme


def test_an_unknown_station_or_date_is_said() -> None:
    with pytest.raises(ValueError, match="no riders for Nowhere on 2025-08-01"):
        load_profile("Nowhere", "2025-08-01")
    with pytest.raises(ValueError, match="dates run from 2025-08-01 to 2025-08-18"):
        load_profile(demand.PEAK_STATION, "2024-01-01")


def test_no_other_station_has_a_busier_hour_18() -> None:
    busiest = max(
        (row for row in counts._rows() if row["hour"] == "18" and row["entries"] and row["exits"]),
        key=lambda row: int(row["entries"]) + int(row["exits"]),
    )
    assert (busiest["station"], busiest["date"]) == (demand.PEAK_STATION, demand.PEAK_DATE)


def test_every_seed_brings_a_hundred_riders_in_the_first_minute() -> None:
    peak = evening_peak()
    mean = peak.per_minute(ENTRY) + peak.per_minute(EXIT)
    assert mean == pytest.approx(164.5, abs=0.1)
    counts = [count(peak, seed, MINUTE_MS) for seed in range(200)]
    assert min(counts) >= 100
    assert sum(counts) / len(counts) == pytest.approx(mean, abs=4 * math.sqrt(mean / len(counts)))
    # A Poisson count's variance is its mean.
    variance = sum((n - mean) ** 2 for n in counts) / len(counts)
    assert 0.6 * mean < variance < 1.5 * mean


def test_the_documented_chance_of_fewer_than_a_hundred() -> None:
    mean = (2819 + 7052) / 60
    chance = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(100))
    assert chance == pytest.approx(2.4e-8, rel=0.02)
    assert "2.4e-8" in str(demand.__doc__)


def test_arrivals_are_in_order_and_follow_each_hours_rate() -> None:
    counts = [0] * 24
    counts[18], counts[20] = 3_000, 600
    source = Demand(HourlyProfile("Test", "2025-08-01", tuple(counts), (0,) * 24))
    arrivals = list(takewhile(lambda at_ms: at_ms < 24 * HOUR_MS, source.arrivals(ENTRY, 3)))
    assert all(earlier <= later for earlier, later in pairwise(arrivals))
    per_hour = [sum(1 for at_ms in arrivals if at_ms // HOUR_MS == hour) for hour in range(24)]
    assert per_hour[0] == pytest.approx(3_000, abs=4 * math.sqrt(3_000))
    assert per_hour[2] == pytest.approx(600, abs=4 * math.sqrt(600))
    assert sum(per_hour) == per_hour[0] + per_hour[2]
    # After hour 23 the profile begins anew.
    again = [at for at in takewhile(lambda at: at < 25 * HOUR_MS, source.arrivals(ENTRY, 3)) if at >= 24 * HOUR_MS]
    assert len(again) == pytest.approx(3_000, abs=4 * math.sqrt(3_000))


def test_scale_and_nobody() -> None:
    assert count(Demand(flat(6_000), scale=0.5), 1, 10 * MINUTE_MS) == pytest.approx(500, abs=90)
    assert list(Demand(flat(0, 5)).arrivals(ENTRY, 1)) == []
    assert list(Demand(flat(5), scale=0).arrivals(ENTRY, 1)) == []


def test_entries_and_exits_have_generators_of_their_own() -> None:
    both, alone = Demand(flat(600, 600)), Demand(flat(600, 6_000))
    first = [at for at, _ in zip(both.arrivals(ENTRY, 5), range(50), strict=False)]
    assert first == [at for at, _ in zip(alone.arrivals(ENTRY, 5), range(50), strict=False)]
    assert first != [at for at, _ in zip(both.arrivals(EXIT, 5), range(50), strict=False)]
    assert first != [at for at, _ in zip(both.arrivals(ENTRY, 6), range(50), strict=False)]


def test_lanes_point_where_riders_go() -> None:
    assert lane_ways(8, evening_peak()) == ["entry"] * 2 + ["exit"] * 6
    assert lane_ways(2, Demand(flat(10_000, 1))) == ["entry", "exit"]
    assert lane_ways(1, Demand(flat(1, 10_000))) == ["exit"]
    assert lane_ways(4, Demand(flat(0, 0))) == ["entry"] * 2 + ["exit"] * 2
    with pytest.raises(ValueError, match="needs a lane"):
        lane_ways(0, evening_peak())


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="24 counts"):
        HourlyProfile("Test", "2025-08-01", (1,), (1,))
    with pytest.raises(ValueError, match="hour from 0 to 23"):
        Demand(flat(1), start_hour=24)
