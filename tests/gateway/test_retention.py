"""Retention: the clock is moved, and the files' bytes are searched. One lifetime for a row and its handle (I5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.admission.rules import Admitted
from gateway.consent.retention import AHEAD_MS, EARLIEST_MS, SWEEP_MS, Due, Retention
from gateway.live.lane import Lane, LaneCounts
from gateway.protocol.records import Daily, Notice, Tally
from gateway.store import consent as consent_store
from gateway.store import tables
from gateway.store.database import StoreBusy
from gateway.store.facts import read_facts
from tests.gateway.keeping_support import DAY, NOW_MS, Kept, handle, irregular, passage, token, varint
from tests.gateway.support import NOON_MS

AT = NOON_MS + 1_234_567


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    opened = Kept.open(tmp_path / "data")
    yield opened
    opened.close()


def test_the_engine() -> None:
    retention = Retention(7)
    assert retention.next_deadline_ms(NOW_MS) == NOW_MS
    due = retention.due(NOW_MS)
    assert due == Due(NOW_MS - 7 * DAY + 1, NOW_MS + AHEAD_MS)
    assert retention.kept_until(due.before_ms - 1) == NOW_MS, "due to the millisecond"
    assert retention.next_deadline_ms(NOW_MS) == NOW_MS + SWEEP_MS
    assert retention.due(EARLIEST_MS - 1) is None
    assert retention.due(NOW_MS - AHEAD_MS - 1) is None, "a clock that went back decides nothing"
    assert retention.due(NOW_MS - AHEAD_MS) is not None
    retention.keep_days = 1
    assert retention.kept_until(0) == DAY
    with pytest.raises(TypeError):
        Retention()  # type: ignore[call-arg]


def test_a_row_and_its_handle_live_seven_days_and_not_a_millisecond_longer(kept: Kept) -> None:
    kept.write(passage("ann", AT), passage("ben", AT + 1))
    kept.now_ms = AT + 7 * DAY - 1
    assert kept.keeping.sweep() == 0
    assert kept.traces("ann", AT) != []
    kept.now_ms += 1
    assert kept.keeping.sweep() == 1
    assert kept.traces("ann", AT) == [] and kept.traces("ben", AT + 1) != []
    kept.now_ms += 1
    kept.keeping.sweep()
    assert kept.traces("ben", AT + 1) == []


def test_another_lifetime(tmp_path: Path) -> None:
    kept = Kept.open(tmp_path / "data", keep_days=1)
    kept.write(passage("ann", AT))
    assert kept.keeping.rows([token("ann")])[0]["kept_until"] == AT + DAY
    kept.now_ms = AT + DAY
    assert kept.keeping.sweep() == 1 and kept.traces("ann", AT) == []
    kept.close()


def test_only_tallies_and_what_is_nobodys_stay(kept: Kept) -> None:
    tally = Tally(NOON_MS, NOON_MS, 3, 4, 6, 1, 5, 2, 0, 1)
    kept.write(passage("ann", AT), irregular(AT), tally, Daily(20_000, 1, 0, 0, 0, 0, 0, 0), Notice(AT, "boot", 1))
    assert kept.files_with(b"7777") != []
    kept.now_ms = AT + 7 * DAY
    assert kept.keeping.sweep() == 2
    tables = ("passages", "irregulars", "tallies", "dailies", "notices")
    assert [kept.count(table) for table in tables] == [0, 0, 1, 1, 1]
    assert kept.files_with(b"7777") == [], "the trace of an irregular passage is gone too"
    assert kept.accounted() == {("gate-1", 1): 2}
    assert read_facts(kept.data)["gaps"] == 0


def test_a_row_whose_clock_was_ahead_has_no_life_without_end(kept: Kept) -> None:
    ahead = NOW_MS + AHEAD_MS + 1
    kept.write(passage("ann", ahead - 1), passage("ben", ahead))
    assert kept.keeping.sweep() == 1
    assert kept.traces("ben", ahead) == [] and kept.traces("ann") != []


def test_a_clock_that_cannot_be_right_deletes_nothing_and_is_told_once(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.write(passage("ann"))
    kept.now_ms = 0
    with caplog.at_level(logging.WARNING, "gateline.consent"):
        assert (kept.keeping.sweep(), kept.keeping.sweep()) == (0, 0)
    assert [record.message for record in caplog.records] == [
        "The clock of this machine cannot be right, so nothing is deleted by it; set it."
    ]
    assert kept.count("passages") == 1


def test_a_clock_that_was_ahead_and_is_right_again_goes_on_deleting(kept: Kept) -> None:
    kept.now_ms += 30 * DAY
    kept.keeping.sweep()
    kept.now_ms = NOW_MS
    kept.write(passage("ann", AT))
    kept.now_ms = AT + 7 * DAY
    kept.run(1)
    assert kept.traces("ann", AT) != [], "it may be the other way round: wrong now, and right before"
    kept.run(59)
    assert kept.traces("ann", AT) != []
    kept.run(1)
    assert kept.traces("ann", AT) == []


def test_a_clock_that_jumps_to_and_fro_is_not_believed() -> None:
    retention = Retention(7)
    retention.due(NOW_MS + 30 * DAY)
    for minute in range(300):
        now_ms = NOW_MS + minute * SWEEP_MS + (minute % 50 == 49) * -DAY
        assert retention.due(now_ms) is None and not retention.steady


def test_many_rows_go_in_small_steps(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_store, "EXPIRED_AT_ONCE", 7)
    kept.write(*(passage(f"rider-{number}", NOON_MS + number) for number in range(50)))
    kept.now_ms = NOON_MS + 7 * DAY + 39
    assert kept.keeping.sweep() == 40
    assert kept.count("passages") == 10
    everything = b"".join(kept.contents().values())
    found = [number for number in range(50) if handle(f"rider-{number}").encode() in everything]
    assert found == list(range(40, 50))


def test_a_planted_missing_checkpoint_is_found(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(passage("ann", AT))
    monkeypatch.setattr(consent_store.ConsentStore, "scrub", lambda *_: None)
    kept.now_ms = AT + 7 * DAY
    assert kept.keeping.sweep() == 1
    assert kept.traces("ann", AT) != []


def test_the_time_that_is_searched_for_is_what_the_file_has(kept: Kept) -> None:
    kept.write(passage("ann", AT))
    assert kept.files_with(varint(AT)) != []


def test_what_a_sweep_has_deleted_is_shown_no_more_although_the_rest_of_it_fails(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.write(passage("ann", AT), passage("ben", AT + 5, "exit"))
    lane = kept.live._lanes["gate-1"] = Lane("majestic", "gate-1", counts=LaneCounts(1, 1, 2, 0))
    kept.now_ms = AT + 7 * DAY + 10
    real = kept.keeping._store._remove

    def only_passages(table: sa.Table, condition: sa.ColumnElement[bool]) -> consent_store.Removed:
        if table is not tables.passages:
            raise StoreBusy
        return real(table, condition)

    monkeypatch.setattr(kept.keeping._store, "_remove", only_passages)
    with pytest.raises(StoreBusy):
        kept.keeping.sweep()
    assert lane.counts == LaneCounts(0, 0, 0, 0)
    assert kept.keeping._unscrubbed, "its bytes are not gone yet, and the next sweep must know"


def test_lane_counts_follow(kept: Kept) -> None:
    kept.write(passage("ann", AT), passage("ben", AT + 5, "exit"))
    kept.live._lanes["gate-1"] = Lane("majestic", "gate-1", counts=LaneCounts(5, 4, 2, 7))
    kept.now_ms = AT + 7 * DAY
    kept.keeping.sweep()
    kept.keeping.erase([token("ben")])
    after = kept.live.lane("gate-1")
    assert after is not None and after.counts == LaneCounts(4, 3, 0, 7)
    row = Admitted("gate-1", 1, 9, passage("eve"))
    kept.live.add_stored([row])
    lane = kept.live.lane("gate-1")
    assert lane is not None and lane.counts.recorded == 1
