"""The overview's figures: what waits in a gate that isn't heard is not known, and is not called nothing."""

from __future__ import annotations

import pytest

from gateway.live.lane import Lane, LaneCounts
from gateway.protocol.records import Health
from gateway.web.figures import Figures, on_the_way, take, unheard

NOON_MS = 1_800_000_000_000


def gate(name: str, outbox: int | None = None, at_ms: int = NOON_MS, **members: object) -> Lane:
    """A gate that has told at ``at_ms`` that so many records wait in it."""
    lane = Lane("north", name, "emulated", link="online")
    if outbox is not None:
        lane.health = Health(1, 1, 50_000, 5, outbox, 0)
        lane.history.health(at_ms, lane.health)
    for member, value in members.items():
        setattr(lane, member, value)
    return lane


def test_what_gates_that_are_heard_tell_is_added_up() -> None:
    figures = take([gate("gate-1", 3), gate("gate-2", 4), gate("gate-3")], 5, None)
    assert (figures.at_gates, figures.queued, figures.unheard) == (7, 5, 0)
    assert on_the_way(figures) == "12"
    assert unheard(figures) == ("Every gate is heard and tells what waits in it.", 0, "")


def test_of_a_gate_that_is_not_heard_one_is_told_what_it_last_told() -> None:
    figures = take([gate("gate-1", 3), gate("gate-2", 0, NOON_MS - 60_000)], 5, None, {"gate-2"})
    assert on_the_way(figures) == "8 + ?", "a gate that last told of none may have some by now"
    before, at_ms, after = unheard(figures)
    assert (before, at_ms) == ("One gate is not heard: 0 waited there when last told, at", NOON_MS - 60_000)
    assert "nobody here knows" in after


def test_of_several_it_is_the_sum_and_the_time_that_is_longest_ago() -> None:
    lanes = [gate("gate-1", 3, NOON_MS - 9), gate("gate-2", 1_200, NOON_MS - 60_000), gate("gate-3", 7)]
    figures = take(lanes, 0, None, {"gate-1", "gate-2"})
    assert on_the_way(figures) == "7 + ?"
    assert unheard(figures)[:2] == ("2 gates are not heard: 1,203 waited there when last told, at", NOON_MS - 60_000)


@pytest.mark.parametrize(
    ("counts", "missed"), [(LaneCounts(), 0), (LaneCounts(recorded=1), 1), (LaneCounts(tallied=10), 1)]
)
def test_a_gate_that_was_never_switched_on_has_nothing_on_its_way(counts: LaneCounts, missed: int) -> None:
    figures = take([gate("gate-1", link="unknown", counts=counts)], 0, None)
    assert figures.unheard == missed
    assert on_the_way(figures) == ("0 + ?" if missed else "0")
    said = "One gate is not heard: what waits there, nobody here knows." if missed else "No gate was ever heard."
    assert unheard(figures) == (said, 0, "")


def test_gates_that_were_never_heard_are_not_called_heard() -> None:
    figures = take([gate("gate-1", 3), gate("gate-2", link="unknown"), gate("gate-3", link="unknown")], 0, None)
    assert figures.never == 2
    assert unheard(figures)[0] == "2 gates were never heard; all others are, and tell what waits in them."


def test_what_was_told_last_outlives_a_silence() -> None:
    lane = gate("gate-1", 6)
    lane.history.lost(NOON_MS + 1_000)
    assert lane.history.told_ms == NOON_MS
    lane.history.heard(NOON_MS + 2_000)
    assert lane.history.told_ms == NOON_MS, "it has said that it is there, not how it is"


def test_nothing_is_known_of_nobody() -> None:
    assert on_the_way(Figures()) == "0"
