"""Which rows of the summary must not be published."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from resumption.models import RuleBook, load_models, run_models
from tests.models.given import inputs

DAY = date(2020, 2, 25)
MODELS = load_models()
RULES = RuleBook.load()


def _suppressed(parks: dict[str, tuple[int, int]]) -> dict[str, bool]:
    """Return park → suppressed for parks of (enterprises, of them resumed)."""
    firms = [(park, n, n < resumed) for park, (count, resumed) in parks.items() for n in range(count)]
    codes = [{"uscc": f"{park}-{n}", "park_code": park} for park, n, _ in firms]
    working = [f"{park}-{n}" for park, n, resumed in firms if resumed]
    given: list[dict[str, Any]] = [
        {"feed": "market_registry", "for": DAY, "name": "entities", "rows": codes},
        {"feed": "statistical_scope", "for": date(2020, 2, 1), "rows": [{"uscc": c["uscc"]} for c in codes]},
        {"feed": "approvals", "for": DAY, "rows": [{"uscc": c, "application_id": c} for c in working]},
        {
            "feed": "self_reports",
            "for": DAY,
            "rows": [
                {"uscc": c["uscc"], "report_id": c["uscc"], "staff_onsite": 60 if c["uscc"] in working else 0}
                for c in codes
            ],
        },
    ]
    rows = run_models(inputs(given), DAY, ["resumption_summary"], RULES, models=MODELS)["resumption_summary"]
    wanted = [r for r in rows.to_pylist() if (r["scope"], r["level"]) == ("statistical", "park")]
    return {row["unit"]: row["suppressed"] for row in wanted}


@pytest.mark.parametrize(
    ("parks", "expected"),
    [
        ({"P1": (20, 20), "P2": (21, 0)}, {"P1": False, "P2": False}),
        ({"P1": (19, 19), "P2": (18, 18), "P3": (30, 30)}, {"P1": True, "P2": True, "P3": False}),
        ({"P1": (30, 4), "P2": (30, 1), "P3": (30, 5)}, {"P1": True, "P2": True, "P3": False}),
        # One hidden unit is the district less the others: the smallest of them is hidden too, and only that one.
        ({"P1": (19, 19), "P2": (25, 25), "P3": (30, 30)}, {"P1": True, "P2": True, "P3": False}),
    ],
    ids=["large", "few enterprises", "few resumed", "complementary"],
)
def test_small_cells(parks: dict[str, tuple[int, int]], expected: dict[str, bool]) -> None:
    assert _suppressed(parks) == expected
