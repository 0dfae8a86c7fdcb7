"""The attacks on a small week through both sides: each finds what it must where there is something, and nothing
elsewhere.

What they find on the whole week is docs/attacks.md's; test_attacks_page.py holds the page to a run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import pytest

from simulator.linkage import attacks, score
from simulator.linkage.baseline import taps
from simulator.linkage.findings import Finding
from simulator.linkage.located import located
from simulator.linkage.traces import QUARTER_MS, SECOND_MS, Point, of_cards, of_handles, unicity
from simulator.linkage.week import DAY_START_MS, GATES, Size, draw_week, service_day
from simulator.truth import DAY_MS
from tests.privacy import hostile
from tests.privacy.week import Ran, known, run_week

SMALL = Size(commuters=24, occasional=12, visitors=12)


@pytest.fixture(scope="module", params=["physical", "emulated"])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("week") / "data"
    with run_week(folder, request.param, draw_week(7, SMALL)) as week:
        yield week


def test_the_week_s_truth_is_what_the_gates_saw(ran: Ran) -> None:
    for gate in GATES:
        assert [one.at_ms for one in ran.week.passages if one.gate == gate] == ran.passed[gate]
    assert ran.rows["quarantine"] == [] and ran.rows["gaps"] == []
    agreed = [one for one in ran.week.passages if one.consent]
    assert len(ran.rows["passages"]) == len(agreed) > 0
    found = known(ran)
    rows = {(row["handle"], row["device"], row["at"]) for row in ran.rows["passages"]}
    exact = ran.site_class == "emulated"
    assert rows == {
        (found.handle(one), one.gate, one.at_ms if exact else one.at_ms // QUARTER_MS * QUARTER_MS) for one in agreed
    }
    declined = sum(row["declined"] for row in ran.rows["tallies"])
    assert declined == len(ran.week.passages) - len(agreed) > 0


def test_a_handle_of_who_declined_is_nowhere(ran: Ran) -> None:
    found = known(ran)
    everything = b"".join(message.payload for message in ran.log) + repr(ran.rows).encode()
    agreed = [found.handle(one).encode() for one in ran.week.passages if one.consent]
    declined = [found.handle(one).encode() for one in ran.week.passages if not one.consent]
    assert all(handle in everything for handle in agreed)
    assert not any(handle in everything for handle in declined)
    assert not any(nonce in everything or nonce.hex().encode() in everything for nonce in ran.nonces.values())


def test_a_planted_row_of_a_declined_rider_is_placed(ran: Ran) -> None:
    found = known(ran)
    before = score.placed(found)
    victim = next(one for one in ran.week.passages if not one.consent)
    row = {**ran.rows["passages"][0], "handle": found.handle(victim), "device": victim.gate, "at": victim.at_ms}
    leaked = replace(found, rows={**ran.rows, "passages": [*ran.rows["passages"], row]})
    assert score.placed(leaked).hits == before.hits + 1
    start_ms = victim.at_ms - 500
    tally = {**ran.rows["tallies"][0], "device": victim.gate, "from_ms": start_ms, "to_ms": start_ms + 1_000}
    leaked = replace(found, rows={**ran.rows, "tallies": [*ran.rows["tallies"], tally | {"declined": 1}]})
    assert score.placed(leaked).hits == before.hits + 1


def test_who_is_placed_was_alone_in_the_last_tally_of_a_day(ran: Ran) -> None:
    found = known(ran)
    for claim in located(found.log, found.rows, found.outcomes()).values():
        assert claim.why == "tally of one"
        assert (claim.end_ms - DAY_START_MS) % DAY_MS == 0, "every other tally counts ten"


def test_without_numbers_the_bytes_of_a_sale_are_nowhere_else(ran: Ran) -> None:
    found = known(ran)
    asked = list(found.questions)
    assert all(len(question.blinded) == len(question.signature) == 256 for question in asked)
    assert attacks.bytes_in_common(asked, ran.log, ran.rows) == 0
    # A blinding that lets the handle through would be seen.
    handle = bytes.fromhex(ran.rows["passages"][3]["handle"])
    asked[2] = asked[2]._replace(signature=b"xyz" + handle[5:20])
    assert attacks.bytes_in_common(asked, ran.log, ran.rows) == 1


def test_each_attack_finds_what_is_planted_for_it(ran: Ran) -> None:
    """Attacks that found nothing because they can't find anything would be no attacks."""
    found = known(ran)
    # Bought ahead, nothing to go by; but told to be late, the same attack finds them by time.
    late = score.sales(found)["late"]
    assert late.beats_chance
    # Where a handle lasted over days the next day would be found by it: the attack on habits has no such row.
    assert score.days(found).beats_chance
    assert score.baseline_days(ran.week).share == 1.0
    assert {finding.share for finding in score.baseline_sales(ran.week).values()} == {1.0}
    order = score.order(found)
    assert order.share == 1.0 if ran.site_class == "emulated" else order.interval[0] < 0.5 < order.interval[1]


def test_a_replayed_week_changes_no_row(ran: Ran) -> None:
    batches, changed = hostile.replayed(ran)
    assert batches > 100 and changed == 0
    counted = {row["name"]: row["value"] for row in ran.gateway.rows()["counters"]}
    assert counted["duplicates_refused"] > 0


def test_what_a_stolen_key_can_say_and_cannot(ran: Ran) -> None:
    said = dict(hostile.with_a_stolen_key(ran))
    own = [what for what in said if "own name" in what]
    assert {said[what] for what in own} == {"stored"}
    assert said["another gate's records, under its topic"] == "bad_seal"
    assert said["another gate's records, under its own topic"] == "wrong_device"
    assert (
        said["a record with a member that names somebody"] == said["a passage of a rider who declined"] == "malformed"
    )
    strict = "not_allowed" if ran.site_class == "physical" else "stored"
    for what in ("the moment of a passage", "one irregular passage", "a tally of one, in the middle of the day"):
        assert said[what] == strict
    assert said["a key list of its own, to all gates"] == "not taken"
    assert said["as used: a single that it has seen"] == "stored"
    assert said["a record that was stored before, changed"] == said["a record far ahead"] == "not stored"


def test_unicity_is_what_it_is_by_hand() -> None:
    traces = {
        "a": [Point(SECOND_MS, "north-1"), Point(5 * SECOND_MS, "south-3")],
        "b": [Point(SECOND_MS, "north-1"), Point(9 * SECOND_MS, "south-3")],
        "c": [Point(2 * SECOND_MS, "north-2")],
    }
    own = random.Random(1)
    two = unicity(traces, 2, SECOND_MS, "gate", own)
    assert (two.unique, two.tried, two.further) == (2, 2, 0)
    blurred = unicity(traces, 2, QUARTER_MS, "gate", own)
    assert (blurred.unique, blurred.tried) == (0, 2)
    assert unicity(traces, 3, SECOND_MS, "gate", own).share is None
    apart = unicity({name: traces[name] for name in "ac"}, 1, QUARTER_MS, "gate", own)
    assert (apart.unique, apart.tried, apart.further) == (2, 2, 0.5)
    assert unicity({name: traces[name] for name in "ac"}, 1, QUARTER_MS, "station", random.Random(3)).unique <= 1


def test_a_trace_is_a_week_there_and_a_day_here(ran: Ran) -> None:
    ours = of_handles(ran.rows["passages"])
    days = [{service_day(point.at_ms) for point in points} for points in ours.values()]
    assert all(len(one) == 1 for one in days)
    cards = of_cards(taps(ran.week))
    assert max(len({service_day(point.at_ms) for point in points}) for points in cards.values()) == 5


def test_the_bounds_of_a_finding() -> None:
    assert Finding(0, 0, 0.5).interval == (0.0, 1.0) and not Finding(0, 0, 0.5).beats_chance
    assert Finding(90, 100, 0.5).beats_chance and not Finding(55, 100, 0.5).beats_chance
