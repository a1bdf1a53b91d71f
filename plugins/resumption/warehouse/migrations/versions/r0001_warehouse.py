"""The warehouse as it was when revisions began: run on one made before them, it leaves what is there.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError
from sqlalchemy.dialects import postgresql

from resumption.warehouse.migrations import append_only

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the warehouse to this revision."""
    op.execute("create schema if not exists access")
    op.create_table(
        "member",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("community_code", sa.Text(), nullable=True),
        sa.Column("uscc", sa.Text(), nullable=True),
        sa.CheckConstraint("(role = 'community_worker') = (community_code is not null)", name="community_of_a_worker"),
        sa.CheckConstraint("(role = 'enterprise_officer') = (uscc is not null)", name="enterprise_of_an_officer"),
        sa.CheckConstraint(
            "role in ('community_worker', 'enterprise_officer', 'economy_bureau', 'analyst', 'protection_officer', "
            "'operator')",
            name="role_known",
        ),
        sa.UniqueConstraint(
            "login", "role", "community_code", "uscc", name="member_once", postgresql_nulls_not_distinct=True
        ),
        schema="access",
        if_not_exists=True,
    )
    op.create_table(
        "access_log",
        sa.Column("access_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("accessed_by", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("asked", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.Column("accessed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("btrim(purpose) <> '' and btrim(accessed_by) <> ''", name="says_who_and_why"),
        sa.PrimaryKeyConstraint("access_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "alert",
        sa.Column("alert_key", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recovered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("severity in ('critical', 'warning')", name="severity_known"),
        sa.CheckConstraint("state in ('open', 'silenced', 'recovered')", name="state_known"),
        sa.PrimaryKeyConstraint("alert_key"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index("alert_state", "alert", ["state"], unique=False, schema="ops", if_not_exists=True)
    op.create_table(
        "alert_message",
        sa.Column("message_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("alerts", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("state in ('pending', 'sent', 'dead', 'kept')", name="state_known"),
        sa.PrimaryKeyConstraint("message_id", "channel"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index(
        "alert_message_state", "alert_message", ["state", "next_try_at"], unique=False, schema="ops", if_not_exists=True
    )
    op.create_table(
        "check_result",
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("check_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("suite", sa.Text(), nullable=True),
        sa.Column("expectation", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("observed_value", sa.Text(), nullable=True),
        sa.Column("unexpected_count", sa.BigInteger(), nullable=True),
        sa.Column("element_count", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome in ('pass', 'fail', 'error')", name="outcome_known"),
        sa.CheckConstraint("severity in ('critical', 'warning', 'info')", name="severity_known"),
        sa.PrimaryKeyConstraint("subject", "business_date", "check_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "feed_delivery",
        sa.Column("delivery_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=True),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("rows_declared", sa.BigInteger(), nullable=True),
        sa.Column("rows_received", sa.BigInteger(), nullable=True),
        sa.Column("rows_accepted", sa.BigInteger(), nullable=True),
        sa.Column("rows_quarantined", sa.BigInteger(), nullable=True),
        sa.Column("rows_ignored", sa.BigInteger(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("landing_uri", sa.Text(), nullable=True),
        sa.Column("schema_fingerprint", sa.Text(), nullable=True),
        sa.Column("contract_version", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("rows_hash", sa.Text(), nullable=True),
        sa.Column("resolved_on", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "outcome <> 'accepted' or coalesce(rows_accepted >= 0 and rows_quarantined >= 0 and rows_ignored >= 0"
            " and rows_accepted + rows_quarantined + rows_ignored = rows_received, false)",
            name="rows_add_up",
        ),
        sa.CheckConstraint(
            "outcome in ('landed', 'accepted', 'rejected', 'repeat', 'incomplete')", name="outcome_known"
        ),
        sa.PrimaryKeyConstraint("delivery_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index(
        "feed_delivery_feed_day",
        "feed_delivery",
        ["feed", "business_date"],
        unique=False,
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "feed_run",
        sa.Column("feed", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("stage", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=True),
        sa.Column("rows_in", sa.BigInteger(), nullable=True),
        sa.Column("rows_accepted", sa.BigInteger(), nullable=True),
        sa.Column("rows_quarantined", sa.BigInteger(), nullable=True),
        sa.Column("rows_ignored", sa.BigInteger(), nullable=True),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("schema_fingerprint", sa.Text(), nullable=True),
        sa.Column("contract_version", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("status in ('ok', 'missing', 'failed')", name="status_known"),
        sa.PrimaryKeyConstraint("feed", "business_date", "stage"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "freshness",
        sa.Column("feed", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("expected_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_good_on", sa.Date(), nullable=True),
        sa.Column("last_good_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state in ('fresh', 'late', 'stale', 'recovered')", name="state_known"),
        sa.PrimaryKeyConstraint("feed", "business_date"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "freshness_change",
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("state_before", sa.Text(), nullable=True),
        sa.Column("expected_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index(
        "freshness_change_feed",
        "freshness_change",
        ["feed", "change_id"],
        unique=False,
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "quarantine_action",
        sa.Column("action_id", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("row_numbers", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("corrections", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("acted_by", sa.Text(), nullable=False),
        sa.Column("acted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.CheckConstraint("action in ('release', 'correct', 'discard', 'replay')", name="action_known"),
        sa.CheckConstraint("btrim(note) <> '' and btrim(acted_by) <> ''", name="says_who_and_why"),
        sa.PrimaryKeyConstraint("action_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index(
        "quarantine_action_delivery",
        "quarantine_action",
        ["delivery_id", "action_id"],
        unique=False,
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "quarantine_row",
        sa.Column("delivery_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("row_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("feed", sa.Text(), nullable=False),
        sa.Column("business_date", sa.Date(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("quarantined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("stage in ('conform', 'resolve')", name="stage_known"),
        sa.CheckConstraint("state in ('open', 'released', 'discarded')", name="state_known"),
        sa.PrimaryKeyConstraint("delivery_id", "row_number"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_index(
        "quarantine_row_feed_day",
        "quarantine_row",
        ["feed", "business_date"],
        unique=False,
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "reconciliation",
        sa.Column("business_date", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("item", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("difference", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("business_date", "subject", "item"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "run_failure",
        sa.Column("dag_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Date(), nullable=True),
        sa.Column("tasks", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("dag_id", "run_id"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "schema_change",
        sa.Column("feed", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("schema_fingerprint", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("first_delivery_id", sa.Text(), nullable=False),
        sa.Column("first_business_date", sa.Date(), nullable=False),
        sa.Column("first_published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unknown_columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("feed", "schema_fingerprint"),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "table_build",
        sa.Column("table_name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("business_date", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rule_versions", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=True),
        sa.Column("built_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome in ('published', 'kept_back')", name="outcome_known"),
        sa.PrimaryKeyConstraint("table_name", "business_date"),
        schema="ops",
        if_not_exists=True,
    )
    op.execute("""
        create or replace function ops.refuse_change() returns trigger language plpgsql as $$
        begin
            raise insufficient_privilege
                using message = tg_table_name || ' is only appended to: what was decided stays on record';
        end
        $$
    """)
    append_only("access_log")
    append_only("quarantine_action")


def downgrade() -> None:
    """Refuse: the one before is no warehouse.

    Raises:
        CommandError: always.
    """
    raise CommandError("before the first revision there is nothing: drop the database, if that is what is meant.")
