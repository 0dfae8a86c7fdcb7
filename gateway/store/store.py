"""Writing: one transaction per ingest batch, with everything that the batch changes.

Rules: whoever gets StoreBusy or StoreFull may repeat the whole transaction, because nothing of it was written. Records
come only as :class:`~gateway.admission.rules.Admitted`. Reading for the API is in queries.py.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from gateway.admission.rules import DAY_MS, Admitted
from gateway.protocol.records import Consents, Daily, Irregular, Notice, Passage, Record, Sales, Spent, Tally
from gateway.store import tables
from gateway.store.database import Database, translated
from gateway.store.spent import add_spent

CLOSED_GAPS_KEPT: Final = 256
"""How many closed gaps of one boot stay in the report; older ones are only counted."""


SPENT_AGAIN: Final = "passes_spent_again"


def _row(admitted: Admitted) -> dict[str, Any]:
    record: Record = admitted.record
    row: dict[str, Any] = {"device": admitted.device, "boot": admitted.boot, "seq": admitted.seq}
    if isinstance(record, Irregular):
        row |= {"at": record.at, "way": record.way, "what": record.what, "confidence": record.confidence}
        row["trace"] = msgspec.json.encode(record.trace).decode()
        return row
    row |= {name: getattr(record, name) for name in record.__struct_fields__}
    if isinstance(record, Daily):
        row["at"] = (record.day + 1) * DAY_MS + admitted.day_start_ms
    return row


def kind_of(record: Record) -> str:
    """The wire's name of a record's kind."""
    if isinstance(record, Passage):
        return "passage"
    if isinstance(record, Tally):
        return "tally"
    if isinstance(record, Irregular):
        return "irregular"
    if isinstance(record, Daily):
        return "daily"
    if isinstance(record, Sales):
        return "sales"
    if isinstance(record, Consents):
        return "consents"
    assert isinstance(record, Notice)
    return "device"


def account(connection: sa.Connection, numbers: Mapping[tuple[str, int], int]) -> None:
    """Add, per (device, boot), sequence numbers that have no row and are not missing: erased, expired, never kept."""
    rows = [{"device": device, "boot": boot, "numbers": n} for (device, boot), n in numbers.items() if n]
    if rows:
        statement = insert(tables.accounted)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["device", "boot"],
                set_={"numbers": tables.accounted.c.numbers + statement.excluded.numbers},
            ),
            rows,
        )


class Transaction:
    """The statements of one ingest batch; made by :meth:`Store.transaction` only."""

    def __init__(self, connection: sa.Connection, erased: Container[str]) -> None:
        self._connection = connection
        self._erased = erased

    def watermarks(self, keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The watermark of each known (device, boot) among ``keys``."""
        wanted = list(keys)
        if not wanted:
            return {}
        boots = tables.boots.c
        query = sa.select(boots.device, boots.boot, boots.watermark).where(
            sa.tuple_(boots.device, boots.boot).in_(wanted)
        )
        return {(row.device, row.boot): row.watermark for row in self._connection.execute(query)}

    def without_erased(self, admitted: list[Admitted]) -> list[Admitted]:
        """``admitted`` without passages whose rider has erased that day already; their numbers are accounted for."""
        kept = [one for one in admitted if not (isinstance(one.record, Passage) and one.record.handle in self._erased)]
        if len(kept) != len(admitted):
            numbers = Counter((one.device, one.boot) for one in admitted)
            numbers.subtract((one.device, one.boot) for one in kept)
            self.account(numbers)
        return kept

    def add_records(self, admitted: Iterable[Admitted]) -> int:
        """Insert records; how many of them were there already (and were left as they are)."""
        by_kind: dict[str, list[dict[str, Any]]] = {}
        spent: list[tuple[bytes, int]] = []
        unnamed: Counter[tuple[str, int]] = Counter()
        for one in admitted:
            if isinstance(one.record, Spent):
                # Their numbers are accounted for as a count: a row under the record's identity would join a used pass
                # to the gate and the hour.
                spent += [(bytes.fromhex(nullifier), one.record.to) for nullifier in one.record.nullifiers]
                unnamed[one.device, one.boot] += 1
                continue
            by_kind.setdefault(kind_of(one.record), []).append(_row(one))
        present = 0
        for kind, rows in by_kind.items():
            # Rows below a watermark never come here; this catches a watermark older than the rows (a restored backup).
            result = self._connection.execute(insert(tables.RECORDS[kind]).on_conflict_do_nothing(), rows)
            present += len(rows) - result.rowcount
        if spent:
            # A used pass that is known already was used twice: at two gates, or at one and for an exchange. How often
            # that happens is counted, over all gates, and of which pass it was nothing is kept.
            self.count(SPENT_AGAIN, {"": len(spent) - add_spent(self._connection, spent)})
            self.account(unnamed)
        return present

    def set_watermarks(self, watermarks: Mapping[tuple[str, int], int]) -> None:
        """Write the watermark of each (device, boot), and close the gaps that it has passed."""
        if not watermarks:
            return
        rows = [
            {"device": device, "boot": boot, "watermark": watermark} for (device, boot), watermark in watermarks.items()
        ]
        statement = insert(tables.boots)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=["device", "boot"], set_={"watermark": statement.excluded.watermark}
            ),
            rows,
        )
        open_gaps = {(gap.device, gap.boot, gap.to_seq) for gap in self._open_gaps()}
        for device, boot, to_seq in open_gaps:
            if watermarks.get((device, boot), -1) >= to_seq:
                self._close_gap(device, boot)

    def _open_gaps(self) -> list[Any]:
        gaps = tables.gaps.c
        return list(self._connection.execute(sa.select(tables.gaps).where(gaps.state == "open")))

    def _close_gap(self, device: str, boot: int) -> None:
        gaps = tables.gaps.c
        of_boot = sa.and_(gaps.device == device, gaps.boot == boot)
        self._connection.execute(sa.update(tables.gaps).where(of_boot, gaps.state == "open").values(state="closed"))
        self.count("gaps_closed", {device: 1})
        oldest_kept = (
            sa.select(gaps.from_seq)
            .where(of_boot, gaps.state == "closed")
            .order_by(gaps.from_seq.desc())
            .offset(CLOSED_GAPS_KEPT - 1)
            .limit(1)
            .scalar_subquery()
        )
        self._connection.execute(
            sa.delete(tables.gaps).where(of_boot, gaps.state == "closed", gaps.from_seq < oldest_kept)
        )

    def open_gap(self, device: str, boot: int, missing: tuple[int, int]) -> None:
        """Note that ``missing`` has not come; one open gap per boot is enough, because all behind it comes again."""
        gaps = tables.gaps.c
        present = self._connection.execute(
            sa.select(gaps.from_seq).where(gaps.device == device, gaps.boot == boot, gaps.state == "open")
        ).first()
        if present is None:
            self._add_gap(device, boot, missing, "open")

    def add_permanent_gap(self, device: str, boot: int, lost: tuple[int, int]) -> None:
        """Note that the device itself can no longer tell ``lost``."""
        self._add_gap(device, boot, lost, "permanent")

    def _add_gap(self, device: str, boot: int, span: tuple[int, int], state: str) -> None:
        self._connection.execute(
            insert(tables.gaps).on_conflict_do_update(
                index_elements=["device", "boot", "from_seq", "to_seq"], set_={"state": state}
            ),
            {"device": device, "boot": boot, "from_seq": span[0], "to_seq": span[1], "state": state},
        )

    def count(self, name: str, by_device: Mapping[str, int]) -> None:
        """Add to a counter of each device."""
        rows = [{"name": name, "device": device, "value": value} for device, value in by_device.items() if value]
        if rows:
            statement = insert(tables.counters)
            self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name", "device"],
                    set_={"value": tables.counters.c.value + statement.excluded.value},
                ),
                rows,
            )

    def account(self, numbers: Mapping[tuple[str, int], int]) -> None:
        """Add to how many sequence numbers of each (device, boot) no row stands for although they are not missing."""
        account(self._connection, numbers)

    def add_quarantined(self, counts: Mapping[tuple[str, str], tuple[int, int]]) -> None:
        """Add to the quarantine: (reason, device or '') -> (messages, bytes)."""
        rows = [
            {"reason": reason, "device": device, "count": count, "bytes": size}
            for (reason, device), (count, size) in counts.items()
        ]
        if rows:
            statement = insert(tables.quarantine)
            columns = tables.quarantine.c
            self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["reason", "device"],
                    set_={
                        "count": columns["count"] + statement.excluded["count"],
                        "bytes": columns["bytes"] + statement.excluded["bytes"],
                    },
                ),
                rows,
            )


class Store:
    """The writing side of a :class:`Database`."""

    def __init__(self, database: Database, erased: Container[str] = ()) -> None:
        """``erased``: handles under which nothing is stored any more (gateway/consent/erasures.py)."""
        self._database = database
        self._erased = erased

    def require_in_place(self) -> None:
        """StoreGone when what is committed goes into a file that nobody will find again."""
        self._database.require_in_place()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One durable transaction; StoreBusy or StoreFull when it could not be had, and then nothing was written."""
        with translated(), self._database.writer.begin() as connection:
            yield Transaction(connection, self._erased)
