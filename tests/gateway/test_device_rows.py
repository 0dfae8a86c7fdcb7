"""The page of devices without a browser: rows, troubles, announcements, the store's counts, one refresh for all."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from typing import get_args

import pytest
import sqlalchemy as sa

from gateway.admission.rules import Admitted
from gateway.devices.provisioning import Provisioning
from gateway.live.history import Point
from gateway.protocol.records import Notice, NoticeKind
from gateway.protocol.refusal import Reason
from gateway.service import Service, Settings
from gateway.store.database import Database
from gateway.store.directory import Directory
from gateway.store.figures import Figures
from gateway.store.store import Store
from gateway.web.device_detail import charts
from gateway.web.device_facts import Gatherer
from gateway.web.device_rows import GAPS, NOTICES, REASONS, Facts, State, Watch, row, state_of, troubles_of
from gateway.web.ticker import Ticker
from tests.support import run_async

FINE = Facts("majestic", "gate-1", "emulated", "gate", link="online")


def test_every_reason_every_notice_and_every_gap_is_explained() -> None:
    assert set(REASONS) == {reason.value for reason in Reason}
    assert set(NOTICES) == set(get_args(NoticeKind))
    assert set(GAPS) == {"open", "closed", "permanent"}
    assert all(words.means and words.to_do for words in REASONS.values())


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, State.HEARD),
        ({"link": "unknown"}, State.NEVER),
        ({"link": "lost"}, State.SILENT),
        ({"silent_since_ms": 5}, State.SILENT),
    ],
)
def test_the_state_of_a_link(changes: dict[str, object], state: State) -> None:
    assert state_of(replace(FINE, **changes)) is state  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"link": "lost"}, "Silent"),
        *(({"blocked": reason.value, "refused": 7}, "Held up") for reason in Reason),
        ({"faulty": True}, "Fault"),
        ({"fire": True}, "Fire alarm"),
        ({"keys": "differs"}, "Other keys"),
        ({"gaps": {"permanent": 1}}, "Lost records"),
        ({"outbox": 256}, "Full outbox"),
        ({"heap_free": 19_999}, "Little memory"),
        ({"worst_tick_ms": 2_000}, "Slow"),
    ],
)
def test_what_needs_a_hand_says_what_to_do(changes: dict[str, object], name: str) -> None:
    (trouble,) = troubles_of(replace(FINE, **changes))  # type: ignore[arg-type]
    assert trouble.name == name
    assert trouble.what and trouble.to_do


def test_what_is_fine_needs_no_hand() -> None:
    fine = replace(
        FINE,
        outbox=255,
        heap_free=-1,
        worst_tick_ms=1_999,
        gaps={"open": 1, "closed": 3},
        quarantine={"bad_seal": (9, 1)},
    )
    assert troubles_of(fine) == ()
    assert row(fine).cells == ("255", "1,999 ms", "–", "1 open", "9", "–", "–", "–")


def test_who_falls_silent_and_who_comes_back_is_announced_once() -> None:
    watch = Watch()
    gates = [replace(FINE, device=f"gate-{n}") for n in (10, 2, 1)]
    first = watch.look(1_000, gates)
    assert [one.device for one in first.rows] == ["gate-1", "gate-2", "gate-10"]
    assert (first.told, first.announcement) == (0, "")
    gone = [replace(one, link="lost") if one.device == "gate-2" else one for one in gates]
    second = watch.look(2_000, gone)
    assert (second.told, second.announcement) == (1, "gate-2 fell silent.")
    assert watch.look(3_000, gone).told == 1
    assert [one.since_ms for one in watch.look(4_000, gone).rows] == [None, 2_000, None]
    assert watch.look(5_000, gates).announcement == "gate-2 can be heard again."
    assert [one.since_ms for one in watch.look(6_000, gates).rows] == [None, None, None]


def test_many_that_fall_silent_at_once_are_counted() -> None:
    watch, gates = Watch(), [replace(FINE, device=f"gate-{n}") for n in range(1, 213)]
    watch.look(0, gates)
    assert watch.look(1, [replace(one, link="lost") for one in gates]).announcement == "212 devices fell silent."


def test_the_filters() -> None:
    others = [FINE, replace(FINE, device="gate-2", link="lost"), replace(FINE, site="depot", device="door-1")]
    snapshot = Watch().look(0, others)
    assert snapshot.sites() == ["depot", "majestic"]
    assert [one.device for one in snapshot.chosen(needs=True)] == ["gate-2"]
    assert [one.device for one in snapshot.chosen("depot")] == ["door-1"]
    assert snapshot.chosen("depot", needs=True) == []


def test_a_line_breaks_where_nothing_was_heard() -> None:
    drawn = charts([Point(1_000, 3, -1, 9), Point(61_000, 5, 41_999, 9)], [(70_000, None)], 95_000)
    assert json.loads(drawn.points["outbox"]) == [[1_000, 3], [61_000, 5], [70_000, None]]
    assert json.loads(drawn.points["heap_free"]) == [[1_000, None], [61_000, 41], [70_000, None]]
    assert (drawn.silences, drawn.to_ms) == ("[[70000,null]]", 100_000)


def test_the_store_counts_gaps_and_knows_the_last_word(database: Database) -> None:
    provisioning = Provisioning(Directory(database))
    for device in ("gate-1", "gate-2"):
        provisioning.add_device("majestic", device, "emulated")
    said = [(1, 9, "boot"), (1, 10, "fault"), (2, 0, "boot"), (2, 1, "fault"), (2, 2, "fire_on")]
    with Store(database).transaction() as transaction:
        for boot, seq, what in said:
            transaction.add_records([Admitted("gate-1", boot, seq, Notice(boot * 100 + seq, what, 1))])  # type: ignore[arg-type]
        transaction.add_permanent_gap("gate-1", 1, (3, 9))
        transaction.open_gap("gate-1", 2, (4, 6))
    figures = Figures(database)
    assert figures.gap_counts() == {"gate-1": {"permanent": 1, "open": 1}}
    assert figures.gap_sums("gate-1") == {"permanent": (1, 6), "open": (1, 2)}
    assert [gap["state"] for gap in figures.latest_gaps("gate-1", 1)] == ["open"]
    assert [one["what"] for one in figures.latest_notices("gate-1", 2)] == ["fire_on", "fault"]
    assert figures.last_words(("boot", "fault", "recovered")) == {"gate-1": "fault"}
    assert figures.last_words(("recovered",)) == {}


def test_a_thousand_devices_are_gathered_in_a_few_queries(database: Database) -> None:
    provisioning = Provisioning(Directory(database))
    provisioning.add_fleet(provisioning.draw_fleet("big", "gate", 1_000, "physical"))
    database.close()
    service = Service(Settings(database.path.parent), lambda: None)
    try:
        service.start()
        gatherer = Gatherer(service)
        snapshot = gatherer()
        assert len(snapshot.rows) == 1_000
        assert {one.state for one in snapshot.rows} == {State.NEVER}
        statements: list[str] = []
        sa.event.listen(service.database.reader, "before_cursor_execute", lambda *args: statements.append(args[2]))
        gatherer()
        # The gateway's own threads read now and then too.
        assert len(statements) < 20
    finally:
        service.stop()
        service.close()


def test_many_pages_gather_once() -> None:
    gathered: list[int] = []
    threads: set[int] = set()

    def gather() -> int:
        threads.add(threading.get_ident())
        gathered.append(len(gathered))
        return gathered[-1]

    async def watch() -> None:
        ticker = Ticker(gather, 0.01, "tests")
        assert await asyncio.gather(*(ticker.latest() for _ in range(50))) == [0] * 50
        heard: list[list[int]] = [[] for _ in range(50)]
        third = asyncio.Event()

        def listener(place: int):  # type: ignore[no-untyped-def]
            def hear(value: int) -> None:
                heard[place].append(value)
                if len(heard[place]) == 3:
                    third.set()

            return hear

        stops = [ticker.listen(listener(place)) for place in range(50)]
        await asyncio.wait_for(third.wait(), 10)
        for stop in stops:
            stop()
        assert all(one == heard[0] for one in heard)
        assert ticker.listeners == 0
        task = ticker._task
        assert task is not None
        await asyncio.wait_for(task, 10)
        assert len(gathered) <= 1 + len(heard[0]) + 1

    run_async(watch())
    assert threading.get_ident() not in threads


def test_a_gathering_that_fails_is_told_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    turns: list[int] = []

    def gather() -> int:
        turns.append(1)
        if len(turns) < 4:
            raise OSError("locked")
        return len(turns)

    async def watch() -> None:
        ticker = Ticker(gather, 0.01, "tests")
        heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def hear(value: int) -> None:
            if not heard.done():
                heard.set_result(value)

        stop = ticker.listen(hear)
        assert await asyncio.wait_for(heard, 10) == 4
        stop()

    run_async(watch())
    assert len([one for one in caplog.records if "locked" in one.getMessage()]) == 1
