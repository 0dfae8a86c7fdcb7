"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
    )
    op.create_table(
        "sites",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("class", sa.String(8), nullable=False),
        sa.Column("day_start_ms", sa.Integer, nullable=False, server_default="0"),
        sa.CheckConstraint("class IN ('emulated', 'physical')", name="ck_sites_class"),
    )
    op.create_table(
        "devices",
        sa.Column("site", sa.String(32), sa.ForeignKey("sites.id"), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(9), nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("broker_password", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("site", "id", name="pk_devices"),
        sa.CheckConstraint("role IN ('device', 'simulator')", name="ck_devices_role"),
    )
    op.create_index("ux_devices_id", "devices", ["id"], unique=True, sqlite_where=sa.text("role = 'device'"))
    op.create_table(
        "boots",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("watermark", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", name="pk_boots"),
    )
    op.create_table(
        "passages",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_passages"),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("way", sa.String(5), nullable=False),
        sa.Column("product", sa.String(6), nullable=False),
        sa.Column("handle", sa.String(64), nullable=False),
        sa.Column("transit_ms", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_passages_at", "passages", ["at"])
    op.create_table(
        "tallies",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_tallies"),
        sa.Column("from_ms", sa.Integer, nullable=False),
        sa.Column("to_ms", sa.Integer, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("exits", sa.Integer, nullable=False),
        sa.Column("paid", sa.Integer, nullable=False),
        sa.Column("free", sa.Integer, nullable=False),
        sa.Column("declined", sa.Integer, nullable=False),
        sa.Column("irregular", sa.Integer, nullable=False),
        sa.Column("notices", sa.Integer, nullable=False),
        sa.Column("folds", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tallies_from_ms", "tallies", ["from_ms"])
    op.create_table(
        "irregulars",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_irregulars"),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("way", sa.String(5), nullable=False),
        sa.Column("what", sa.String(8), nullable=False),
        sa.Column("confidence", sa.Integer, nullable=False),
        sa.Column("trace", sa.String, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_irregulars_at", "irregulars", ["at"])
    op.create_table(
        "dailies",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_dailies"),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.Column("tailgate", sa.Integer, nullable=False),
        sa.Column("reverse", sa.Integer, nullable=False),
        sa.Column("forced", sa.Integer, nullable=False),
        sa.Column("jump", sa.Integer, nullable=False),
        sa.Column("crawl", sa.Integer, nullable=False),
        sa.Column("passback", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_dailies_at", "dailies", ["at"])
    op.create_table(
        "notices",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_notices"),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("what", sa.String(12), nullable=False),
        sa.Column("folds", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_notices_at", "notices", ["at"])
    op.create_table(
        "gaps",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("from_seq", sa.Integer, nullable=False),
        sa.Column("to_seq", sa.Integer, nullable=False),
        sa.Column("state", sa.String(9), nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "from_seq", "to_seq", name="pk_gaps"),
        sa.CheckConstraint("state IN ('open', 'closed', 'permanent')", name="ck_gaps_state"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_gaps_state", "gaps", ["state"])
    op.create_table(
        "quarantine",
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("bytes", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("reason", "device", name="pk_quarantine"),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", "device", name="pk_counters"),
    )
