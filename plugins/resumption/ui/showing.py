"""What the briefing's template is given, on the page and in the file alike."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from resumption.briefing.picture import Picture
from resumption.ui import charts, texts
from resumption.ui.texts import Lang
from resumption.ui.words import Words

RATE_GOOD, RATE_FAIR = 0.9, 0.7
"""Resumption rates from which a place is green or yellow on the map; a matter of looks, no rule of any table."""


def shown_in(lang: Lang, shown: Picture) -> dict[str, Any]:
    """Return the template's names for a picture in a language."""
    t, words = partial(texts.text, lang), Words(lang)
    rates = {scope_name(lang, scope): _percents(days) for scope, days in shown.rates.items()}
    indexes = {unit_name(lang, unit): days for unit, days in shown.indexes.items()}
    return {
        "p": shown,
        "words": words,
        "scope_name": partial(scope_name, lang),
        "unit_name": partial(unit_name, lang),
        "rates_chart": charts.lines(t("briefing.rates_chart"), rates, "%") if rates else None,
        "index_chart": charts.lines(t("briefing.index_chart"), indexes) if indexes else None,
        "states": _states(shown),
        "rate_look": rate_look,
        "looks": {"good": f"{RATE_GOOD:.0%}", "fair": f"{RATE_FAIR:.0%}"},
    }


def _percents(days: dict[dt.date, float | None]) -> dict[dt.date, float | None]:
    return {day: None if rate is None else 100 * rate for day, rate in days.items()}


def _states(shown: Picture) -> dict[str, int]:
    """Feeds received, and late, stale or rejected."""
    return {
        "received": sum(feed.status == "received" for feed in shown.feeds),
        "late": sum(feed.freshness == "late" for feed in shown.feeds),
        "stale": sum(feed.freshness == "stale" for feed in shown.feeds),
        "rejected": sum(bool(feed.rejected) for feed in shown.feeds),
    }


def rate_look(rate: float | None) -> str:
    """Return the colour of a place's rate."""
    if rate is None:
        return "plain"
    return "good" if rate >= RATE_GOOD else "warn" if rate >= RATE_FAIR else "bad"


def scope_name(lang: Lang, scope: str) -> str:
    """Return the published name of a scope."""
    return texts.text(lang, f"briefing.scope_{scope}") if texts.has(f"briefing.scope_{scope}") else scope


def unit_name(lang: Lang, unit: str) -> str:
    """Return the name of the district, a subdistrict or a park."""
    key = f"places.{unit}"
    return texts.text(lang, key) if texts.has(key) else texts.text(lang, "briefing.park", code=unit)
