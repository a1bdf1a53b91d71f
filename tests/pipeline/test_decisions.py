"""What operators decide about refused rows, and what a clean delivery would have given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import checks, ops, pipeline
from resumption.contracts import FeedContract, load_feed
from resumption.pipeline import DecisionError, decisions, publication
from tests.pipeline.sender import DAY, SYSTEM, Sender, forget, jsonl

NAME = "approvals_20200225.jsonl"
CODES = ["91330108MA27Q03750", "91330108MA27Q0746N", "91330108MA27Q1853B", "91330108MA27Q1116Q"]


def application(number: int, **changed: Any) -> dict[str, Any]:
    row = {
        "application_id": f"A{number}", "uscc": CODES[number % 4], "level": "区", "white_list": False,
        "applied_at": "2020-02-24T10:00:00+08:00", "planned_resume_date": "2020-03-01", "event": "申请",
        "event_at": "2020-02-24T10:00:00+08:00",
    }  # fmt: skip
    return row | changed


GOOD = [application(n) for n in range(1, 7)]
BAD = {2: {"planned_resume_date": "2.1"}, 3: {"event": "批准"}, 5: {"uscc": "91330108MA27Q1116X"}}
SENT = [row | BAD.get(n, {}) for n, row in enumerate(GOOD, start=1)]


@pytest.fixture
def sender(warehouse: sa.Engine, home: Path) -> Iterator[Sender]:
    """A sender whose file of six rows had three refused."""
    forget(warehouse)
    sender = Sender("approvals").has(NAME, jsonl(SENT), 6)
    sender.deliver()
    yield sender
    forget(warehouse)


@pytest.fixture
def clean(sender: Sender) -> list[dict[str, Any]]:
    """The rows of the same file without a flaw."""
    flawless = Sender("approvals").has(NAME, jsonl(GOOD), 6, locator="flawless")
    flawless.land()
    with ops.engine().begin() as conn:
        landed = next(d for d in ops.known_deliveries(conn, "approvals") if d.outcome == "landed")
        judged = pipeline.judge_delivery(load_feed("approvals"), landed)
        conn.execute(ops.feed_delivery.delete().where(ops.feed_delivery.c.outcome == "landed"))
    assert judged.accepted.num_rows == 6
    return judged.accepted.drop_columns(SYSTEM).to_pylist()


def run(
    sender: Sender, action: str, *rows: int, corrections: dict[str, Any] | None = None, **given: Any
) -> dict[str, int]:
    given = {"note": "asked the sender", "by": "operator", "run_id": f"{action} {rows} {corrections}"} | given
    delivery_id = given.pop("delivery_id", None) or sender.delivery(NAME).delivery_id
    return pipeline.decide(action, sender.feed, delivery_id, rows, corrections or {}, **given).counts


def states(sender: Sender) -> dict[int, str]:
    columns = ops.quarantine_row.c
    with ops.engine().connect() as conn:
        found = conn.execute(sa.select(columns.row_number, columns.state).order_by(columns.row_number)).all()
    assert_accounts(sender)
    return {row.row_number: row.state for row in found}


def assert_accounts(sender: Sender) -> None:
    delivery = sender.delivery(NAME)
    with ops.engine().connect() as conn:
        refused = conn.execute(
            sa.text("select count(*) from ops.quarantine_row where state <> 'released'")
        ).scalar_one()
    assert (delivery.rows_quarantined, delivery.rows_accepted) == (refused, 6 - refused)
    assert len(sender.rows()) == delivery.rows_accepted


def allow(monkeypatch: pytest.MonkeyPatch, *, everywhere: bool = True) -> FeedContract:
    """Change the contract: 批准 is another word for 通过."""
    contract = load_feed("approvals")
    columns = [
        replace(c, conform=c.conform.model_copy(update={"values": {**(c.conform.values or {}), "批准": "通过"}}))
        if c.name == "event" else c
        for c in contract.columns
    ]  # fmt: skip
    changed = replace(contract, columns=tuple(columns))
    for module in (decisions, publication):
        monkeypatch.setattr(module, "load_feed", lambda _: changed)
    return changed


def test_three_rows_are_refused(sender: Sender) -> None:
    assert states(sender) == {2: "open", 3: "open", 5: "open"}


def test_the_date_is_committed_where_its_partition_has_changed_and_not_else(sender: Sender) -> None:
    delivery = sender.delivery(NAME)

    def committed(action: str, row: int, **corrections: str) -> tuple[date, ...]:
        given = (delivery.delivery_id, [row], corrections, "asked the sender", "operator", f"{action} {row}")
        return pipeline.decide(action, sender.feed, *given).committed

    assert committed("discard", 2) == ()
    assert committed("correct", 5, uscc=CODES[1]) == (delivery.business_date,)


def test_corrected_cells_give_what_a_clean_delivery_would_have_given(
    sender: Sender, clean: list[dict[str, Any]]
) -> None:
    counts = run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    assert counts == {"rows": 1, "accepted": 4, "quarantined": 2}
    run(sender, "correct", 2, corrections={"planned_resume_date": "2020-03-01"})
    run(sender, "correct", 3, corrections={"event": "申请"})
    assert states(sender) == {2: "released", 3: "released", 5: "released"}
    assert sender.rows() == clean


def test_a_correction_that_is_wrong_too_is_refused_and_can_be_corrected(sender: Sender) -> None:
    run(sender, "correct", 5, corrections={"uscc": "9133"})
    assert states(sender)[5] == "open"
    run(sender, "correct", 5, corrections={"uscc": CODES[0]})
    run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    assert states(sender)[5] == "released"
    assert {row["uscc"] for row in sender.rows() if row["row_number"] == 5} == {CODES[1]}


def test_publishing_again_keeps_every_decision(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    run(sender, "discard", 3)
    allow(monkeypatch)  # row 3 would be fine now
    before = sender.rows()
    pipeline.publish("approvals", DAY, "again")
    assert states(sender) == {2: "open", 3: "discarded", 5: "released"}
    assert sender.rows() == before
    run(sender, "replay")
    assert states(sender) == {2: "open", 3: "discarded", 5: "released"}


def test_release_judges_only_the_chosen_rows_under_the_contract_of_now(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(sender, "release", 3)
    assert states(sender) == {2: "open", 3: "open", 5: "open"}
    changed = allow(monkeypatch)
    lenient = [
        replace(c, conform=c.conform.model_copy(update={"on_invalid": "null"})) if c.name == "planned_resume_on" else c
        for c in changed.columns
    ]
    for module in (decisions, publication):
        monkeypatch.setattr(module, "load_feed", lambda _: replace(changed, columns=tuple(lenient)))
    run(sender, "release", 3, run_id="after the change")
    # Row 2 would be accepted too, but nobody has asked for it.
    assert states(sender) == {2: "open", 3: "released", 5: "open"}
    run(sender, "replay")
    assert states(sender) == {2: "released", 3: "released", 5: "open"}


def test_a_discarded_row_may_be_taken_up_again(sender: Sender, clean: list[dict[str, Any]]) -> None:
    run(sender, "discard", 2, 3, 5)
    assert states(sender) == {2: "discarded", 3: "discarded", 5: "discarded"}
    run(sender, "release", 2)
    run(sender, "correct", 3, corrections={"event": "申请"})
    assert states(sender) == {2: "open", 3: "released", 5: "discarded"}
    run(sender, "discard", 3, run_id="discarded again")
    assert states(sender) == {2: "open", 3: "discarded", 5: "discarded"}


def test_rows_may_be_chosen_by_their_reason(sender: Sender) -> None:
    assert run(sender, "discard", reason="USCC_INVALID")["rows"] == 1
    assert states(sender) == {2: "open", 3: "open", 5: "discarded"}


def test_a_row_refused_at_resolution_may_be_corrected_or_discarded(sender: Sender) -> None:
    delivery = sender.delivery(NAME)
    unknown = {"delivery_id": [delivery.delivery_id] * 2, "row_number": [1, 4], "reasons": [["USCC_UNKNOWN"]] * 2}
    both = pa.table({**unknown, "payload": ["{}"] * 2})
    with ops.engine().begin() as conn:
        ops.resolve_counts(conn, DAY, both)
    run(sender, "correct", 1, corrections={"uscc": CODES[3]})
    run(sender, "discard", 4)
    assert [row["row_number"] for row in sender.rows()] == [1, 6]
    with ops.engine().begin() as conn:
        ops.resolve_counts(conn, DAY, both.slice(0, 0))
    assert states(sender) == {1: "released", 2: "open", 3: "open", 4: "discarded", 5: "open"}
    assert sender.rows()[0]["uscc"] == CODES[3]


def test_a_rejected_delivery_is_accepted_after_an_alias_came_into_the_contract(
    warehouse: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(warehouse)
    renamed = [{("事件" if key == "event" else key): cell for key, cell in row.items()} for row in GOOD]
    sender = Sender("approvals").has(NAME, jsonl(renamed), 6)
    sender.deliver()
    assert (sender.delivery(NAME).reason or "").startswith("MISSING_COLUMN")
    with pytest.raises(DecisionError, match="still rejected: MISSING_COLUMN"):
        run(sender, "replay")
    contract = load_feed("approvals")
    aliased = [
        replace(c, conform=c.conform.model_copy(update={"aliases": ("事件",)})) if c.name == "event" else c
        for c in contract.columns
    ]
    monkeypatch.setattr(decisions, "load_feed", lambda _: replace(contract, columns=tuple(aliased)))
    assert run(sender, "replay", run_id="with the alias") == {"rows": 6, "accepted": 6, "quarantined": 0}
    assert sender.delivery(NAME).outcome == "accepted"
    assert [row["event"] for row in sender.rows()] == ["申请"] * 6


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("approve", {"rows": [2]}, "expected one of release, correct, discard, replay"),
    ("release", {"delivery_id": "nobody", "rows": [2]}, "no delivery 'nobody': expected the delivery_id"),
    ("release", {"rows": [1, 2]}, "not in quarantine are the rows 1;"),
    ("release", {}, "expected either row numbers or a reason, got neither"),
    ("release", {"rows": [2], "reason": "DATE_AMBIGUOUS"}, "got both"),
    ("discard", {"reason": "PHONE_INVALID"}, "no row is refused for 'PHONE_INVALID' now"),
    ("discard", {"rows": [2], "note": " "}, "note is empty"),
    ("discard", {"rows": [2], "note": "call 15400001234"}, "note holds what looks like a phone"),
    ("discard", {"rows": [2], "by": ""}, "by is empty"),
    ("correct", {"rows": [2]}, "belong to correct"),
    ("release", {"rows": [2], "corrections": {"event": "申请"}}, "belong to correct"),
    ("correct", {"rows": [2], "corrections": {"colour": "red"}}, "no column 'colour'; expected one of application_id"),
    ("correct", {"rows": [2], "corrections": {"event": 3}}, "expected text as the sender would write it"),
    ("correct", {"rows": [2], "corrections": {"application_id": "15400001234"}}, "looks like a phone"),
    ("replay", {"rows": [2]}, "replay judges a whole delivery"),
]


@pytest.mark.parametrize(("action", "given", "message"), REFUSED)
def test_what_is_no_decision_changes_nothing(sender: Sender, action: str, given: dict[str, Any], message: str) -> None:
    before, rows = states(sender), sender.rows()
    with pytest.raises(DecisionError, match=message):
        run(sender, action, *given.pop("rows", ()), **given)
    assert (states(sender), sender.rows()) == (before, rows)
    with ops.engine().connect() as conn:
        assert ops.actions_on(conn, sender.delivery(NAME).delivery_id) == []


@pytest.mark.parametrize("column", ["手机号", "手机号码", "phone_token", "健康码"])
def test_a_personal_value_is_never_taken_from_a_form(warehouse: sa.Engine, home: Path, column: str) -> None:
    forget(warehouse)
    sender = Sender("checkins")
    header = "统一社会信用代码,工号,手机号,健康码,体温,测温时间,打卡地点,症状\n"
    lines = [f"{CODES[0]},1,{phone},绿,36.5,2020-02-25 08:00,厂区,无\n" for phone in ("154000012", "15400001234")]
    sender.has("am.csv", ("\ufeff" + header + "".join(lines)).encode(), 2).deliver()
    delivery_id = sender.delivery("am.csv").delivery_id
    with pytest.raises(DecisionError, match="holds personal data"):
        pipeline.decide("correct", "checkins", delivery_id, [1], {column: "x"}, "why", "me", "run")


def test_without_its_bytes_a_delivery_cannot_be_judged_but_rows_can_be_discarded(sender: Sender) -> None:
    Path(unquote(urlsplit(sender.delivery(NAME).landing_uri or "").path)).unlink()
    for action, rows in (("release", [2]), ("replay", [])):
        with pytest.raises(DecisionError, match="Nothing was changed"):
            run(sender, action, *rows)
    with ops.engine().connect() as conn:
        assert ops.actions_on(conn, sender.delivery(NAME).delivery_id) == []
    run(sender, "discard", 2)
    assert states(sender)[2] == "discarded"


def test_a_delivery_whose_bytes_are_in_doubt_is_not_replayed(warehouse: sa.Engine, home: Path) -> None:
    forget(warehouse)
    sender = Sender("approvals").has(NAME, jsonl(GOOD), 6, declared_sha256="0" * 64)
    sender.land()
    with pytest.raises(DecisionError, match="its bytes are in doubt"):
        run(sender, "replay")


def test_a_decision_that_would_fail_a_critical_check_changes_nothing(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sender.rows()
    never = checks.Check("expect_table_row_count_to_equal", {"value": -1}, "critical", {})
    real = checks.load_suite("approvals")
    monkeypatch.setattr(checks, "load_suite", lambda _: replace(real, checks=(never,)))
    with pytest.raises(pipeline.CriticalCheckError):
        run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    assert (states(sender)[5], sender.rows()) == ("open", before)
    with ops.engine().connect() as conn:
        assert ops.actions_on(conn, sender.delivery(NAME).delivery_id) == []


def test_a_run_that_died_is_carried_on_by_repeating_it(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(decisions.lake, "replace_batch", dies)
        with pytest.raises(RuntimeError, match="killed"):
            run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    for _ in range(2):
        run(sender, "correct", 5, corrections={"uscc": CODES[1]})
    assert states(sender)[5] == "released"
    with ops.engine().connect() as conn:
        assert len(ops.actions_on(conn, sender.delivery(NAME).delivery_id)) == 1


def test_a_publication_after_a_run_that_died_carries_the_decision_out(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ops, "keep_out", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(sender, "discard", 3)
    allow(monkeypatch)
    pipeline.publish("approvals", DAY, "again")
    assert states(sender) == {2: "open", 3: "discarded", 5: "open"}


def test_who_decided_what_and_why_stays_on_record(sender: Sender) -> None:
    run(sender, "correct", 5, corrections={"uscc": CODES[1]}, note="by phone", by="li")
    with ops.engine().connect() as conn:
        (action,) = ops.actions_on(conn, sender.delivery(NAME).delivery_id)
        decided = conn.execute(sa.text("select action_id from ops.quarantine_row where row_number = 5")).scalar_one()
    assert (action.action, list(action.row_numbers), dict(action.corrections)) == ("correct", [5], {"uscc": CODES[1]})
    assert (action.note, action.acted_by, action.action_id) == ("by phone", "li", decided)
