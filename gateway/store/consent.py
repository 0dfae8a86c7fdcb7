"""What consent needs of the database: notices, rows by handle, true deletion.

Rules: a row is deleted together with the accounting of its sequence number; deleted means that its bytes are gone,
from the file (secure_delete overwrites them) and from the write-ahead log, which :meth:`ConsentStore.scrub` folds in
and cuts to nothing. Whoever says "done" before ``scrub`` has returned lies. Handles come in from the caller and never
go out.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from gateway.store import tables
from gateway.store.database import BUSY_TIMEOUT_MS, Database, StoreBusy, patiently, translated
from gateway.store.store import account

SCRUB_PATIENCE_S: Final = 5.0
EXPIRED_AT_ONCE: Final = 5_000
"""Rows that one transaction deletes at most, so that ingest never waits long."""


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """A notice as it is stored; ``body`` is its canonical form."""

    version: str
    sha256: str
    body: str


@dataclass(frozen=True, slots=True)
class Removed:
    """Rows that were deleted: of each device and way, how many were passages."""

    rows: int
    passages: dict[tuple[str, str], int]


class ConsentStore:
    """Reads and deletes for gateway/consent. StoreBusy and StoreFull mean that nothing was changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- notices

    def notices(self) -> list[NoticeRow]:
        """All that are stored, in the order in which they were added."""
        columns = tables.consent_notices.c
        with translated(), self._database.reader.connect() as connection:
            rows = connection.execute(sa.select(tables.consent_notices).order_by(columns.place))
            return [NoticeRow(row.version, row.sha256, row.body) for row in rows]

    def add_notice(self, version: str, sha256: str, body: str) -> bool:
        """Add a notice behind all others; False, and nothing changed, when its version is there."""

        def write() -> bool:
            columns = tables.consent_notices.c
            with self._database.writer.begin() as connection:
                place = connection.execute(sa.select(sa.func.coalesce(sa.func.max(columns.place), 0) + 1)).scalar_one()
                result = connection.execute(
                    insert(tables.consent_notices).on_conflict_do_nothing(),
                    {"version": version, "place": place, "sha256": sha256, "body": body},
                )
                return bool(result.rowcount)

        return patiently(write)

    def operator(self) -> tuple[str, str]:
        """Name and contact of the operator, '' where it is not set."""
        columns = tables.settings.c
        query = sa.select(columns.name, columns.value).where(columns.name.in_(("operator_name", "operator_contact")))
        with translated(), self._database.reader.connect() as connection:
            found = {row.name: row.value for row in connection.execute(query)}
        return found.get("operator_name", ""), found.get("operator_contact", "")

    def set_operator(self, name: str, contact: str) -> None:
        """Write name and contact of the operator."""

        def write() -> None:
            statement = insert(tables.settings)
            with self._database.writer.begin() as connection:
                connection.execute(
                    statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded.value}),
                    [{"name": "operator_name", "value": name}, {"name": "operator_contact", "value": contact}],
                )

        patiently(write)

    # -- access and erasure

    def passages(self, handles: Iterable[str]) -> list[dict[str, Any]]:
        """The passages under these handles with their site (None for a device that is not known), in order of time."""
        columns, devices, sites = tables.passages.c, tables.devices.c, tables.sites.c
        query = (
            sa.select(
                columns.at,
                columns.way,
                columns.product,
                columns.device.label("gate"),
                columns.transit_ms,
                devices.site,
                sites.day_start_ms,
            )
            .select_from(
                tables.passages.outerjoin(
                    tables.devices, sa.and_(devices.id == columns.device, devices.role == "device")
                ).outerjoin(tables.sites, sites.id == devices.site)
            )
            .where(columns.handle.in_(list(handles)))
            .order_by(columns.at, columns.device, columns.seq)
        )
        with translated(), self._database.reader.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def present(self, handles: Iterable[str]) -> set[str]:
        """Those of ``handles`` under which something is stored."""
        columns = tables.passages.c
        query = sa.select(columns.handle).distinct().where(columns.handle.in_(list(handles)))
        with translated(), self._database.reader.connect() as connection:
            return set(connection.execute(query).scalars())

    def remove_handles(self, handles: Iterable[str]) -> Removed:
        """Delete the passages under these handles. Their bytes are gone only after :meth:`scrub`."""
        return self._remove(tables.passages, tables.passages.c.handle.in_(list(handles)))

    def remove_expired(self, before_ms: int, after_ms: int) -> Iterator[Removed]:
        """Delete passages and irregular records below ``before_ms`` or above ``after_ms``, in small steps.

        Each step is told as it is committed: what comes after it may fail, and it is gone all the same.
        """
        for table in (tables.passages, tables.irregulars):
            at = table.c.at
            while True:
                of_step = (
                    sa.select(table.c.device, table.c.boot, table.c.seq)
                    .where(sa.or_(at < before_ms, at > after_ms))
                    .limit(EXPIRED_AT_ONCE)
                )
                step = self._remove(table, sa.tuple_(table.c.device, table.c.boot, table.c.seq).in_(of_step))
                yield step
                if step.rows < EXPIRED_AT_ONCE:
                    break

    def matching(self, wanted: Callable[[str], bool]) -> list[str]:
        """The stored handles that ``wanted`` picks: for the journal of erasures at the start, and for nobody else."""
        query = sa.select(tables.passages.c.handle).distinct().execution_options(yield_per=10_000)
        with translated(), self._database.reader.connect() as connection:
            return [handle for handle in connection.execute(query).scalars() if wanted(handle)]

    def _remove(self, table: sa.Table, condition: sa.ColumnElement[bool]) -> Removed:
        columns: Sequence[sa.ColumnElement[Any]] = [table.c.device, table.c.boot, table.c.way]
        with translated(), self._database.writer.begin() as connection:
            gone = list(connection.execute(sa.delete(table).where(condition).returning(*columns)))
            account(connection, Counter((row.device, row.boot) for row in gone))
        passages = Counter((row.device, row.way) for row in gone) if table is tables.passages else {}
        return Removed(len(gone), dict(passages))

    def scrub(self, patience_s: float = SCRUB_PATIENCE_S) -> None:
        """Fold the write-ahead log into the file and cut it to nothing, so that deleted bytes are nowhere.

        Waits at most ``patience_s`` seconds for readers that still look at an older state, then raises StoreBusy: what
        was deleted stays deleted, and its bytes are in the log until a later call succeeds.
        """
        deadline = time.monotonic() + patience_s
        while not self._log_is_cut():
            # SQLite itself has waited busy_timeout for the readers before each answer, so this is no hot loop.
            if time.monotonic() + BUSY_TIMEOUT_MS / 1000 >= deadline:
                raise StoreBusy

    def _log_is_cut(self) -> bool:
        try:
            return self._truncate_log()
        except StoreBusy:
            return False

    def _truncate_log(self) -> bool:
        with translated(), self._database.writer.connect() as connection:
            # Not through SQLAlchemy, which would begin a transaction first.
            raw: Any = connection.connection.driver_connection
            try:
                busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            except sqlite3.OperationalError as error:
                # Wrapped as SQLAlchemy would, so that one place tells busy from full.
                raise sa.exc.OperationalError("PRAGMA wal_checkpoint", None, error) from error
            return not busy
