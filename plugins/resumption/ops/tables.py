"""The tables of schema ``ops`` and their rows. What changes here needs a revision: ``make migration``."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

DeliveryOutcome = Literal["landed", "accepted", "rejected", "repeat", "incomplete"]
BuildOutcome = Literal["published", "kept_back"]
RunStatus = Literal["ok", "missing", "failed"]
QuarantineStage = Literal["conform", "resolve"]
Action = Literal["release", "correct", "discard", "replay"]
CheckSeverity = Literal["critical", "warning", "info"]
CheckVerdict = Literal["pass", "fail", "error"]
FreshnessState = Literal["fresh", "late", "stale", "recovered"]

metadata = sa.MetaData(schema="ops")


def one_of(column: str, *values: str) -> sa.CheckConstraint:
    """Return the constraint that ``column`` holds one of ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} in ({listed})", name=f"{column}_known")


def column(name: str, kind: Any, comment: str, **options: Any) -> sa.Column[Any]:
    """Return a column that says what it is."""
    return sa.Column(name, kind, comment=comment, **options)


def key(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    """Return a column of the primary key."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


TIME = sa.DateTime(timezone=True)

feed_delivery = sa.Table(
    "feed_delivery",
    metadata,
    key("delivery_id", sa.Text, "Identifier of the delivery: one file, or one complete API pull."),
    column("feed", sa.Text, "Feed the delivery belongs to.", nullable=False),
    column("sender", sa.Text, "Connection it was fetched through."),
    column("business_date", sa.Date, "Day the delivery speaks of (Asia/Shanghai).", nullable=False),
    column("name", sa.Text, "File name, or `entities` / `changes` for the registry's API.", nullable=False),
    column("sha256", sa.Text, "SHA-256 of the bytes as received, hex."),
    column("size_bytes", sa.BigInteger, "Size as received, bytes."),
    column("rows_declared", sa.BigInteger, "Rows the sender announced; null when it announced none."),
    column("rows_received", sa.BigInteger, "Rows found below the header; null until the delivery is read."),
    column("rows_accepted", sa.BigInteger, "Rows that went on: received - quarantined - ignored."),
    column("rows_quarantined", sa.BigInteger, "Rows refused, by conform or by resolution; see quarantine_row."),
    column("rows_ignored", sa.BigInteger, "Rows left out on purpose: subtotals, blank lines."),
    column("published_at", TIME, "When the sender published it: the listing's time, or the drop folder's date."),
    column("received_at", TIME, "When it was received."),
    column("outcome", sa.Text, "landed | accepted | rejected | repeat | incomplete.", nullable=False),
    column("reason", sa.Text, "Reason code, and detail without personal values, of a rejection."),
    column("landing_uri", sa.Text, "Where the untouched bytes lie."),
    column("schema_fingerprint", sa.Text, "Fingerprint of the columns found in the delivery."),
    column("contract_version", sa.Text, "Version of the contract it was read under."),
    column("run_id", sa.Text, "Run that gave the latest verdict."),
    column("rows_hash", sa.Text, "What its rows in the lake say, whatever their order; null without rows."),
    column("resolved_on", sa.Date, "Built day whose registry its rows were last matched against; null before."),
    one_of("outcome", "landed", "accepted", "rejected", "repeat", "incomplete"),
    # coalesce: a check constraint that is null would pass.
    sa.CheckConstraint(
        "outcome <> 'accepted' or coalesce("
        "rows_accepted >= 0 and rows_quarantined >= 0 and rows_ignored >= 0"
        " and rows_accepted + rows_quarantined + rows_ignored = rows_received, false)",
        name="rows_add_up",
    ),
    sa.Index("feed_delivery_feed_day", "feed", "business_date"),
    comment="Every delivery and its verdict, also the rejected and the repeated ones.",
)

feed_run = sa.Table(
    "feed_run",
    metadata,
    key("feed", sa.Text, "Feed."),
    key("business_date", sa.Date, "Business date the stage ran for."),
    key("stage", sa.Text, "Stage of the pipeline: land, publish, resolve."),
    column("status", sa.Text, "ok | missing (no delivery for the day) | failed.", nullable=False),
    column("deliveries", sa.BigInteger, "Deliveries handled by the stage."),
    column("rows_in", sa.BigInteger, "Rows that entered the stage."),
    column("rows_accepted", sa.BigInteger, "Rows that left it accepted."),
    column("rows_quarantined", sa.BigInteger, "Rows it refused."),
    column("rows_ignored", sa.BigInteger, "Rows it left out on purpose."),
    column("seconds", sa.Double, "Wall time of the stage, seconds."),
    column("schema_fingerprint", sa.Text, "Fingerprint of the columns of the latest delivery."),
    column("contract_version", sa.Text, "Version of the feed's contract."),
    column("run_id", sa.Text, "Run that wrote the row."),
    column("finished_at", TIME, "When the stage ended."),
    one_of("status", "ok", "missing", "failed"),
    comment="One outcome row per feed, business date and stage: which feed failed, and for how many days.",
)

quarantine_row = sa.Table(
    "quarantine_row",
    metadata,
    key("delivery_id", sa.Text, "Delivery the row came in."),
    key("row_number", sa.BigInteger, "Row within the delivery, 1 = first below the header."),
    column("feed", sa.Text, "Feed.", nullable=False),
    column(
        "business_date", sa.Date, "Business date of the delivery (the row's own may be unreadable).", nullable=False
    ),
    column("stage", sa.Text, "conform (the row itself) | resolve (its enterprise is not known).", nullable=False),
    column("reasons", ARRAY(sa.Text), "Reason codes, sorted.", nullable=False),
    column("payload", JSONB, "The row as received, personal values masked."),
    column("state", sa.Text, "open | released (accepted after an action) | discarded (stays out).", nullable=False),
    column("quarantined_at", TIME, "When the row was first refused.", nullable=False),
    column("action_id", sa.BigInteger, "Latest decision of an operator on the row; see quarantine_action."),
    one_of("stage", "conform", "resolve"),
    one_of("state", "open", "released", "discarded"),
    # No foreign key: it doubles the time of a bulk load, and every insert joins feed_delivery anyway.
    sa.Index("quarantine_row_feed_day", "feed", "business_date"),
    comment="Rows that were refused, with the reasons; nothing is thrown away.",
)

quarantine_action = sa.Table(
    "quarantine_action",
    metadata,
    column("action_id", sa.BigInteger, "Number of the decision, in the order they were taken.", primary_key=True),
    column("action", sa.Text, "release | correct | discard | replay.", nullable=False),
    column("feed", sa.Text, "Feed.", nullable=False),
    column("delivery_id", sa.Text, "Delivery it is about.", nullable=False),
    column("row_numbers", ARRAY(sa.BigInteger), "Rows it is about; empty for a replay: all of them.", nullable=False),
    column("corrections", JSONB, "Column of the lake -> cell as the sender should have sent it.", nullable=False),
    column("note", sa.Text, "Why, in the words of whoever decided.", nullable=False),
    column("acted_by", sa.Text, "Who decided.", nullable=False),
    column("acted_at", TIME, "When.", nullable=False),
    column("run_id", sa.Text, "Run that carried it out.", nullable=False),
    one_of("action", "release", "correct", "discard", "replay"),
    sa.CheckConstraint("btrim(note) <> '' and btrim(acted_by) <> ''", name="says_who_and_why"),
    sa.Index("quarantine_action_delivery", "delivery_id", "action_id"),
    comment="What operators decided about refused rows: appended only, the database refuses every change.",
)

schema_change = sa.Table(
    "schema_change",
    metadata,
    key("feed", sa.Text, "Feed."),
    key("schema_fingerprint", sa.Text, "Fingerprint of the columns found."),
    column("first_delivery_id", sa.Text, "First accepted delivery that had them, in delivery order.", nullable=False),
    column("first_business_date", sa.Date, "Its business date.", nullable=False),
    column("first_published_at", TIME, "When the sender published it."),
    column("unknown_columns", ARRAY(sa.Text), "Header cells that the contract did not name.", nullable=False),
    comment="Each layout of columns that a feed has ever had; the earliest is where it began, the others are changes.",
)

check_result = sa.Table(
    "check_result",
    metadata,
    key("subject", sa.Text, "Feed or table that was checked."),
    key("business_date", sa.Date, "Partition that was checked."),
    key("check_id", sa.Text, "Identifier of the expectation in its suite."),
    column("suite", sa.Text, "Suite, a file in `expectations/`."),
    column("expectation", sa.Text, "Type of the expectation.", nullable=False),
    column("column_name", sa.Text, "Column it looks at; null for a rule on the whole partition."),
    column("severity", sa.Text, "critical (stops the publication) | warning | info.", nullable=False),
    column("outcome", sa.Text, "pass | fail | error (the check itself could not run).", nullable=False),
    column("observed_value", sa.Text, "What was observed, as text; never a personal value."),
    column("unexpected_count", sa.BigInteger, "Rows against the expectation."),
    column("element_count", sa.BigInteger, "Rows looked at."),
    column("run_id", sa.Text, "Run that checked."),
    column("checked_at", TIME, "When it was checked."),
    one_of("severity", "critical", "warning", "info"),
    one_of("outcome", "pass", "fail", "error"),
    comment="Each expectation of each partition with what was observed.",
)

access_log = sa.Table(
    "access_log",
    metadata,
    column("access_id", sa.BigInteger, "Number of the access, in the order they came.", primary_key=True),
    column("what", sa.Text, "What was looked into: vault.", nullable=False),
    column("accessed_by", sa.Text, "Who.", nullable=False),
    column("purpose", sa.Text, "What for, in the words of who asked.", nullable=False),
    column("asked", sa.BigInteger, "How many tokens were asked for.", nullable=False),
    column("found", sa.BigInteger, "How many were known.", nullable=False),
    column("accessed_at", TIME, "When.", nullable=False),
    sa.CheckConstraint("btrim(purpose) <> '' and btrim(accessed_by) <> ''", name="says_who_and_why"),
    comment="Who looked behind a token, and why: appended only, the database refuses every change.",
)

freshness = sa.Table(
    "freshness",
    metadata,
    key("feed", sa.Text, "Feed."),
    key("business_date", sa.Date, "Business date the judgement is for."),
    column("expected_by", TIME, "When the feed was due."),
    column("last_good_on", sa.Date, "Latest business date with an accepted delivery."),
    column("last_good_at", TIME, "When that delivery was published."),
    column("state", sa.Text, "fresh | late | stale | recovered.", nullable=False),
    one_of("state", "fresh", "late", "stale", "recovered"),
    comment="How old each feed was when a business date was built.",
)

reconciliation = sa.Table(
    "reconciliation",
    metadata,
    key("business_date", sa.Date, "Built day."),
    key("subject", sa.Text, "city_cases | deliveries | lake | resumption_summary."),
    key("item", sa.Text, "Province, feed, or scope, level and figure."),
    column(
        "total",
        sa.BigInteger,
        "The total: as the bulletin names it, received, accounted for, or the district's.",
        nullable=False,
    ),
    column("parts", sa.BigInteger, "The sum of its parts.", nullable=False),
    column("difference", sa.BigInteger, "total - parts; anything but 0 is a warning among the checks.", nullable=False),
    comment="Totals against the sums of their parts: bulletins, deliveries, rows in the lake, levels of the summary.",
)

table_build = sa.Table(
    "table_build",
    metadata,
    key("table_name", sa.Text, "Table of schema `mart`."),
    key("business_date", sa.Date, "Day it was built for; of a table that shows one state, the day of that state."),
    column("inputs", JSONB, "Feed -> number and fingerprint of its deliveries that reach the day.", nullable=False),
    column("outcome", sa.Text, "published | kept_back (a check failed; the rows before it stay).", nullable=False),
    column("rule_versions", sa.Text, "Versions of the rules that shaped it.", nullable=False),
    column("rows", sa.BigInteger, "Rows built.", nullable=False),
    column("content_hash", sa.Text, "What they say; the same after a rebuild that changed nothing."),
    column("built_at", TIME, "When it was built.", nullable=False),
    column("run_id", sa.Text, "Run that built it.", nullable=False),
    one_of("outcome", "published", "kept_back"),
    comment="The latest build of each table and day, and what it was made from.",
)


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """One row of ``ops.feed_delivery``; the fields are its columns."""

    delivery_id: str
    feed: str
    business_date: dt.date
    name: str
    sender: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    rows_declared: int | None = None
    rows_received: int | None = None
    rows_accepted: int | None = None
    rows_quarantined: int | None = None
    rows_ignored: int | None = None
    published_at: dt.datetime | None = None
    received_at: dt.datetime | None = None
    outcome: DeliveryOutcome = "landed"
    reason: str | None = None
    landing_uri: str | None = None
    schema_fingerprint: str | None = None
    contract_version: str | None = None
    run_id: str | None = None
    rows_hash: str | None = None
    resolved_on: dt.date | None = None


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """One row of ``ops.feed_run``; the fields are its columns."""

    feed: str
    business_date: dt.date
    stage: str
    status: RunStatus
    deliveries: int = 0
    rows_in: int = 0
    rows_accepted: int = 0
    rows_quarantined: int = 0
    rows_ignored: int = 0
    seconds: float | None = None
    schema_fingerprint: str | None = None
    contract_version: str | None = None
    run_id: str | None = None
    finished_at: dt.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class BuildRow:
    """One row of ``ops.table_build``; the fields are its columns."""

    table_name: str
    business_date: dt.date
    inputs: Mapping[str, str]
    outcome: BuildOutcome
    rule_versions: str
    rows: int
    content_hash: str | None
    built_at: dt.datetime
    run_id: str


@dataclass(frozen=True, kw_only=True)
class ActionRow:
    """One row of ``ops.quarantine_action``; the fields are its columns."""

    action: Action
    feed: str
    delivery_id: str
    note: str
    acted_by: str
    acted_at: dt.datetime
    run_id: str
    row_numbers: Sequence[int] = ()
    corrections: Mapping[str, str | None] = field(default_factory=dict)
    action_id: int | None = None


class CheckRow(TypedDict):
    """One row of ``ops.check_result`` without its subject and business date."""

    check_id: str
    suite: str | None
    expectation: str
    column_name: str | None
    severity: CheckSeverity
    outcome: CheckVerdict
    observed_value: str | None
    unexpected_count: int | None
    element_count: int | None
    run_id: str | None
    checked_at: dt.datetime | None


class FreshnessRow(TypedDict):
    """One row of ``ops.freshness`` without its business date."""

    feed: str
    expected_by: dt.datetime | None
    last_good_on: dt.date | None
    last_good_at: dt.datetime | None
    state: FreshnessState


AlertState = Literal["open", "silenced", "recovered"]
MessageState = Literal["pending", "sent", "dead", "kept"]

freshness_change = sa.Table(
    "freshness_change",
    metadata,
    column("change_id", sa.BigInteger, "Number of the change, in the order they were seen.", primary_key=True),
    column("feed", sa.Text, "Feed.", nullable=False),
    column("business_date", sa.Date, "Business date on which it was judged.", nullable=False),
    column("state", sa.Text, "fresh | late | stale | recovered.", nullable=False),
    column("state_before", sa.Text, "State it was in before; null at the first judgement."),
    column("expected_by", TIME, "When the delivery that was judged was due.", nullable=False),
    column("changed_at", TIME, "When the change was seen.", nullable=False),
    sa.Index("freshness_change_feed", "feed", "change_id"),
    comment="Every change of a feed's freshness as the clock saw it: when it became late, stale, fresh again.",
)

run_failure = sa.Table(
    "run_failure",
    metadata,
    key("dag_id", sa.Text, "DAG."),
    key("run_id", sa.Text, "Run that failed."),
    column("business_date", sa.Date, "Its business date; null for a DAG that has none."),
    column("tasks", ARRAY(sa.Text), "Tasks that failed.", nullable=False),
    column("failed_at", TIME, "When Airflow said so.", nullable=False),
    comment="Runs of Airflow that failed, written by their callback: the safety net for what left no other row.",
)

alert = sa.Table(
    "alert",
    metadata,
    key("alert_key", sa.Text, "Kind, subject, business date and item: the same problem has the same key."),
    column("kind", sa.Text, "Kind; each has its runbook, docs/runbooks/<kind>.md.", nullable=False),
    column("subject", sa.Text, "Feed, table or DAG it is about.", nullable=False),
    column("business_date", sa.Date, "Business date it is about; null where there is none."),
    column("owner", sa.Text, "Who is told: the owner in the subject's contract.", nullable=False),
    column("tier", sa.Integer, "Tier of the subject's contract, 1 the most important.", nullable=False),
    column("severity", sa.Text, "critical | warning.", nullable=False),
    column("state", sa.Text, "open | silenced | recovered.", nullable=False),
    column("details", JSONB, "What was found: text, counts, sample keys; never a personal value.", nullable=False),
    column("run_id", sa.Text, "Run in which it was found last."),
    column("found_at", TIME, "When the outcome row behind it was written last."),
    column("times", sa.BigInteger, "How often it was found while open.", nullable=False),
    column("first_seen_at", TIME, "When it opened.", nullable=False),
    column("last_seen_at", TIME, "When it was last there.", nullable=False),
    column("told_at", TIME, "When it was last put into a message; null while silenced from the start."),
    column("recovered_at", TIME, "When it was gone; null while it is there."),
    one_of("severity", "critical", "warning"),
    one_of("state", "open", "silenced", "recovered"),
    sa.Index("alert_state", "state"),
    comment="Each problem that somebody was or is to be told of, once: repeats are counted, recovery is noted.",
)

alert_message = sa.Table(
    "alert_message",
    metadata,
    key("message_id", sa.Text, "Identifier of the message, the same at every attempt and on every channel."),
    key("channel", sa.Text, "Airflow connection it goes through; `-` where no channel is set up."),
    column("owner", sa.Text, "Who is told.", nullable=False),
    column("run_id", sa.Text, "Run it is about; null where there is none."),
    column("severity", sa.Text, "The highest of its alerts: critical | warning.", nullable=False),
    column("alerts", ARRAY(sa.Text), "Keys of the alerts in it.", nullable=False),
    column("title", sa.Text, "First line.", nullable=False),
    column("body", sa.Text, "Text, without personal values.", nullable=False),
    column("facts", JSONB, "The same for machines.", nullable=False),
    column("state", sa.Text, "pending | sent | dead (given up) | kept (no channel was set up).", nullable=False),
    column("attempts", sa.Integer, "How often it was tried.", nullable=False),
    column("queued_at", TIME, "When it was put here.", nullable=False),
    column("next_try_at", TIME, "Not tried before.", nullable=False),
    column("sent_at", TIME, "When the receiver took it."),
    column("last_error", sa.Text, "What the last attempt met."),
    one_of("state", "pending", "sent", "dead", "kept"),
    sa.Index("alert_message_state", "state", "next_try_at"),
    comment="Messages and what became of them: written in the transaction that notes their alerts, sent from here.",
)

expiry = sa.Table(
    "expiry",
    metadata,
    key("as_of", sa.Date, "Business date as of which it had passed its time."),
    key("place", sa.Text, "lake | landing | vault."),
    key("delivery_id", sa.Text, "Delivery whose rows, bytes or identities they are."),
    column("feed", sa.Text, "Feed.", nullable=False),
    column("business_date", sa.Date, "Business date of the delivery.", nullable=False),
    column("kept_from", sa.Date, "What is dated before has passed its time.", nullable=False),
    column("items", sa.BigInteger, "Rows of the lake, else files.", nullable=False),
    column("proof_id", sa.BigInteger, "Proof that counts it; null until nothing of it was found any more."),
    one_of("place", "lake", "landing", "vault"),
    sa.Index("expiry_delivery", "delivery_id"),
    comment="What retention deletes of each delivery: written before, counted once its absence is proved.",
)

retention_proof = sa.Table(
    "retention_proof",
    metadata,
    column("proof_id", sa.BigInteger, "Number of the proof, in the order they were made.", primary_key=True),
    column("act", sa.Text, "retention | shutdown.", nullable=False),
    column("as_of", sa.Date, "Business date as of which it was judged what is kept.", nullable=False),
    column("place", sa.Text, "lake | landing | vault | mart | ops | run folder | key.", nullable=False),
    column("subject", sa.Text, "Feed or table.", nullable=False),
    column("kept_from", sa.Date, "What is dated before must be gone; null: everything must."),
    column("deleted", sa.BigInteger, "Rows or files deleted since the proof before.", nullable=False),
    column("partitions", JSONB, "Business date -> rows or files deleted.", nullable=False),
    column("held", JSONB, "Legal hold -> rows or files that it keeps; null where it has lapsed.", nullable=False),
    column("looked_at", sa.BigInteger, "Files, or rows of a table, that were looked through.", nullable=False),
    column("versions", sa.BigInteger, "Versions of the lake's table that can still be opened; null elsewhere."),
    column(
        "remaining", sa.BigInteger, "Rows or files found that must be gone: 0, or the proof failed.", nullable=False
    ),
    column("files_hash", sa.Text, "SHA-256 of the sorted names of all files that are left; null in the warehouse."),
    column("made_by", sa.Text, "Who ran it.", nullable=False),
    column("run_id", sa.Text, "Run that made it.", nullable=False),
    column("made_at", TIME, "When.", nullable=False),
    one_of("act", "retention", "shutdown"),
    comment="What was deleted and that nothing of it is left, place by place: appended only.",
)
