"""What has passed its time is deleted everywhere, and the proof sees what is left; who holds it keeps it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from resumption import consolidate, lake, landing, ops, pipeline, settings, vault
from resumption.contracts import SHANGHAI, load_feed
from resumption.retention import Hold, HoldError, RetentionError, clock, load_holds, retain, run
from tests.privacy.place import count, district, files, fresh, proofs, rows_of, state
from tests.proofs.district import DAYS, FIRST, LAST
from tests.proofs.outcome import differences, everything

__all__ = ["district", "fresh"]

AS_OF = date(2020, 3, 24)
"""28 days after the second day: check-ins and temperatures of the first are past, stays and landed bytes all."""

WHO = {"by": "test", "run_id": "test"}


def hold(subject: str, **given: object) -> Hold:
    words = {"reference": "COURT-2020-7", "who": "legal office", "why": "a complaint"}
    return Hold(subject=subject, since=LAST, until=date(2020, 12, 31), **{**words, **given})  # type: ignore[arg-type]


def test_every_place_is_emptied_of_what_has_passed_its_time_and_of_nothing_else(fresh: Callable[[], None]) -> None:
    before = everything()
    deleted = retain(AS_OF, **WHO)
    after = everything()

    # Landing zone: every delivery was judged, and came more than 7 days ago.
    assert files("landing") == []
    # Lake: of check-ins the first day; every stay ended over 28 days ago. The rest stays.
    assert lake.delivered_dates("checkins") == [LAST]
    assert lake.delivered_dates("carrier_mobile") == []
    kept = before["lake"].keys() - {"checkins", "carrier_mobile"}
    assert {feed: after["lake"][feed] for feed in kept} == {feed: before["lake"][feed] for feed in kept}
    # Vault: no block without a row.
    assert {path.parent.name for path in vault.blocks()} == {
        "checkins",
        "health_codes",
        "health_declarations",
        "market_registry",
        "self_reports",
    }
    # Warehouse: temperatures of the first day. Published aggregates and enterprises are as they were.
    assert count("select count(*) from mart.employee_screening where business_date = '2020-02-24'") == 0
    assert count("select count(*) from mart.employee_screening where business_date = '2020-02-25'") > 0
    assert after["tables"]["enterprise_resumption"] == before["tables"]["enterprise_resumption"]
    assert count(
        "select count(*) from ops.quarantine_row where payload is not null and feed = 'checkins'"
    ) == 0 + count("select count(*) from ops.quarantine_row where feed = 'checkins' and business_date = '2020-02-25'")
    assert after["accounts"] == before["accounts"]
    assert rows_of(deleted, "lake") == {
        feed: len(before["lake"][feed]) - len(after["lake"][feed]) for feed in ("carrier_mobile", "checkins")
    }


def test_no_version_and_no_file_of_the_lake_brings_them_back(fresh: Callable[[], None]) -> None:
    tokens = set(lake.read_batch(load_feed("carrier_mobile"), FIRST)["phone_token"].to_pylist())
    lake.replace_batch(load_feed("checkins"), FIRST, lake.read_batch(load_feed("checkins"), FIRST), {})
    assert len(lake.versions("checkins")) > 2
    retain(AS_OF, **WHO)
    for feed in ("checkins", "carrier_mobile"):
        there = {Path(path).name for path in lake.stored_files(feed)}
        assert set().union(*lake.versions(feed).values()) <= there
    held = b"".join(p.read_bytes() for p in (settings.home() / "lake/feeds/carrier_mobile").rglob("*") if p.is_file())
    assert tokens
    assert not [token for token in tokens if token.encode() in held]


def test_a_dry_run_says_what_would_go_and_changes_nothing(fresh: Callable[[], None]) -> None:
    before = state()
    foreseen = retain(AS_OF, **WHO, dry_run=True)
    assert differences(state(), before) == []
    deleted = retain(AS_OF, **WHO)
    for place in ("landing", "lake", "vault", "mart", "ops"):
        assert rows_of(foreseen, place) == rows_of(deleted, place) != {}


def test_a_second_run_finds_nothing_to_delete(fresh: Callable[[], None]) -> None:
    retain(AS_OF, **WHO)
    once = everything()
    assert sum(proof.deleted for proof in retain(AS_OF, **WHO)) == 0
    assert differences(everything(), once) == []


def test_the_proof_tells_what_was_looked_at_and_cannot_be_changed(fresh: Callable[[], None]) -> None:
    retain(AS_OF, **WHO)
    [proof] = [row for row in proofs() if (row["place"], row["subject"]) == ("lake", "checkins")]
    assert proof["partitions"] == {"2020-02-24": proof["deleted"]}
    assert (proof["kept_from"], proof["as_of"], proof["made_by"]) == (LAST, AS_OF, "test")
    assert proof["looked_at"] == len(lake.stored_files("checkins"))
    assert proof["versions"] == len(lake.versions("checkins"))
    assert {row["remaining"] for row in proofs()} == {0}
    with ops.engine().begin() as conn, pytest.raises(sa.exc.ProgrammingError, match="only appended to"):
        conn.execute(ops.retention_proof.delete())


# Proofs that fail


def test_the_proof_fails_where_a_file_that_no_version_names_still_holds_rows(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = next((settings.home() / "lake/feeds/checkins").rglob("delivered_for=2020-02-24/*.parquet"))
    held, forget = planted.read_bytes(), lake.forget_history

    def forgetful(feed: str) -> None:
        forget(feed)
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_bytes(held)

    monkeypatch.setattr(lake, "forget_history", forgetful)
    with pytest.raises(RetentionError, match="lake checkins"):
        retain(AS_OF, **WHO)
    [proof] = [row for row in proofs() if (row["place"], row["subject"]) == ("lake", "checkins")]
    assert proof["remaining"] > 0
    monkeypatch.undo()


def test_the_proof_fails_where_an_earlier_version_can_still_be_opened(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake, "forget_history", lambda feed: None)
    with pytest.raises(RetentionError, match="lake carrier_mobile"):
        retain(AS_OF, **WHO)


def test_the_proof_fails_where_landed_bytes_or_a_block_of_the_vault_are_left(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from resumption.retention import zones

    monkeypatch.setattr(zones.Landed, "delete", lambda self: None)
    monkeypatch.setattr(zones.Known, "delete", lambda self: None)
    with pytest.raises(RetentionError, match=r"landing approvals \d+.*vault carrier_mobile \d+"):
        retain(AS_OF, **WHO)


def test_the_proof_fails_where_a_table_still_holds_rows(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from resumption.retention import marts

    monkeypatch.setattr(marts.Rows, "delete", lambda self, conn: self.expired(conn))
    with pytest.raises(RetentionError, match="mart employee_screening"):
        retain(AS_OF, **WHO)


# Legal hold


def test_what_is_held_stays_everywhere_and_is_reported(fresh: Callable[[], None]) -> None:
    before = everything()
    holds = [hold("checkins", first=FIRST, last=FIRST), hold("employee_screening", reference="COURT-2020-8")]
    deleted = retain(AS_OF, **WHO, holds=holds)
    assert lake.delivered_dates("checkins") == [FIRST, LAST]
    assert everything()["lake"]["checkins"] == before["lake"]["checkins"]
    assert everything()["tables"]["employee_screening"] == before["tables"]["employee_screening"]
    with ops.engine().connect() as conn:
        landed = {d.business_date: landing.read(d) for d in ops.known_deliveries(conn, "checkins") if d.landing_uri}
    assert landed.keys() == {FIRST}
    assert {path.parent.name for path in vault.blocks()} >= {"checkins"}
    held = {(p.place, p.subject): dict(p.held) for p in deleted if p.held}
    first = len([row for row in before["lake"]["checkins"] if "'delivered_for': datetime.date(2020, 2, 24)" in row])
    assert held["lake", "checkins"] == {"COURT-2020-7": first}
    assert held["landing", "checkins"] == {"COURT-2020-7": 2}
    assert held["mart", "employee_screening"]["COURT-2020-8"] > 0
    # Once it has lapsed nothing is kept, and that it has is told.
    later = retain(AS_OF, **WHO, holds=[h.model_copy(update={"until": LAST}) for h in holds])
    assert lake.delivered_dates("checkins") == [LAST]
    assert [dict(p.held) for p in later if (p.place, p.subject) == ("lake", "checkins")] == [{"COURT-2020-7": None}]


def test_one_delivery_may_be_held(fresh: Callable[[], None]) -> None:
    with ops.engine().connect() as conn:
        one, *others = [d for d in ops.known_deliveries(conn, "checkins") if d.business_date == FIRST]
    assert others
    retain(AS_OF, **WHO, holds=[hold("checkins", delivery=one.delivery_id)])
    there = lake.read_batch(load_feed("checkins"), FIRST)
    assert set(there["delivery_id"].to_pylist()) == {one.delivery_id}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "holds: [{subject: checkin, reference: R-1, who: law, why: why, since: 2020-03-01, until: 2020-04-01}]",
            "no feed",
        ),
        ("holds: [{subject: checkins, who: law, why: why, since: 2020-03-01, until: 2020-04-01}]", "reference"),
        ("holds: [{subject: checkins, reference: R-1, who: law, why: why, since: 2020-03-01}]", "until"),
        ("holds: [", "holds.yaml"),
    ],
)
def test_holds_that_cannot_be_read_stop_everything(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "holds.yaml").write_text(text)
    with pytest.raises(HoldError, match=said):
        load_holds(tmp_path / "holds.yaml")
    assert load_holds() == ()


# Killed


KILLED = f"""
import os, signal, datetime, sys
from resumption import lake, ops
from resumption.retention import retain, run, zones
from resumption.ops import database

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

where = sys.argv[1]
if where == "planned":
    run._Feed.delete = die
elif where == "rows":
    lake.forget_history = die
elif where == "log":
    lake._with_log_of = die
elif where == "landed":
    ops.forget_landed = die
elif where == "proofs":
    run._make_room = ops.record_proof = die
retain(datetime.date.fromisoformat("{AS_OF}"), by="test", run_id="test")
"""


@pytest.mark.parametrize("where", ["planned", "rows", "log", "landed", "proofs"])
def test_killed_anywhere_and_run_again_it_ends_the_same(fresh: Callable[[], None], where: str) -> None:
    retain(AS_OF, **WHO)
    expected = state()
    fresh()
    assert subprocess.run([sys.executable, "-c", KILLED, where], check=False).returncode == -signal.SIGKILL
    retain(AS_OF, **WHO)
    assert differences(state(), expected) == []


# What is made of it


def test_a_day_whose_inputs_are_deleted_is_not_built_again(fresh: Callable[[], None]) -> None:
    retain(AS_OF, **WHO)
    kept = everything()["tables"]
    assert consolidate.outdated() == []
    for built in DAYS:
        with pytest.raises(consolidate.ExpiredError, match=r"checkins: days from 2020-02-28 on can be built"):
            consolidate.build(built, "test")
    with pytest.raises(consolidate.ExpiredError):
        consolidate.as_known("employee_screening", FIRST, landing.now())
    # A late delivery that reaches a closed day leaves it as it is.
    with ops.engine().begin() as conn:
        conn.execute(ops.feed_delivery.update().where(ops.feed_delivery.c.feed == "checkins").values(rows_hash="other"))
    assert {table for _, tables in consolidate.outdated() for table in tables} & {"enterprise_resumption"} == set()
    assert everything()["tables"] == kept


def test_what_is_deleted_can_neither_be_published_nor_judged_again(fresh: Callable[[], None]) -> None:
    retain(AS_OF, **WHO)
    left = everything()
    assert pipeline.publish("checkins", FIRST, "again").counts["deliveries"] == 0
    consolidate.resolve(LAST)
    assert differences(everything(), left) == []
    with ops.engine().connect() as conn:
        delivery = ops.known_deliveries(conn, "checkins")[0]
    with pytest.raises(pipeline.DecisionError, match="retention deletes them after 7 days"):
        pipeline.decide("replay", "checkins", delivery.delivery_id, [], {}, "note", "test", "run")


def test_what_was_not_judged_yet_is_not_lost(fresh: Callable[[], None]) -> None:
    with ops.engine().begin() as conn:
        waits = ops.feed_delivery.c.name == "pm.csv", ops.feed_delivery.c.business_date == FIRST
        conn.execute(ops.feed_delivery.update().where(*waits).values(outcome="landed"))
        [waiting] = [d for d in ops.known_deliveries(conn, "checkins") if d.outcome == "landed"]
    retain(AS_OF, **WHO)
    assert landing.read(waiting)


def test_the_clock_of_replayed_days_is_the_latest_loaded(fresh: Callable[[], None]) -> None:
    assert clock(None) == LAST
    assert clock(FIRST) == LAST  # also where the scheduler catches up by itself
    columns = ops.feed_delivery.c
    with ops.engine().begin() as conn:
        conn.execute(ops.feed_delivery.update().values(received_at=columns.business_date))
    assert clock(None) == LAST
    assert clock(FIRST) == landing.now().astimezone(SHANGHAI).date()


def test_a_run_that_has_to_wait_too_long_deletes_nothing(
    fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = ops.holding_alone
    monkeypatch.setattr(run.ops, "holding_alone", lambda: alone(0.3))
    before = everything()
    with ops.holding("build:2020-02-25"), pytest.raises(TimeoutError, match="others were at work"):
        retain(AS_OF, **WHO)
    assert differences(everything(), before) == []
