"""What the database file says, read straight from it: for audits that must not trust the running gateway.

Rules: read only; everything from one consistent snapshot; handles are included, because whoever can read the file has
them anyway. The API does not use this.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.errors import UserError
from gateway.store.database import FILE_NAME
from gateway.store.tables import RECORDS


def read_facts(directory: Path) -> dict[str, Any]:
    """Read the database of ``directory``.

    Members: ``passages`` [(device, way, handle)], ``tallied`` {device: {entries, exits, paid, free, declined,
    irregular}}, ``irregular`` {(device, what): count} (records of their own; those folded into tallies are there),
    ``stored`` (rows), ``stored_by_kind``, ``duplicates_refused``, ``duplicates_stored`` (identities or
    handle-device-way found more than once), ``gaps`` (open and permanent ones, and sequence numbers below a watermark
    that no row stands for), ``gaps_by_state``, ``quarantine`` {reason: count}, ``watermarks`` {(device, boot): seq},
    ``spent`` (nullifiers, hex), ``issued`` {kiosk: signatures}, ``sold`` {kiosk: {single, day, refunds, exchanges}}.
    :class:`UserError` where the file is gone or no database.
    """
    try:
        return _read(directory / FILE_NAME)
    except sqlite3.Error as error:
        raise UserError(
            f"The database {directory / FILE_NAME} can't be read ({error}): it was moved, removed or damaged. "
            "What devices have not seen confirmed, they still hold and will send to a gateway that has its database."
        ) from error


def read_rows(directory: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ``directory``'s database, as column -> value: all that its owner can read.

    Secrets are among them (the devices' keys): keep it in memory. :class:`UserError` as of :func:`read_facts`.
    """
    file = directory / FILE_NAME
    try:
        with closing(sqlite3.connect(file.resolve().as_uri() + "?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}
    except sqlite3.Error as error:
        raise UserError(f"The database {file} can't be read ({error}): it was moved, removed or damaged.") from error


def _read(file: Path) -> dict[str, Any]:
    uri = file.resolve().as_uri() + "?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN")

        def rows(query: str) -> list[Any]:
            return connection.execute(query).fetchall()

        by_kind = {kind: rows(f"SELECT count(*) FROM {table.name}")[0][0] for kind, table in RECORDS.items()}
        identities = " UNION ALL ".join(f"SELECT device, boot, seq FROM {table.name}" for table in RECORDS.values())
        names = ("entries", "exits", "paid", "free", "declined", "irregular")
        sums = ", ".join(f"CAST(total({name}) AS INTEGER)" for name in names)
        # Every number below a watermark is a row's own, or one that a row stands for, or lies in a gap that is known,
        # or was erased, has expired, or was never meant to have a row (then it is accounted for).
        spans = " UNION ALL ".join(
            f"SELECT device, boot, seq, {'folds' if 'folds' in table.c else '1'} AS folds FROM {table.name}"
            for table in RECORDS.values()
        )
        rowless = rows(
            "SELECT total(missing) FROM (SELECT b.watermark"
            f" - (SELECT total(folds) FROM ({spans}) r WHERE r.device = b.device AND r.boot = b.boot"
            " AND r.seq < b.watermark)"
            " - (SELECT total(to_seq - from_seq) FROM gaps g WHERE g.device = b.device AND g.boot = b.boot"
            " AND g.state = 'open')"
            " - (SELECT total(numbers) FROM accounted a WHERE a.device = b.device AND a.boot = b.boot)"
            " AS missing FROM boots b) WHERE missing > 0"
        )[0][0]
        gaps = {"open": 0, "closed": 0, "permanent": 0} | dict(rows("SELECT state, count(*) FROM gaps GROUP BY state"))
        return {
            "passages": [tuple(row) for row in rows("SELECT device, way, handle FROM passages")],
            "tallied": {
                row[0]: dict(zip(names, row[1:], strict=True))
                for row in rows(f"SELECT device, {sums} FROM tallies GROUP BY device")
            },
            "irregular": {
                (device, what): count
                for device, what, count in rows("SELECT device, what, count(*) FROM irregulars GROUP BY device, what")
            },
            "stored": sum(by_kind.values()),
            "stored_by_kind": by_kind,
            "duplicates_refused": rows(
                "SELECT coalesce(sum(value), 0) FROM counters WHERE name = 'duplicates_refused'"
            )[0][0],
            "duplicates_stored": len(
                rows(f"SELECT 1 FROM ({identities}) GROUP BY device, boot, seq HAVING count(*) > 1")
            )
            + len(rows("SELECT 1 FROM passages GROUP BY handle, device, way HAVING count(*) > 1")),
            "spent": {nullifier.hex() for (nullifier,) in rows("SELECT nullifier FROM spent")},
            "issued": dict(rows("SELECT device, value FROM counters WHERE name = 'signatures_issued'")),
            "sold": {
                device: {"single": single, "day": day, "refunds": refunds, "exchanges": exchanges}
                for device, single, day, refunds, exchanges in rows(
                    "SELECT device, CAST(total(single) AS INTEGER), CAST(total(day) AS INTEGER),"
                    " CAST(total(refunds) AS INTEGER), CAST(total(exchanges) AS INTEGER) FROM sales GROUP BY device"
                )
            },
            "gaps": gaps["open"] + gaps["permanent"] + int(rowless),
            "gaps_by_state": gaps,
            "quarantine": dict(rows("SELECT reason, sum(count) FROM quarantine GROUP BY reason")),
            "watermarks": {
                (device, boot): seq for device, boot, seq in rows("SELECT device, boot, watermark FROM boots")
            },
        }
