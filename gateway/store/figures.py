"""Counts for the pages of devices and privacy: everything in a few queries, however many devices there are.

Rules: what leaves here is a count, a range of sequence numbers, a notice of a device about itself, or the time of the
oldest row; never a handle and never a passage. Counts of what riders chose are as fine as the records are here; which
of them may be shown, gateway/web/consent_counts.py decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.store import tables
from gateway.store.database import Database, translated


class Interval(NamedTuple):
    """Counts of one record of ``device`` that covers time to ``to_ms``."""

    device: str
    to_ms: int
    notice: str
    research: int
    declined: int


class DayCount(NamedTuple):
    """So many ``riders`` at ``device`` on the day (since 1970-01-01, by the site's own day start)."""

    device: str
    day: int
    riders: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What consented rows there are: how many, the time of the oldest, and how many are due before some time."""

    rows: int
    oldest_ms: int | None
    due: int


class Figures:
    """Reads of a :class:`Database`. Every method raises StoreBusy while the database cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _all(self, query: Any) -> list[Any]:
        with translated(), self._database.reader.connect() as connection:
            return list(connection.execute(query))

    # -- devices

    def gap_counts(self) -> dict[str, dict[str, int]]:
        """How many gaps each device has, by state; devices without any are left out."""
        columns = tables.gaps.c
        query = sa.select(columns.device, columns.state, sa.func.count()).group_by(columns.device, columns.state)
        found: dict[str, dict[str, int]] = {}
        for device, state, count in self._all(query):
            found.setdefault(device, {})[state] = count
        return found

    def gap_sums(self, device: str) -> dict[str, tuple[int, int]]:
        """Of one device: state -> (gaps, sequence numbers in them)."""
        columns = tables.gaps.c
        numbers = sa.func.sum(columns.to_seq - columns.from_seq)
        query = sa.select(columns.state, sa.func.count(), numbers).where(columns.device == device)
        return {state: (count, total) for state, count, total in self._all(query.group_by(columns.state))}

    def latest_gaps(self, device: str, limit: int) -> list[dict[str, Any]]:
        """At most ``limit`` gaps of one device: open and permanent ones first, then the latest."""
        columns = tables.gaps.c
        order = (columns.state == "closed", columns.boot.desc(), columns.from_seq.desc())
        query = sa.select(tables.gaps).where(columns.device == device).order_by(*order).limit(limit)
        return [dict(row._mapping) for row in self._all(query)]

    def latest_notices(self, device: str, limit: int) -> list[dict[str, Any]]:
        """The last ``limit`` notices of one device about itself, the latest first."""
        columns = tables.notices.c
        query = sa.select(columns.at, columns.what, columns.boot, columns.folds).where(columns.device == device)
        query = query.order_by(columns.at.desc(), columns.boot.desc(), columns.seq.desc()).limit(limit)
        return [dict(row._mapping) for row in self._all(query)]

    def last_words(self, kinds: Sequence[str]) -> dict[str, str]:
        """The last notice of each device among these kinds; devices without any are left out."""
        told = tables.notices.c
        # One look into the primary key for each device, not a scan of all notices there ever were.
        last = (
            sa.select(told.what)
            .where(told.device == tables.devices.c.id, told.what.in_(kinds))
            .order_by(told.boot.desc(), told.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = sa.select(tables.devices.c.id, last).where(tables.devices.c.role == "device")
        return {device: what for device, what in self._all(query) if what is not None}

    # -- consent

    def answers(self) -> list[Interval]:
        """Every stored count of how a kiosk's riders answered a notice."""
        columns = tables.consents.c
        query = sa.select(columns.device, columns.to_ms, columns.notice, columns.research, columns.none)
        return [Interval(*row) for row in self._all(query)]

    def exchanges(self) -> int:
        """How many passes kiosks have exchanged for one under which nothing is recorded: withdrawals."""
        return int(self._all(sa.select(sa.func.total(tables.sales.c.exchanges)))[0][0])

    def recorded_by_day(self, day_start_ms: Mapping[str, int]) -> list[DayCount]:
        """Consented passages of each device and day; ``day_start_ms`` by device, 0 for others."""
        return self._by_day(tables.passages.c.device, tables.passages.c.at, sa.func.count(), day_start_ms)

    def declined_by_day(self, day_start_ms: Mapping[str, int]) -> list[DayCount]:
        """Passages in tallies whose rider has not consented, by the day in which the tally begins."""
        columns = tables.tallies.c
        return self._by_day(columns.device, columns.from_ms, sa.func.total(columns.declined), day_start_ms)

    def _by_day(
        self,
        device: sa.Column[Any],
        at: sa.Column[Any],
        count: sa.ColumnElement[Any],
        day_start_ms: Mapping[str, int],
    ) -> list[DayCount]:
        # The few starts of days there are, not the devices: a day is reckoned in the query, by groups of one start.
        found: list[DayCount] = []
        starts: dict[int, set[str]] = {}
        for name, start in day_start_ms.items():
            starts.setdefault(start, set()).add(name)
        for start, names in starts.items():
            day = (at - start) // 86_400_000
            found += [
                DayCount(name, day_of, int(number))
                for name, day_of, number in self._all(sa.select(device, day, count).group_by(device, day))
                if name in names
            ]
        return found

    def kept(self, due_before_ms: int) -> Kept:
        """The consented rows, and how many of them are of a time before ``due_before_ms``."""
        at = tables.passages.c.at
        rows, oldest = self._all(sa.select(sa.func.count(), sa.func.min(at)))[0]
        due = self._all(sa.select(sa.func.count()).where(at < due_before_ms))[0][0]
        return Kept(rows, oldest, due)
