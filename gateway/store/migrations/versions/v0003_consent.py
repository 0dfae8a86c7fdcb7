"""Notices of consent, sequence numbers that are accounted for without a row, and passages found by handle."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounted",
        sa.Column("device", sa.String(32), nullable=False),
        sa.Column("boot", sa.Integer, nullable=False),
        sa.Column("numbers", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("device", "boot", name="pk_accounted"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "consent_notices",
        sa.Column("version", sa.String(16), nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_consent_notices"),
        sa.UniqueConstraint("place", name="ux_consent_notices_place"),
    )
    op.create_index("ix_passages_handle", "passages", ["handle"])
