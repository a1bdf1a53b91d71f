"""A day's headline as it was known at the day's end, beside what is known of it today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from resumption import consolidate
from resumption.briefing.figures import Briefing
from resumption.briefing.text import DISTRICT_TIME, count, percent

HEADLINE = "statistical"


def hindsight(now: Briefing) -> Iterator[str]:
    """Yield the lines; none where the day was not built. What was known is what senders had published by then."""
    today = next((line for line in now.scopes if line.scope == HEADLINE), None)
    if today is None:
        return
    end = dt.datetime.combine(now.day + dt.timedelta(days=1), dt.time(), DISTRICT_TIME)
    rows = consolidate.as_known("resumption_summary", now.day, end, "published").to_pylist()
    then = next((row for row in rows if (row["scope"], row["level"]) == (HEADLINE, "district")), None)
    yield f"Official resumption of {now.day:%d %B} in the statistical scope"
    yield f"  as known at the end of that day  {_figures(then) if then else 'nothing'}"
    yield f"  as known today                   {_figures(vars(today))}"


def _figures(row: Mapping[str, Any]) -> str:
    resumed, denominator, rate = row["resumed"], row["denominator"], row["official_rate"]
    return f"{count(resumed)} of {count(denominator)}, {percent(rate)}"
