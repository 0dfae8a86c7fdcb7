"""The tables, as SQLAlchemy Core metadata.

Rules: a record's primary key is its identity (device, boot, seq), so a stored duplicate is impossible. No table has an
arrival time of a record, and the record tables have no rowid, because a rowid tells the order of arrival (invariant
I2). No column names, scores, ranks or bars a person (I4). A change here needs a migration; a test compares the two.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

settings = Table(
    "settings",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", String(256), nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("class", String(8), nullable=False),
    Column("day_start_ms", Integer, nullable=False, server_default="0"),
    CheckConstraint("class IN ('emulated', 'physical')", name="ck_sites_class"),
)

devices = Table(
    "devices",
    metadata,
    Column("site", String(32), ForeignKey("sites.id"), nullable=False),
    Column("id", String(32), nullable=False),
    Column("role", String(9), nullable=False),
    Column("key", LargeBinary(32), nullable=False),
    Column("broker_password", String(64), nullable=False),
    Column("kind", String(6), nullable=False, server_default="gate"),
    PrimaryKeyConstraint("site", "id", name="pk_devices"),
    CheckConstraint("role IN ('device', 'simulator')", name="ck_devices_role"),
    CheckConstraint("kind IN ('gate', 'kiosk')", name="ck_devices_kind"),
    # Records are named (device, boot, seq) for ever, without the site: so device names are unique over all sites.
    Index("ux_devices_id", "id", unique=True, sqlite_where=text("role = 'device'")),
)

boots = Table(
    "boots",
    metadata,
    Column("device", String(32), nullable=False),
    Column("boot", Integer, nullable=False),
    Column("watermark", Integer, nullable=False),
    PrimaryKeyConstraint("device", "boot", name="pk_boots"),
)


def _identity(name: str) -> list[Column[object] | PrimaryKeyConstraint]:
    return [
        Column("device", String(32), nullable=False),
        Column("boot", Integer, nullable=False),
        Column("seq", Integer, nullable=False),
        PrimaryKeyConstraint("device", "boot", "seq", name=f"pk_{name}"),
    ]


passages = Table(
    "passages",
    metadata,
    *_identity("passages"),
    Column("at", Integer, nullable=False),
    Column("way", String(5), nullable=False),
    Column("product", String(6), nullable=False),
    Column("handle", String(64), nullable=False),
    Column("transit_ms", Integer, nullable=False),
    Index("ix_passages_at", "at"),
    Index("ix_passages_handle", "handle"),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tallies",
    metadata,
    *_identity("tallies"),
    Column("from_ms", Integer, nullable=False),
    Column("to_ms", Integer, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("exits", Integer, nullable=False),
    Column("paid", Integer, nullable=False),
    Column("free", Integer, nullable=False),
    Column("declined", Integer, nullable=False),
    Column("irregular", Integer, nullable=False),
    Column("notices", Integer, nullable=False),
    Column("folds", Integer, nullable=False),
    Index("ix_tallies_from_ms", "from_ms"),
    sqlite_with_rowid=False,
)

irregulars = Table(
    "irregulars",
    metadata,
    *_identity("irregulars"),
    Column("at", Integer, nullable=False),
    Column("way", String(5), nullable=False),
    Column("what", String(8), nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("trace", String, nullable=False),
    Index("ix_irregulars_at", "at"),
    sqlite_with_rowid=False,
)

dailies = Table(
    "dailies",
    metadata,
    *_identity("dailies"),
    Column("at", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("tailgate", Integer, nullable=False),
    Column("reverse", Integer, nullable=False),
    Column("forced", Integer, nullable=False),
    Column("jump", Integer, nullable=False),
    Column("crawl", Integer, nullable=False),
    Column("passback", Integer, nullable=False),
    Index("ix_dailies_at", "at"),
    sqlite_with_rowid=False,
)

notices = Table(
    "notices",
    metadata,
    *_identity("notices"),
    Column("at", Integer, nullable=False),
    Column("what", String(12), nullable=False),
    Column("folds", Integer, nullable=False),
    Index("ix_notices_at", "at"),
    sqlite_with_rowid=False,
)

sales = Table(
    "sales",
    metadata,
    *_identity("sales"),
    Column("from_ms", Integer, nullable=False),
    Column("to_ms", Integer, nullable=False),
    Column("single", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("refunds", Integer, nullable=False),
    Column("exchanges", Integer, nullable=False),
    sqlite_with_rowid=False,
)

consents = Table(
    "consents",
    metadata,
    *_identity("consents"),
    Column("from_ms", Integer, nullable=False),
    Column("to_ms", Integer, nullable=False),
    Column("notice", String(32), nullable=False),
    Column("research", Integer, nullable=False),
    Column("none", Integer, nullable=False),
    sqlite_with_rowid=False,
)

gaps = Table(
    "gaps",
    metadata,
    Column("device", String(32), nullable=False),
    Column("boot", Integer, nullable=False),
    Column("from_seq", Integer, nullable=False),
    Column("to_seq", Integer, nullable=False),
    Column("state", String(9), nullable=False),
    PrimaryKeyConstraint("device", "boot", "from_seq", "to_seq", name="pk_gaps"),
    CheckConstraint("state IN ('open', 'closed', 'permanent')", name="ck_gaps_state"),
    Index("ix_gaps_state", "state"),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("reason", String(16), nullable=False),
    Column("device", String(32), nullable=False),
    Column("count", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    PrimaryKeyConstraint("reason", "device", name="pk_quarantine"),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), nullable=False),
    Column("device", String(32), nullable=False),
    Column("value", Integer, nullable=False),
    PrimaryKeyConstraint("name", "device", name="pk_counters"),
)

# Sequence numbers below a watermark that no row stands for and that are not missing: erased, expired, or never meant to
# have a row. A count and no ranges, because ranges would say between which rows something was.
accounted = Table(
    "accounted",
    metadata,
    Column("device", String(32), nullable=False),
    Column("boot", Integer, nullable=False),
    Column("numbers", Integer, nullable=False),
    PrimaryKeyConstraint("device", "boot", name="pk_accounted"),
    sqlite_with_rowid=False,
)

# What riders were told before they were asked. ``place`` counts upward; the highest is the current one.
consent_notices = Table(
    "consent_notices",
    metadata,
    Column("version", String(16), nullable=False),
    Column("place", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("version", name="pk_consent_notices"),
    UniqueConstraint("place", name="ux_consent_notices_place"),
)

# Keys that verify passes, as everybody may know them; their private parts are files of the folder `keys`.
pass_keys = Table(
    "pass_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("product", String(6), nullable=False),
    Column("choice", String(8), nullable=False),
    Column("notice", String(16), nullable=False),
    Column("first", Integer, nullable=False),
    Column("sold_to", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("modulus", LargeBinary(256), nullable=False),
    UniqueConstraint("product", "choice", "first", name="ux_pass_keys_product"),
)

# The signed key lists as they were published; ``number`` is the list's serial.
pass_lists = Table(
    "pass_lists",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# What was signed for which sale, without time: the same question gets the same signature, another one none.
issued = Table(
    "issued",
    metadata,
    Column("device", String(32), nullable=False),
    Column("sale", Integer, nullable=False),
    Column("question", LargeBinary(32), nullable=False),
    Column("signature", LargeBinary(256), nullable=False),
    Column("to_day", Integer, nullable=False),
    PrimaryKeyConstraint("device", "sale", name="pk_issued"),
    sqlite_with_rowid=False,
)

quotas = Table(
    "quotas",
    metadata,
    Column("device", String(32), nullable=False),
    Column("day", Integer, nullable=False),
    Column("signatures", Integer, nullable=False),
    PrimaryKeyConstraint("device", "day", name="pk_quotas"),
    sqlite_with_rowid=False,
)

# Used passes. Neither device nor time, and no rowid, which would tell the order in which they came.
spent = Table(
    "spent",
    metadata,
    Column("nullifier", LargeBinary(16), primary_key=True),
    Column("page", Integer, nullable=False),
    Column("to_day", Integer, nullable=False),
    Index("ix_spent_page", "page"),
    sqlite_with_rowid=False,
)

RECORDS: Final[dict[str, Table]] = {
    "passage": passages,
    "tally": tallies,
    "irregular": irregulars,
    "daily": dailies,
    "device": notices,
    "sales": sales,
    "consents": consents,
}
"""The table of each kind of record that has rows of its own; of `spent` only the nullifiers are kept."""
