"""Recorded traces over HTTP: beams and nothing else, what the gateway still knows of them, none of a physical gate."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from firmware import config
from firmware.lane.detector import TRACE_MAX
from gateway.protocol.records import MAX_BEAMS
from gateway.replay import traces
from pytest_gateline import MakeGateLane
from simulator.scene import frame
from tests.gateway.conftest import Whole
from tests.gateway.support import NOON_MS, irregular, layout, passage, scene, sealed, text
from tests.simulator.devices_support import settings as device_settings
from tests.support import wait_until

Json = dict[str, Any]


def test_traces_are_listed_the_latest_first_and_in_pages(whole: Whole) -> None:
    gate, other = whole.peer("gate-1"), whole.peer("gate-2")
    gate.send([irregular(at=NOON_MS + 10 * n) for n in range(5)] + [passage()], 0)
    other.send([irregular(at=NOON_MS + 10 * n, what="jump") for n in range(3)], 0)
    gate.wait_stored(1, 6)
    other.wait_stored(1, 3)
    found: list[Json] = []
    cursor: Json = {}
    while True:
        page = whole.http.get("/v1/replays/traces", params={"limit": 3} | cursor).json()
        found += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    told = [(one["at"], one["device"]) for one in found]
    assert told == sorted(told, reverse=True) and len(set(told)) == 8
    assert found[0]["edges"] == 3 and found[0]["span_ms"] == 300
    only = whole.http.get("/v1/replays/traces", params={"device": "gate-2"}).json()["items"]
    assert [one["what"] for one in only] == ["jump"] * 3
    assert whole.http.get("/v1/replays/traces", params={"cursor": "nonsense"}).status_code == 422


def test_a_trace_holds_beams_and_nothing_else(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    full = [[10 * n, n % 4, n // 4 % 2] for n in range(TRACE_MAX)]
    gate.send([irregular(trace=[[0, 2, 0], [120, 1, 1], [300, 2, 1]]), irregular(trace=full), irregular(trace=[])], 0)
    gate.wait_stored(1, 3)

    def ask(seq: int) -> Json:
        found: Json = whole.http.get("/v1/replays/trace", params={"device": "gate-1", "boot": 1, "seq": seq}).json()
        return found

    first = ask(0)
    assert first["trace"] == [[0, 2, 0], [120, 1, 1], [300, 2, 1]]
    assert first["before"] == [None, 0, 1] and first["beams"] == 3, "beam 2 was broken before the trace began"
    assert (first["span_ms"], first["whole"], first["layout"], first["truth"]) == (300, True, None, None)
    assert not ask(1)["whole"] and ask(2)["trace"] == []
    missing = whole.http.get("/v1/replays/trace", params={"device": "gate-1", "boot": 1, "seq": 9})
    assert missing.status_code == 404 and "no such record any more" in missing.json()["detail"]


def test_the_gateway_knows_how_many_edges_and_beams_a_gate_has() -> None:
    assert traces.TRACE_MAX == TRACE_MAX and frame.BEAMS_MAX == MAX_BEAMS
    values = device_settings()
    values["lane"] = {"way": "entry", "beams": MAX_BEAMS, "detector": "ordered"}
    assert config.Settings(values).beams == MAX_BEAMS
    values["lane"]["beams"] += 1
    with pytest.raises(config.SettingsError, match="beams"):
        config.Settings(values)


def test_the_last_beam_of_the_longest_row_is_stored(whole: Whole) -> None:
    gate = whole.peer("gate-1")
    gate.send([irregular(trace=[[0, MAX_BEAMS - 1, 1]])], 0)
    gate.wait_stored(1, 1)
    assert whole.quarantined() == {}


def test_a_profile_notes_the_edges_of_its_highest_row(whole: Whole) -> None:
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    gate.send([irregular(trace=[[0, 1, 1], [120, 3, 1], [300, 1, 0]])], 0)
    gate.wait_stored(1, 1)
    topic = gate.topic("layout")
    beams = [[0, 300], [0, 1200], [150, 300], [150, 1200]]
    simulator.publish(topic, sealed(text(layout(detector="profile", beams=beams)), simulator.key, topic))

    def ask() -> Json:
        found: Json = whole.http.get("/v1/replays/trace", params={"device": "gate-1", "boot": 1, "seq": 0}).json()
        return found

    wait_until(lambda: ask()["layout"] is not None, "the layout is known")
    assert ask()["before"] == [None, 0, None, 0], "of legs nothing was noted, which is not the same as none"


def test_a_profile_s_record_lights_the_beams_that_were_truly_broken(whole: Whole, make_gate_lane: MakeGateLane) -> None:
    """Real firmware at emulated beams: two rows are numbered alternately, so a place in a row is no beam's number."""
    places = [(x_m, z_m) for x_m in (0.0, 0.15, 0.3, 0.45, 0.6) for z_m in (0.3, 1.2)]
    lane = make_gate_lane(detector="profile", beams=places)
    lane.send("jump_over", reach_m=(1.2, 1.2), wait=False)
    seen: list[list[int]] = []
    for _ in range(60_000):
        lane.advance(0.001)
        seen.append(lane.beams)
        if lane.crossings:
            break
    [record] = [record for record in lane.records if record["kind"] == "irregular"]
    edges = [
        [at_ms, beam, after[beam]]
        for at_ms, (before, after) in enumerate(pairwise(seen))
        for beam in range(len(places))
        if before[beam] != after[beam] and places[beam][1] == 1.2
    ]
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    gate.send([{name: record[name] for name in irregular()} | {"at": NOON_MS}], 0)
    gate.wait_stored(1, 1)
    topic = gate.topic("layout")
    built = layout(detector="profile", beams=[[round(x_m * 1000), round(z_m * 1000)] for x_m, z_m in places])
    simulator.publish(topic, sealed(text(built), simulator.key, topic))

    def ask() -> Json:
        found: Json = whole.http.get("/v1/replays/trace", params={"device": "gate-1", "boot": 1, "seq": 0}).json()
        return found

    wait_until(lambda: ask()["layout"] is not None, "the layout is known")
    told = ask()
    assert told["what"] == "jump" and {beam for _, beam, _ in told["trace"]} == {1, 3, 5, 7, 9}
    assert sorted(told["trace"]) == sorted([at_ms - edges[0][0], beam, blocked] for at_ms, beam, blocked in edges)
    assert told["before"] == [None, 0] * 5 and told["beams"] == len(places)


def test_what_the_gateway_has_seen_live_of_a_record_is_told(whole: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole.service.live, "_clock", lambda: NOON_MS)
    gate, simulator = whole.peer("gate-1"), whole.peer("simulator")
    topic = gate.topic("scene")

    def see(**changes: Any) -> None:
        simulator.publish(topic, sealed(text(scene(hands=[], edges=[], **changes)), simulator.key, topic))

    # Pictures come at QoS 0: what is not seen is not told again.
    lane = whole.service.live.lane("gate-1")
    assert lane is not None
    see(at=NOON_MS - 10_000, truth=[])
    wait_until(lambda: lane.scene is not None, "the first picture was seen")
    jumped = [[1, 100, "jumped", "entry", "child", 0]]
    see(at=NOON_MS + 100, truth=jumped)
    wait_until(lambda: len(lane.truth) == 1, "the jump was seen")
    # A record tells of the jump, another of nothing that happened.
    gate.send([irregular(at=NOON_MS + 50, what="jump"), irregular(at=NOON_MS + 60_000)], 0)
    gate.wait_stored(1, 2)
    built = gate.topic("layout")
    simulator.publish(built, sealed(text(layout()), simulator.key, built))

    def ask(seq: int) -> Json:
        found: Json = whole.http.get("/v1/replays/trace", params={"device": "gate-1", "boot": 1, "seq": seq}).json()
        return found

    wait_until(lambda: ask(0)["layout"] is not None and ask(1)["truth"] is not None, "layout and truth are known")
    assert ask(0)["truth"] == {"result": "caught", "what": "jumped", "figure": "child", "at": NOON_MS}
    assert ask(1)["truth"] == {"result": "accused_wrongly", "what": None, "figure": None, "at": None}
    told = ask(0)["layout"]
    assert told["beams"] == layout()["beams"] and told["arm"] == layout()["arm"] and "v" not in told
    assert ask(0)["beams"] == 4, "as many as the lane has"


def test_a_physical_gate_has_no_trace_and_that_is_said(whole: Whole) -> None:
    for path, more in (("traces", {}), ("trace", {"boot": 1, "seq": 0})):
        answer = whole.http.get(f"/v1/replays/{path}", params={"device": "door-1", **more})
        assert answer.status_code == 404
        assert "door-1 stands at a physical site" in answer.json()["detail"]
        assert "nothing to replay, and never will be" in answer.json()["detail"]
    assert whole.http.get("/v1/replays/trace", params={"device": "gate-9", "boot": 1, "seq": 0}).status_code == 404
