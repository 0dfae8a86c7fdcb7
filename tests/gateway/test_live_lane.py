"""A lane as its page sees it: what repeats is taken once, lists are bounded, nothing personal is in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.admission.rules import Admitted, Sender
from gateway.live.lane import EDGES_KEPT, IRREGULAR_KEPT, OUTCOMES_KEPT, RECORDS_KEPT, Lane
from gateway.live.standing import AWAY_MS
from gateway.live.state import REPLAY_MS, STALE_MS, LiveState
from gateway.protocol import records, scenes
from gateway.protocol.refusal import Refused
from tests.gateway.support import NOON_MS, Json, irregular, layout, notice, passage, scene, spent, tally

GATE = Sender("north", "gate-1", "emulated")


def seen(**changes: Any) -> scenes.Scene:
    return msgspec.json.decode(json.dumps(scene(bodies=[], **changes)), type=scenes.Scene)


def row(record: Json, seq: int = 0, device: str = "gate-1") -> Admitted:
    decoded = msgspec.json.decode(json.dumps(record), type=records.Record)
    return Admitted(device, boot=1, seq=seq, record=decoded, day_start_ms=0)


def edges(lane: Lane) -> list[tuple[int, int]]:
    return [(one["n"], one["at"] - NOON_MS) for one in lane.edges]


def test_what_scenes_repeat_is_taken_once() -> None:
    lane = Lane("north", "gate-1", "emulated")
    lane.see(seen(at=NOON_MS, edges=[[1, 50, 0, 1]], truth=[[1, 10, "passed", "entry", "adult", 0]], hands=[]))
    lane.see(
        seen(at=NOON_MS + 100, edges=[[1, 150, 0, 1], [2, 30, 0, 0]], truth=[[1, 110, "passed", "entry", "adult", 0]])
    )
    # One scene was lost; the next repeats what was in it.
    lane.see(seen(at=NOON_MS + 300, edges=[[2, 230, 0, 0], [3, 100, 1, 1], [4, 100, 1, 0]], truth=[]))
    assert edges(lane) == [(1, -50), (2, 70), (3, 200), (4, 200)]
    assert [one["n"] for one in lane.truth] == [1]


def test_a_device_that_counts_anew_is_heard_on() -> None:
    lane = Lane("north", "gate-1", "emulated")
    lane.see(seen(at=NOON_MS, edges=[[77, 50, 0, 1]], truth=[]))
    lane.see(seen(at=NOON_MS + 5_000, edges=[[1, 20, 0, 1]], truth=[]))
    assert edges(lane) == [(77, -50), (1, 4_980)]


def test_lists_are_bounded() -> None:
    lane = Lane("north", "gate-1", "emulated")
    for n in range(2 * EDGES_KEPT):
        at = NOON_MS + 100 * n
        lane.see(seen(at=at, edges=[[n, 0, 0, n % 2]], truth=[[n, 0, "passed", "entry", "adult", 0]]))
        lane.keep(row(passage(n), n))
    assert (len(lane.edges), len(lane.truth), len(lane.records)) == (EDGES_KEPT, OUTCOMES_KEPT, RECORDS_KEPT)
    assert lane.edges[-1]["n"] == 2 * EDGES_KEPT - 1
    assert lane.records[-1]["seq"] == 2 * EDGES_KEPT - 1


def test_irregular_records_outlast_honest_ones_and_are_bounded_too() -> None:
    lane = Lane("north", "gate-1", "emulated")
    lane.keep(row(irregular(), 0))
    for n in range(1, 2 * RECORDS_KEPT):
        lane.keep(row(passage(n), n))
    assert [one["seq"] for one in lane.records if one["kind"] == "irregular"] == [0]
    for n in range(2 * RECORDS_KEPT, 4 * RECORDS_KEPT):
        lane.keep(row(irregular(), n))
    for n in range(4 * RECORDS_KEPT, 6 * RECORDS_KEPT):
        lane.keep(row(passage(n), n))
    kinds = [one["kind"] for one in lane.records]
    assert (len(kinds), kinds.count("irregular")) == (RECORDS_KEPT, IRREGULAR_KEPT)


def test_records_are_shown_without_handle_and_used_passes_not_at_all() -> None:
    lane = Lane("north", "gate-1", "emulated")
    for seq, record in enumerate((passage(), irregular(), tally(), notice(), spent(1))):
        lane.keep(row(record, seq))
    assert [one["kind"] for one in lane.records] == ["passage", "irregular", "tally", "device"]
    assert lane.records[0] == {
        "kind": "passage",
        "boot": 1,
        "seq": 0,
        "at": NOON_MS,
        "way": "entry",
        "product": "single",
        "transit_ms": 1250,
    }
    told = msgspec.json.encode(lane.members()).decode()
    assert "handle" not in told and "nullifier" not in told and "0" * 32 not in told


def test_erased_passages_leave_the_page() -> None:
    live = LiveState(lambda: NOON_MS)
    live.load([GATE], {})
    live.add_stored([row(passage(), 0), row(irregular(), 1)])
    live.take_away({("gate-1", "entry"): 1})
    members = live.members("gate-1")
    assert members is not None
    assert [one["kind"] for one in members["records"]] == ["irregular"]


def test_an_erasure_beside_the_commit_leaves_nothing_to_see() -> None:
    live = LiveState(lambda: NOON_MS)
    live.load([GATE], {})
    before = live.erasures
    live.take_away({("gate-1", "entry"): 1})
    live.add_stored([row(passage(), 0), row(irregular(), 1)], before)
    live.add_stored([row(passage(2), 2)], live.erasures)
    members = live.members("gate-1")
    assert members is not None
    assert [(one["kind"], one["seq"]) for one in members["records"]] == [("irregular", 1), ("passage", 2)]
    assert members["counts"]["recorded"] == 1


def test_a_lane_is_shown_while_its_simulator_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(LiveState, "now_ms", staticmethod(lambda: now[0]))
    live = LiveState(lambda: NOON_MS)
    live.load([GATE], {})
    assert not live.shown("gate-1") and not live.shown("nobody")
    live.set_scene(GATE, seen())
    assert not live.shown("gate-1"), "without a layout nobody knows its beams"
    live.set_layout(GATE, msgspec.json.decode(json.dumps(layout()), type=scenes.Layout))
    now[0] = AWAY_MS
    assert live.shown("gate-1")
    now[0] += 1
    assert not live.shown("gate-1")


def test_what_expires_takes_nothing_newer_with_it() -> None:
    live = LiveState(lambda: NOON_MS)
    live.load([GATE], {})
    live.add_stored([row(passage(n, at=NOON_MS + n), n) for n in range(4)])
    live.take_away({("gate-1", "entry"): 2}, (NOON_MS + 1, NOON_MS + 2))
    members = live.members("gate-1")
    assert members is not None
    assert [one["seq"] for one in members["records"]] == [1, 2]
    assert live.erasures == 0


def test_a_simulator_with_another_clock_begins_anew() -> None:
    """One that ran faster than time left its clock in the future."""
    lane = Lane("north", "gate-1", "emulated")
    jumped = [[1, 10, "jumped", "entry", "adult", 0]]
    lane.see(seen(at=NOON_MS + 9_000_000, edges=[[77, 50, 0, 1]], truth=jumped))
    lane.see(seen(at=NOON_MS, edges=[[1, 20, 0, 1]], truth=jumped))
    assert edges(lane) == [(1, -20)]
    assert [one["at"] for one in lane.truth] == [NOON_MS - 10]
    assert lane.verdict is not None
    assert (lane.verdict.since_ms, lane.verdict.counts(NOON_MS)["evasions"]) == (NOON_MS, 1)


def test_a_scene_that_comes_late_does_not_begin_anew() -> None:
    lane = Lane("north", "gate-1", "emulated")
    lane.see(seen(at=NOON_MS, edges=[[77, 50, 0, 1]], truth=[]))
    lane.see(seen(at=NOON_MS - 100, edges=[], truth=[]))
    assert edges(lane) == [(77, -50)]


def test_an_old_scene_said_again_changes_nothing_while_its_lane_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any client of the broker may have heard it, and may publish it."""
    live, now = LiveState(lambda: NOON_MS + STALE_MS), [0]
    monkeypatch.setattr(live, "now_ms", lambda: now[0])
    live.load([GATE], {})
    old = seen(at=NOON_MS, edges=[], truth=[[1, 0, "jumped", "entry", "adult", 0]])
    live.set_scene(GATE, old)
    live.set_scene(GATE, seen(at=NOON_MS + 60_000, edges=[], truth=[[2, 0, "jumped", "entry", "adult", 0]]))
    for now[0] in (1, REPLAY_MS - 1):
        with pytest.raises(Refused, match="out_of_sequence"):
            live.set_scene(GATE, old)
    assert live.snapshot()["verdict"]["evasions"] == 2
    now[0] = REPLAY_MS
    live.set_scene(GATE, old)  # nobody has said anything newer for long: a simulator that was started anew
    assert live.snapshot()["verdict"]["evasions"] == 1


def test_the_last_scene_said_again_is_no_sign_that_its_simulator_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, now = [NOON_MS], [0]
    live = LiveState(lambda: clock[0])
    monkeypatch.setattr(live, "now_ms", lambda: now[0])
    live.load([GATE], {})
    last = seen(at=NOON_MS, state="clearing")
    live.set_scene(GATE, last)
    live.set_layout(GATE, msgspec.json.decode(json.dumps(layout()), type=scenes.Layout))
    refused = 0
    for now[0] in range(1_000, 120_000, 1_000):
        clock[0] = NOON_MS + now[0]
        try:
            live.set_scene(GATE, last)
        except Refused:
            refused += 1
    assert refused > 100 and not live.shown("gate-1") and not live.blocked("gate-1", clock[0])
    live.set_scene(GATE, seen(at=clock[0]))
    assert live.shown("gate-1")


@pytest.mark.parametrize("behind_ms", [STALE_MS + 1, 86_400_000])
def test_an_old_scene_is_not_believed_when_no_simulator_speaks(monkeypatch: pytest.MonkeyPatch, behind_ms: int) -> None:
    clock, now = [NOON_MS], [0]
    live = LiveState(lambda: clock[0])
    monkeypatch.setattr(live, "now_ms", lambda: now[0])
    live.load([GATE], {})
    old = seen(at=NOON_MS - behind_ms, edges=[], truth=[])
    with pytest.raises(Refused, match="out_of_sequence"):
        live.set_scene(GATE, old)  # the gateway was started alone
    assert live.snapshot()["lanes"][0]["scene"] is None and not live.shown("gate-1")
    live.set_scene(GATE, seen(at=NOON_MS - STALE_MS))
    now[0], clock[0] = 3_600_000, NOON_MS + 3_600_000
    with pytest.raises(Refused, match="out_of_sequence"):
        live.set_scene(GATE, old)  # its simulator has been gone for an hour
    assert live.snapshot()["lanes"][0]["scene"]["at"] == NOON_MS - STALE_MS


def test_a_simulator_goes_on_after_its_machine_slept_or_its_clock_was_set() -> None:
    clock = [NOON_MS]
    live = LiveState(lambda: clock[0])
    live.load([GATE], {})
    live.set_scene(GATE, seen(at=NOON_MS))
    clock[0] += 86_400_000
    live.set_scene(GATE, seen(at=NOON_MS + 100))
    assert live.snapshot()["lanes"][0]["scene"]["at"] == NOON_MS + 100


def test_reports_meet_what_happened() -> None:
    live = LiveState(lambda: NOON_MS)
    live.load([GATE], {})
    live.set_scene(GATE, seen(at=NOON_MS, edges=[], truth=[[1, 0, "jumped", "entry", "adult", 1]], hands=["network"]))
    live.add_stored([row(irregular(what="jump", at=NOON_MS + 200), 3), row(irregular(at=NOON_MS - 60_000), 4)])
    members = live.members("gate-1")
    assert members is not None
    verdict = members["verdict"]
    assert (verdict["caught"], verdict["accused_wrongly"]) == (1, 0), "before the first scene nobody was looking"
    assert verdict["matches"][0]["record"]["seq"] == 3
    assert live.snapshot()["verdict"]["caught"] == 1


def test_a_lane_without_a_simulator_has_neither_picture_nor_verdict() -> None:
    live = LiveState(lambda: NOON_MS)
    live.load([Sender("south", "gate-7", "physical")], {})
    live.add_stored([row(passage(), 0, "gate-7")])
    members = live.members("gate-7")
    assert members is not None
    assert (members["layout"], members["scene"], members["verdict"]) == (None, None, None)
    assert (members["edges"], members["truth"]) == ([], [])
    assert live.snapshot()["verdict"] is None
    assert live.members("gate-8") is None


@pytest.mark.parametrize("word", ["consent", "declined", "consented", "passed_consented", "passed_declined"])
def test_no_outcome_tells_what_a_rider_chose(word: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        seen(truth=[[1, 0, word, "entry", "adult", 0]])


def test_only_what_is_told_of_a_lane_changes_its_version() -> None:
    """A page that watches one lane is told by it when to look again."""
    live, other = LiveState(lambda: NOON_MS), Sender("north", "gate-2", "emulated")
    health = records.Health(1, 1, 50_000, 5, 3, 0)
    steps: tuple[Callable[[Sender], None], ...] = (
        lambda one: live.set_scene(one, seen()),
        lambda one: live.set_health(one, health),
        lambda one: live.add_stored([row(passage(1), 1, one.device)]),
        lambda one: live.take_away({(one.device, "entry"): 1}),
        lambda one: live.set_lost(one),
    )
    live.ensure([GATE, other])
    for step in steps:
        before = live.members("gate-1"), live.version_of("gate-1")
        step(other)
        assert (live.members("gate-1"), live.version_of("gate-1")) == before
        step(GATE)
        assert live.members("gate-1") != before[0]
        assert live.version_of("gate-1") != before[1]
