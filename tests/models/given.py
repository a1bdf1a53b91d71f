"""Deliveries written down in YAML, as the lake keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from resumption.contracts import load_feed, load_table
from resumption.models import LocalInputs, RuleBook
from resumption.models.rules import Dated, Value

SHANGHAI = timezone(timedelta(hours=8))
DEFAULTS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "defaults.yaml").read_text("utf-8"))
OWN_DATE = {"enterprise_power": "reading_on", "household_power": "reading_on", "city_cases": "reported_on"}


def changed(rules: RuleBook, values: Mapping[str, Value], since: date | None = None) -> RuleBook:
    """Return the rules with other values of parameters: from ``since`` on, or else always."""
    files = []
    for file in rules.files:
        found = dict(file.parameters)
        for name in found.keys() & values.keys():
            before = found[name].values if since else ()
            dated = Dated.model_construct(since=since or date(2019, 12, 1), value=values[name])
            found[name] = found[name].model_copy(update={"values": (*before, dated)})
        files.append(file.model_copy(update={"parameters": found}))
    return replace(rules, files=tuple(files))


def inputs(given: Iterable[Mapping[str, Any]]) -> LocalInputs:
    """Return the inputs that the deliveries ``given`` make.

    A delivery: ``feed``, ``for`` (business date), ``rows``; if not said: ``name`` is the feed's, ``published`` the end
    of the business date, ``received`` an hour later, ``outcome`` accepted. ``days: [first, last]`` repeats a delivery.
    Instead of ``feed``, ``built`` names a day's table whose rows were published before.
    """
    given = list(given)
    deliveries = [_delivery(day, sent) for sent in given if "feed" in sent for day in _days(sent)]
    feeds = sorted({d["feed"] for d, _ in deliveries})
    tables = {feed: pa.concat_tables(_rows(d, rows) for d, rows in deliveries if d["feed"] == feed) for feed in feeds}
    built = {sent["built"]: _built(sent["built"], sent["rows"]) for sent in given if "built" in sent}
    return LocalInputs(tables, pa.Table.from_pylist([d for d, _ in deliveries], schema=DELIVERY), built)


def _built(table: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return published rows of a day's table; columns that a row does not name are null."""
    schema = load_table(table).arrow_schema()
    return pa.table({f.name: pa.array([row.get(f.name) for row in rows], f.type) for f in schema})


DELIVERY = pa.schema(
    [
        ("feed", pa.string()),
        ("delivery_id", pa.string()),
        ("business_date", pa.date32()),
        ("name", pa.string()),
        ("outcome", pa.string()),
        ("published_at", pa.timestamp("us", tz="UTC")),
        ("received_at", pa.timestamp("us", tz="UTC")),
    ]
)


def _days(sent: Mapping[str, Any]) -> list[date]:
    if "days" not in sent:
        return [sent["for"]]
    first, last = sent["days"]
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _delivery(day: date, sent: Mapping[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    name = sent.get("name", "changes" if sent["feed"] == "market_registry" else sent["feed"])
    published = _instant(sent.get("published")) or datetime(day.year, day.month, day.day, 23, tzinfo=SHANGHAI)
    delivery = {
        "feed": sent["feed"],
        "delivery_id": f"{sent['feed']}/{day}/{name}/{published.isoformat()}",
        "business_date": day,
        "name": name,
        "outcome": sent.get("outcome", "accepted"),
        "published_at": published,
        "received_at": _instant(sent.get("received")) or published + timedelta(hours=1),
    }
    return delivery, sent.get("rows") or []


def _rows(delivery: Mapping[str, Any], rows: list[dict[str, Any]]) -> pa.Table:
    feed, day = delivery["feed"], delivery["business_date"]
    full = []
    for number, row in enumerate(rows, start=1):
        sent = {**DEFAULTS[feed], **row}
        if OWN_DATE.get(feed) and OWN_DATE[feed] not in sent:
            sent[OWN_DATE[feed]] = day
        sent.setdefault("name_normalised", sent.get("name"))
        system = {
            "business_date": sent.get(OWN_DATE.get(feed, ""), day),
            "delivered_for": day,
            "delivery_name": delivery["name"],
            "row_number": number,
            "repaired": [],
        }
        full.append({**sent, **{k: delivery[k] for k in ("delivery_id", "published_at", "received_at")}, **system})
    schema = load_feed(feed).lake_schema()
    return pa.table(
        {f.name: pa.array([_value(r.get(f.name), f.type) for r in full], f.type) for f in schema}, schema=schema
    )


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is not None and pa.types.is_timestamp(kind):
        return _instant(value)
    return Decimal(str(value)) if value is not None and pa.types.is_decimal(kind) else value


def _instant(value: Any) -> datetime | None:
    """Return a time; one without an offset is Shanghai's."""
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
