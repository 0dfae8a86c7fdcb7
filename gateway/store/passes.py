"""What the issuer needs of the database: keys, lists, what was issued, quotas, and the spent set's pages.

Rules: a signature and what it costs are committed together, all of it or nothing, before the signature leaves. Nothing
here has a time finer than a service day. StoreBusy and StoreFull mean that nothing was changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from gateway.passes.keylist import PassKey
from gateway.passes.refusal import Refusal
from gateway.store import spent as spent_set
from gateway.store import tables
from gateway.store.database import Database, translated
from gateway.store.store import SPENT_AGAIN

LISTS_KEPT: Final = 16
QUOTA_DAYS_KEPT: Final = 40
_ISSUED: Final = "signatures_issued"


@dataclass(frozen=True, slots=True)
class Question:
    """What a kiosk asks: ``digest`` is SHA-256 over all that must be the same when it asks again.

    ``day`` is the service day whose quota it takes; ``to_day`` the last day on which it can be answered again;
    ``spends`` the nullifier that goes with an exchange, and the last day of its key.
    """

    device: str
    sale: int
    digest: bytes
    day: int
    to_day: int
    spends: tuple[bytes, int] | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """One kiosk's: signatures that it got, and passes that its `sales` records tell."""

    device: str
    signatures: int
    told: int


class PassStore:
    """Reads and writes for gateway/passes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- keys and lists

    def all_keys(self) -> list[PassKey]:
        """All keys, in order of product, first day and choice."""
        columns = tables.pass_keys.c
        query = sa.select(tables.pass_keys).order_by(columns.product, columns.first, columns.choice)
        with translated(), self._database.reader.connect() as connection:
            return [PassKey(*row) for row in connection.execute(query)]

    def lists(self) -> list[tuple[int, str, bytes]]:
        """Serial, hash and bytes of the lists that were published, the latest first."""
        columns = tables.pass_lists.c
        with translated(), self._database.reader.connect() as connection:
            rows = connection.execute(sa.select(tables.pass_lists).order_by(columns.number.desc()))
            return [(row.number, row.hash, row.body) for row in rows]

    def replace_keys(
        self, add: Iterable[PassKey], remove: Iterable[str], published: tuple[int, str, bytes] | None
    ) -> None:
        """Add and remove keys, and write down the list that says so (serial, hash, bytes), in one transaction."""
        added = [dict(zip(tables.pass_keys.c.keys(), _values(key), strict=True)) for key in add]
        with translated(), self._database.writer.begin() as connection:
            connection.execute(sa.delete(tables.pass_keys).where(tables.pass_keys.c.id.in_(list(remove))))
            if added:
                connection.execute(insert(tables.pass_keys), added)
            if published is not None:
                number, told, body = published
                connection.execute(insert(tables.pass_lists), {"number": number, "hash": told, "body": body})
                connection.execute(
                    sa.delete(tables.pass_lists).where(tables.pass_lists.c.number <= number - LISTS_KEPT)
                )

    # -- issuing

    def answer(self, device: str, sale: int, digest: bytes) -> bytes | Refusal | None:
        """What that sale was answered: its signature, ``sale_used`` for another question, None for a new sale."""
        with translated(), self._database.reader.connect() as connection:
            return _answer(connection, device, sale, digest)

    def issue(
        self, question: Question, quota: int, unless: Refusal | None, sign: Callable[[], bytes | Refusal]
    ) -> bytes | Refusal:
        """Take what the signature costs, once, and keep it; ``unless`` is why nothing new may be issued now, if so.

        ``sign`` makes it, inside the transaction: where that fails nothing was taken.
        """
        quotas = tables.quotas.c
        with translated(), self._database.writer.begin() as connection:
            known = _answer(connection, question.device, question.sale, question.digest)
            if known is not None:
                return known
            if unless is not None:
                return unless
            of_day = (quotas.device == question.device, quotas.day == question.day)
            used = connection.execute(sa.select(quotas.signatures).where(*of_day)).scalar_one_or_none() or 0
            if used >= quota:
                return Refusal.QUOTA
            if question.spends is not None and spent_set.is_spent(connection, question.spends[0]):
                return Refusal.SPENT
            signature = sign()
            if isinstance(signature, Refusal):
                return signature
            if question.spends is not None:
                nullifier, last = question.spends
                spent_set.add_spent(connection, [(nullifier, last)])
            connection.execute(
                insert(tables.issued),
                {
                    "device": question.device,
                    "sale": question.sale,
                    "question": question.digest,
                    "signature": signature,
                    "to_day": question.to_day,
                },
            )
            _add(connection, tables.quotas, {"device": question.device, "day": question.day}, "signatures")
            _add(connection, tables.counters, {"name": _ISSUED, "device": question.device}, "value")
        return signature

    def books(self) -> list[Books]:
        """Of each kiosk that has asked or told: what it got, and what it says that it handed over."""
        counters, sales = tables.counters.c, tables.sales.c
        got = sa.select(counters.device, counters.value).where(counters.name == _ISSUED)
        told = sa.select(
            sales.device, sa.func.total(sales.single), sa.func.total(sales.day), sa.func.total(sales.exchanges)
        ).group_by(sales.device)
        with translated(), self._database.reader.connect() as connection:
            signatures = {device: int(value) for device, value in connection.execute(got)}
            handed = {device: int(sum(counts)) for device, *counts in connection.execute(told)}
        return [
            Books(device, signatures.get(device, 0), handed.get(device, 0))
            for device in sorted(signatures.keys() | handed.keys())
        ]

    # -- the spent set

    def pages(self, slots: int) -> list[tuple[int, Sequence[bytes]]]:
        """The newest pages, as :func:`gateway.store.spent.pages` gives them."""
        with translated(), self._database.reader.connect() as connection:
            return spent_set.pages(connection, slots)

    def spent_count(self) -> int:
        """How many used passes are known."""
        with translated(), self._database.reader.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(tables.spent)).scalar_one())

    def spent_again(self) -> int:
        """How often a gate told a used pass that had been used or exchanged already."""
        counters = tables.counters.c
        query = sa.select(sa.func.total(counters.value)).where(counters.name == SPENT_AGAIN)
        with translated(), self._database.reader.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def begin_page(self, page: int) -> None:
        """Fill pages from ``page`` on: what lies below is at devices already, in another state."""
        with translated(), self._database.writer.begin() as connection:
            if spent_set.last_page(connection) < page:
                spent_set.set_last_page(connection, page)

    def remove_expired(self, before_day: int, not_kept_day: int) -> int:
        """Delete spent passes that expired before ``before_day``, and what was answered where neither the new pass nor
        the one given back was valid on ``not_kept_day`` or later; how many of the first.
        """
        issued, quotas = tables.issued.c, tables.quotas.c
        with translated(), self._database.writer.begin() as connection:
            connection.execute(sa.delete(tables.issued).where(issued.to_day < not_kept_day))
            connection.execute(sa.delete(tables.quotas).where(quotas.day < before_day - QUOTA_DAYS_KEPT))
            return spent_set.remove_expired(connection, before_day)


def _answer(connection: sa.Connection, device: str, sale: int, digest: bytes) -> bytes | Refusal | None:
    issued = tables.issued.c
    query = sa.select(issued.question, issued.signature).where(issued.device == device, issued.sale == sale)
    row = connection.execute(query).first()
    if row is None:
        return None
    return bytes(row.signature) if row.question == digest else Refusal.SALE_USED


def _values(key: PassKey) -> tuple[object, ...]:
    return (key.id, key.product, key.choice, key.notice, key.first, key.sold_to, key.last, key.modulus)


def _add(connection: sa.Connection, table: sa.Table, key: dict[str, object], column: str) -> None:
    statement = insert(table)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_={column: table.c[column] + 1}),
        key | {column: 1},
    )
