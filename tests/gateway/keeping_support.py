"""What the tests of access, erasure and retention share: a gateway's store with a clock of its own, and its bytes.

The bytes of every file in the data directory are searched, as somebody who has the disk would.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from gateway.admission.rules import DAY_MS, Admitted
from gateway.consent.erasures import MOST, Erasures
from gateway.consent.keeping import Keeping
from gateway.consent.retention import SWEEP_MS, Retention
from gateway.live.state import LiveState
from gateway.protocol.records import Irregular, Passage, Record
from gateway.store.consent import ConsentStore
from gateway.store.database import Database
from gateway.store.store import Store
from tests.gateway.support import NOON_MS

NOW_MS = NOON_MS + 3_600_000


def token(rider: str, day: int = 20_000) -> str:
    """The token of a rider's pass, derived with the standard library."""
    nonce = hashlib.sha256(rider.encode()).digest()
    return hmac.new(nonce, str(day).encode(), hashlib.sha256).hexdigest()


def handle(rider: str, day: int = 20_000) -> str:
    return hashlib.sha256(bytes.fromhex(token(rider, day))).hexdigest()


def passage(rider: str, at: int = NOON_MS, way: str = "entry") -> Passage:
    return Passage(at, way, "single", handle(rider), 1250)  # type: ignore[arg-type]


def irregular(at: int) -> Irregular:
    return Irregular(at, "entry", "jump", 90, [(0, 0, 1), (7_777, 1, 0)])


def varint(value: int) -> bytes:
    """How SQLite writes an integer of this size into a row: big-endian, 6 bytes."""
    return value.to_bytes(6, "big")


@dataclass
class Kept:
    """A store with everything that deletes from it, and a clock that the test moves."""

    data: Path
    database: Database
    erasures: Erasures
    keeping: Keeping
    live: LiveState
    now_ms: int = NOW_MS

    @classmethod
    def open(cls, data: Path, keep_days: int = 7, now_ms: int = NOW_MS, most: int = MOST) -> Kept:
        database = Database(data)
        erasures, live = Erasures(data, most), LiveState()
        made = cls.__new__(cls)
        keeping = Keeping(ConsentStore(database), erasures, Retention(keep_days), live, lambda: made.now_ms)
        made.__init__(data, database, erasures, keeping, live, now_ms)  # type: ignore[misc]
        return made

    def close(self) -> None:
        self.database.close()

    def write(self, *records: Record, device: str = "gate-1", seq: int = 0, boot: int = 1) -> int:
        """Store records as the pipeline does; how many were kept."""
        with Store(self.database, self.erasures).transaction() as transaction:
            rows = [Admitted(device, boot, seq + number, record) for number, record in enumerate(records)]
            kept = transaction.without_erased(rows)
            transaction.add_records(kept)
            transaction.set_watermarks({(device, boot): seq + len(records)})
        return len(kept)

    def run(self, minutes: int) -> None:
        """The clock runs without a jump, and is looked at every minute."""
        for _ in range(minutes):
            self.now_ms += SWEEP_MS
            self.keeping.sweep()

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.data.rglob("*") if path.is_file()}

    def files_with(self, wanted: bytes) -> list[str]:
        """The files of the data directory in which these bytes are."""
        return sorted(name for name, data in self.contents().items() if wanted in data)

    def traces(self, rider: str, at: int | None = None) -> list[str]:
        """Where anything of a rider's handle is: as text, as bytes, in part; or of a time."""
        text = handle(rider)
        wanted = [text.encode(), bytes.fromhex(text), text[:20].encode(), text[-20:].encode()]
        if at is not None:
            wanted.append(varint(at))
        return sorted({name for one in wanted for name in self.files_with(one)})

    def count(self, table: str) -> int:
        with self.database.reader.connect() as connection:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    def accounted(self) -> dict[tuple[str, int], int]:
        with self.database.reader.connect() as connection:
            rows = connection.exec_driver_sql("SELECT device, boot, numbers FROM accounted")
            return {(device, boot): numbers for device, boot, numbers in rows}


DAY = DAY_MS
