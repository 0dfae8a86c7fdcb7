"""The spent set in the database: nullifiers with the page they are published on and the last day of their key.

Rules: neither device nor time, nor anything to join them to a passage or a sale. Pages are filled one after the other
and never filled again once something has gone from them, because a gate takes a page again only when it has grown.
Which page is the last is a counter of its own, so that no number comes twice when all rows of a page have gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from gateway.store import tables

PAGE_ENTRIES: Final = 256
_LAST_PAGE: Final = "spent_page"


def last_page(connection: sa.Connection) -> int:
    """The page that is being filled; 0 when there was none."""
    counters = tables.counters.c
    query = sa.select(counters.value).where(counters.name == _LAST_PAGE, counters.device == "")
    return int(connection.execute(query).scalar() or 0)


def set_last_page(connection: sa.Connection, page: int) -> None:
    """``page`` is filled from now on."""
    statement = insert(tables.counters)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name", "device"], set_={"value": statement.excluded.value}),
        {"name": _LAST_PAGE, "device": "", "value": page},
    )


def is_spent(connection: sa.Connection, nullifier: bytes) -> bool:
    """Whether the pass was used or exchanged."""
    spent = tables.spent.c
    return connection.execute(sa.select(spent.page).where(spent.nullifier == nullifier)).first() is not None


def add_spent(connection: sa.Connection, nullifiers: Iterable[tuple[bytes, int]]) -> int:
    """Add (nullifier, last day of its key); how many were new. Those that are there already stay as they are."""
    known = dict(nullifiers)
    spent = tables.spent.c
    present = set(connection.execute(sa.select(spent.nullifier).where(spent.nullifier.in_(list(known)))).scalars())
    new = [nullifier for nullifier in known if nullifier not in present]
    # Which of one batch falls on which page must not tell its order.
    secrets.SystemRandom().shuffle(new)
    page = last_page(connection)
    count = sa.select(sa.func.count()).select_from(tables.spent)
    used = int(connection.execute(count.where(spent.page == page)).scalar_one())
    rows = []
    for nullifier in new:
        if used >= PAGE_ENTRIES:
            page, used = page + 1, 0
        used += 1
        rows.append({"nullifier": nullifier, "page": page, "to_day": known[nullifier]})
    if rows:
        connection.execute(insert(tables.spent), rows)
        set_last_page(connection, page)
    return len(rows)


def remove_expired(connection: sa.Connection, before_day: int) -> int:
    """Delete what was valid up to a day before ``before_day``; how many rows that were."""
    spent = tables.spent.c
    page = last_page(connection)
    of_last = sa.select(sa.func.count()).select_from(tables.spent).where(spent.page == page, spent.to_day < before_day)
    if connection.execute(of_last).scalar_one():
        set_last_page(connection, page + 1)
    return int(connection.execute(sa.delete(tables.spent).where(spent.to_day < before_day)).rowcount)


def pages(connection: sa.Connection, slots: int) -> list[tuple[int, Sequence[bytes]]]:
    """The newest ``slots`` page numbers, oldest first, with their nullifiers in no particular order."""
    spent = tables.spent.c
    last = last_page(connection)
    found: dict[int, list[bytes]] = {page: [] for page in range(max(0, last - slots + 1), last + 1)}
    for row in connection.execute(sa.select(spent.page, spent.nullifier).where(spent.page > last - slots)):
        found[row.page].append(row.nullifier)
    return list(found.items())
