"""Demand: the bundled counts, and arrivals that follow them."""

import math
from importlib.resources import files
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.world import counts, demand
from simulator.world.demand import (
    ENTRY,
    EXIT,
    HOUR_MS,
    HOURS,
    QUARTERS,
    Demand,
    HourlyProfile,
    evening_peak,
    lane_ways,
    load_profile,
)

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


# --- quarter hours and trains ----------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 5_000), min_size=HOURS, max_size=HOURS),
    st.lists(st.integers(0, 5_000), min_size=HOURS, max_size=HOURS),
)
def test_smoothing_keeps_each_hours_count_and_goes_nowhere_below_nothing(entries: list[int], exits: list[int]) -> None:
    profile = HourlyProfile("x", "2026-01-01", tuple(entries), tuple(exits))
    for way, hourly in ((ENTRY, entries), (EXIT, exits)):
        for smooth in (False, True):
            quarters = profile.quarters(way, smooth)
            assert len(quarters) == QUARTERS and min(quarters) >= 0
            for hour, count in enumerate(hourly):
                assert sum(quarters[hour * 4 : hour * 4 + 4]) == pytest.approx(count)


def test_smoothing_follows_the_slope_between_the_hours() -> None:
    hourly = (0.0,) * 7 + (100.0, 200.0, 300.0) + (0.0,) * 14
    quarters = HourlyProfile("x", "", hourly, hourly).quarters(ENTRY, True)
    assert list(quarters[32:36]) == sorted(quarters[32:36]) and quarters[32] < 50 < quarters[35]


def test_the_expected_number_is_that_of_the_quarters_from_the_start_on() -> None:
    counts = tuple(float(hour) * 60 for hour in range(24))
    demand = Demand(HourlyProfile("x", "", counts, counts), start_hour=8, start_min=30, scale=0.5)
    assert demand.expected(ENTRY, 3_600_000) == pytest.approx((8 * 60 + 9 * 60) / 4)
    assert demand.expected(ENTRY, 60_000) == pytest.approx(4.0)


def test_trains_bring_bursts_and_as_many_riders_as_the_counts() -> None:
    flow = HourlyProfile("x", "", (1_200.0,) * 24, (1_200.0,) * 24)

    def per_minute(demand: Demand, way: str, hours: int = 30) -> list[int]:
        minutes = [0] * (hours * 60)
        for at_ms in demand.arrivals(way, 5):
            if at_ms >= hours * HOUR_MS:
                return minutes
            minutes[at_ms // 60_000] += 1
        return minutes

    def scatter(minutes: list[int]) -> float:
        mean = sum(minutes) / len(minutes)
        return sum((count - mean) ** 2 for count in minutes) / len(minutes) / mean

    trains = Demand(flow, start_hour=0, headway_s=300, spread_s=40)
    exits, entries = per_minute(trains, EXIT), per_minute(trains, ENTRY)
    assert sum(exits) / len(exits) == pytest.approx(20, rel=0.05) == sum(entries) / len(entries)
    assert scatter(entries) == pytest.approx(1.0, abs=0.15), "Poisson"
    assert scatter(exits) > 10, "a minute after a train is full, the others are empty"
    assert per_minute(trains, ENTRY) == per_minute(Demand(flow, start_hour=0), ENTRY), "entries know no trains"
    by_phase = [0] * 5
    for n, count in enumerate(exits):
        by_phase[n % 5] += count
    assert max(by_phase) > sum(by_phase) * 0.5, "each train five minutes after the one before"


def test_riders_of_a_train_are_in_order_and_begin_with_the_run() -> None:
    demand = Demand(HourlyProfile("x", "", (0.0,) * 24, (900.0,) * 24), headway_s=240, spread_s=90)
    times = list(islice(demand.arrivals(EXIT, 1), 500))
    assert times == sorted(times) and times[0] >= 0
