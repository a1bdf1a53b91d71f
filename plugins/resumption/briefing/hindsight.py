"""A day's headline as it was known at the day's end, beside what is known of it today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from resumption import consolidate
from resumption.briefing.picture import HEADLINE, Picture
from resumption.briefing.text import DISTRICT_TIME, count, hidden, percent


def known_then(day: dt.date) -> dict[str, Any] | None:
    """Return the headline's row of ``resumption_summary`` by what senders had published at the end of ``day``."""
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), DISTRICT_TIME)
    rows = consolidate.as_known("resumption_summary", day, end, "published").to_pylist()
    return next((row for row in rows if (row["scope"], row["level"]) == (HEADLINE, "district")), None)


def hindsight(now: Picture) -> Iterator[str]:
    """Yield the lines; none where the day was not built. What is hidden today is hidden of then."""
    if now.headline is None:
        return
    then = known_then(now.day)
    yield f"Official resumption of {now.day:%d %B} in the statistical scope"
    yield f"  as known at the end of that day  {_figures(then, now.headline) if then else 'nothing'}"
    yield f"  as known today                   {_figures(now.headline, now.headline)}"


def _figures(row: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    said = f"{count(row['resumed'])} of {count(row['denominator'])}, {percent(row['official_rate'])}"
    return hidden(published["resumed"], said)
