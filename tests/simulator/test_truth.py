"""The truth: what is written when, what is corrected, what a perfect device would have seen."""

import hashlib
import json
from pathlib import Path

import pytest

from simulator import truth
from simulator.truth import DAY_MS, MEDDLED_AFTER_MS, TruthLog, handle_of

EPOCH_MS = 1_754_400_000_000


def epoch_of(t_ms: int) -> int:
    return EPOCH_MS + t_ms


def passed(log: TruthLog, rider: str, kind: str = truth.PASSED_CONSENTED, t_ms: int = 5) -> None:
    consent = kind == truth.PASSED_CONSENTED
    log.write(t_ms, kind, rider=rider, lane="gate-1", way="entry", consent=consent, product="day", nonce=b"n" * 16)


def test_a_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    with TruthLog(path, epoch_of) as log:
        passed(log, "entry-0")
        line = path.read_text()
        day = EPOCH_MS // DAY_MS
        assert line == (
            '{"rider":"entry-0","lane":"gate-1","way":"entry","kind":"passed_consented","consent":true,"product":"day",'
            f'"handle":"{handle_of(b"n" * 16, day)}","at":{EPOCH_MS + 5}}}\n'
        )
        log.unobserved(9, "entry-0")
        log.unobserved(10, "entry-0")
        correction = [json.loads(text) for text in path.read_text().splitlines()][1:]
        assert [(one["rider"], one["kind"], one["at"]) for one in correction] == [
            ("entry-0", "unobserved", EPOCH_MS + 9)
        ]


def test_a_truth_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_text("old\n")
    with pytest.raises(FileExistsError):
        TruthLog(path, epoch_of)
    assert path.read_text() == "old\n"


def test_a_rider_has_one_outcome() -> None:
    log = TruthLog(None, epoch_of)
    passed(log, "entry-0")
    with pytest.raises(ValueError, match="has an outcome already"):
        passed(log, "entry-0", truth.REFUSED)
    with pytest.raises(ValueError, match="no outcome of a rider"):
        passed(log, "entry-1", truth.UNOBSERVED)
    with pytest.raises(KeyError):
        log.unobserved(1, "entry-9")


def test_consent_alone_makes_a_handle() -> None:
    log = TruthLog(None, epoch_of)
    for kind in truth.KINDS[:-1]:
        passed(log, kind, kind)
    handles = {kind: outcome.handle for kind in truth.KINDS if (outcome := log.outcome(kind)) is not None}
    assert [kind for kind, handle in handles.items() if handle] == [truth.PASSED_CONSENTED]
    with pytest.raises(ValueError, match="without a medium's nonce"):
        log.write(1, truth.PASSED_CONSENTED, rider="x", lane="gate-1", way="entry")


def test_the_handle_is_of_the_service_day_of_the_passage() -> None:
    start_ms = 3 * 3_600_000
    midnight_ms = (EPOCH_MS // DAY_MS + 1) * DAY_MS
    log = TruthLog(None, lambda t_ms: midnight_ms + t_ms, day_start_ms=start_ms)
    passed(log, "before", t_ms=start_ms - 1)
    passed(log, "after", t_ms=start_ms)
    days = [midnight_ms // DAY_MS - 1, midnight_ms // DAY_MS]
    found = [log.outcome(rider) for rider in ("before", "after")]
    assert [one.handle for one in found if one is not None] == [handle_of(b"n" * 16, day) for day in days]


def test_what_a_perfect_device_saw() -> None:
    log = TruthLog(None, epoch_of)
    for n, kind in enumerate((*truth.KINDS[:-1], truth.PASSED_DECLINED, truth.PASSED_DECLINED, truth.TAILGATED)):
        passed(log, f"entry-{n}", kind)
    before = log.expected()["gate-1"]
    assert (len(before.handles), before.declined, before.free, before.tailgates) == (1, 3, 1, 2)
    assert (before.turned_back, before.refused, before.unobserved, before.passages) == (1, 1, 0, 5)
    log.unobserved(9, "entry-0")
    log.unobserved(9, "entry-14")
    log.unobserved(9, "entry-16")
    after = log.expected()["gate-1"]
    assert (after.handles, after.declined, after.tailgates, after.unobserved) == (set(), 2, 1, 3)
    assert after.uncertain == {truth.PASSED_CONSENTED: 1, truth.PASSED_DECLINED: 1, truth.TAILGATED: 1}
    assert after.uncertain_handles == before.handles, "a copy does not change with the log"
    assert log.counts() == {
        **dict.fromkeys(truth.KINDS, 1),
        truth.PASSED_CONSENTED: 0,
        truth.PASSED_DECLINED: 2,
        truth.UNOBSERVED: 3,
    }


def test_singles_that_are_used_up_at_an_entry_have_a_nullifier() -> None:
    log = TruthLog(None, epoch_of)
    wanted = {}
    for n, (way, product, kind) in enumerate(
        [
            ("entry", "single", truth.PASSED_CONSENTED),
            ("entry", "single", truth.PASSED_DECLINED),
            ("entry", "day", truth.PASSED_CONSENTED),
            ("exit", "single", truth.PASSED_CONSENTED),
            ("entry", "single", truth.REFUSED),
        ]
    ):
        nonce = bytes([n]) * 32
        wanted[n] = hashlib.sha256(b"gateline nullifier" + nonce).hexdigest()[:32]
        log.write(0, kind, rider=f"r{n}", lane=way, way=way, consent=True, product=product, nonce=nonce)
    assert log.expected()["entry"].nullifiers == {wanted[0], wanted[1]}
    assert log.expected()["exit"].nullifiers == set()
    log.unobserved(1, "r0")
    assert log.expected()["entry"].nullifiers == {wanted[1]}


def test_riders_around_a_hand_are_counted_once_and_those_of_other_lanes_and_times_not() -> None:
    log = TruthLog(None, lambda t_ms: 1_000_000_000 + t_ms)

    def passes(t_ms: int, rider: str, lane: str = "gate-1") -> None:
        log.write(t_ms, "passed_declined", rider=rider, lane=lane, way="exit")

    for t_ms, rider in ((1_000, "long before"), (5_000, "just before"), (9_000, "right before")):
        passes(t_ms, rider)
    passes(9_500, "elsewhere", "gate-2")
    log.meddle(10_000, "gate-1", "exit", True)
    assert log.expected()["gate-1"].meddled == 2 and log.expected()["gate-1"].touches == 1
    passes(60_000, "while it is there")
    log.meddle(61_000, "gate-1", "exit", False)
    passes(61_000 + MEDDLED_AFTER_MS, "just after")
    passes(61_001 + MEDDLED_AFTER_MS, "long after")
    passes(62_000, "elsewhere again", "gate-2")
    lanes = log.expected()
    assert (lanes["gate-1"].meddled, lanes["gate-1"].touches, lanes["gate-1"].way) == (4, 2, "exit")
    assert (lanes["gate-2"].meddled, lanes["gate-2"].touches) == (0, 0)


def test_a_hand_before_anybody_came_knows_the_lanes_way() -> None:
    log = TruthLog(None, lambda t_ms: t_ms)
    log.meddle(5, "gate-1", "exit", True)
    assert log.expected()["gate-1"].way == "exit" and log.expected()["gate-1"].meddled == 0


def test_singles_that_were_used_around_a_hand_are_named() -> None:
    log = TruthLog(None, lambda t_ms: t_ms)
    log.meddle(0, "gate-1", "entry", True)
    log.write(
        1, "passed_declined", rider="r", lane="gate-1", way="entry", consent=False, product="single", nonce=bytes(32)
    )
    assert log.expected()["gate-1"].meddled_nullifiers == log.expected()["gate-1"].nullifiers != set()
