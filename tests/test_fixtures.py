"""Every feed's fixture, as its sender writes it, is read, conformed and checked; a new feed is tested by its fixture.

Fixtures hold invented enterprises, phones from an unassigned segment (1540…) and the usual defects.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from resumption import checks, readers, settings
from resumption.conform import Conformation, Origin, conform
from resumption.contracts import feed_names, load_feed
from resumption.readers import ReadResult

FIXTURES = settings.project_root() / "tests" / "fixtures" / "feeds"
PATHS = sorted(path for path in FIXTURES.glob("*/*") if path.is_file())

# rows in the file; reasons of the quarantined ones; rows ignored
EXPECTED = {
    "approvals": (6, ["USCC_INVALID", "VALUE_NOT_ALLOWED"], 0),
    "carrier_mobile": (5, ["PHONE_MASKED", "PLACE_UNKNOWN"], 0),
    "carrier_telecom": (5, ["PHONE_MASKED", "PLACE_UNKNOWN"], 0),
    "carrier_unicom": (5, ["PHONE_MASKED", "PLACE_UNKNOWN"], 0),
    "carrier_wasu": (5, ["PLACE_UNKNOWN", "REQUIRED_MISSING"], 0),
    "checkins": (9, ["PHONE_INVALID", "PHONE_MASKED"], 1),
    "city_cases": (6, ["NUMBER_INVALID", "REGION_UNRESOLVED", "REGION_UNRESOLVED"], 0),
    "enterprise_power": (8, ["NUMBER_INVALID", "VALUE_NOT_ALLOWED"], 0),
    "health_codes": (5, ["REQUIRED_MISSING", "VALUE_NOT_ALLOWED"], 0),
    "health_declarations": (6, ["ID_INVALID", "ID_ROUNDED", "PHONE_MASKED"], 0),
    "household_power": (7, ["NUMBER_INVALID", "REQUIRED_MISSING"], 0),
    "market_registry": (6, ["USCC_INVALID"], 0),
    "meter_accounts": (6, ["VALUE_NOT_ALLOWED"], 0),
    "quarantine_register": (5, ["DATE_AMBIGUOUS", "REQUIRED_MISSING"], 0),
    "self_reports": (8, ["DATE_AMBIGUOUS", "REQUIRED_MISSING"], 0),
    "statistical_scope": (7, ["VALUE_NOT_ALLOWED"], 2),
}


def _conformed(path: Path) -> tuple[ReadResult, Conformation, dt.date]:
    contract = load_feed(path.parent.name)
    named = re.search(r"20\d{6}", path.name)
    day = dt.date.fromisoformat(named[0]) if named else dt.date(2020, 2, 25)
    at = dt.datetime(2020, 2, 26, 1, 0, tzinfo=dt.UTC)
    read = readers.read(path.read_bytes(), contract)
    return (
        read,
        conform(contract, read.table, Origin("d-1", day, path.name, at, at), b"a key of this test", read.headers),
        day,
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name)
def test_every_row_of_a_fixture_is_accepted_quarantined_or_ignored(path: Path) -> None:
    read, verdict, _ = _conformed(path)
    quarantined = verdict.quarantined.num_rows + len(read.malformed)
    assert verdict.accepted.num_rows > 0
    assert verdict.accepted.num_rows + quarantined + read.rows_ignored == read.rows_received


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name)
def test_a_fixtures_accepted_rows_may_be_published(path: Path) -> None:
    read, verdict, day = _conformed(path)
    received = read.rows_received - read.rows_ignored
    report = checks.check_partition(path.parent.name, verdict.accepted, day, {"rows_received": received})
    assert [result.message for result in report.critical_failures] == []


@pytest.mark.parametrize("feed", sorted(EXPECTED))
def test_the_first_feeds_defects_end_as_agreed(feed: str) -> None:
    (path,) = (FIXTURES / feed).iterdir()
    read, verdict, _ = _conformed(path)
    reasons = sorted(reason for row in verdict.quarantined["reasons"].to_pylist() for reason in row)
    assert (read.rows_received, reasons, read.rows_ignored) == EXPECTED[feed]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name)
def test_no_phone_leaves_a_fixture_unmasked(path: Path) -> None:
    _, verdict, _ = _conformed(path)
    text = repr(verdict.accepted.to_pylist()) + repr(verdict.quarantined.to_pylist())
    assert not re.search(r"(?<![0-9a-f])1540000\d{4}(?![0-9a-f])", text)


def test_every_feed_has_a_fixture() -> None:
    assert {path.parent.name for path in PATHS} == set(feed_names())
