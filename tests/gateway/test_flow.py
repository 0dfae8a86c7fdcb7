"""The overview's charts: what is stored adds up in them, whichever steps it falls into."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.flow import Counted
from gateway.web.board import FLOW_MAX_MS, FLOW_MS, pause_ms
from gateway.web.flow import LONGEST_MS, MEAN_MS, SPANS, STEPS, per_minute, steps, window

NOW_MS = 1_800_000_000_000


MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("age_ms", "minutes", "name"),
    [
        (None, 15, "The last quarter of an hour"),
        (0, 15, "The last quarter of an hour"),
        (14 * MINUTE_MS, 15, "The last quarter of an hour"),
        (15 * MINUTE_MS, 30, "The last half hour"),
        (30 * MINUTE_MS + 1, 60, "The last hour"),
        (60 * MINUTE_MS + 1, 120, "The last two hours"),
        (120 * MINUTE_MS + 1, 180, "The last three hours"),
        (180 * MINUTE_MS + 1, 360, "The last six hours"),
        (360 * MINUTE_MS + 1, 720, "The last twelve hours"),
        (NOW_MS, 720, "The last twelve hours"),
    ],
)
def test_the_window_grows_with_what_is_stored(age_ms: int | None, minutes: int, name: str) -> None:
    shown = window(NOW_MS, None if age_ms is None else NOW_MS - age_ms)
    assert (shown.to_ms - shown.from_ms, shown.name) == (minutes * MINUTE_MS, name)
    assert shown.from_ms % shown.step_ms == 0 and shown.to_ms - shown.step_ms <= NOW_MS < shown.to_ms


@given(st.integers(0, LONGEST_MS - 3_600_000), st.integers(0, 3_600_000))
def test_all_that_is_stored_fits_into_the_window(age_ms: int, later_ms: int) -> None:
    """Whatever the moment within a step is."""
    now_ms = NOW_MS + later_ms
    assert window(now_ms, now_ms - age_ms).from_ms <= now_ms - age_ms


def test_from_one_window_to_the_next_half_of_what_was_seen_stays() -> None:
    lengths = [minutes for minutes, _ in SPANS]
    assert all(before < after <= 2 * before for before, after in pairwise(lengths))
    assert all(minutes * MINUTE_MS % STEPS == 0 for minutes in lengths), "steps are whole"


@given(
    st.lists(
        st.builds(
            lambda start, length, *counts: Counted(NOW_MS - start, NOW_MS - start + length, *counts),
            st.integers(60_000, 800_000),
            st.integers(0, 60_000),
            st.integers(0, 1000),
            st.integers(0, 1000),
            st.integers(0, 50),
        ),
        max_size=20,
    )
)
def test_what_is_stored_adds_up(tallies: list[Counted]) -> None:
    found = steps(window(NOW_MS, NOW_MS - 800_000), [], tallies)
    assert len(found) == STEPS
    assert sum(one.entries for one in found) == sum(one.entries for one in tallies)
    assert sum(one.exits for one in found) == sum(one.exits for one in tallies)
    assert sum(one.irregular for one in found) == sum(one.irregular for one in tallies)
    assert sum(one.tallied for one in found) == sum(one.entries + one.exits for one in tallies)
    assert not any(one.recorded for one in found)


def test_a_tally_is_spread_over_its_interval_and_cut_at_the_window() -> None:
    shown = window(NOW_MS, NOW_MS - 60_000)
    found = steps(shown, [], [Counted(shown.from_ms - 30_000, shown.from_ms + 30_000, 60, 0, 0)])
    assert [one.entries for one in found[:3]] == [15, 15, 0]
    found = steps(shown, [Counted(shown.to_ms - 10_000, shown.to_ms, 3, 4, 1)], [])
    assert (found[-1].entries, found[-1].exits, found[-1].recorded, found[-1].irregular) == (3, 4, 7, 1)


def test_figures_per_minute_are_means_of_what_there_was() -> None:
    long_ago = NOW_MS - LONGEST_MS
    rows = [Counted(NOW_MS - MEAN_MS, NOW_MS, 50, 100, 0), Counted(long_ago, long_ago + 10_000, 999, 999, 0)]
    assert per_minute(rows, [], NOW_MS, long_ago) == (10.0, 20.0)
    # Half of an interval lies before the five minutes.
    assert per_minute([], [Counted(NOW_MS - 2 * MEAN_MS, NOW_MS, 100, 0, 0)], NOW_MS, long_ago) == (10.0, 0.0)
    assert per_minute([Counted(NOW_MS - 30_000, NOW_MS, 5, 0, 0)], [], NOW_MS, NOW_MS - 30_000) == (10.0, 0.0)
    assert per_minute([], [], NOW_MS, None) == (0.0, 0.0)


def test_reading_the_charts_takes_a_fiftieth_of_a_core_at_most() -> None:
    assert pause_ms(0.001) == FLOW_MS
    assert pause_ms(0.2) == 50 * 200
    assert pause_ms(30.0) == FLOW_MAX_MS
