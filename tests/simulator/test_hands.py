"""Hands: each order does what it says, is undone, and leaves truth and reckoning right. On virtual time, with the real
firmware in this process."""

import random
from pathlib import Path

import pytest

from simulator.byhand.hands import WAITING_MAX
from simulator.byhand.orders import RIDERS, Order
from simulator.demo_lanes import TWO_HEIGHTS, crowd
from simulator.plant import makes
from simulator.plant.makes import KINDS
from simulator.reckoning import IRREGULAR
from simulator.ticket_hall import TicketHall
from simulator.world.counts import constant_profile
from simulator.world.demand import Demand
from tests.simulator.byhand_support import PAGED, World, lane

PROFILE = lane(geometry=TWO_HEIGHTS, detector="profile", layout=[[beam.x_mm, beam.z_mm] for beam in TWO_HEIGHTS.beams])


def send(world: World, what: str, device: str = "gate-1") -> bool:
    return world.hands.do(device, Order("send", what, True))


def turn(world: World, do: str, on: bool, beam: int = 0, device: str = "gate-1") -> bool:
    return world.hands.do(device, Order(do, "", on, beam))


def reported(world: World, device: str = "gate-1") -> list[str]:
    return [record["what"] for record in world.records(device) if record["kind"] == "irregular"]


# --- riders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["commuter", "suitcase", "wheelchair"])
@pytest.mark.parametrize("device", PAGED)
def test_a_rider_who_is_sent_pays_and_passes(what: str, device: str) -> None:
    world = World(PAGED)
    assert send(world, what, device)
    world.run(2_000)
    assert world.gates[device].plant.bodies(), "nobody is to be seen"
    world.finish()
    (outcome,) = world.truth.outcomes()
    assert outcome.kind in ("passed_consented", "passed_declined") and outcome.lane == device
    assert (outcome.consent is not None) and not reported(world, device)
    facts = world.facts()
    assert len(facts["passages"]) + facts["tallied"].get(device, {}).get("declined", 0) == 1
    assert (world.reckoning().lost, world.reckoning().invented, world.reckoning().misjudged) == (0, 0, 0)


def test_who_is_sent_looks_as_they_should() -> None:
    world = World(PAGED)
    shapes = {"suitcase": "suitcase", "pram": "pram", "wheelchair": "wheels", "commuter": "leg"}
    for what, part in shapes.items():
        send(world, what)
        world.run(1_500)
        assert part in {name for body in world.gates["gate-1"].plant.bodies() for name in _parts(body)}, what
        world.run(30_000)


def _parts(body: object) -> list[str]:
    return [part.name for part in body.shape.segments]  # type: ignore[attr-defined]


def test_a_pram_may_be_taken_for_a_tailgater_and_that_is_the_detectors_fault() -> None:
    """It depends on how far it is pushed ahead: of ten, some are; the one with two heights accuses none of them."""
    wrong = {}
    for name, made in (("ordered", lane()), ("profile", PROFILE)):
        world = World({"gate-1": made})
        for _ in range(10):
            send(world, "pram")
            world.run(8_000)
        world.finish()
        reckoning = world.reckoning()
        assert (reckoning.lost, reckoning.invented, reckoning.meddled) == (0, 0, 0)
        wrong[name] = reckoning.misjudged
        assert reckoning.misjudged == len(reported(world)) == reckoning.irregular
    assert wrong["ordered"] > 0 == wrong["profile"]


@pytest.mark.parametrize("made", [lane(), PROFILE, lane(arm=makes.FLAP), lane("exit", arm=makes.WIDE)])
def test_a_tailgater_comes_behind_one_who_pays(made: object) -> None:
    world = World({"gate-1": made})  # type: ignore[dict-item]
    assert send(world, "tailgater")
    world.finish()
    first, second = world.truth.outcomes()
    assert first.kind in ("passed_consented", "passed_declined") and second.kind == "tailgated"
    assert second.consent is None and second.at - first.at < 1_500
    assert world.reckoning().lost == world.reckoning().invented == 0


def test_most_tailgaters_are_reported() -> None:
    world = World(PAGED)
    for _ in range(10):
        send(world, "tailgater")
        world.run(8_000)
    world.finish()
    assert world.outcomes()["tailgated"] == 10
    assert reported(world).count("tailgate") >= 5


@pytest.mark.parametrize("make", [name for name in KINDS if name != "none"])
def test_a_jumper_jumps_whatever_the_arm(make: str) -> None:
    world = World({"gate-1": lane(arm=KINDS[make])})
    for _ in range(3):
        assert send(world, "jumper")
        world.run(8_000)
    world.finish()
    assert world.outcomes() == {"jumped": 3}
    # Over a door nobody is near a beam: no report, and no wire has lost one.
    assert len(reported(world)) == (0 if make == "full_height" else 3) and not world.facts()["passages"]
    assert world.reckoning().lost == world.reckoning().invented == 0


def test_a_jumper_is_seen_over_the_arm() -> None:
    world = World(PAGED)
    send(world, "jumper")
    lifts = []
    for _ in range(60):
        world.run(100)
        for body in world.gates["gate-1"].plant.bodies():
            front_mm = body.front_at(world.scheduler.now_ms)
            lifts += [lift.by_mm for lift in body.lifts if lift.from_mm <= front_mm <= lift.to_mm]
    assert lifts and max(lifts) == 700


def test_both_of_a_party_are_sent_by_their_order() -> None:
    world = World({"gate-1": lane()})
    assert world.hands.do("gate-1", Order("send", "tailgater", True, number=77))
    send(world, "jumper")
    assert [visit.rider.order for visit in world.station.visits("gate-1")] == [77, 77, 0]


def test_who_is_sent_goes_before_those_who_wait() -> None:
    world = World({"gate-1": lane()})
    for _ in range(8):
        world.station.send("gate-1")
    waiting = [visit.rider.id for visit in world.station.visits("gate-1")]
    send(world, "commuter")
    send(world, "suitcase")
    order = [visit.rider for visit in world.station.visits("gate-1")]
    assert len(order) == len(waiting) + 2
    # All of these were sent by hand; those that a page sends stand behind one another, in the order they came in.
    assert [rider.id for rider in order][-2:] == ["hand-gate-1-8", "hand-gate-1-9"]
    others = World({"gate-1": lane()}, demand=Demand(constant_profile(20_000.0, 0.0)))
    others.run(20_000)
    assert others.station.queue_length("gate-1") > 20
    send(others, "tailgater")
    queue = [visit.rider for visit in others.station.visits("gate-1") if visit.body is None]
    assert [rider.by_hand for rider in queue[:3]] == [True, True, False]
    assert [rider.behaviour for rider in queue[:2]] == ["pay", "tailgate_friendly"]
    others.run(8_000)
    outcomes = [one.kind for one in others.truth.outcomes() if one.rider.startswith("hand")]
    assert len(outcomes) == 2 and outcomes[1] == "tailgated"


def test_fifty_in_a_row_are_twenty_and_a_count() -> None:
    world = World(PAGED)
    sent = [send(world, "commuter") for _ in range(50)]
    assert sent == [True] * WAITING_MAX + [False] * (50 - WAITING_MAX)
    assert (world.hands.done, world.hands.refused) == (WAITING_MAX, 50 - WAITING_MAX)
    assert not send(world, "tailgater") and send(world, "commuter", "gate-2"), "another lane has room of its own"
    world.run(10_000)
    assert send(world, "commuter"), "some have gone through"
    world.finish()
    assert world.outcomes()["passed_consented"] + world.outcomes()["passed_declined"] == WAITING_MAX + 2


def test_a_tailgater_needs_room_for_two() -> None:
    world = World(PAGED)
    for _ in range(WAITING_MAX - 1):
        assert send(world, "commuter")
    assert not send(world, "tailgater") and send(world, "commuter")


def test_who_pays_buys_first_and_is_served_first() -> None:
    """Where passes are sold, only who needs one is sent there; riders who are on their way count as waiting."""
    world = World(PAGED)
    bought = []
    world.station._shop = lambda rider, then: bought.append((rider, then))
    assert send(world, "commuter") and send(world, "jumper") and send(world, "tailgater")
    assert [rider.behaviour for rider, _ in bought] == ["pay", "pay"]
    assert world.station.shopping == 2 and world.station.by_hand("gate-1") == 4
    world.run(6_000)
    assert world.outcomes() == {"jumped": 1}
    for _, then in bought:
        then()
    world.finish()
    assert world.outcomes()["tailgated"] == 1 and world.station.by_hand("gate-1") == 0


def test_the_hall_serves_first_who_was_sent(tmp_path: Path) -> None:
    world = World(PAGED)
    hall = TicketHall([], tmp_path, lambda go: None)
    crowd_of = [world.station._draw_by_hand("gate-1", "pay", None) for _ in range(4)]
    for rider, by_hand in zip(crowd_of, (False, False, True, True), strict=True):
        rider.by_hand = by_hand
        hall.shop(rider, lambda: None)
    served = [hall.next() for _ in range(4)]
    assert [one[0] for one in served if one] == [crowd_of[2], crowd_of[3], crowd_of[0], crowd_of[1]]
    assert hall.next() is None
    hall.close()


# --- what can be on --------------------------------------------------------------------------------------------------


def test_a_beam_that_is_broken_by_hand_is_broken_until_it_is_let_go() -> None:
    world = World(PAGED)
    plant = world.gates["gate-1"].plant
    assert turn(world, "beam", True, 2) and plant.broken() == [0, 0, 1, 0]
    assert turn(world, "beam", True, 2), "it is on already: nothing happens"
    assert world.hands.on("gate-1") == ["beam 2"] and world.hands.on("gate-2") == []
    turn(world, "beam", False, 2)
    assert plant.broken() == [0, 0, 0, 0] and world.hands.on("gate-1") == []
    assert world.truth.expected()["gate-1"].touches == 2


def test_a_hand_through_the_beams_is_reported_and_nobody_is_accused_of_it() -> None:
    world = World(PAGED)
    for beam in range(4):
        turn(world, "beam", True, beam)
        world.run(200)
        if beam:
            turn(world, "beam", False, beam - 1)
            world.run(100)
    turn(world, "beam", False, 3)
    world.run(20_000)
    assert reported(world) == ["forced"] and world.outcomes() == {}
    reckoning = world.reckoning()
    assert (reckoning.lost, reckoning.invented, reckoning.misjudged, reckoning.irregular) == (0, 0, 1, 1)


def test_a_jammed_arm_keeps_riders_out_until_it_is_free() -> None:
    world = World(PAGED)
    turn(world, "arm", True)
    send(world, "commuter")
    world.run(20_000)
    assert world.outcomes() == {} and world.hands.on("gate-1") == ["arm"]
    assert world.gates["gate-1"].plant.arm.position(world.scheduler.now_ms) == 0
    turn(world, "arm", False)
    world.run(20_000)
    assert sum(world.outcomes().values()) == 1 and world.hands.on("gate-1") == []
    assert world.reckoning().lost == world.reckoning().invented == world.reckoning().misjudged == 0


def test_a_cut_network_keeps_records_in_the_gate_and_they_arrive_after() -> None:
    world = World(PAGED)
    world.run(1_000)
    before = len(world.gates["gate-1"].far_end.messages)
    turn(world, "network", True)
    for _ in range(5):
        send(world, "commuter")
    world.run(30_000)
    passed = world.outcomes()
    assert sum(passed.values()) == 5, "the gate works without its network"
    since = world.gates["gate-1"].far_end.messages[before:]
    assert [message.channel for message in since] == ["status"], "nothing but the broker's will"
    assert world.hands.on("gate-1") == ["network"]
    turn(world, "network", False)
    world.finish()
    stored = [message for message in world.gates["gate-1"].far_end.messages if message.channel == "event"]
    assert stored and len(world.facts()["passages"]) == passed.get("passed_consented", 0)
    assert world.reckoning().lost == world.reckoning().invented == 0


def test_a_fire_is_the_whole_sites_and_all_pass_free() -> None:
    world = World(PAGED)
    turn(world, "fire", True)
    world.run(500)
    assert {gate.state for gate in world.gates.values()} == {"free"}
    assert world.hands.on("gate-1") == world.hands.on("gate-2") == ["fire"]
    send(world, "commuter", "gate-2")
    world.run(10_000)
    assert world.outcomes() == {"passed_free": 1}
    turn(world, "fire", False, device="gate-2")
    world.finish()
    assert {gate.state for gate in world.gates.values()} == {"locked"}
    assert world.reckoning().lost == world.reckoning().invented == 0


def test_everything_ends_when_the_station_does() -> None:
    world = World(PAGED)
    for device in PAGED:
        turn(world, "beam", True, 1, device)
        turn(world, "arm", True, device=device)
        turn(world, "network", True, device=device)
    turn(world, "fire", True)
    assert world.hands.on("gate-2") == ["beam 1", "arm", "network", "fire"]
    world.hands.end()
    for device, gate in world.gates.items():
        assert world.hands.on(device) == [] and gate.plant.broken() == [0, 0, 0, 0]
        assert not gate.plant.arm.jammed and gate.far_end.up and not gate.plant.fire_on
    assert not send(world, "commuter") and not turn(world, "fire", True) and world.hands.refused == 2
    world.finish()
    assert world.outcomes() == {}


# --- the reckoning ---------------------------------------------------------------------------------------------------


def meddled(seed: int, minutes: int = 3) -> World:
    """Two lanes full of riders; at one of them hands do whatever they like."""
    draw = random.Random(seed)
    world = World(
        {"gate-1": lane(), "gate-2": lane("exit")},
        seed=seed,
        demand=Demand(constant_profile(900.0, 900.0)),
        population=crowd(),
    )
    while world.scheduler.now_ms < minutes * 60_000:
        world.run(draw.randrange(50, 3_000))
        do = draw.choice(("beam", "beam", "beam", "arm", "network", "fire", "send"))
        if do == "send":
            send(world, draw.choice(RIDERS))
        else:
            turn(world, do, draw.random() < 0.5, draw.randrange(4))
    world.finish()
    return world


@pytest.mark.parametrize("seed", range(6))
def test_whatever_hands_do_nothing_is_lost_or_invented(seed: int) -> None:
    world = meddled(seed)
    reckoning = world.reckoning()
    assert (reckoning.lost, reckoning.invented) == (0, 0)
    assert world.truth.expected()["gate-1"].touches > 10 and sum(world.outcomes().values()) > 50


@pytest.mark.parametrize("device", ["gate-1", "gate-2"])
def test_a_record_that_no_gate_decided_is_invented_wherever_hands_were(device: str) -> None:
    world = meddled(1)
    facts = world.facts()
    reports = dict(facts["irregular"])
    reports[device, "tailgate"] = reports.get((device, "tailgate"), 0) + 1
    assert (world.reckoning(irregular=reports).invented, world.reckoning(irregular=reports).lost) == (1, 0)
    rows = [*facts["passages"], (device, "entry" if device == "gate-1" else "exit", "f" * 64)]
    assert (world.reckoning(passages=rows).invented, world.reckoning(passages=rows).lost) == (1, 0)
    fewer = [row for row in facts["passages"] if row[0] != device] + [
        row for row in facts["passages"] if row[0] == device
    ][1:]
    assert (world.reckoning(passages=fewer).invented, world.reckoning(passages=fewer).lost) == (0, 1)
    tallies = {name: counts.copy() for name, counts in facts["tallied"].items()}
    tallies[device]["declined"] -= 1
    tallies[device]["paid"] -= 1
    assert (world.reckoning(tallied=tallies).invented, world.reckoning(tallied=tallies).lost) == (0, 1)


def test_without_hands_and_luggage_decisions_are_what_riders_did() -> None:
    world = World(PAGED, demand=Demand(constant_profile(900.0, 900.0)))
    world.run(180_000)
    world.finish()
    reckoning = world.reckoning()
    assert (reckoning.lost, reckoning.invented, reckoning.meddled, reckoning.misjudged) == (0, 0, 0, 0)
    expected = world.truth.expected()
    for name, counts in world.decided().items():
        assert counts[IRREGULAR] == expected[name].tailgates and counts["declined"] == expected[name].declined
