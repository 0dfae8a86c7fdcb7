"""Whether an emulated gate stands blocked: a minute of the same, and never a normal passage."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gateway.admission.rules import Sender
from gateway.live.standing import AWAY_MS, BLOCKED_MS, SLOW_MS, Blocked, Standing
from gateway.live.state import LiveState
from gateway.protocol import scenes
from gateway.web.device_rows import Facts, row, troubles_of
from tests.gateway.support import NOON_MS, layout, scene

IDLE: dict[str, Any] = {
    "state": "locked",
    "arm": 0,
    "lamp": "ready",
    "beams": [0, 0, 0, 0],
    "waiting": 0,
    "bodies": [],
    "edges": [],
    "truth": [],
    "hands": [],
}
CLEARING: dict[str, Any] = {"state": "clearing", "arm": 100, "beams": [0, 1, 0, 0]}
PASSAGE: tuple[dict[str, Any], ...] = (
    {"state": "released", "arm": 100},
    {"state": "passing", "arm": 100, "beams": [1, 0, 0, 0]},
    {"state": "clearing", "arm": 100, "beams": [0, 0, 0, 1]},
)


def seen(at: int, **changes: Any) -> scenes.Scene:
    return msgspec.json.decode(json.dumps(scene(at=at, **(IDLE | changes))), type=scenes.Scene)


class Lane:
    """A lane whose scenes come each half second."""

    def __init__(self, has_arm: bool = True) -> None:
        self.now_ms, self._has_arm = NOON_MS, has_arm
        self.standing = Standing()

    def stays(self, for_ms: int, **changes: Any) -> tuple[Blocked, ...]:
        """It looks so for that long; what is blocked then."""
        until_ms = self.now_ms + for_ms
        while self.now_ms < until_ms:
            self.standing.see(self.now_ms, seen(self.now_ms, **changes), has_arm=self._has_arm)
            self.now_ms += 500
        self.standing.see(self.now_ms, seen(self.now_ms, **changes), has_arm=self._has_arm)
        return self.standing.blocked(self.now_ms)


@pytest.mark.parametrize("state", ["passing", "clearing", "intrusion"])
def test_a_lane_that_does_not_get_free_is_blocked_after_a_minute_and_not_before(state: str) -> None:
    lane = Lane()
    began_ms = lane.now_ms
    busy: dict[str, Any] = {"state": state, "arm": 0 if state == "intrusion" else 100, "beams": [0, 1, 0, 0]}
    assert lane.stays(BLOCKED_MS - 500, **busy) == ()
    assert lane.stays(500, waiting=3, **busy) == (Blocked("lane", began_ms, state, 3, ()),)
    assert lane.stays(500) == (), "it is free again"


def test_an_evening_of_normal_passages_alarms_nobody() -> None:
    lane = Lane()
    for _ in range(200):
        for moment in PASSAGE:
            assert lane.stays(1_500, waiting=9, **moment) == ()
        assert lane.stays(500, waiting=9) == ()


def test_a_lane_that_is_seen_busy_each_time_and_lets_riders_through_is_not_blocked() -> None:
    """As where a station runs faster than time, whose scenes skip over the moments between two riders."""
    lane = Lane()
    for n in range(300):
        through = [[n, 20, "passed", "entry", "adult", 0]]
        assert lane.stays(500, **CLEARING | {"truth": through}) == ()


def test_a_station_that_begins_anew_behind_an_earlier_one_has_its_riders_seen() -> None:
    lane = Lane()
    ahead_ms = lane.now_ms + 3_600_000
    lane.standing.see(lane.now_ms, seen(ahead_ms, truth=[[9, 0, "passed", "entry", "adult", 0]]))
    lane.now_ms += 10 * AWAY_MS
    for n in range(1, 4):
        assert lane.stays(BLOCKED_MS - 1_000, **CLEARING) == ()
        lane.standing.see(lane.now_ms, seen(lane.now_ms, **CLEARING, truth=[[n, 0, "passed", "entry", "adult", 0]]))


def test_a_rider_seen_through_once_is_not_one_who_gets_through_again_and_again() -> None:
    lane = Lane()
    lane.stays(0, **CLEARING | {"truth": [[1, 0, "passed", "entry", "adult", 0]]})
    lane.stays(
        0, **CLEARING | {"truth": [[1, 0, "passed", "entry", "adult", 0], [2, 0, "gave_up", "entry", "adult", 0]]}
    )
    assert [one.what for one in lane.stays(BLOCKED_MS, **CLEARING)] == ["lane"]


def test_what_nobody_sees_is_not_known_and_begins_anew() -> None:
    lane = Lane()
    lane.stays(BLOCKED_MS, **CLEARING)
    assert lane.standing.blocked(lane.now_ms + AWAY_MS) != ()
    assert lane.standing.blocked(lane.now_ms + AWAY_MS + 1) == ()
    lane.now_ms += AWAY_MS + 1
    assert lane.stays(BLOCKED_MS - 500, **CLEARING) == ()


def test_an_arm_that_does_not_open_is_jammed_although_its_lane_locks_again_and_again() -> None:
    lane = Lane()
    lane.stays(1_000)
    jammed_ms = lane.now_ms
    blocked: tuple[Blocked, ...] = ()
    while lane.now_ms - jammed_ms < BLOCKED_MS:
        assert blocked == ()
        lane.stays(SLOW_MS + 500, state="released")
        blocked = lane.stays(4_000, waiting=2)
    assert blocked == (Blocked("arm", jammed_ms, "locked", 2, ()),)
    lane.stays(500, state="released", arm=40)
    assert lane.stays(500, state="released", arm=100) == ()


def test_an_arm_that_does_not_close_is_jammed_unless_a_body_holds_it() -> None:
    lane = Lane()
    assert [one.what for one in lane.stays(BLOCKED_MS, arm=100, beams=[0, 0, 0, 1])] == []
    assert [one.what for one in lane.stays(BLOCKED_MS, arm=100)] == ["arm"]


def test_where_there_is_no_arm_none_is_jammed() -> None:
    assert Lane(has_arm=False).stays(2 * BLOCKED_MS, arm=100) == ()


def test_what_is_held_from_a_page_says_so_and_is_over_when_let_go() -> None:
    lane = Lane()
    (arm,) = lane.stays(BLOCKED_MS, hands=["arm"])
    assert (arm.what, arm.by_hand) == ("arm", ("arm",))
    assert lane.stays(500) == ()
    # While it is held a rider is told to go, and it does not open.
    lane.stays(SLOW_MS + 500, hands=["arm"], state="released")
    assert [one.what for one in lane.stays(BLOCKED_MS, hands=["arm"])] == ["arm"]
    assert lane.stays(500) == ()
    (beam,) = lane.stays(BLOCKED_MS, state="intrusion", beams=[0, 0, 1, 0], hands=["beam 2", "network"])
    assert (beam.what, beam.by_hand) == ("lane", ("beam 2",))


def test_an_operator_reads_what_since_when_and_what_to_do() -> None:
    facts = Facts("north", "gate-1", "emulated", "gate", link="online")
    lane = Blocked("lane", NOON_MS, "intrusion", 3, ("beam 2",))
    arm = Blocked("arm", NOON_MS - 5, "locked", 1, ())
    troubles = troubles_of(Facts("north", "gate-1", "emulated", "gate", link="online", standing=(arm, lane)))
    assert [(one.name, one.since_ms) for one in troubles] == [("Arm jammed", NOON_MS - 5), ("Blocked", NOON_MS)]
    assert "1 rider waits" in troubles[0].what and "3 riders wait" in troubles[1].what
    assert "beam 2" in troubles[1].to_do
    assert troubles_of(facts) == ()
    assert row(facts).calls_since_ms is None
    calls = row(Facts("north", "gate-1", "emulated", "gate", link="online", standing=(lane,)))
    assert calls.needs_a_hand and calls.calls_since_ms == NOON_MS
    silent = row(Facts("north", "gate-1", "emulated", "gate", silent_since_ms=7, standing=(lane,)))
    assert (silent.troubles[0].name, silent.calls_since_ms) == ("Silent", 7)


def test_the_live_state_tells_of_a_gate_and_of_a_make_without_arm() -> None:
    now = [NOON_MS]
    live, gate = LiveState(lambda: now[0]), Sender("north", "gate-1", "emulated")
    wide = Sender("north", "wide-1", "emulated")
    live.load([gate, wide], {})
    live.set_layout(wide, msgspec.json.decode(json.dumps(layout(make="none")), type=scenes.Layout))
    for _ in range(BLOCKED_MS // 1_000 + 1):
        live.set_scene(gate, seen(now[0], **CLEARING))
        live.set_scene(wide, seen(now[0], arm=100))
        now[0] += 1_000
    assert [one.what for one in live.blocked("gate-1", now[0])] == ["lane"]
    assert live.blocked("wide-1", now[0]) == live.blocked("nobody", now[0]) == ()
