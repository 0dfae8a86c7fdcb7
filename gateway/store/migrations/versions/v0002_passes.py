"""Kiosks, keys and lists of passes, what was issued, the spent set, records of sales and consents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not op.add_column: that leaves the constraint out on SQLite.
    op.execute(
        "ALTER TABLE devices ADD COLUMN kind VARCHAR(6) DEFAULT 'gate' NOT NULL "
        "CONSTRAINT ck_devices_kind CHECK (kind IN ('gate', 'kiosk'))"
    )
    op.create_table(
        "sales",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_sales"),
        sa.Column("from_ms", sa.Integer, nullable=False),
        sa.Column("to_ms", sa.Integer, nullable=False),
        sa.Column("single", sa.Integer, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("refunds", sa.Integer, nullable=False),
        sa.Column("exchanges", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consents",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", "seq", name="pk_consents"),
        sa.Column("from_ms", sa.Integer, nullable=False),
        sa.Column("to_ms", sa.Integer, nullable=False),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("research", sa.Integer, nullable=False),
        sa.Column("none", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pass_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("product", sa.String(6), nullable=False),
        sa.Column("choice", sa.String(8), nullable=False),
        sa.Column("notice", sa.String(16), nullable=False),
        sa.Column("first", sa.Integer, nullable=False),
        sa.Column("sold_to", sa.Integer, nullable=False),
        sa.Column("last", sa.Integer, nullable=False),
        sa.Column("modulus", sa.LargeBinary(256), nullable=False),
        sa.UniqueConstraint("product", "choice", "first", name="ux_pass_keys_product"),
    )
    op.create_table(
        "pass_lists",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "issued",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("sale", sa.Integer, nullable=False),
        sa.Column("question", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(256), nullable=False),
        sa.Column("to_day", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "sale", name="pk_issued"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quotas",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("signatures", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "day", name="pk_quotas"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spent",
        sa.Column("nullifier", sa.LargeBinary(16), primary_key=True),
        sa.Column("page", sa.Integer, nullable=False),
        sa.Column("to_day", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spent_page", "spent", ["page"])
