"""Reports and permissions through the days, against the same rules written as a plain loop over the days."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resumption.models import RuleBook, load_models, run_models
from tests.models.given import SHANGHAI, inputs

MODELS = load_models()
RULES = RuleBook.load()
FIRST, DAYS = date(2020, 2, 10), 5
LAST = FIRST + timedelta(days=DAYS - 1)


def _moment(hour: int) -> datetime:
    return datetime(2020, 2, 10, tzinfo=SHANGHAI) + timedelta(hours=hour)


days = st.integers(0, DAYS - 1).map(lambda n: FIRST + timedelta(days=n))
reports = st.lists(
    st.fixed_dictionaries(
        {
            "for": days,
            "report_id": st.sampled_from(["r1", "r2", "r3", "r4"]),
            "supersedes": st.sampled_from([None, None, "r1", "r2", "r3", "r4", "r9"]),
            "submitted_at": st.integers(0, 6).map(_moment),
            "actual_resume_on": st.one_of(st.none(), days),
            "staff_onsite": st.sampled_from([0, 5, 7]),
        }
    ),
    max_size=8,
)
events = st.lists(
    st.fixed_dictionaries(
        {
            "for": days,
            "application_id": st.sampled_from(["a1", "a2"]),
            "event": st.sampled_from(["申请", "通过", "通过", "退回", "撤销"]),
            "event_at": st.integers(0, 4).map(_moment),
            "white_list": st.booleans(),
            "planned_resume_on": days,
        }
    ),
    max_size=5,
)


def _effective(rows: list[dict[str, Any]], day: date) -> dict[str, Any] | None:
    """The report in effect on ``day``; rows come in delivery order."""
    known: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["for"] <= day:
            known[row["report_id"]] = row
    out = {r["supersedes"] for r in known.values() if r["supersedes"] != r["report_id"]}
    left = [row for row in rows if row is known.get(row["report_id"]) and row["report_id"] not in out]
    return max(enumerate(left), key=lambda pair: (pair[1]["submitted_at"], pair[0]))[1] if left else None


def _permitted(rows: list[dict[str, Any]], day: date) -> tuple[bool, bool]:
    """Return approved and white-listed on ``day``."""
    latest: dict[str, tuple[datetime, int]] = {}
    for place, row in enumerate(rows):
        if row["for"] <= day:
            latest[row["application_id"]] = max(
                latest.get(row["application_id"], (row["event_at"], place)), (row["event_at"], place)
            )
    current = [rows[place] for _, place in latest.values()]
    approved = any(r["event"] == "通过" and r["planned_resume_on"] <= day for r in current)
    return approved, any(r["white_list"] and r["event"] not in ("退回", "撤销") for r in current)


def _official(sent: list[dict[str, Any]], applied: list[dict[str, Any]], day: date) -> bool:
    report = _effective(sent, day)
    onsite = report is not None and report["staff_onsite"] > 0
    started = report is not None and report["actual_resume_on"] is not None and report["actual_resume_on"] <= day
    return onsite and started and any(_permitted(applied, day))


def _deliveries(feed: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One delivery a row, published in the order of the list, as a sender may correct an earlier day late."""
    return [
        {
            "feed": feed,
            "for": row["for"],
            "name": f"{place:02d}",
            "published": _moment(200 + place),
            "rows": [{**row, "uscc": "A"}],
        }
        for place, row in enumerate(rows)
    ]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(sent=reports, applied=events)
def test_stretches_of_days_equal_a_loop_over_the_days(
    sent: list[dict[str, Any]], applied: list[dict[str, Any]]
) -> None:
    registry = {"feed": "market_registry", "for": FIRST, "name": "entities", "rows": [{"uscc": "A"}]}
    deliveries = [registry, *_deliveries("self_reports", sent), *_deliveries("approvals", applied)]
    rows = run_models(inputs(deliveries), LAST, ["int_official"], RULES, models=MODELS)["int_official"].to_pylist()
    if not sent and not applied:
        assert rows == []
        return
    all_days = [FIRST + timedelta(days=n) for n in range(DAYS)]
    report = _effective(sent, LAST)
    got = rows[0]
    assert (got["approved"], got["white_listed"]) == _permitted(applied, LAST)
    assert (got["has_report"], got["staff_onsite"]) == (report is not None, report["staff_onsite"] if report else None)
    assert got["official_resumed"] == _official(sent, applied, LAST)
    assert got["first_resumed_on"] == next((d for d in all_days if _official(sent, applied, d)), None)
