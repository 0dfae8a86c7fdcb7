"""A kiosk that keeps the numbers of passes: what it and the operator find together, on a log made by hand and in a
week."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulator.linkage import score
from simulator.linkage.attacks import products_of_declined
from simulator.linkage.evidence import Message
from simulator.linkage.kiosk_lies import Kept, follow, nullifier_of
from simulator.linkage.week import Size, draw_week
from simulator.truth import DAY_MS, handle_of
from tests.privacy.week import known, run_week

DAY = 20_402
NOON_MS = DAY * DAY_MS + 43_200_000
YES, NO, AHEAD = bytes(32), bytes([1]) * 32, bytes([2]) * 32
KEPT = {
    1: Kept(NOON_MS, "kiosk-north", YES),
    2: Kept(NOON_MS, "kiosk-north", NO),
    3: Kept(NOON_MS, "kiosk-north", AHEAD),
}


def batch(at_ms: int, *records: dict[str, Any]) -> Message:
    body = {"v": 1, "device": "north-1", "boot": 1, "seq": at_ms % 1_000_000, "records": list(records)}
    return Message(at_ms, "gateline/1/twin/north-1/event", json.dumps(body).encode())


TALLY = {"kind": "tally", "from": NOON_MS - 900_000, "to": NOON_MS + 900_000, "declined": 10, "folds": 1}
SPENT = {
    "kind": "spent",
    "to": DAY + 20,
    "nullifiers": [nullifier_of(YES), *[f"{number:032x}" for number in range(8)], nullifier_of(NO)],
}
LOG = [batch(NOON_MS + 900_020, TALLY, SPENT)]
ROWS = {
    "passages": [
        {"handle": handle_of(YES, DAY), "device": "north-1", "way": "entry", "product": "single", "at": NOON_MS},
        {
            "handle": handle_of(YES, DAY),
            "device": "south-3",
            "way": "exit",
            "product": "single",
            "at": NOON_MS + 900_000,
        },
    ]
}


def test_the_nullifier_is_that_of_the_passes() -> None:
    # By `printf 'gateline nullifier' | cat - <(head -c 32 /dev/zero) | sha256sum`, its first 16 bytes.
    assert nullifier_of(bytes(32)) == "f84c50e8f271c7678cb83f650208bbf6"


def test_a_known_number_finds_rows_and_the_place_of_use() -> None:
    found = follow(KEPT, LOG, ROWS, [DAY - 1, DAY, DAY + 1])
    assert found[1].passages == (("north-1", NOON_MS), ("south-3", NOON_MS + 900_000))
    span = ("north-1", NOON_MS - 900_000, NOON_MS + 900_000)
    assert found[1].used == found[2].used == span
    assert found[2].passages == () and found[3] == ((), None)


def test_without_the_day_there_is_no_row() -> None:
    assert follow(KEPT, [], ROWS, [DAY + 1])[1].passages == ()


def test_the_number_of_nullifiers_tells_how_many_had_a_single() -> None:
    (split,) = products_of_declined(LOG, ROWS)
    # Ten nullifiers, one of them of a rider who agreed: nine of the ten who declined had singles, one a day pass.
    assert (split.singles, split.days) == (9, 1)


def test_in_a_week_it_finds_everybody_who_agreed_and_nobody_who_declined_by_exits_or_day_passes(tmp_path: Path) -> None:
    week = draw_week(7, Size(commuters=12, occasional=6, visitors=6))
    with run_week(tmp_path / "data", "physical", week) as ran:
        found = score.lying_kiosk(known(ran))
    assert found["declined single entry"].share == 1.0, "the entry and the tally of each used single"
    assert found["agreed"].share == 1.0 and found["agreed"].trials > 100
    for sort in ("declined single exit", "declined day"):
        assert found[sort].hits == 0 and found[sort].trials > 0
