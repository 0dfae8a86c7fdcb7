"""A lane for tests on virtual time: every verb, what can be read, and the sentences for what can be mended.

The fixtures come from the installed plugin, as they do for whoever uses it. The other end of a lane is held against the
gateway's own rules. pytest's side is tested in test_pytest_plugin.py, a real broker in tests/integration.
"""

import inspect
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.admission.rules import Sender, admit
from gateway.protocol.records import decode_batch, decode_health, decode_online, encode_stored
from gateway.protocol.seal import seal, unseal
from pytest_gateline import Lane, MakeGateLane, NotInTime, VirtualLane
from simulator.testing.live import LiveLane, broker_of, settings_of
from simulator.world import behaviours, bodies
from tests.support import ROOT


def kinds(records: list[dict[str, Any]]) -> list[str]:
    return [record["kind"] for record in records]


def identities(lane: VirtualLane) -> list[tuple[int, int]]:
    return [(record["boot"], record["seq"]) for message in lane.delivered for record in message.records]


# --- riders ----------------------------------------------------------------------------------------------------------


def test_a_rider_who_pays_and_consents_is_a_record(gate_lane: VirtualLane) -> None:
    rider = gate_lane.send()
    assert (rider.done, rider.outcome, rider.verdict, rider.honest, rider.accused) == (
        True,
        "passed",
        "passed",
        True,
        False,
    )
    assert gate_lane.truth == {"passed": 1}
    boot, passage = gate_lane.records
    assert (boot["device"], boot["boot"], boot["seq"], boot["kind"], boot["what"]) == ("gate-1", 1, 0, "device", "boot")
    assert (passage["seq"], passage["kind"], passage["product"], passage["way"]) == (
        1,
        "passage",
        rider.product,
        "entry",
    )
    assert gate_lane.passages == [passage] and gate_lane.undelivered == []


def test_who_declines_is_only_counted(gate_lane: VirtualLane) -> None:
    for _ in range(3):
        assert gate_lane.send(consent=False).outcome == "passed"
    assert gate_lane.passages == gate_lane.tallies == []
    gate_lane.end_interval()
    assert [(tally["entries"], tally["paid"], tally["declined"]) for tally in gate_lane.tallies] == [(3, 3, 3)]
    assert "handle" not in repr(gate_lane.records) + repr(gate_lane.messages)


def test_a_tally_is_as_small_as_the_settings_let_it_be(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(report={"tally_min": 3})
    for number in (2, 3):
        lane.send(consent=False)
        lane.send(consent=False)
        lane.end_interval()
        assert len(lane.tallies) == (number == 3)


@pytest.mark.parametrize("behaviour", ["pay", *behaviours.ALL])
def test_every_behaviour_can_be_sent_and_ends(gate_lane: VirtualLane, behaviour: str) -> None:
    rider = gate_lane.send(behaviour)
    assert rider.outcome in behaviours.OUTCOMES and rider.behaviour == behaviour
    assert gate_lane.truth[rider.outcome] >= 1


@pytest.mark.parametrize("kind", [*bodies.KINDS, "plain"])
def test_every_kind_of_rider_can_be_sent(make_gate_lane: MakeGateLane, kind: str) -> None:
    rider = make_gate_lane(detector="profile").send(kind=kind)
    assert (rider.kind, rider.outcome, rider.verdict) == (kind, "passed", "passed")


def test_a_follower_is_told_by_truth_and_verdict(gate_lane: VirtualLane) -> None:
    follower = gate_lane.send("tailgate_covert", gap_m=(0.1, 0.1), wait=False)
    assert not follower.done and "still here" in repr(follower)
    leader = gate_lane.send()
    assert (leader.outcome, leader.verdict, leader.accused) == ("passed", "passed", False)
    assert (follower.outcome, follower.verdict, follower.accused, follower.honest) == (
        "tailgated",
        "tailgate",
        True,
        False,
    )
    assert gate_lane.truth == {"passed": 1, "tailgated": 1}
    assert [record["what"] for record in gate_lane.records if record["kind"] == "irregular"] == ["tailgate"]


def test_an_honest_rider_who_is_accused_shows_it(gate_lane: VirtualLane) -> None:
    rider = gate_lane.send(kind="pram")
    assert (rider.outcome, rider.verdict, rider.verdicts, rider.accused) == (
        "passed",
        "passed",
        ["passed", "tailgate"],
        True,
    )


def test_parameters_decide_what_a_rider_can_do(make_gate_lane: MakeGateLane) -> None:
    assert make_gate_lane(detector="profile").send("jump_over", reach_m=(1.2, 1.2)).outcome == "jumped"
    low = make_gate_lane(detector="profile").send("jump_over", reach_m=(0.5, 0.5), pays_if_stopped=1.0)
    assert low.outcome == "passed"


def test_product_consent_and_a_medium_used_again(make_gate_lane: MakeGateLane) -> None:
    entry, exit_lane = make_gate_lane("in-1"), make_gate_lane("out-1", way="exit")
    rider = entry.send(product="day")
    exit_lane.send(medium_of=rider)
    exit_lane.send()
    there, back, other = *entry.passages, *exit_lane.passages
    assert (there["product"], there["way"], back["way"]) == ("day", "entry", "exit")
    assert there["handle"] == back["handle"] != other["handle"]  # one service day: the handle joins the two
    assert {entry.send(consent=None).consent for _ in range(20)} == {True, False}


def test_a_medium_that_nobody_knows_is_refused(gate_lane: VirtualLane) -> None:
    gate_lane.present(b"a library card")
    assert (gate_lane.state, gate_lane.lamp) == ("refusing", "stop")
    gate_lane.end_day()
    assert gate_lane.records[-1]["kind"] == "daily" and gate_lane.records[-1]["refused"] == 1


# --- determinism -----------------------------------------------------------------------------------------------------


def story(lane: VirtualLane) -> tuple[object, ...]:
    for number in range(4):
        lane.send(consent=None)
        with lane.cut_network():
            lane.send("tailgate_covert", wait=False)
            lane.send(kind="suitcase" if number % 2 else "adult")
    lane.settle()
    return lane.messages, lane.crossings, lane.verdicts, lane.elapsed_s


def test_the_same_seed_and_calls_give_the_same_bytes(make_gate_lane: MakeGateLane) -> None:
    first, second, other = (story(make_gate_lane(seed=seed)) for seed in (7, 7, 8))
    assert first == second != other


# --- beams, arm, reader, fire ----------------------------------------------------------------------------------------


def test_a_broken_beam_keeps_riders_out_until_it_is_clear(gate_lane: VirtualLane) -> None:
    with gate_lane.break_beam(2):
        gate_lane.break_beam(2)  # twice is once
        assert (gate_lane.beams, gate_lane.state, gate_lane.lamp) == ([0, 0, 1, 0], "intrusion", "stop")
        with pytest.raises(NotInTime) as told:
            gate_lane.send(timeout_s=60)
        assert str(told.value) == (
            "not everybody has left lane gate-1 within 60 s: hand-gate-1-0 (pay) is at the reader, waiting for the "
            "lamp. The lane is intrusion, lamp stop, arm 0 % open, beams 0010. "
            "In the way: beam 2 is covered (clear_beam)."
        )
    assert (gate_lane.beams, gate_lane.lamp) == ([0, 0, 0, 0], "ready")
    gate_lane.run()
    assert gate_lane.truth == {"passed": 1}


def test_broken_beams_in_order_are_a_body(gate_lane: VirtualLane) -> None:
    for beam in range(4):
        gate_lane.break_beam(beam)
        gate_lane.advance(0.1)
        if beam:
            gate_lane.clear_beam(beam - 1)
    gate_lane.clear_beam(3)
    assert [verdict.what for verdict in gate_lane.verdicts] == ["forced"]
    gate_lane.advance(1)
    assert gate_lane.records[-1]["what"] == "forced"


@pytest.mark.parametrize("broken", [True, False])
def test_a_sensor_sticks(gate_lane: VirtualLane, broken: bool) -> None:
    condition = gate_lane.stick_beam(1, broken)
    assert gate_lane.beams[1] == broken
    with gate_lane.break_beam(1):
        assert gate_lane.beams[1] == broken
        condition.end()
        assert gate_lane.beams[1] == 1
    assert gate_lane.beams[1] == 0


def test_a_jammed_arm_lets_nobody_in(gate_lane: VirtualLane) -> None:
    with gate_lane.jam_arm():
        with pytest.raises(NotInTime, match=r"the arm is jammed \(free_arm\)"):
            gate_lane.send(timeout_s=20)
        assert gate_lane.arm == 0
    gate_lane.run()
    assert gate_lane.truth == {"passed": 1}


def test_a_dead_reader_answers_nobody(gate_lane: VirtualLane) -> None:
    with gate_lane.kill_reader():
        assert gate_lane.send().outcome == "gave_up"
    assert gate_lane.send().outcome == "passed"


def test_fire_lets_everybody_pass(gate_lane: VirtualLane) -> None:
    with gate_lane.fire():
        assert (gate_lane.state, gate_lane.send().outcome) == ("free", "passed_free")
        assert gate_lane.arm == 100
    gate_lane.fire()
    gate_lane.fire(False)
    assert gate_lane.state == "locked"
    notices = [record["what"] for record in gate_lane.records if record["kind"] == "device"]
    assert notices == ["boot", "fire_on", "fire_off", "fire_on", "fire_off"]


# --- the network -----------------------------------------------------------------------------------------------------


def test_what_happens_without_a_network_comes_afterwards_once_and_in_order(gate_lane: VirtualLane) -> None:
    gate_lane.send()
    before = identities(gate_lane)
    with gate_lane.cut_network():
        assert not gate_lane.connected
        for _ in range(40):
            gate_lane.send()
        assert identities(gate_lane) == before == [(1, 0), (1, 1)]
        assert kinds(gate_lane.undelivered) == ["passage"] * 40
        assert len(gate_lane.records) == 42
        with pytest.raises(NotInTime, match=r"40 records .* not confirmed after 5 s.*the network is cut"):
            gate_lane.settle(5)
    gate_lane.settle()
    assert gate_lane.undelivered == []
    assert identities(gate_lane) == [(1, seq) for seq in range(42)]
    assert [record for message in gate_lane.delivered for record in message.records] == gate_lane.records
    assert [json.loads(m.payload)["state"] for m in gate_lane.messages if m.channel == "status"] == [
        "online",
        "lost",
        "online",
    ]


def test_a_confirmation_that_is_lost_makes_a_duplicate_that_has_the_same_name(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(latency_ms=400)
    lane.settle()
    lane.break_beam(0)
    for beam in range(1, 4):
        lane.break_beam(beam)
        lane.clear_beam(beam - 1)
    lane.clear_beam(3)  # somebody forced their way: one record, on its way to the gateway
    lane.advance(0.5)
    lane.cut_network()  # it has arrived; the answer has not
    assert (len(lane.undelivered), len(identities(lane))) == (1, 2)
    lane.restore_network()
    lane.settle()
    assert identities(lane) == [(1, 0), (1, 1), (1, 1)]
    assert len(set(identities(lane))) == len(lane.records) == 2


def test_what_is_under_way_when_the_network_is_cut_is_sent_again(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(latency_ms=400)
    lane.settle()
    with lane.fire():
        lane.advance(0.1)
    lane.cut_network()
    lane.advance(1)
    assert identities(lane) == [(1, 0)]
    lane.restore_network()
    lane.settle()
    assert sorted(set(identities(lane))) == [(1, 0), (1, 1), (1, 2)]


def test_a_silent_gateway_is_sent_everything_again(gate_lane: VirtualLane) -> None:
    with gate_lane.stop_gateway():
        gate_lane.send()
        with pytest.raises(NotInTime, match=r"The gateway is silent \(start_gateway\)"):
            gate_lane.settle(30)
        again = identities(gate_lane).count((1, 1))
        assert again >= 3
    gate_lane.settle(35)
    assert gate_lane.undelivered == []


def test_the_gateway_stores_nothing_behind_a_gap(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(latency_ms=400)
    lane.settle()
    with lane.stop_gateway():
        lane.fire()
        lane.advance(0.5)
        assert identities(lane) == [(1, 0), (1, 1)]  # the broker has it, the gateway has not
        lane.advance(0.5)
        lane.fire(False)  # on its way when the gateway says what it misses
    lane.settle()
    assert identities(lane)[2] == (1, 2) and (1, 1) in identities(lane)[3:]


def test_what_is_confirmed_is_delivered_though_its_neighbours_are_not(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(answers=False)
    lane.send()
    topic = "gateline/1/test/gate-1/stored"
    lane.hand(topic, seal(lane.key, topic, encode_stored(1, 1)))
    lane.advance(0.1)
    assert kinds(lane.undelivered) == ["passage"] and kinds(lane.records) == ["device", "passage"]


def test_a_full_outbox_folds_and_every_number_is_accounted_for(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(report={"outbox_records": 64})
    with lane.cut_network():
        for _ in range(100):
            lane.send()
        assert len(lane.undelivered) <= 64
    lane.settle()
    spans = [(record["seq"], record.get("folds", 1)) for record in lane.records]
    assert [seq for seq, _ in spans] == [sum(folds for _, folds in spans[:n]) for n in range(len(spans))]
    assert sum(folds for _, folds in spans) == 101 and any(folds > 1 for _, folds in spans)
    counted = sum(record.get("entries", 0) for record in lane.records)
    assert counted + len(lane.passages) == 100


def test_the_other_end_may_be_a_gateway_of_ones_own(make_gate_lane: MakeGateLane) -> None:
    """The real gateway's rules, fed by `subscribe`, answering by `hand`."""
    lane = make_gate_lane("gate-7", site="north", answers=False, key=bytes(32))
    sender = Sender("north", "gate-7", "emulated")
    watermarks: dict[int, int] = {}
    stored = 0

    def consume(topic: str, payload: bytes) -> None:
        nonlocal stored
        if not topic.endswith("/event"):
            return
        batch = decode_batch(unseal(lane.key, topic, payload))
        decision = admit(batch, sender, watermarks.get(batch.boot, 0))
        stored += len(decision.rows)
        watermarks[batch.boot] = decision.watermark
        answer = topic.replace("/event", "/stored")
        lane.hand(answer, seal(lane.key, answer, encode_stored(batch.boot, decision.watermark)))

    lane.subscribe(consume)
    lane.send()
    with lane.cut_network():
        lane.send(consent=False)
        lane.send("force", push_n=(500, 500))
    lane.end_interval()
    lane.settle()
    assert stored == len(lane.records) == 4 and watermarks == {1: 4}


def test_everything_said_is_what_a_gateway_understands(gate_lane: VirtualLane) -> None:
    story(gate_lane)
    gate_lane.end_interval()
    said = {message.channel for message in gate_lane.messages}
    assert said == {"event", "status", "health"}
    for message in gate_lane.messages:
        if message.channel == "status" and message.body["state"] == "lost":
            continue  # a broker sends it: no seal
        body = unseal(gate_lane.key, message.topic, message.payload)
        {"event": decode_batch, "status": decode_online, "health": decode_health}[message.channel](body)
        assert (message.qos, message.retain) == (int(message.channel != "health"), message.channel == "status")


# --- power -----------------------------------------------------------------------------------------------------------


def test_what_is_in_the_flash_survives_a_power_cut(gate_lane: VirtualLane) -> None:
    gate_lane.cut_network()
    gate_lane.send()
    with gate_lane.cut_power():
        assert (gate_lane.state, gate_lane.lamp, gate_lane.boot) == ("dark", "dark", 0)
        assert kinds(gate_lane.undelivered)[-1] == "passage"
        with pytest.raises(NotInTime, match=r"the power is cut \(restore_power\), the network is cut"):
            gate_lane.send(timeout_s=100)
    gate_lane.restore_network()
    gate_lane.run()
    gate_lane.settle()
    assert (gate_lane.boot, gate_lane.state) == (2, "locked")
    assert gate_lane.truth == {"passed": 2}
    assert [(record["boot"], record["seq"]) for record in gate_lane.records] == [(1, 0), (1, 1), (2, 0), (2, 1)]


def test_a_device_without_power_is_lost_for_the_broker(gate_lane: VirtualLane) -> None:
    with gate_lane.cut_power():
        gate_lane.cut_power()
        assert [m.body["state"] for m in gate_lane.messages if m.channel == "status"] == ["online", "lost"]
        assert not gate_lane.connected
    gate_lane.advance(1)
    assert gate_lane.connected


def test_a_device_that_comes_up_learns_of_fire_and_broken_beams(gate_lane: VirtualLane) -> None:
    with gate_lane.cut_power():
        gate_lane.break_beam(3)
    assert (gate_lane.state, gate_lane.beams) == ("intrusion", [0, 0, 0, 1])
    gate_lane.clear_beam(3)
    with gate_lane.cut_power():
        gate_lane.fire()
    assert gate_lane.state == "free"


# --- making lanes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ["paddle", "tripod", "flap", "full_height", "wide", "none"])
@pytest.mark.parametrize("detector", ["single", "ordered", "profile"])
def test_every_arm_and_detector_lets_a_rider_pass(make_gate_lane: MakeGateLane, arm: str, detector: str) -> None:
    rider = make_gate_lane(arm=arm, detector=detector).send()
    assert (rider.outcome, rider.verdict) == ("passed", "passed")


def test_beams_are_a_number_or_places(make_gate_lane: MakeGateLane) -> None:
    assert len(make_gate_lane(beams=7).beams) == 7
    assert len(make_gate_lane(beams=[0.0, 0.3, 0.5]).beams) == 3
    assert len(make_gate_lane(beams=[(0.0, 0.2), (0.2, 0.2)]).beams) == 2


def test_noise_misreads_and_times_are_the_lanes_own(make_gate_lane: MakeGateLane) -> None:
    assert make_gate_lane(misread=0.9).send().crossing.taps > 1
    noisy = make_gate_lane(noise={"dust_per_h": 3600.0})
    noisy.advance(60)
    assert noisy.verdicts
    lane = make_gate_lane(release_s=1)
    medium = b"GLT1sy" + bytes(16)
    lane.present(medium)
    assert (lane.state, lane.lamp) == ("released", "go")
    lane.advance(1)
    assert lane.state == "locked"


def test_the_clock_starts_where_it_is_told(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(starts_at=datetime(2031, 5, 6, 7, 8, tzinfo=UTC))
    assert lane.records[0]["at"] == int(datetime(2031, 5, 6, 7, 8, tzinfo=UTC).timestamp() * 1000)


def test_a_lane_of_a_scenario_has_its_hardware_and_its_faults(make_gate_lane: MakeGateLane) -> None:
    lane = make_gate_lane(scenario=ROOT / "scenarios" / "broken-beams.toml", lane="worn")
    assert (lane.name, lane.seed, lane.send().outcome) == ("worn", 9, "passed")
    lane.advance(30 * 60)
    assert lane.beams == [0, 0, 1, 0]  # stuck from the thirtieth minute on
    everywhere = make_gate_lane(scenario=ROOT / "scenarios" / "whole-metro-day.toml", seed=3)
    assert (everywhere.seed, everywhere.send().outcome) == (3, "passed")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"arm": "tripods"}, 'arm: "tripods" is no arm; did you mean tripod?'),
        ({"detector": "radar"}, 'detector: "radar" was given; allowed is "single", "ordered" or "profile"'),
        ({"way": "in"}, 'way: "in" was given; allowed is "entry" or "exit"'),
        ({"beams": 99}, "beams: 99 was given; allowed is a whole number from 1 to 24"),
        ({"beams": 1}, 'beams: 1 beam was given; detector = "ordered" needs 2 or more'),
        ({"beams": [0.1, 0.2]}, "the first beam must be at x_m = 0.0"),
        ({"beams": [(0.0, 0.2, 0.3)]}, "a beam is where it is along the lane, in m, or"),
        ({"name": "Gate 1"}, 'name: "Gate 1" was given; allowed is 1 to 32 of a-z, 0-9 and -'),
        ({"misread": 2.0}, "misread: 2.0 was given; allowed is a number from 0 to 0.9"),
        ({"noise": {"fog": 1.0}}, "noise.fog: there is no such key"),
        ({"release_s": 0.0}, "release_s: 0.0 was given; allowed is a number from 0.1 to 3600"),
        ({"site": "The North"}, "settings: site is 'The North'; it must be 1 to 32 of a-z"),
        ({"key": b"short"}, "settings: key must be 64 hex digits"),
        ({"report": {"interval_ms": 1}}, "settings: report.interval_ms is 1; it must be a whole number from 1000"),
        ({"latency_ms": -1}, "a network's latency is 0 ms or more, not -1"),
        ({"starts_at": datetime(2025, 1, 1)}, "starts_at needs a time zone"),
        ({"lane": "worn"}, "lane= names a lane of a scenario"),
        ({"scenario": "{scenarios}/broken-beams.toml"}, "say which with lane=: clean, dirty, sunny, worn"),
        ({"scenario": "{scenarios}/broken-beams.toml", "lane": "west"}, "has no lane 'west'; its lanes are clean,"),
        ({"scenario": "{scenarios}/broken-beams.toml", "lane": "worn", "arm": "tripod"}, "leave out arm, or leave out"),
    ],
)
def test_what_a_lane_can_not_be_is_a_sentence(
    make_gate_lane: MakeGateLane, arguments: dict[str, Any], sentence: str
) -> None:
    if "scenario" in arguments:
        arguments = arguments | {"scenario": arguments["scenario"].format(scenarios=ROOT / "scenarios")}
    with pytest.raises(ValueError) as told:
        make_gate_lane(**arguments)
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_a_rider_that_can_not_be_is_a_sentence(gate_lane: VirtualLane) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"behaviour": "fly"}, "riders can pay, present_twice, .*, not 'fly'"),
        ({"behaviour": "fly", "speed_mps": 3.0}, "'fly' with speed_mps: riders can pay, present_twice"),
        ({"speed_mps": 3.0}, "'pay' with speed_mps: pay takes no parameters"),
        ({"behaviour": "jump_over", "height": 3.0}, "jump_over has no parameter 'height'; it has reach_m, speed_mps"),
        ({"behaviour": "jump_over", "reach_m": (2.0, 1.0)}, "jump_over: reach_m needs its smaller end first"),
        ({"kind": "centaur"}, "riders come as adult, .*, not as 'centaur'"),
        ({"product": "yearly"}, 'a product is "single" or "day", not \'yearly\''),
    ]
    for arguments, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            gate_lane.send(**arguments)
    with pytest.raises(ValueError, match="rider hand-gate-1-0 has not gone yet"):
        assert gate_lane.send(wait=False).outcome
    assert gate_lane.send().outcome == "passed"


def test_verbs_say_what_is_wrong(gate_lane: VirtualLane) -> None:
    with pytest.raises(ValueError, match="lane gate-1 has no beam 4: its beams are 0 to 3"):
        gate_lane.break_beam(4)
    with pytest.raises(ValueError, match="lane gate-1 has no beam -1"):
        gate_lane.stick_beam(-1)
    gate_lane.clear_beam(3)  # nothing was there
    with pytest.raises(ValueError, match="time runs forward"):
        gate_lane.advance(-1)
    with pytest.raises(ValueError, match="the device listens to gateline/1/test/gate-1/stored, not to a/b"):
        gate_lane.hand("a/b", b"")
    gate_lane.subscribe(lambda topic, payload: gate_lane.advance(1))
    with pytest.raises(ValueError, match="time is running already"):
        gate_lane.send()


def test_a_closed_lane_can_be_read_and_nothing_else(gate_lane: VirtualLane) -> None:
    gate_lane.send()
    gate_lane.close()
    gate_lane.close()
    assert (len(gate_lane.records), gate_lane.state, gate_lane.truth) == (2, "dark", {"passed": 1})
    for verb in (gate_lane.send, gate_lane.run, gate_lane.cut_network, gate_lane.settle, gate_lane.fire):
        with pytest.raises(ValueError, match="lane gate-1 is closed"):
            verb()


def test_a_lane_tells_what_it_is_like(gate_lane: VirtualLane) -> None:
    gate_lane.send()
    told = gate_lane.describe()
    assert "lane gate-1, seed 1, " in told and "truth: passed 1\nverdicts: passed 1\nrecords: 2, " in told
    assert repr(gate_lane).startswith("<lane gate-1: locked, ")


# --- emulated devices only -------------------------------------------------------------------------------------------


def test_no_argument_makes_a_device_of_a_physical_site(make_gate_lane: MakeGateLane) -> None:
    assert "class" not in " ".join(inspect.signature(MakeGateLane.__call__).parameters)
    settings = {"site": "north", "device": "gate-1", "class": "physical", "key": "00" * 32, "broker": None}
    with pytest.raises(
        ValueError, match="these settings are of a 'physical' site; the lanes here are emulated devices"
    ):
        settings_of(settings)
    with pytest.raises(ValueError, match="of a None site"):
        settings_of({key: value for key, value in settings.items() if key != "class"})
    assert make_gate_lane().records and issubclass(VirtualLane, Lane) and issubclass(LiveLane, Lane)


# --- a broker's address ----------------------------------------------------------------------------------------------


def test_a_broker_is_a_url() -> None:
    assert broker_of("mqtt://north%2Fgate-1:a%40b@10.0.0.1:1884", "north", "gate-1") == {
        "host": "10.0.0.1",
        "port": 1884,
        "user": "north/gate-1",
        "password": "a@b",
    }
    assert broker_of("mqtt://localhost", "north", "gate-1")["user"] == "north/gate-1"
    for wrong in (
        "mqtts://host",
        "host:1883",
        "mqtt://",
        "mqtt://host:99999",
        "mqtt://ann:secret@host:x",
        "mqtt://h/p",
    ):
        with pytest.raises(ValueError, match="mqtt://user:password@host:port") as told:
            broker_of(wrong, "north", "gate-1")
        assert "secret" not in str(told.value)
