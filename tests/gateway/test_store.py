"""The store: schema, pragmas, file modes, one transaction, and what happens when it is locked, full or not ours."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from gateway.admission.rules import Admitted
from gateway.errors import UserError
from gateway.protocol.records import Passage, Tally
from gateway.store import database as database_module
from gateway.store.database import FILE_NAME, Database, Lock, StoreBusy, StoreFull, StoreGone, patiently
from gateway.store.facts import read_facts
from gateway.store.queries import Filter, GapKey, Position, Queries
from gateway.store.store import CLOSED_GAPS_KEPT, Store
from gateway.store.tables import RECORDS, metadata
from tests.gateway.support import NOON_MS


def passage(seq: int, device: str = "gate-1", at: int = NOON_MS) -> Admitted:
    return Admitted(device, 1, seq, Passage(at, "entry", "single", f"{seq:064x}", 1000))


def write(database: Database, *rows: Admitted) -> int:
    with Store(database).transaction() as transaction:
        return transaction.add_records(rows)


def test_the_migrations_make_the_tables_that_the_code_uses(database: Database) -> None:
    with database.reader.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        inspector = sa.inspect(connection)
        for table in metadata.sorted_tables:
            found = {check["name"] for check in inspector.get_check_constraints(table.name)}
            assert found == {c.name for c in table.constraints if isinstance(c, sa.CheckConstraint)}


def test_the_database_is_durable_and_forgets_what_is_deleted(database: Database) -> None:
    with database.writer.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}


def test_only_the_owner_can_read_the_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    database = Database(data)
    write(database, passage(0))
    assert data.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in data.iterdir()}
    database.close()
    assert FILE_NAME + "-wal" in modes
    assert set(modes.values()) == {0o600}, modes


def test_the_same_identity_is_stored_once(database: Database) -> None:
    assert write(database, passage(0), passage(1)) == 0
    assert write(database, passage(1), passage(2)) == 1
    assert Queries(database).stored()["passage"] == 3


def test_a_failing_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError), Store(database).transaction() as transaction:
        transaction.add_records([passage(0)])
        transaction.set_watermarks({("gate-1", 1): 1})
        raise RuntimeError
    assert Queries(database).stored()["passage"] == 0
    assert Queries(database).latest_boots() == []


def test_a_locked_database_delays_and_loses_nothing(database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy):
            write(database, passage(0))
        assert Queries(database).stored()["passage"] == 0, "readers go on"
        tried = threading.Event()

        def attempt() -> int:
            try:
                return write(database, passage(0))
            finally:
                tried.set()

        results: list[int] = []
        thread = threading.Thread(target=lambda: results.append(patiently(attempt, 30)))
        thread.start()
        assert tried.wait(10)
        other.execute("COMMIT")
        thread.join(10)
    assert results == [0]
    assert Queries(database).stored()["passage"] == 1


def test_a_full_disk_is_told_apart_and_recovers(database: Database) -> None:
    with database.writer.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        assert connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar() == pages
    with pytest.raises(StoreFull):
        write(database, *(passage(number) for number in range(2000)))
    assert Queries(database).stored()["passage"] == 0
    with database.writer.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1000000")
    assert write(database, *(passage(number) for number in range(2000))) == 0
    assert Queries(database).stored()["passage"] == 2000


def test_a_directory_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be written .*--data"):
        Database(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"my diary" * 1000)
    with pytest.raises(UserError, match="is not a database"):
        Database(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == b"my diary" * 1000


def test_a_database_of_a_newer_program_is_left_alone(database: Database) -> None:
    with database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num='9999'")
    with pytest.raises(UserError, match="newer Gateline"):
        Database(database.path.parent)


def test_no_room_at_the_start_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreFull

    monkeypatch.setattr(database_module, "migrate", full)
    with pytest.raises(UserError, match="There is no room"):
        Database(tmp_path / "data")


def test_a_lock_at_the_start_is_waited_for_and_then_told(database: Database) -> None:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UserError, match="locked for too long"):
            Database(database.path.parent, patience_s=0.1)


def test_one_gateway_per_directory(tmp_path: Path) -> None:
    first = Lock(tmp_path / "gateway.lock", "taken")
    with pytest.raises(UserError, match="taken"):
        Lock(tmp_path / "gateway.lock", "taken")
    first.release()
    Lock(tmp_path / "gateway.lock", "taken").release()


def test_gaps_open_once_close_and_stay_bounded(database: Database) -> None:
    store, queries = Store(database), Queries(database)
    with store.transaction() as transaction:
        transaction.open_gap("gate-1", 1, (0, 5))
        transaction.open_gap("gate-1", 1, (0, 9))
        transaction.open_gap("gate-2", 1, (0, 2))
        transaction.add_permanent_gap("gate-1", 1, (20, 30))
    assert queries.gap_states() == {"open": 2, "closed": 0, "permanent": 1}
    with store.transaction() as transaction:
        transaction.set_watermarks({("gate-1", 1): 4})
    assert queries.gap_states()["open"] == 2
    with store.transaction() as transaction:
        transaction.set_watermarks({("gate-1", 1): 5})
    assert queries.gap_states() == {"open": 1, "closed": 1, "permanent": 1}
    assert [(gap["from_seq"], gap["to_seq"], gap["state"]) for gap in queries.gaps("gate-1")] == [
        (0, 5, "closed"),
        (20, 30, "permanent"),
    ]
    with store.transaction() as transaction:
        for number in range(100, 100 + 2 * CLOSED_GAPS_KEPT + 50, 2):
            transaction.open_gap("gate-1", 1, (number, number + 1))
            transaction.set_watermarks({("gate-1", 1): number + 1})
    assert queries.gap_states()["closed"] == CLOSED_GAPS_KEPT
    assert queries.counters("gaps_closed")["gate-1"] == CLOSED_GAPS_KEPT + 26


def test_pages_neither_repeat_nor_skip_whatever_arrives_meanwhile(database: Database) -> None:
    queries = Queries(database)
    write(database, *(passage(number, at=NOON_MS + number // 7) for number in range(100)))
    seen: list[int] = []
    after: Position | None = None
    while page := queries.events(Filter(), after, 9):
        seen += [row["seq"] for row in page]
        last = page[-1]
        after = Position(last["at"], last["device"], last["boot"], last["seq"])
        write(database, passage(1000 + len(seen), at=NOON_MS - 1))
    assert seen == list(range(100))


def test_counts_of_lanes_and_facts_agree(database: Database) -> None:
    counted = Tally(NOON_MS, NOON_MS, 3, 4, 6, 1, 5, 2, 0, 2)
    write(database, passage(0), passage(1), Admitted("gate-1", 1, 2, counted))
    lane = Queries(database).lane_counts()["gate-1"]
    assert (lane.entries, lane.exits, lane.recorded, lane.tallied) == (5, 4, 2, 7)
    facts = read_facts(database.path.parent)
    assert facts["stored"] == 3 and facts["duplicates_stored"] == 0 and facts["gaps"] == 0
    assert facts["tallied"]["gate-1"] == {
        "entries": 3,
        "exits": 4,
        "paid": 6,
        "free": 1,
        "declined": 5,
        "irregular": 2,
    }
    assert sorted(facts["passages"]) == [("gate-1", "entry", f"{seq:064x}") for seq in (0, 1)]
    with database.writer.begin() as connection:
        connection.exec_driver_sql("DELETE FROM passages WHERE seq = 0")
    assert read_facts(database.path.parent)["stored"] == 2


def test_no_sum_of_tallies_overflows(database: Database) -> None:
    huge = 2**63 - 1
    rows = (Tally(NOON_MS, NOON_MS, huge, huge, huge, huge, huge, huge, huge, 1) for _ in range(3))
    write(database, *(Admitted("gate-1", 1, seq, row) for seq, row in enumerate(rows)))
    lane = Queries(database).lane_counts()["gate-1"]
    assert lane.tallied == lane.entries + lane.exits and lane.entries > huge
    assert read_facts(database.path.parent)["tallied"]["gate-1"]["entries"] > 0


def test_a_page_of_gaps_begins_behind_the_last(database: Database) -> None:
    with Store(database).transaction() as transaction:
        for boot in (1, 2):
            for seq in (0, 10, 20):
                transaction.add_permanent_gap("gate-1", boot, (seq, seq + 5))
    queries = Queries(database)
    seen: list[GapKey] = []
    while page := queries.gaps("gate-1", seen[-1] if seen else None, 4):
        seen += [GapKey(row["boot"], row["from_seq"], row["to_seq"]) for row in page]
    assert seen == [GapKey(boot, seq, seq + 5) for boot in (1, 2) for seq in (0, 10, 20)]


def test_a_database_damaged_inside_is_one_sentence(database: Database) -> None:
    write(database, *(passage(number) for number in range(2000)))
    database.close()
    with database.path.open("r+b") as file:
        file.seek(-4096 * 8, os.SEEK_END)
        file.write(os.urandom(4096))
    with pytest.raises(UserError, match="is damaged or is not a database; put it aside"):
        Database(database.path.parent)


@pytest.mark.parametrize("how", ["moved", "deleted", "replaced"])
def test_a_database_that_was_taken_away_is_noticed(database: Database, how: str) -> None:
    write(database, passage(0))
    database.require_in_place()
    data = database.path.parent
    if how == "moved":
        data.rename(data.with_name("elsewhere"))
    elif how == "deleted":
        shutil.rmtree(data)
    else:
        (data / "copy").write_bytes(database.path.read_bytes())
        (data / "copy").replace(database.path)
    with pytest.raises(StoreGone, match=r"was deleted, moved or replaced .* start the gateway again"):
        database.require_in_place()


def test_facts_see_what_is_there_twice(database: Database) -> None:
    write(database, passage(0), Admitted("gate-1", 1, 0, Tally(0, 0, 0, 0, 0, 0, 0, 0, 0, 1)))
    write(database, Admitted("gate-1", 1, 7, Passage(NOON_MS, "entry", "day", f"{0:064x}", 0)))
    assert read_facts(database.path.parent)["duplicates_stored"] == 2


def test_every_kind_has_a_table_without_an_order_of_arrival(database: Database) -> None:
    with database.reader.connect() as connection:
        for table in RECORDS.values():
            with pytest.raises(sa.exc.OperationalError, match="no such column: rowid"):
                connection.exec_driver_sql(f"SELECT rowid FROM {table.name}")
