"""The reckoning notices every single fault, and none makes good for another."""

from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from firmware.boards.storage import FileStorage
from firmware.config import Settings
from firmware.fare.decision import Decision
from firmware.report.outbox import Outbox
from firmware.report.reporter import Reporter
from simulator.demo import Summary
from simulator.held import held
from simulator.live import distant_day_start_ms
from simulator.reckoning import fingerprint, reckon
from simulator.truth import PASSED_DECLINED, LaneExpectation

EXPECTED = {
    "gate-1": LaneExpectation("entry", {"aa", "bb"}, declined=3, tailgates=1),
    "gate-2": LaneExpectation("exit", {"cc"}, declined=1, free=2),
}


def facts() -> dict[str, Any]:
    """What a perfect system holds."""
    return {
        "passages": [("gate-1", "entry", "aa"), ("gate-1", "entry", "bb"), ("gate-2", "exit", "cc")],
        "tallied": {
            "gate-1": {"entries": 3, "exits": 0, "paid": 3, "free": 0, "declined": 3, "irregular": 0},
            "gate-2": {"entries": 0, "exits": 3, "paid": 1, "free": 2, "declined": 1, "irregular": 0},
        },
        "irregular": {("gate-1", "tailgate"): 1},
    }


def test_a_perfect_table_is_clean() -> None:
    reckoning = reckon(EXPECTED, facts())
    assert (reckoning.lost, reckoning.invented, reckoning.recorded, reckoning.tallied) == (0, 0, 3, 6)


def changed(**tally: int) -> dict[str, Any]:
    table = facts()
    table["tallied"]["gate-1"].update(tally)
    return table


def with_passages(*rows: tuple[str, str, str]) -> dict[str, Any]:
    return {**facts(), "passages": list(rows)}


AA, BB, CC = facts()["passages"]


@pytest.mark.parametrize(
    ("table", "lost", "invented"),
    [
        (with_passages(AA, CC), 1, 0),
        (with_passages(AA, BB, CC, ("gate-1", "entry", "dd")), 0, 1),
        (with_passages(AA, BB, CC, BB), 0, 1),
        (with_passages(AA, ("gate-1", "exit", "bb"), CC), 1, 1),
        (with_passages(AA, ("gate-2", "entry", "bb"), CC), 1, 1),
        (with_passages(AA, BB, CC, ("gate-9", "entry", "ee")), 0, 1),
        (changed(entries=2, paid=2, declined=2), 1, 0),
        (changed(entries=4, paid=4, declined=4), 0, 1),
        (changed(entries=2, exits=1), 1, 1),
        (changed(paid=2, free=1, declined=2), 1, 1),
        ({**facts(), "irregular": {}}, 1, 0),
        ({**facts(), "irregular": {("gate-1", "tailgate"): 2}}, 0, 1),
        ({**facts(), "irregular": {("gate-1", "tailgate"): 1, ("gate-1", "forced"): 1}}, 0, 1),
        # A deleted passage and a declined rider counted twice are two faults, not none.
        ({**changed(entries=4, paid=4, declined=4), "passages": [AA, CC]}, 1, 1),
        # A consented rider stored as declined as well.
        ({**changed(entries=4, paid=4, declined=4), "passages": [BB, CC]}, 1, 1),
        ({"passages": [], "tallied": {}, "irregular": {}}, 10, 0),
    ],
)
def test_each_fault_is_seen(table: dict[str, Any], lost: int, invented: int) -> None:
    reckoning = reckon(EXPECTED, table)
    assert (reckoning.lost, reckoning.invented) == (lost, invented)


def test_what_an_outbox_folded_is_not_lost_and_no_more_than_that() -> None:
    folded = changed(entries=4, paid=4)  # paid and not declined: one consented passage
    assert reckon(EXPECTED, {**folded, "passages": [AA, CC]}).lost == 0
    assert reckon(EXPECTED, {**folded, "passages": [CC]}).lost == 1
    assert reckon(EXPECTED, folded).invented == 1


def test_what_a_dying_device_may_have_noted_is_neither_lost_nor_invented() -> None:
    expected = deepcopy(EXPECTED)
    expected["gate-1"].uncertain_handles = {"dd"}
    expected["gate-1"].uncertain = {PASSED_DECLINED: 1, "passed_consented": 1}
    for table in (
        facts(),
        with_passages(AA, BB, CC, ("gate-1", "entry", "dd")),
        changed(entries=4, paid=4, declined=4),
    ):
        reckoning = reckon(expected, table)
        assert (reckoning.lost, reckoning.invented) == (0, 0)
    assert reckon(expected, changed(entries=5, paid=5, declined=5)).invented == 1


# --- what gates decided, and hands ------------------------------------------------------------------------------------

DECIDED = {
    "gate-1": {"consented": 2, "declined": 3, "irregular": 1},
    "gate-2": {"consented": 1, "declined": 1, "free": 2},
}


def against(
    table: dict[str, Any], decided: dict[str, dict[str, int]] = DECIDED, expected: Any = EXPECTED
) -> tuple[int, int, int, int]:
    """lost, invented, misjudged, meddled"""
    found = reckon(expected, table, decided=decided)
    return found.lost, found.invented, found.misjudged, found.meddled


def deciding(device: str, **counts: int) -> dict[str, dict[str, int]]:
    return {**DECIDED, device: {**DECIDED[device], **counts}}


def test_a_perfect_table_is_what_perfect_gates_decided() -> None:
    assert against(facts()) == (0, 0, 0, 0)
    assert reckon(EXPECTED, facts(), decided=DECIDED).irregular == 1


@pytest.mark.parametrize(
    ("table", "lost", "invented"),
    [
        (with_passages(AA, CC), 1, 0),
        (with_passages(AA, BB, CC, ("gate-1", "entry", "dd")), 0, 1),
        (with_passages(AA, ("gate-1", "entry", "dd"), CC), 1, 1),
        (with_passages(AA, BB, CC, ("gate-9", "entry", "ee")), 0, 1),
        (changed(entries=2, paid=2, declined=2), 1, 0),
        (changed(entries=4, paid=4, declined=4), 0, 1),
        (changed(entries=2, exits=1), 1, 1),
        ({**facts(), "irregular": {}}, 1, 0),
        ({**facts(), "irregular": {("gate-1", "tailgate"): 1, ("gate-1", "forced"): 1}}, 0, 1),
        ({**facts(), "irregular": {("gate-1", "tailgate"): 1, ("gate-9", "jump"): 1}}, 0, 1),
        ({**changed(entries=4, paid=4, declined=4), "passages": [AA, CC]}, 1, 1),
    ],
)
def test_each_fault_of_the_wire_is_seen_whatever_gates_decided(table: dict[str, Any], lost: int, invented: int) -> None:
    assert against(table) == (lost, invented, 0, 0)


def test_what_a_gate_takes_for_something_else_is_misjudged() -> None:
    """A pram taken for a tailgater, a tailgater not seen, one who stepped back taken for one who passed."""
    reports = {("gate-1", "tailgate"): 3}
    assert against({**facts(), "irregular": reports}, deciding("gate-1", irregular=3)) == (0, 0, 2, 0)
    assert against({**facts(), "irregular": {}}, deciding("gate-1", irregular=0)) == (0, 0, 1, 0)
    back = with_passages(AA, BB, CC, ("gate-1", "entry", "dd"))
    assert against(back, deciding("gate-1", consented=3)) == (0, 0, 1, 0)
    assert against(with_passages(AA, CC), deciding("gate-1", consented=1)) == (0, 0, 1, 0)
    assert against(changed(entries=4, paid=4, declined=4), deciding("gate-1", declined=4)) == (0, 0, 1, 0)


def test_a_gates_mistake_excuses_no_row_of_another_kind_or_lane() -> None:
    mistaken = deciding("gate-1", irregular=4)
    reports = {("gate-1", "tailgate"): 4}
    assert against({**with_passages(AA, CC), "irregular": reports}, mistaken) == (1, 0, 3, 0)
    assert against({**with_passages(AA, BB), "irregular": reports}, mistaken) == (1, 0, 3, 0)
    # What the gate decided wrongly must arrive all the same, and no more of it.
    assert against({**facts(), "irregular": {("gate-1", "tailgate"): 3}}, mistaken) == (1, 0, 3, 0)
    assert against({**facts(), "irregular": {("gate-1", "tailgate"): 5}}, mistaken) == (0, 1, 3, 0)
    assert against(with_passages(AA, BB, CC), deciding("gate-1", consented=3)) == (1, 0, 0, 0)


def touched(touches: int, meddled: int) -> Any:
    expected = deepcopy(EXPECTED)
    expected["gate-1"].touches, expected["gate-1"].meddled = touches, meddled
    return expected


def test_hands_explain_a_passage_told_of_the_wrong_rider_and_no_more() -> None:
    swapped = with_passages(AA, ("gate-1", "entry", "dd"), CC)
    assert against(swapped, expected=touched(8, 1)) == (0, 0, 0, 2)
    both = with_passages(("gate-1", "entry", "dd"), ("gate-1", "entry", "ee"), CC)
    assert against(both, expected=touched(8, 1)) == (1, 0, 0, 3), "one rider was there"
    assert against(both, expected=touched(0, 1)) == (1, 1, 0, 2), "and nobody's hand"


def test_hands_explain_nothing_at_a_lane_that_they_did_not_touch() -> None:
    swapped = with_passages(AA, BB, ("gate-2", "exit", "dd"))
    assert against(swapped, expected=touched(100, 100)) == (1, 1, 0, 0)


def test_hands_explain_nothing_that_no_gate_decided() -> None:
    expected = touched(100, 100)
    assert against(with_passages(AA, CC), expected=expected)[:2] == (1, 0)
    assert against(with_passages(AA, BB, CC, ("gate-1", "entry", "dd")), expected=expected)[:2] == (0, 1)
    assert against({**facts(), "irregular": {("gate-1", "jump"): 2}}, expected=expected)[:2] == (0, 1)


def test_a_nullifier_that_is_missing_is_lost_unless_the_gate_did_not_see_its_rider() -> None:
    expected = {"gate-1": LaneExpectation("entry", {"aa", "bb"}, nullifiers={"n1", "n2"})}
    table = {**facts(), "passages": [AA], "tallied": {}, "irregular": {}, "spent": {"n1"}}
    assert against(table, {"gate-1": {"consented": 1}}, expected) == (0, 0, 1, 0)
    assert against({**table, "passages": [AA, BB]}, {"gate-1": {"consented": 2}}, expected) == (1, 0, 0, 0)


@pytest.mark.parametrize("fault", ["stranded", "lost", "invented", "duplicates_stored", "gaps"])
def test_the_summary_is_clean_only_without_any_fault(fault: str) -> None:
    values: dict[str, Any] = dict.fromkeys(Summary.__dataclass_fields__, 0) | {"riders": 5, "truth": {}}
    assert Summary(**values).clean
    assert not Summary(**{**values, fault: 1}).clean
    assert not Summary(**{**values, "riders": 0}).clean
    died = Summary(**{**values, "truth": {"unobserved": 3}, "reboots": 2})
    assert (
        not died.clean
        and died.verdict().startswith("3 riders can't be accounted for")
        and "2 reboots" in died.verdict()
    )


@pytest.mark.parametrize("epoch_ms", [0, 1, 43_199_999, 43_200_000, 1_763_855_999_999, 1_763_856_000_000])
def test_a_live_site_s_service_day_begins_half_a_day_away(epoch_ms: int) -> None:
    day_ms = 86_400_000
    start_ms = distant_day_start_ms(epoch_ms)
    assert 0 <= start_ms < day_ms and start_ms % 900_000 == 0
    until_ms = (start_ms - epoch_ms) % day_ms
    assert 11 * 3_600_000 < until_ms <= 12 * 3_600_000


def test_what_a_device_still_holds_is_neither_lost_nor_told() -> None:
    expected = {"gate-1": LaneExpectation("entry", declined=5)}
    table: dict[str, Any] = {"passages": [], "tallied": {}, "irregular": {}}
    held = {"gate-1": {"entries": 4, "paid": 4, "declined": 4}}
    found = reckon(expected, table, held)
    assert (found.lost, found.invented, found.tallied, found.held) == (1, 0, 0, 4)
    more = {"gate-1": {"entries": 6, "paid": 6, "declined": 6}}
    assert reckon(expected, table, more).invented == 1, "nor may a device hold what nobody walked for"


def test_a_day_pass_shown_twice_at_one_gate_is_two_passages() -> None:
    expected = {"gate-1": LaneExpectation("entry", {"aa"}, Counter({"aa": 1}))}
    row = ("gate-1", "entry", "aa")
    table: dict[str, Any] = {"passages": [row], "tallied": {}, "irregular": {}}
    assert reckon(expected, table).lost == 1
    table["passages"] = [row, row]
    twice = reckon(expected, table)
    assert (twice.lost, twice.invented, twice.repeated) == (0, 0, 1)
    table["passages"] = [row, row, row]
    assert reckon(expected, table).invented == 1


def test_what_is_held_is_read_from_the_devices_own_files(tmp_path: Path) -> None:
    values = {
        "site": "north",
        "device": "gate-1",
        "class": "emulated",
        "key": "00" * 32,
        "broker": None,
        "report": {"interval_ms": 10_000, "tally_min": 4},
    }
    storage = FileStorage(str(tmp_path))
    reporter = Reporter(Settings(values), storage, Outbox(storage, 1, 512), lambda count: bytes(count))
    assert held(tmp_path) == {}
    reporter.passed(1_000, True, "entry", Decision(True, "single"), 0)
    reporter.passed(2_000, True, "exit", Decision(True, "day"), 0)
    reporter.passed_free(3_000, "entry")
    assert held(tmp_path) == {"entries": 2, "exits": 1, "paid": 2, "declined": 2, "free": 1}
    reporter.passed(4_000, True, "entry", Decision(True, "single"), 0)
    reporter.tick(10_000)
    assert held(tmp_path) == {}, "it is told"
    assert held(tmp_path / "nobody") == {}


def test_what_was_erased_is_not_lost_and_may_not_be_there() -> None:
    expected = {"gate-1": LaneExpectation("entry", {"aa", "bb"})}
    table: dict[str, Any] = {"passages": [], "tallied": {}, "irregular": {}, "erased": {fingerprint("aa")}}
    found = reckon(expected, table)
    assert (found.lost, found.invented, found.erased, found.recorded) == (1, 0, 1, 0)
    table["passages"] = [("gate-1", "entry", "bb")]
    found = reckon(expected, table)
    assert (found.lost, found.invented, found.erased, found.recorded) == (0, 0, 1, 1)


def test_a_used_single_is_in_the_spent_set_or_still_at_its_gate() -> None:
    expected = {"gate-1": LaneExpectation("entry", nullifiers={"n1", "n2", "n3"})}
    table: dict[str, Any] = {"passages": [], "tallied": {}, "irregular": {}, "spent": {"n1", "exchanged"}}
    found = reckon(expected, table, {}, {"n2"})
    assert (found.lost, found.invented, found.spent) == (1, 0, 2)
