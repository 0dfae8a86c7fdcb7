"""Every behaviour is acted out at a lane with the real firmware, and leads to the truth that its name promises.

Riders are sent by hand, so nobody else is there but those whom a test sends.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from simulator.plant import lane as plant_lane
from simulator.plant.geometry import Beam, Geometry
from simulator.plant.makes import FLAP, FULL_HEIGHT, OPEN, PADDLE, TRIPOD, WIDE, ArmKind
from simulator.study.rows import Crossing, Edge, Verdict
from simulator.study.run import Sinks, StationRun
from simulator.study.spec import LaneSpec, Spec, StationSpec
from simulator.world import behaviours as b
from simulator.world import bodies
from simulator.world.counts import constant_profile
from simulator.world.demand import Demand
from simulator.world.population import Population

MINUTE_MS = 60_000
ARMS = (PADDLE, TRIPOD, FLAP, FULL_HEIGHT, WIDE, OPEN)


class Acted:
    """A few riders at a few lanes, and what came of it."""

    def __init__(
        self, *lanes: LaneSpec, behaviours: Sequence[b.Behaviour] = (), seed: int = 1, fire: bool = False
    ) -> None:
        self.rows: list[Crossing] = []
        self.verdicts: list[Verdict] = []
        self.edges: list[Edge] = []
        lanes = lanes or (LaneSpec("in"),)
        station = StationSpec("", lanes, None)
        fires = ((500, 10 * MINUTE_MS),) if fire else ()
        spec = Spec(
            "acted", seed, 1_755_000_000_000, 5 * MINUTE_MS, (station,), Population(behaviours=tuple(behaviours)), fires
        )
        sinks = Sinks(self.rows.append, self.verdicts.append, self.edges.append)
        self.run = StationRun(spec, station, sinks)
        self.media: Counter[str] = Counter()
        for one in self.run.lanes:
            one.plant.post = self._counted(one.plant.name, one.plant.post)

    def _counted(self, lane: str, post: Callable[..., None] | None) -> Callable[[int, int, Any, int], None]:
        assert post is not None

        def counted(t_ms: int, kind: int, a: Any, value: int) -> None:
            self.media[lane] += kind == plant_lane.MEDIUM
            post(t_ms, kind, a, value)

        return counted

    def send(self, at_ms: int, behaviour: str = b.PAY, lane: str = "in", kind: str = bodies.ADULT) -> None:
        def send() -> None:
            self.run.station.send(lane, behaviour, kind)

        self.run.scheduler.at(at_ms, send)

    def outcomes(self) -> list[str]:
        """Run it all; the outcomes in the order of the riders' ends."""
        self.run.run()
        assert self.run.station.idle()
        return [row.outcome for row in self.rows]

    def row(self, behaviour: str) -> Crossing:
        (found,) = [row for row in self.rows if row.behaviour == behaviour]
        return found

    def said(self) -> list[str]:
        return [one.what for one in self.verdicts]


def alone(behaviour: b.Behaviour, arm: ArmKind = PADDLE, **options: Any) -> Acted:
    """One rider who means to do that, at one lane, and nobody else."""
    acted = Acted(LaneSpec("in", arm=arm), behaviours=[behaviour], **options)
    acted.send(1_000, behaviour.name)
    acted.outcomes()
    return acted


# --- past a closed arm -----------------------------------------------------------------------------------------------

INTRUSIONS: list[tuple[b.Behaviour, str, set[str]]] = [
    (b.JumpOver(1.0, reach_m=(1.0, 1.0), pays_if_stopped=1), b.JUMPED, {"paddle", "tripod", "flap", "wide", "none"}),
    (b.JumpOver(1.0, reach_m=(0.96, 0.99), pays_if_stopped=1), b.JUMPED, {"tripod", "none"}),
    (b.Climb(1.0, reach_m=(1.2, 1.8), pays_if_stopped=1), b.CLIMBED, {"paddle", "tripod", "flap", "wide", "none"}),
    (b.Climb(1.0, reach_m=(2.3, 2.3), pays_if_stopped=1), b.CLIMBED, {kind.name for kind in ARMS}),
    (b.CrawlUnder(1.0, height_m=(0.45, 0.70), pays_if_stopped=1), b.CRAWLED, {"tripod", "none"}),
    (
        b.CrawlUnder(1.0, height_m=(0.25, 0.30), pays_if_stopped=1),
        b.CRAWLED,
        {"paddle", "tripod", "flap", "wide", "none"},
    ),
    (b.Force(1.0, push_n=(250, 300), pays_if_stopped=1), b.FORCED, {"paddle", "flap", "wide", "none"}),
    (b.Force(1.0, push_n=(160, 190), pays_if_stopped=1), b.FORCED, {"flap", "none"}),
    (b.Force(1.0, push_n=(2_500, 2_500), pays_if_stopped=1), b.FORCED, {kind.name for kind in ARMS}),
    (b.Backcock(1.0, pays_if_stopped=1), b.BACKCOCKED, {"tripod"}),
]


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
@pytest.mark.parametrize(("plan", "outcome", "past"), INTRUSIONS)
def test_who_gets_past_a_closed_arm_and_who_pays_after_all(
    plan: b.Behaviour, outcome: str, past: set[str], arm: ArmKind
) -> None:
    acted = alone(plan, arm)
    (row,) = acted.rows
    if arm.name in past:
        assert (row.outcome, row.honest, row.taps, row.consent) == (outcome, False, 0, None)
        assert row.entered_ms >= 0 and row.left_ms > row.entered_ms
    else:
        assert (row.outcome, row.honest, row.taps) == (b.PASSED, True, 1)
    assert acted.media["in"] == row.taps


def test_who_is_stopped_and_does_not_pay_follows_somebody() -> None:
    long = Geometry(tuple(Beam(n * 300) for n in range(6)), arm_mm=400, away_mm=2_500)
    outcomes = []
    for seed in range(1, 9):
        plan = b.JumpOver(1.0, reach_m=(0.5, 0.5), pays_if_stopped=0.0)
        acted = Acted(LaneSpec("in", arm=PADDLE, geometry=long), behaviours=[plan], seed=seed)
        acted.send(1_000, plan.name)
        acted.send(4_000)
        acted.outcomes()
        row = acted.row(plan.name)
        outcomes.append(row.outcome)
        assert row.outcome != b.JUMPED and acted.row(b.PAY).outcome == b.PASSED
        if row.outcome == b.TAILGATED:
            assert (row.leader, row.taps) == (acted.row(b.PAY).rider, 0)
    assert b.TAILGATED in outcomes


def test_a_jumper_is_fast_a_climber_slow_and_both_are_lifted_over_low_beams() -> None:
    jump = alone(b.JumpOver(1.0, reach_m=(1.1, 1.1), speed_mps=(2.0, 2.0)))
    climb = alone(b.Climb(1.0, reach_m=(1.1, 1.1), on_top_s=(2.0, 2.0)))
    (jumped,), (climbed,) = jump.rows, climb.rows
    assert jumped.left_ms - jumped.entered_ms < 700 < 2_000 < climbed.left_ms - climbed.entered_ms
    assert jump.said() == climb.said() == ["forced"]


def test_pushing_opens_the_arm_and_takes_its_time() -> None:
    (row,) = alone(b.Force(1.0, push_n=(300, 300), struggle_s=(2.0, 2.0))).rows
    assert row.left_ms - row.entered_ms > 2_000


# --- behind another --------------------------------------------------------------------------------------------------


def followed(plan: b.Behaviour, arm: ArmKind, seed: int) -> Acted:
    acted = Acted(LaneSpec("in", arm=arm), behaviours=[plan], seed=seed)
    acted.send(1_000)
    acted.send(1_050, plan.name)
    acted.outcomes()
    return acted


@pytest.mark.parametrize("arm", [PADDLE, FLAP, WIDE, TRIPOD], ids=lambda arm: arm.name)
@pytest.mark.parametrize(
    "plan", [b.TailgateFriendly(1.0, gap_m=(0.0, 0.0)), b.TwoAbreast(1.0)], ids=lambda plan: plan.name
)
def test_friends_go_through_together(plan: b.Behaviour, arm: ArmKind) -> None:
    got_in = 0
    for seed in range(1, 7):
        acted = followed(plan, arm, seed)
        leader, follower = acted.row(b.PAY), acted.row(plan.name)
        assert leader.outcome == b.PASSED
        if follower.outcome == b.TAILGATED:
            got_in += 1
            assert follower.leader == leader.rider and follower.taps == 0
            assert leader.entered_ms <= follower.entered_ms < leader.left_ms, "while the leader was still there"
    assert got_in >= 4


def test_two_abreast_are_closer_than_two_in_a_row() -> None:
    gaps = {}
    for plan in (b.TwoAbreast(1.0, overlap=(1.0, 1.0)), b.TailgateFriendly(1.0, gap_m=(0.3, 0.3))):
        acted = followed(plan, OPEN, 1)
        gaps[plan.name] = acted.row(plan.name).entered_ms - acted.row(b.PAY).entered_ms
    assert abs(gaps[b.TwoAbreast.name]) < 50 < 200 < gaps[b.TailgateFriendly.name]


def test_who_keeps_too_far_behind_meets_a_closed_arm_and_never_gets_in() -> None:
    acted = followed(b.TailgateCovert(1.0, gap_m=(2.0, 2.0)), PADDLE, 1)
    row = acted.row(b.TailgateCovert.name)
    assert row.outcome in (b.PASSED, b.GAVE_UP, b.TURNED_BACK) and row.honest


@pytest.mark.parametrize("name", [b.TailgateFriendly.name, b.TailgateCovert.name, b.TwoAbreast.name])
def test_who_finds_nobody_to_follow_pays(name: str) -> None:
    acted = alone(b.ALL[name](1.0))
    assert [(row.outcome, row.taps) for row in acted.rows] == [(b.PASSED, 1)]
    assert acted.rows[0].tapped_ms > getattr(b.ALL[name](), "patience_s") * 1000  # noqa: B009


@pytest.mark.parametrize("companions", [1, 3])
def test_who_holds_the_gate_lets_companions_in(companions: int) -> None:
    acted = alone(b.HoldGate(1.0, companions=(companions, companions)))
    holder = acted.row(b.HoldGate.name)
    others = [row for row in acted.rows if row.behaviour == b.COMPANION]
    assert (holder.outcome, holder.taps) == (b.PASSED, 1)
    assert [row.outcome for row in others] == [b.TAILGATED] * companions
    assert {row.leader for row in others} == {holder.rider} and all(row.taps == 0 for row in others)
    assert acted.media["in"] == 1


def test_a_pass_handed_back_is_used_twice() -> None:
    acted = alone(b.Passback(1.0))
    first, second = sorted(acted.rows, key=lambda row: row.entered_ms)
    assert (first.outcome, first.honest) == (b.PASSED, True)
    assert (second.outcome, second.honest, second.leader) == (b.PASSED_BACK, False, first.rider)
    assert (second.product, second.consent) == (first.product, first.consent) and acted.media["in"] == 2


# --- at the reader ---------------------------------------------------------------------------------------------------


def test_presenting_twice_changes_nothing_but_that_the_reader_heard_it_twice() -> None:
    acted = alone(b.PresentTwice(1.0, again_after_s=(0.2, 0.2)))
    assert [row.outcome for row in acted.rows] == [b.PASSED] and acted.said() == ["passed"]
    assert acted.media["in"] == 2


def test_a_medium_held_to_the_neighbours_reader_releases_the_neighbour() -> None:
    acted = Acted(LaneSpec("in"), LaneSpec("next"), behaviours=[b.WrongSide(1.0, realises_after_s=(2.0, 2.0))])
    acted.send(1_000, b.WrongSide.name)
    assert acted.outcomes() == [b.PASSED]
    assert acted.media == {"in": 1, "next": 1} and acted.rows[0].taps == 2
    assert acted.said() == ["passed"] and acted.verdicts[0].lane == "in"
    assert acted.rows[0].entered_ms - acted.rows[0].tapped_ms > 2_000


def test_with_no_neighbour_there_is_no_wrong_side() -> None:
    acted = alone(b.WrongSide(1.0))
    assert [(row.outcome, row.taps) for row in acted.rows] == [(b.PASSED, 1)]


def test_a_refused_medium_sends_its_rider_away() -> None:
    acted = alone(b.RefusedRetreat(1.0))
    assert [(row.outcome, row.entered_ms, row.honest) for row in acted.rows] == [(b.REFUSED, -1, True)]
    assert acted.said() == ["refused"]


@pytest.mark.parametrize(("returns", "outcome"), [(0.0, b.TURNED_BACK), (1.0, b.PASSED)])
def test_who_hesitates_steps_back_and_perhaps_comes_again(returns: float, outcome: str) -> None:
    acted = alone(b.Hesitate(1.0, returns=returns))
    assert [row.outcome for row in acted.rows] == [outcome]
    assert acted.said() == (["turned_back"] if not returns else ["turned_back", "passed"])


# --- in the lane -----------------------------------------------------------------------------------------------------


def test_a_loiterer_stays_and_then_leaves_by_the_far_side() -> None:
    acted = alone(b.Loiter(1.0, stay_s=(20.0, 20.0)))
    (row,) = acted.rows
    assert row.outcome == b.PASSED and row.left_ms - row.entered_ms > 20_000
    assert acted.said() == ["passed"]


def test_staff_pass_briskly_on_a_medium_like_anybody() -> None:
    acted = alone(b.Staff(1.0, speed_mps=(3.0, 3.0)))
    (row,) = acted.rows
    (slow,) = alone(b.PresentTwice(1.0)).rows
    assert (row.outcome, row.taps, acted.said()) == (b.PASSED, 1, ["passed"])
    assert row.left_ms - row.entered_ms < (slow.left_ms - slow.entered_ms) * 0.75


def test_in_an_emergency_all_leave_without_a_medium_and_nobody_is_accused() -> None:
    acted = Acted(LaneSpec("in"), LaneSpec("out", way="exit", arm=TRIPOD), fire=True)
    for n, behaviour in enumerate((b.PAY, b.JumpOver.name, b.Staff.name, b.TailgateCovert.name, b.PAY)):
        acted.send(2_000 + n * 200, behaviour, "in")
        acted.send(2_100 + n * 200, behaviour, "out")
    assert acted.outcomes() == [b.PASSED_FREE] * 10
    assert acted.said() == ["passed_free"] * 10 and not any(row.taps for row in acted.rows)


# --- by the other side -----------------------------------------------------------------------------------------------


def test_who_enters_through_the_exit_waits_for_somebody_to_come_out() -> None:
    out = LaneSpec("out", way="exit", arm=WIDE)
    acted = Acted(LaneSpec("in"), out, behaviours=[b.EnterThroughExit(1.0, patience_s=30.0)])
    acted.send(1_000, b.EnterThroughExit.name, "out")
    acted.send(5_000, b.PAY, "out")
    assert Counter(acted.outcomes()) == {b.PASSED: 1, b.REVERSED: 1}
    evader, leaver = acted.row(b.EnterThroughExit.name), acted.row(b.PAY)
    assert (evader.way, leaver.way, evader.honest, evader.taps) == ("entry", "exit", False, 0)
    assert evader.entered_ms > leaver.tapped_ms


@pytest.mark.parametrize(("pays", "outcomes"), [(1.0, [b.GAVE_UP, b.PASSED]), (0.0, [b.GAVE_UP])])
def test_who_finds_no_open_exit_gives_up_and_perhaps_pays(pays: float, outcomes: list[str]) -> None:
    plan = b.EnterThroughExit(1.0, patience_s=10.0, pays_if_stopped=pays)
    acted = Acted(LaneSpec("out", way="exit"), LaneSpec("in"), behaviours=[plan])
    acted.send(1_000, b.EnterThroughExit.name, "out")
    assert acted.outcomes() == outcomes
    assert acted.rows[0].entered_ms == -1
    if pays:
        assert acted.rows[1].lane == "in" and acted.rows[1].rider.endswith("-pays")


# --- who goes where --------------------------------------------------------------------------------------------------


def test_prams_wheelchairs_and_bicycles_look_for_the_wide_lane() -> None:
    lanes = (LaneSpec("narrow-1"), LaneSpec("wide", arm=WIDE), LaneSpec("narrow-2"))
    station = StationSpec("", lanes, Demand(constant_profile(900, 0)))
    kinds = {bodies.ADULT: 0.4, bodies.PRAM: 0.2, bodies.WHEELCHAIR: 0.2, bodies.BICYCLE: 0.1, bodies.SUITCASE: 0.1}
    rows: list[Crossing] = []
    spec = Spec("wide", 1, 0, 20 * MINUTE_MS, (station,), Population(kinds))
    StationRun(spec, station, Sinks(rows.append)).run()
    lanes_of = {kind: Counter(row.lane for row in rows if row.rider_kind == kind) for kind in kinds}
    for kind in bodies.NEEDS_WIDTH:
        assert set(lanes_of[kind]) == {"wide"} and lanes_of[kind]["wide"] > 5
    assert set(lanes_of[bodies.ADULT]) >= {"narrow-1", "narrow-2"}


def test_there_is_a_test_here_for_every_behaviour() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [kind.__name__ for kind in b.ALL.values() if f"b.{kind.__name__}" not in text] == []
