"""What a table's `reads` declares is no smaller than what its SQL reads: no row changes where it says none can.

All deliveries of the cases together make one district. Those of a feed and date are taken away; on the first day that
they do not reach by the declaration, the table must come out the same.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from resumption.contracts import load_feed, load_table, table_names
from resumption.contracts.table import Reach, TableContract
from resumption.models import ModelError, RuleBook, load_models, run_models
from resumption.models.inputs import Delivery, effective
from resumption.models.reach import check_reads, feeds_read, reach_of, reaching
from tests.models.given import inputs

MODELS = load_models()
RULES = RuleBook.load()
FOLDER = tempfile.TemporaryDirectory()
LATEST_DATES, DAYS = 3, 1


def deliveries() -> list[dict[str, Any]]:
    """Every delivery of every case; of one name and date each further one gets a name of its own."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for sent in [*content.get("given", []), *(d for case in content["cases"] for d in case.get("given", []))]:
            if "feed" not in sent:
                continue
            name = sent.get("name", "changes" if sent["feed"] == "market_registry" else sent["feed"])
            when = str(sent.get("for") or sent["days"])
            while (sent["feed"], when, name) in found:
                name += "~"
            found[sent["feed"], when, name] = {**sent, "name": name}
    return list(found.values())


@dataclass(frozen=True)
class District:
    """The models' inputs, or what is left of them; one file a feed, which is read quickly."""

    table: pa.Table

    def files(self, feed: str) -> list[str]:
        return [str(path) for path in Path(FOLDER.name).glob(f"{feed}.parquet")]

    def deliveries(self) -> pa.Table:
        return self.table

    def built(self, table: str, before: date) -> pa.Table:
        return load_table(table).arrow_schema().empty_table()

    @cached_property
    def effective(self) -> list[Delivery]:
        return effective(self.table)


@cache
def district(without: tuple[str, date] | None = None) -> District:
    """The district, or all of it but a feed's deliveries of one date."""
    if without is None:
        whole = inputs(deliveries())
        for feed, table in whole.tables.items():
            pq.write_table(table, Path(FOLDER.name) / f"{feed}.parquet")
        return District(whole.deliveries())
    table = district().table
    gone = pc.and_(pc.equal(table["feed"], without[0]), pc.equal(table["business_date"], without[1]))
    return District(table.filter(pc.invert(gone)))


@cache
def rows(table: str, day: date, without: tuple[str, date] | None = None) -> list[dict[str, Any]]:
    found = run_models(district(without), day, [table], RULES, models=MODELS)[table]
    return list(found.to_pylist())


def reached(table: TableContract, feed: str, day: date, without: tuple[str, date] | None = None) -> list[Delivery]:
    """Deliveries of the feed that reach the table's day by its declaration."""
    own = [d for d in district(without).effective if d.feed == feed]
    return reaching(reach_of(table, feed), load_feed(feed), own, day)


def beyond(table: TableContract, feed: str, latest: int) -> Iterator[tuple[date, date]]:
    """The latest dates of deliveries, each with the first days that they do not reach."""
    dates = sorted({d.business_date for d in district().effective if d.feed == feed})
    for sent in dates[-latest:]:
        days = (sent + timedelta(days=n) for n in range(40))
        unreached = (d for d in days if reached(table, feed, d) == reached(table, feed, d, (feed, sent)))
        yield from ((sent, day) for day in itertools.islice(unreached, DAYS))


def changed(table: TableContract, feed: str, latest: int = LATEST_DATES) -> Iterator[tuple[date, date]]:
    """Yield (delivery's date, day) where the table changes though it is declared not to."""
    for sent, day in beyond(table, feed, latest):
        if rows(table.name, day) != rows(table.name, day, (feed, sent)):
            yield sent, day


def limited() -> list[tuple[str, str]]:
    """Tables and feeds that are read, but not from all days."""
    tables = [load_table(name) for name in table_names()]
    return [(t.name, f) for t in tables for f in sorted(feeds_read(MODELS, t.name)) if reach_of(t, f) != "all"]


def test_every_table_declares_every_feed_its_sql_reads() -> None:
    check_reads(MODELS, [load_table(name) for name in table_names()])


@pytest.mark.parametrize(("table", "feed"), limited())
def test_nothing_changes_beyond_the_declared_days(table: str, feed: str) -> None:
    assert list(changed(load_table(table), feed)) == []


@pytest.mark.parametrize(
    ("table", "feed", "too_little"),
    [
        ("employee_screening", "checkins", "none"),
        ("resumption_summary", "statistical_scope", "until_next"),
        ("enterprise", "statistical_scope", "none"),
        ("enterprise_power_index", "meter_accounts", "none"),
        ("returnee_screening", "carrier_mobile", 3),
    ],
)
def test_a_declaration_that_says_too_little_is_noticed(table: str, feed: str, too_little: Reach) -> None:
    contract = load_table(table)
    narrowed = replace(contract, reads={**contract.reads, feed: too_little})
    assert next(changed(narrowed, feed, latest=8), None)


def test_a_feed_left_out_or_too_much_is_an_error() -> None:
    contract = load_table("resumption_summary")
    fewer = {feed: reach for feed, reach in contract.reads.items() if feed != "checkins"}
    with pytest.raises(ModelError, match=r"missing \['checkins'\]"):
        check_reads(MODELS, [replace(contract, reads=fewer)])
    more = replace(load_table("key_region"), reads={"city_cases": "all", "checkins": 2})
    with pytest.raises(ModelError, match=r"not read \['checkins'\]"):
        check_reads(MODELS, [more])
