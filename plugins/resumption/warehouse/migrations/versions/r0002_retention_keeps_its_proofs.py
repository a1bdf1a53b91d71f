"""Retention keeps its proofs.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from resumption.warehouse.migrations import append_only

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the warehouse to this revision."""
    op.create_table(
        "expiry",
        sa.Column("as_of", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("delivery_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("kept_from", sa.Date(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("proof_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("place in ('lake', 'landing', 'vault')", name="place_known"),
        sa.PrimaryKeyConstraint("as_of", "place", "delivery_id"),
        schema="ops",
    )
    op.create_index("expiry_delivery", "expiry", ["delivery_id"], unique=False, schema="ops")
    op.create_table(
        "retention_proof",
        sa.Column("proof_id", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("kept_from", sa.Date(), nullable=True),
        sa.Column("deleted", sa.BigInteger(), nullable=False),
        sa.Column("partitions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("held", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("versions", sa.BigInteger(), nullable=True),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("files_hash", sa.Text(), nullable=True),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("act in ('retention', 'shutdown')", name="act_known"),
        sa.PrimaryKeyConstraint("proof_id"),
        schema="ops",
    )
    append_only("retention_proof")


def downgrade() -> None:
    """Bring it back to the one before, with all that the one before can hold."""
    op.drop_table("retention_proof", schema="ops")
    op.drop_index("expiry_delivery", table_name="expiry", schema="ops")
    op.drop_table("expiry", schema="ops")
