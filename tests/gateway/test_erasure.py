"""Erasure means that the bytes are gone: every file of the data directory is searched before and after.

Planted mistakes (no secure_delete, no checkpoint) must be found by the same search, or it would prove nothing.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.consent import erasures as erasures_module
from gateway.consent.erasures import Erasures, fingerprint
from gateway.consent.keeping import ErasureUnfinished, Keeping
from gateway.consent.retention import SWEEP_MS
from gateway.errors import UserError
from gateway.store.consent import ConsentStore
from gateway.store.database import FILE_NAME, StoreBusy, StoreFull
from gateway.store.facts import read_facts
from tests.gateway.keeping_support import DAY, NOW_MS, Kept, handle, passage, token
from tests.gateway.support import NOON_MS
from tests.support import ROOT, wait_until

# A time that is no other row's: its six bytes can be looked for.
AT = NOON_MS + 1_234_567


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    opened = Kept.open(tmp_path / "data")
    yield opened
    opened.close()


def fill(kept: Kept, riders: int = 300) -> None:
    kept.write(*(passage(f"other-{number}", NOON_MS + number) for number in range(riders)), device="gate-2")
    kept.write(passage("ann", AT), passage("ben"), passage("ann", AT + 1, "exit"))


def test_before_after(kept: Kept) -> None:
    fill(kept)
    assert FILE_NAME + "-wal" in kept.traces("ann", AT)
    done = kept.keeping.erase([token("ann")])
    assert (done.rows, done.covers_later) == (2, True)
    assert kept.traces("ann", AT) == []
    assert kept.traces("ben") != [], "only what was asked for"
    assert kept.count("passages") == 301
    kept.close()
    assert kept.traces("ann", AT) == []


def test_gone_from_the_file_too_when_it_was_there_already(kept: Kept) -> None:
    fill(kept)
    ConsentStore(kept.database).scrub()
    assert kept.traces("ann", AT) == [FILE_NAME], "folded into the file before"
    kept.keeping.erase([token("ann")])
    assert kept.traces("ann", AT) == []


def test_a_planted_secure_delete_off_is_found(kept: Kept) -> None:
    fill(kept)
    ConsentStore(kept.database).scrub()
    with kept.database.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA secure_delete=OFF")
    kept.keeping.erase([token("ann")])
    assert kept.traces("ann", AT) != []


def test_a_planted_missing_checkpoint_is_found(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept)
    monkeypatch.setattr(ConsentStore, "scrub", lambda *_: None)
    kept.keeping.erase([token("ann")])
    assert kept.traces("ann", AT) != []


def test_thousands_of_rows_leave_nothing_in_the_pages_they_moved_through(kept: Kept) -> None:
    """Rows move between pages as others come and go; their old places must be empty too."""
    rng = random.Random(4)
    riders = [f"rider-{number}" for number in range(4_000)]
    gone: list[str] = []
    for first in range(0, len(riders), 100):
        kept.write(
            *(passage(rider, NOON_MS + first) for rider in riders[first : first + 100]),
            device=f"gate-{rng.randrange(8)}",
            seq=first,
        )
        leaving = rng.sample([rider for rider in riders[: first + 100] if rider not in gone], 30)
        kept.keeping.erase([token(rider) for rider in leaving])
        gone += leaving
    everything = b"".join(kept.contents().values())
    assert [rider for rider in gone if handle(rider).encode() in everything] == []
    assert [rider for rider in riders if handle(rider)[:16].encode() in everything and rider in gone] == []
    assert all(handle(rider).encode() in everything for rider in riders if rider not in gone)


def test_while_somebody_reads_it_is_not_called_done(kept: Kept) -> None:
    fill(kept)
    with closing(sqlite3.connect(kept.database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM passages").fetchone() == (303,)
        quick = ConsentStore(kept.database)
        with pytest.raises(StoreBusy):
            quick.scrub(0.5)
        with pytest.raises(ErasureUnfinished):
            kept.keeping.erase([token("ann")])
        assert kept.count("passages") == 301, "deleted, for all who look from now on"
        assert kept.traces("ann", AT) != [], "and its bytes are still there: that is what was said"
        assert kept.keeping.rows([token("ann")]) == []
        reader.execute("COMMIT")
    # Asking again goes on where it stopped, although there is no row any more.
    assert kept.keeping.erase([token("ann")]).rows == 0
    assert kept.traces("ann", AT) == []


def test_what_an_erasure_left_undone_is_done_by_the_next_sweep(kept: Kept) -> None:
    fill(kept)
    with closing(sqlite3.connect(kept.database.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM passages").fetchone()
        with pytest.raises(ErasureUnfinished):
            kept.keeping.erase([token("ann")])
    assert kept.keeping.sweep() == 0
    assert kept.traces("ann", AT) == []


def test_a_reader_that_ends_in_time_is_waited_for(kept: Kept) -> None:
    fill(kept)
    reader = sqlite3.connect(kept.database.path, isolation_level=None, check_same_thread=False)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM passages").fetchone()
    ended: list[int] = []
    thread = threading.Thread(target=lambda: ended.append(kept.keeping.erase([token("ann")]).rows))
    thread.start()
    wait_until(lambda: kept.count("passages") == 301, "the rows are deleted")
    assert not ended
    reader.close()
    thread.join(20)
    assert ended == [2] and kept.traces("ann", AT) == []


def test_nothing_is_done_while_the_database_is_locked(kept: Kept) -> None:
    fill(kept)
    with closing(sqlite3.connect(kept.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            kept.keeping.erase([token("ann")], patience_s=0.3)
        other.execute("ROLLBACK")
    assert kept.count("passages") == 303


# -- what may not come back


def test_a_resend_does_not_bring_it_back(kept: Kept) -> None:
    fill(kept)
    before = read_facts(kept.data)
    kept.keeping.erase([token("ann")])
    facts = read_facts(kept.data)
    assert facts["watermarks"] == before["watermarks"]
    # Even past the watermark, as after a restored one: the handle stays erased.
    assert kept.write(passage("ann", AT), passage("ben"), passage("ann", AT + 1, "exit")) == 1
    assert kept.write(passage("ann", AT + 9), seq=3) == 0
    assert kept.traces("ann") == []


def test_erased_rows_do_not_look_like_lost_ones(kept: Kept) -> None:
    fill(kept)
    assert read_facts(kept.data)["gaps"] == 0
    kept.keeping.erase([token("ann")])
    kept.write(passage("ann", AT + 9), seq=3)
    assert read_facts(kept.data)["gaps"] == 0
    assert kept.accounted() == {("gate-1", 1): 3}
    with kept.database.writer.begin() as connection:
        connection.exec_driver_sql("DELETE FROM passages WHERE device = 'gate-2' AND seq = 7")
    assert read_facts(kept.data)["gaps"] == 1, "a row that is really lost is still seen"


def test_what_is_still_in_a_gate_is_kept_out_even_before_a_row_was_there(kept: Kept) -> None:
    assert kept.keeping.erase([token("ann")]).rows == 0
    assert kept.write(passage("ann"), passage("ben")) == 1
    assert kept.traces("ann") == []
    assert read_facts(kept.data)["gaps"] == 0


def test_a_restored_backup_is_erased_again_at_the_start(kept: Kept, tmp_path: Path) -> None:
    fill(kept)
    backup = tmp_path / "backup.sqlite"
    with closing(sqlite3.connect(kept.database.path)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    assert handle("ann").encode() in backup.read_bytes()
    kept.keeping.erase([token("ann")])
    kept.close()
    shutil.copy(backup, kept.data / FILE_NAME)
    assert kept.traces("ann", AT) == [FILE_NAME]
    again = Kept.open(kept.data)
    again.keeping.begin()
    try:
        assert again.traces("ann", AT) == []
        assert again.count("passages") == 301 and read_facts(kept.data)["gaps"] == 0
    finally:
        again.close()


def test_a_restored_backup_is_past_its_time_at_the_start(kept: Kept, tmp_path: Path) -> None:
    fill(kept)
    kept.close()
    again = Kept.open(kept.data, now_ms=NOON_MS + 8 * DAY)
    again.keeping.begin()
    try:
        assert again.count("passages") == 0 and again.traces("ben") == []
    finally:
        again.close()


# -- the journal


def test_the_journal_holds_no_handle_and_no_token(kept: Kept) -> None:
    fill(kept)
    kept.keeping.erase([token("ann")])
    journal = (kept.data / erasures_module.FILE_NAME).read_bytes()
    assert fingerprint(handle("ann")).hex().encode() in journal
    assert handle("ann").encode() not in journal and token("ann").encode() not in journal
    assert (kept.data / erasures_module.FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_the_journal_forgets_when_nothing_can_match_any_more(kept: Kept) -> None:
    fill(kept)
    last_day = kept.keeping.erase([token("ann")]).remembered_until_day
    # The longest that a row can live: from a clock a day ahead, for seven days.
    assert (NOW_MS + 8 * DAY) // DAY < last_day <= (NOW_MS + 9 * DAY) // DAY
    kept.now_ms = (last_day + 1) * DAY - 1
    kept.keeping.sweep()
    assert handle("ann") in Erasures(kept.data)
    kept.now_ms += 1
    kept.keeping.sweep()
    assert (kept.data / erasures_module.FILE_NAME).read_bytes().endswith(b" again\n"), "once more: who knows the clock?"
    second = kept.keeping.retention.remembered_until_day(kept.now_ms)
    kept.now_ms = (second + 1) * DAY - 1
    kept.keeping.sweep()
    assert handle("ann") in Erasures(kept.data)
    kept.run(59)
    assert handle("ann") in Erasures(kept.data)
    kept.run(1)
    assert handle("ann") not in kept.erasures and len(Erasures(kept.data)) == 0
    assert kept.files_with(fingerprint(handle("ann")).hex().encode()) == []


def test_a_clock_that_was_ahead_makes_the_journal_forget_nothing(kept: Kept) -> None:
    fill(kept)
    kept.keeping.erase([token("ann")])
    for days in (30, 300):
        right = kept.now_ms
        kept.now_ms += days * DAY
        kept.keeping.sweep()
        kept.now_ms = right
        kept.keeping.sweep()
        assert handle("ann") in Erasures(kept.data)
    assert kept.write(passage("ann", NOW_MS + 5), seq=1_000) == 0


@pytest.mark.parametrize("behind", [1, 5, 20, 10_000])
@pytest.mark.parametrize("restart", [False, True])
def test_what_is_erased_while_the_clock_is_behind_is_remembered_when_it_is_right(
    tmp_path: Path, behind: int, restart: bool
) -> None:
    kept = Kept.open(tmp_path / "data", now_ms=NOW_MS - behind * DAY)
    assert kept.keeping.erase([token("ann")]).covers_later
    if restart:
        kept.close()
        kept = Kept.open(tmp_path / "data")
        kept.keeping.begin()
    kept.now_ms = NOW_MS
    for _ in range(8):
        kept.run(61)
        assert kept.write(passage("ann", kept.now_ms), seq=kept.now_ms) == 0
        kept.now_ms += DAY - 61 * SWEEP_MS
    kept.close()


def test_who_erases_again_is_remembered_anew(kept: Kept) -> None:
    journal = kept.erasures
    journal.note([handle("ann")], [], 20_000)
    journal.forget(20_001 * DAY, 20_010, steady=True)
    journal.note([handle("ann")], [], 20_020)
    for one in (journal, Erasures(kept.data)):
        one.forget(20_021 * DAY, 20_030, steady=True)
        assert handle("ann") in one, "that was its first time, and not its second"


def test_the_journal_is_bounded_and_what_had_rows_is_always_in_it(tmp_path: Path) -> None:
    kept = Kept.open(tmp_path / "data", most=3)
    try:
        kept.write(passage("ann"), passage("ben"))
        assert kept.keeping.erase([token(f"nobody-{number}") for number in range(3)]).covers_later
        assert not kept.keeping.erase([token("nobody-9")]).covers_later
        done = kept.keeping.erase([token("ann"), token("nobody-10")])
        assert (done.rows, done.covers_later) == (1, False)
        assert handle("ann") in kept.erasures and handle("nobody-10") not in kept.erasures
    finally:
        kept.close()


def test_a_journal_cut_off_by_a_power_cut_is_mended(tmp_path: Path) -> None:
    journal = Erasures(tmp_path)
    journal.note([handle("ann")], [], 20_010)
    path = tmp_path / erasures_module.FILE_NAME
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole + whole[:cut])
        assert len(Erasures(tmp_path)) == 1 and path.read_bytes() == whole


def test_a_damaged_journal_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / erasures_module.FILE_NAME).write_bytes(b"rubbish\n")
    with pytest.raises(UserError, match=r"Line 1 of the journal of erasures .* is damaged; put back a copy"):
        Erasures(tmp_path)


def test_no_room_for_the_journal_erases_nothing(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull):
        kept.keeping.erase([token("ann")])
    monkeypatch.undo()
    assert kept.count("passages") == 303 and len(kept.erasures) == 0
    assert len(Erasures(kept.data)) == 0


@pytest.mark.slow
def test_a_gateway_killed_in_the_middle_of_an_erasure_ends_it_at_the_next_start(tmp_path: Path) -> None:
    """Between the journal and the rows, and between the rows and the log: the process is gone at once."""
    for place in ("remove_handles", "scrub"):
        kept = Kept.open(tmp_path / place)
        fill(kept)
        kept.close()
        script = (
            "import os, sys; from pathlib import Path\n"
            "from tests.gateway.keeping_support import Kept, token\n"
            "from gateway.store.consent import ConsentStore\n"
            "kept = Kept.open(Path(sys.argv[1]))\n"
            "setattr(ConsentStore, sys.argv[2], lambda *_: os._exit(9))\n"
            "kept.keeping.erase([token('ann')])"
        )
        killed = subprocess.run([sys.executable, "-c", script, tmp_path / place, place], cwd=ROOT, timeout=60)
        assert killed.returncode == 9
        again = Kept.open(tmp_path / place)
        again.keeping.begin()
        assert again.traces("ann", AT) == [] and again.count("passages") == 301, place
        again.close()


def test_the_order_is_journal_rows_log(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept)
    seen: list[str] = []
    for where, name in ((Erasures, "note"), (ConsentStore, "remove_handles"), (ConsentStore, "scrub")):
        original = getattr(where, name)

        def noted(*arguments: object, name: str = name, original: object = original) -> object:
            seen.append(name)
            return original(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(where, name, noted)
    assert isinstance(kept.keeping, Keeping)
    kept.keeping.erase([token("ann")])
    assert seen == ["note", "remove_handles", "scrub"]


def test_every_connection_overwrites_what_it_deletes(kept: Kept) -> None:
    for engine in (kept.database.writer, kept.database.reader):
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA temp_store").scalar() == 2
    # And nobody else opens the database to write in it.
    openers = [
        path.name for path in (ROOT / "gateway").rglob("*.py") if "sqlite3.connect(" in path.read_text(encoding="utf-8")
    ]
    assert sorted(openers) == ["database.py", "facts.py"]
