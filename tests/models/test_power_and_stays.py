"""Power judgement and episodes against the same rules written as plain loops."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import chinese_calendar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resumption.models import RuleBook, load_models, run_models
from tests.models.given import SHANGHAI, inputs

MODELS = load_models()
RULES = RuleBook.load()
DAY = date(2020, 2, 25)
DECEMBER = [date(2019, 12, 1) + timedelta(days=n) for n in range(31)]
RECENT = [DAY - timedelta(days=n) for n in range(8)]
Readings = dict[tuple[date, str], tuple[Decimal | None, int, str]]

reading = st.tuples(
    st.sampled_from([None, "-1", "0", "3", "29.99", "30", "100", "100", "100", "2001"]),
    st.sampled_from([1, 1, 1, 10, 100]),
    st.sampled_from(["正常", "正常", "正常", "补采", "缺失"]),
)
readings = st.dictionaries(
    st.tuples(st.sampled_from([*DECEMBER, *DECEMBER, *RECENT]), st.sampled_from(["1", "1", "2"])), reading, max_size=40
)


def _mark(rows: list[tuple[Decimal | None, int, str, int | None]]) -> str:
    if any(energy is None or status == "缺失" for energy, _, status, _ in rows):
        return "missing"
    if any(energy < 0 for energy, *_ in rows):  # type: ignore[operator]
        return "negative"
    if any(status == "补采" for _, _, status, _ in rows):
        return "catch_up"
    if any(energy == 0 for energy, *_ in rows):
        return "zero_filled"
    wrong = any(usual and multiplier in (100 * usual, usual / 100) for _, multiplier, _, usual in rows)
    return "multiplier" if wrong else "ok"


def _judge(sent: Readings) -> dict[str, Any] | None:
    """What the table says of the one account on DAY; None when it has no row."""
    usual: dict[str, int] = {}
    for point in ("1", "2"):
        seen = Counter(m for (day, p), (_, m, _) in sent.items() if p == point and day in DECEMBER)
        if seen:
            usual[point] = min(seen, key=lambda m: (-seen[m], m))
    by_day: dict[date, list[tuple[Decimal | None, int, str, int | None]]] = {}
    for (day, point), (energy, multiplier, status) in sent.items():
        by_day.setdefault(day, []).append((energy, multiplier, status, usual.get(point)))
    marks = {day: _mark(rows) for day, rows in by_day.items()}
    kwh = {d: sum(e * m for e, m, *_ in rows) for d, rows in by_day.items() if marks[d] != "missing"}  # type: ignore[operator]
    good = [kwh[d] for d in by_day if d in DECEMBER and chinese_calendar.is_workday(d) and marks[d] == "ok"]
    baseline = sum(good) / len(good) if len(good) >= 15 and sum(good) >= 5 * len(good) else None
    window = sorted((d for d in by_day if DAY - timedelta(days=6) <= d <= DAY), reverse=True)
    if not window:
        return None
    quality = {d: marks[d] for d in window}
    for d in window:
        if marks[d] == "ok":
            quality[d] = "no_baseline" if baseline is None else "multiplier" if kwh[d] > 20 * baseline else "ok"
    valid = [kwh[d] >= Decimal("0.30") * baseline for d in window if quality[d] == "ok"][:3]  # type: ignore[operator]
    return {
        "quality": quality.get(DAY, "missing"),
        "kwh": kwh.get(DAY),
        "resumed": sum(valid) >= 2 if len(valid) >= 2 else None,
        "has_baseline": baseline is not None,
    }


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(sent=readings, filled=st.booleans())
def test_power_equals_a_loop(sent: dict[tuple[date, str], tuple[str | None, int, str]], filled: bool) -> None:
    base: dict[tuple[date, str], tuple[str | None, int, str]] = {(d, "1"): ("100", 1, "正常") for d in DECEMBER}
    rows = {**(base if filled else {}), **sent}
    deliveries = [
        {
            "feed": "enterprise_power",
            "for": day,
            "name": f"{day}-{point}",
            "rows": [{"account_no": "h", "point_no": point, "energy": e, "multiplier": m, "read_status": s}],
        }
        for (day, point), (e, m, s) in rows.items()
    ]
    tables = run_models(inputs(deliveries), DAY, ["enterprise_power_index"], RULES, models=MODELS)
    got = tables["enterprise_power_index"].to_pylist()
    expected = _judge({key: (None if e is None else Decimal(e), m, s) for key, (e, m, s) in rows.items()})
    assert len(got) == (expected is not None)
    for row in got:
        assert {
            **{k: row[k] for k in ("quality", "kwh", "resumed")},
            "has_baseline": row["baseline_kwh"] is not None,
        } == expected


def _moment(hours: int) -> datetime:
    return datetime(2020, 2, 1, tzinfo=SHANGHAI) + timedelta(hours=hours)


stays = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 60), st.sampled_from(["420100", "421000", "330300"])), max_size=8
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(sent=stays)
def test_episodes_equal_a_loop(sent: list[tuple[int, int, str]]) -> None:
    rows = [
        {"phone_token": "p", "visit_begin_at": _moment(b), "visit_end_at": _moment(b + n), "region_code": region}
        for b, n, region in sent
    ]
    given_rows = [{"feed": "carrier_mobile", "for": DAY, "name": "f.txt", "rows": rows}]
    table = run_models(inputs(given_rows), DAY, ["returnee_screening"], RULES, models=MODELS)["returnee_screening"]
    episodes: list[dict[str, Any]] = []
    for begin, hours, region in sorted(stay for stay in sent if stay[1] >= 4 and stay[2].startswith("42")):
        if not episodes or begin > episodes[-1]["end"] + 48:
            episodes.append({"end": begin + hours, "origins": set()})
        episodes[-1]["end"] = max(episodes[-1]["end"], begin + hours)
        episodes[-1]["origins"].add(region)
    assert [(r["episode_no"], r["last_exposure_on"], r["origins"]) for r in table.to_pylist()] == [
        (n, _moment(e["end"]).date(), sorted(e["origins"])) for n, e in enumerate(episodes, start=1)
    ]
