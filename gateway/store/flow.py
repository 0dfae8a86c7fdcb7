"""How many passed, by steps of time: counts for the overview's charts.

Rules: what leaves here is a count over a step of time, never a row. A tally stands as it is stored, over its own
interval. Which steps are shown, and how a tally is spread over them, gateway/web/flow.py decides.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from gateway.store import tables
from gateway.store.database import Database, translated


class Counted(NamedTuple):
    """Counts over ``[from_ms, to_ms)``; of tallies or of rows."""

    from_ms: int
    to_ms: int
    entries: int
    exits: int
    irregular: int


class Flow:
    """Reads of a :class:`Database`. Every method raises StoreBusy while the database cannot be read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def oldest_ms(self, since_ms: int) -> int | None:
        """The time of the oldest passage or tally not before ``since_ms``, None for none."""
        passages, tallies = tables.passages.c, tables.tallies.c
        with translated(), self._database.reader.connect() as connection:
            found = [
                connection.execute(sa.select(sa.func.min(column)).where(column >= since_ms)).scalar()
                for column in (passages.at, tallies.from_ms)
            ]
        return min((int(one) for one in found if one is not None), default=None)

    def passages(self, since_ms: int, step_ms: int) -> list[Counted]:
        """Consented passages and single irregular ones not before ``since_ms``, in steps that begin there."""
        found: dict[int, list[int]] = {}
        passages, irregulars = tables.passages.c, tables.irregulars.c
        for column, way in ((passages.at, passages.way), (irregulars.at, None)):
            # SQLite's own `/` of two integers is whole; SQLAlchemy's would be a fraction. The precedence sets brackets.
            number = (column - since_ms).op("/", precedence=8)(step_ms)
            keys: list[Any] = [number] if way is None else [number, way]
            query = sa.select(*keys, sa.func.count()).where(column >= since_ms).group_by(*keys)
            with translated(), self._database.reader.connect() as connection:
                for row in connection.execute(query):
                    counts = found.setdefault(int(row[0]), [0, 0, 0])
                    place = 2 if way is None else ("entry", "exit").index(row[1])
                    counts[place] += int(row[-1])
        return [
            Counted(since_ms + number * step_ms, since_ms + (number + 1) * step_ms, *counts)
            for number, counts in sorted(found.items())
        ]

    def tallies(self, since_ms: int) -> list[Counted]:
        """Tallies whose interval begins not before ``since_ms``, added up where intervals are the same."""
        columns = tables.tallies.c
        sums = [sa.func.total(one) for one in (columns.entries, columns.exits, columns.irregular)]
        query = (
            sa.select(columns.from_ms, columns.to_ms, *sums)
            .where(columns.from_ms >= since_ms)
            .group_by(columns.from_ms, columns.to_ms)
        )
        with translated(), self._database.reader.connect() as connection:
            return [Counted(*(int(value) for value in row)) for row in connection.execute(query)]

    def irregular(self) -> int:
        """All irregular passages that are stored: those with a record of their own, and those folded into tallies."""
        singles = sa.select(sa.func.count()).select_from(tables.irregulars)
        folded = sa.select(sa.func.total(tables.tallies.c.irregular))
        with translated(), self._database.reader.connect() as connection:
            return int(connection.execute(singles).scalar_one()) + int(connection.execute(folded).scalar_one())
