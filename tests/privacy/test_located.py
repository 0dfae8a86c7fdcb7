"""The attack that places riders who said no finds each kind of leak when it is planted, and nothing where there is
none."""

import json
from typing import Any

import pytest

from simulator.linkage.evidence import Message, first_seen, without_scenes
from simulator.linkage.located import declined_located, located
from simulator.truth import DAY_MS, PASSED_CONSENTED, PASSED_DECLINED, UNOBSERVED, Outcome, TruthLog

NOON_MS = 20_000 * DAY_MS + 43_200_000
STEP_MS = 10_000
GATE = "gate-1"


def rider(name: str, at: int, kind: str = PASSED_DECLINED, lane: str = GATE, handle: str | None = None) -> Outcome:
    return Outcome(name, lane, "entry", kind, handle is not None, "single", handle, at)


# Twelve who said no pass gate-1 within two minutes, each in an interval of 10 s of their own; one who said yes.
DECLINED = [rider(f"n{number}", NOON_MS + 1_234 + number * STEP_MS) for number in range(12)]
TRUTH = [*DECLINED, rider("y", NOON_MS + 5_001, PASSED_CONSENTED, handle="aa" * 32)]
DAY_START_MS = 20_000 * DAY_MS


def passage(at: int, handle: str) -> dict[str, Any]:
    return {"kind": "passage", "at": at, "way": "entry", "product": "single", "handle": handle, "transit_ms": 1000}


def tally(start: int, end: int, declined: int) -> dict[str, Any]:
    counts = {"entries": declined, "exits": 0, "paid": declined, "free": 0, "declined": declined}
    return {"kind": "tally", "from": start, "to": end, **counts, "irregular": 0, "notices": 0, "folds": 1}


def batch(at_ms: int, seq: int, *records: dict[str, Any], boot: int = 1) -> Message:
    body = {"v": 1, "device": GATE, "boot": boot, "seq": seq, "records": list(records), "mac": "00"}
    return Message(at_ms, f"gateline/1/north/{GATE}/event", json.dumps(body).encode())


def told(at_ms: int, channel: str, **members: Any) -> Message:
    return Message(at_ms, f"gateline/1/north/{GATE}/{channel}", json.dumps({"v": 1, "boot": 1, **members}).encode())


def row(start: int, end: int, declined: int) -> dict[str, Any]:
    return {"device": GATE, "boot": 1, "seq": 9, "from_ms": start, "to_ms": end, "declined": declined}


# What an honest device says: the boot, the one who agreed, and one tally of all twelve when an interval has ended.
END_MS = NOON_MS + 12 * STEP_MS
HONEST = [
    told(NOON_MS - 9_000, "status", state="online"),
    batch(NOON_MS - 9_000, 0, {"kind": "device", "at": NOON_MS - 9_001, "what": "boot", "folds": 1}),
    batch(NOON_MS + 5_030, 1, passage(NOON_MS + 5_001, "aa" * 32)),
    told(NOON_MS + 20_000, "health", outbox=0),
    batch(END_MS + 40, 2, tally(DAY_START_MS, END_MS, 12)),
]
ROWS = {
    "passages": [{"device": GATE, "at": NOON_MS + 5_001, "handle": "aa" * 32}],
    "tallies": [row(DAY_START_MS, END_MS, 12)],
}


def test_an_honest_device_s_log_and_rows_place_nobody() -> None:
    assert declined_located(HONEST, ROWS, TRUTH) == 0
    # Sent again, and again: nothing changes.
    assert declined_located([*HONEST, *HONEST[1:]], ROWS, TRUTH) == 0


def plants() -> dict[str, tuple[list[Message], dict[str, list[dict[str, Any]]], str]]:
    """What is added to log and rows, and the rule that must see it. Each singles out the rider n3."""
    at = DECLINED[3].at
    quarter = at // 900_000 * 900_000
    start = NOON_MS + 3 * STEP_MS
    forged = "ee" * 32
    return {
        "a row of theirs": ([], {"passages": [{"device": GATE, "at": at, "handle": forged}]}, "handle"),
        "a record of theirs": ([batch(at + 30, 3, passage(at, forged))], {}, "handle"),
        "a row of a tally of one": ([], {"tallies": [row(start, start + STEP_MS, 1)]}, "tally of one"),
        "a tally of one": ([batch(END_MS, 3, tally(start, start + STEP_MS, 1))], {}, "tally of one"),
        "two tallies that differ by one": (
            [],
            {"tallies": [row(NOON_MS, start, 3), row(NOON_MS, start + STEP_MS, 4)]},
            "difference",
        ),
        "two tallies, one of them in the log alone": (
            [batch(END_MS, 3, tally(start, END_MS, 9))],
            {"tallies": [row(start + STEP_MS, END_MS, 8)]},
            "difference",
        ),
        # A tally that is made as somebody passes has its number between those of the passages before and after.
        "a tally that closed as they passed": (
            [
                batch(at - 900, 3, passage(at - 1_000, "aa" * 32)),
                batch(END_MS + 90_000, 4, tally(NOON_MS - 90_000, NOON_MS, 10)),
                batch(END_MS + 90_000, 5, passage(at + 1_000, "aa" * 32)),
            ],
            {},
            "moment",
        ),
        # Health counts what waits: the tally was not there yet, and then it was.
        "a tally that health saw come": (
            [
                batch(NOON_MS - 8_000, 3, passage(NOON_MS - 8_100, "aa" * 32)),
                told(NOON_MS - 7_000, "stored", seq=3),
                told(at + 500, "health", outbox=1),
                told(at + 2_900, "health", outbox=2),
                batch(END_MS, 4, tally(NOON_MS - 90_000, NOON_MS - 10_000, 10)),
            ],
            {},
            "moment",
        ),
        "a quarter hour with one of them": (
            [],
            {"passages": [{"device": GATE, "at": quarter, "handle": forged}]},
            "handle",
        ),
    }


@pytest.mark.parametrize("name", list(plants()))
def test_a_planted_leak_places_one(name: str) -> None:
    log, rows, why = plants()[name]
    together = {table: [*ROWS[table], *rows.get(table, [])] for table in ROWS}
    found = located([*HONEST, *log], together, TRUTH)
    assert [claim.why for claim in found.values()] == [why], found
    # In the quarter hour all twelve fit and the row is one rider's: the attack names the one nearest to its middle.
    assert list(found) == (["n11"] if "quarter" in name else ["n3"])


def test_a_tally_of_one_over_the_whole_service_day_places_nobody() -> None:
    truth = [DECLINED[0]]
    assert declined_located([], {"tallies": [row(DAY_START_MS, DAY_START_MS + DAY_MS, 1)]}, truth) == 0
    assert declined_located([], {"tallies": [row(DAY_START_MS + 900_000, DAY_START_MS + DAY_MS, 1)]}, truth) == 1


def test_a_claim_that_is_not_true_of_one_passage_counts_nothing() -> None:
    nobody = row(NOON_MS - 2 * STEP_MS, NOON_MS - STEP_MS, 1)
    two = row(NOON_MS, NOON_MS + 2 * STEP_MS, 1)
    elsewhere = {**row(NOON_MS, NOON_MS + STEP_MS, 1), "device": "gate-2"}
    assert declined_located([], {"tallies": [nobody, two, elsewhere]}, TRUTH) == 0


def test_what_a_device_that_died_may_have_told_is_nobody_s_who_declined() -> None:
    died = rider("d", DECLINED[3].at + 5, PASSED_CONSENTED, handle="dd" * 32)
    gone = Outcome("d", GATE, "entry", UNOBSERVED, None, None, None, died.at)
    rows = {"passages": [{"device": GATE, "at": died.at, "handle": "dd" * 32}]}
    assert declined_located([], rows, [*TRUTH, died, gone]) == 0
    unseen = Outcome("n3", GATE, "entry", UNOBSERVED, None, None, None, DECLINED[3].at)
    leak = {"tallies": [row(NOON_MS + 3 * STEP_MS, NOON_MS + 4 * STEP_MS, 1)]}
    assert declined_located([], leak, TRUTH) == 1
    assert declined_located([], leak, [*TRUTH, unseen]) == 0


def test_the_truth_log_gives_the_outcomes_that_its_file_has() -> None:
    with TruthLog(None, lambda t_ms: NOON_MS + t_ms) as truth:
        truth.write(5, PASSED_DECLINED, rider="r1", lane=GATE, way="entry", consent=False, product="day")
        truth.write(6, PASSED_DECLINED, rider="r2", lane=GATE, way="entry", consent=False, product="day")
        truth.unobserved(9, "r2")
    assert [(one.rider, one.kind) for one in truth.outcomes()] == [
        ("r1", PASSED_DECLINED),
        ("r2", PASSED_DECLINED),
        ("r2", UNOBSERVED),
    ]


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b"{}", b'{"boot":1,"seq":0,"records":[3]}', b'{"boot":"1","seq":0,"records":[]}', b"\xff"]
)
def test_rubbish_in_the_log_is_passed_over(payload: bytes) -> None:
    log = [Message(NOON_MS, f"gateline/1/north/{GATE}/{channel}", payload) for channel in ("event", "health", "stored")]
    assert first_seen(log) == []
    assert declined_located([*log, Message(NOON_MS, "elsewhere", payload)], {}, TRUTH) == 0


def test_the_attack_looks_at_no_picture_of_an_emulated_lane_and_no_order_there() -> None:
    """They come from the simulator and go to it; there are none at a physical site."""
    channels = ("scene", "layout", "world", "event", "status", "health")
    log = [Message(n, f"gateline/1/demo/gate-1/{channel}", b"{}") for n, channel in enumerate(channels)]
    assert [message.channel for message in without_scenes(log)] == ["event", "status", "health"]
