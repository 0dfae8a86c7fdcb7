"""Reading for the API: pages of events and tallies, the gap report, counts.

Rules: reads never wait for the writer (WAL). Pages are ordered by time and identity, and a page begins strictly behind
the last row of the one before, so rows that arrive meanwhile neither repeat nor move others. Handles never leave here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from gateway.live.lane import LaneCounts
from gateway.store import tables
from gateway.store.database import Database, translated

EVENT_KINDS: Final = ("passage", "irregular", "daily", "device")


class Position(NamedTuple):
    """Where a page ended: the time and identity of its last row."""

    at: int
    device: str
    boot: int
    seq: int


class GapKey(NamedTuple):
    """Where a page of a gap report ended."""

    boot: int
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows a page shows. ``devices`` None means all; ``since`` <= time < ``until``, epoch milliseconds."""

    devices: Sequence[str] | None = None
    kinds: Sequence[str] = EVENT_KINDS
    way: str | None = None
    since: int | None = None
    until: int | None = None


def _page(table: sa.Table, time_column: str, wanted: Filter, after: Position | None, limit: int) -> sa.Select[Any]:
    columns = table.c
    at = columns[time_column]
    query = sa.select(table).order_by(at, columns.device, columns.boot, columns.seq).limit(limit)
    if wanted.devices is not None:
        query = query.where(columns.device.in_(wanted.devices))
    if wanted.way is not None:
        query = query.where(columns.way == wanted.way)
    if wanted.since is not None:
        query = query.where(at >= wanted.since)
    if wanted.until is not None:
        query = query.where(at < wanted.until)
    if after is not None:
        # The first comparison looks redundant; it is what lets SQLite use the index.
        query = query.where(at >= after.at, sa.tuple_(at, columns.device, columns.boot, columns.seq) > tuple(after))
    return query


def _with_trace(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"trace": msgspec.json.decode(row["trace"])}


class Queries:
    """The reading side of a :class:`Database`. Every method raises StoreBusy while the database cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _all(self, query: sa.Select[Any]) -> list[dict[str, Any]]:
        with translated(), self._database.reader.connect() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def events(self, wanted: Filter, after: Position | None, limit: int) -> list[dict[str, Any]]:
        """At most ``limit`` events of the wanted kinds, each with its ``kind``, in order."""
        found: list[dict[str, Any]] = []
        for kind in wanted.kinds:
            table = tables.RECORDS[kind]
            if wanted.way is not None and "way" not in table.c:
                continue
            for row in self._all(_page(table, "at", wanted, after, limit)):
                row.pop("handle", None)
                if "trace" in row:
                    row["trace"] = msgspec.json.decode(row["trace"])
                found.append({"kind": kind, **row})
        found.sort(key=lambda row: (row["at"], row["device"], row["boot"], row["seq"]))
        return found[:limit]

    def traces(self, devices: Sequence[str], limit: int, before: Position | None = None) -> list[dict[str, Any]]:
        """At most ``limit`` irregular records of these devices, the latest first, or those before one of them."""
        columns = tables.irregulars.c
        key = (columns.at, columns.device, columns.boot, columns.seq)
        query = sa.select(tables.irregulars).where(columns.device.in_(devices)).limit(limit)
        query = query.order_by(*(column.desc() for column in key))
        if before is not None:
            query = query.where(columns.at <= before.at, sa.tuple_(*key) < tuple(before))
        return [_with_trace(row) for row in self._all(query)]

    def trace(self, device: str, boot: int, seq: int) -> dict[str, Any] | None:
        """One irregular record."""
        columns = tables.irregulars.c
        query = sa.select(tables.irregulars).where(columns.device == device, columns.boot == boot, columns.seq == seq)
        return next(map(_with_trace, self._all(query)), None)

    def tallies(self, wanted: Filter, after: Position | None, limit: int) -> list[dict[str, Any]]:
        """At most ``limit`` tallies in order of the beginning of their interval."""
        return self._all(_page(tables.tallies, "from_ms", wanted, after, limit))

    def gaps(self, device: str, after: GapKey | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """The gap report of one device in order, or at most ``limit`` of its gaps behind ``after``."""
        columns = tables.gaps.c
        key = (columns.boot, columns.from_seq, columns.to_seq)
        query = sa.select(tables.gaps).where(columns.device == device).order_by(*key).limit(limit)
        if after is not None:
            query = query.where(sa.tuple_(*key) > tuple(after))
        return self._all(query)

    def boots(self, device: str) -> list[dict[str, Any]]:
        """Boot and watermark of one device, oldest first."""
        columns = tables.boots.c
        return self._all(sa.select(tables.boots).where(columns.device == device).order_by(columns.boot))

    def latest_boots(self) -> list[tuple[str, int, int]]:
        """(device, boot, watermark) of each device's latest boot."""
        columns = tables.boots.c
        query = sa.select(columns.device, sa.func.max(columns.boot).label("boot"), columns.watermark).group_by(
            columns.device
        )
        return [(row["device"], row["boot"], row["watermark"]) for row in self._all(query)]

    def stored(self) -> dict[str, int]:
        """How many records of each kind are stored."""
        counts = [
            sa.select(sa.literal(kind).label("kind"), sa.func.count().label("count")).select_from(table)
            for kind, table in tables.RECORDS.items()
        ]
        with translated(), self._database.reader.connect() as connection:
            return {row.kind: row[1] for row in connection.execute(sa.union_all(*counts))}

    def quarantined(self) -> list[dict[str, Any]]:
        """Refused messages by reason and device ('' for unknown ones)."""
        columns = tables.quarantine.c
        return self._all(sa.select(tables.quarantine).order_by(columns.reason, columns.device))

    def counters(self, name: str) -> dict[str, int]:
        """One counter by device."""
        columns = tables.counters.c
        rows = self._all(sa.select(columns.device, columns.value).where(columns.name == name))
        return {row["device"]: row["value"] for row in rows}

    def gap_states(self) -> dict[str, int]:
        """How many gaps are open, closed (of those still in the report) and permanent."""
        columns = tables.gaps.c
        query = sa.select(columns.state, sa.func.count().label("gaps")).group_by(columns.state)
        return {"open": 0, "closed": 0, "permanent": 0} | {row["state"]: row["gaps"] for row in self._all(query)}

    def lane_counts(self) -> dict[str, LaneCounts]:
        """Riders stored of each device."""
        found: dict[str, LaneCounts] = {}
        passages, tallies = tables.passages.c, tables.tallies.c
        of_passages = sa.select(passages.device, passages.way, sa.func.count().label("riders")).group_by(
            passages.device, passages.way
        )
        for row in self._all(of_passages):
            counts = found.setdefault(row["device"], LaneCounts())
            counts.recorded += row["riders"]
            if row["way"] == "entry":
                counts.entries += row["riders"]
            else:
                counts.exits += row["riders"]
        # total, not sum: SQLite's sum fails where an integer overflows, and rows may be older than the wire's bound.
        of_tallies = sa.select(
            tallies.device,
            sa.func.total(tallies.entries).label("entries"),
            sa.func.total(tallies.exits).label("exits"),
        ).group_by(tallies.device)
        for row in self._all(of_tallies):
            counts = found.setdefault(row["device"], LaneCounts())
            entries, exits = int(row["entries"]), int(row["exits"])
            counts.entries += entries
            counts.exits += exits
            counts.tallied += entries + exits
        return found
