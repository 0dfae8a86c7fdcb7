"""What the store counts for the overview's charts."""

from gateway.admission.rules import Admitted
from gateway.protocol.records import Irregular, Passage, Record, Tally
from gateway.store.database import Database
from gateway.store.flow import Counted, Flow
from gateway.store.store import Store
from tests.gateway.support import NOON_MS


def write(database: Database, *records: Record) -> None:
    with Store(database).transaction() as transaction:
        transaction.add_records([Admitted("gate-1", 1, seq, record) for seq, record in enumerate(records)])


def passage(at: int, way: str, number: int) -> Passage:
    return Passage(at, "entry" if way == "entry" else "exit", "single", f"{number:064x}", 1000)


def test_rows_are_counted_by_steps_and_tallies_as_they_are(database: Database) -> None:
    flow = Flow(database)
    assert flow.oldest_ms(0) is None and flow.passages(0, 10_000) == [] and flow.tallies(0) == []
    assert flow.irregular() == 0
    write(
        database,
        passage(NOON_MS - 1, "entry", 0),
        passage(NOON_MS, "entry", 1),
        passage(NOON_MS + 9_999, "exit", 2),
        passage(NOON_MS + 10_000, "exit", 3),
        Irregular(NOON_MS + 5, "entry", "jump", 90, []),
        Tally(NOON_MS, NOON_MS + 60_000, 8, 4, 12, 0, 12, 2, 0, 12),
        Tally(NOON_MS - 60_000, NOON_MS, 10, 0, 10, 0, 10, 0, 0, 10),
    )
    assert flow.passages(NOON_MS, 10_000) == [
        Counted(NOON_MS, NOON_MS + 10_000, 1, 1, 1),
        Counted(NOON_MS + 10_000, NOON_MS + 20_000, 0, 1, 0),
    ]
    assert flow.tallies(NOON_MS) == [Counted(NOON_MS, NOON_MS + 60_000, 8, 4, 2)]
    assert flow.oldest_ms(0) == NOON_MS - 60_000 and flow.oldest_ms(NOON_MS) == NOON_MS
    assert flow.irregular() == 3
