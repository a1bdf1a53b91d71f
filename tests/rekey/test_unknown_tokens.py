"""Tokens whose identity the vault does not know stop a re-key, or are dropped; nothing is guessed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import lake, vault
from resumption.conform.tokens import tokeniser
from resumption.contracts import FeedContract, load_feed
from resumption.contracts.lake_schema import IDENTITIES
from resumption.ops import DeliveryRow
from resumption.rekey import RekeyError, rekey
from resumption.warehouse import create_all

DAY = dt.date(2020, 2, 25)
OLD, NEW = b"the old key of these tests", b"the new key of these tests"
KNOWN, UNKNOWN = "15400000001", "15400000002"


def token(key: bytes, phone: str) -> str:
    return tokeniser(key, "phone:")(phone)


def rows(contract: FeedContract, column: str, tokens: list[str | None]) -> pa.Table:
    """Lake rows that hold nothing but tokens and what no row is without."""
    given: dict[str, object] = {"business_date": DAY, "delivered_for": DAY, "repaired": [], "row_number": 1}
    times = dict.fromkeys(("published_at", "received_at"), dt.datetime(2020, 2, 25, tzinfo=dt.UTC))
    given |= times | {"delivery_id": "d1", "delivery_name": "am.csv"}
    schema = contract.lake_schema()
    return pa.Table.from_pylist([{**given, column: value} for value in tokens], schema=schema)


@pytest.fixture
def filled(warehouse: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> sa.Engine:
    """Two persons in two feeds and a table, one of them in the vault; a sender's own pseudonym in the table."""
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", OLD.decode())
    for feed, column in (("carrier_mobile", "phone_token"), ("self_reports", "contact_phone_token")):
        tokens = [token(OLD, KNOWN), token(OLD, UNKNOWN), None if feed == "self_reports" else token(OLD, KNOWN)]
        lake.replace_batch(load_feed(feed), DAY, rows(load_feed(feed), column, tokens), {})
    identity = {"kind": ["phone"], "token": [token(OLD, KNOWN)], "value": [KNOWN]}
    delivery = DeliveryRow(delivery_id="d1", feed="carrier_mobile", business_date=DAY, name="am.csv")
    vault.keep(load_feed("carrier_mobile"), delivery, pa.table(identity, schema=IDENTITIES))
    create_all(warehouse)
    with warehouse.begin() as conn:
        conn.execute(sa.text("delete from mart.returnee_screening"))
        for phone in (KNOWN, UNKNOWN):
            insert_screening(conn, token(OLD, phone))
    return warehouse


def insert_screening(conn: sa.Connection, person: str) -> None:
    from resumption.contracts import load_table
    from resumption.warehouse.schema import mart_table

    samples = {"text": "x", "text[]": [], "boolean": False, "bigint": 1, "double precision": 1.0, "numeric(18,4)": 1}
    samples |= {"date": DAY, "timestamptz": dt.datetime(2020, 2, 25, tzinfo=dt.UTC)}
    contract = load_table("returnee_screening")
    values = {column.name: samples[column.type] for column in contract.columns}
    conn.execute(mart_table(contract).insert().values({**values, "person_token": person}))


def state(engine: sa.Engine) -> tuple[list[str], list[str], list[str]]:
    carrier = lake.read_batch(load_feed("carrier_mobile"), DAY)["phone_token"].to_pylist()
    reports = lake.read_batch(load_feed("self_reports"), DAY)["contact_phone_token"].to_pylist()
    with engine.connect() as conn:
        persons = conn.execute(sa.text("select person_token from mart.returnee_screening")).scalars().all()
    return carrier, reports, sorted(persons)


def test_unknown_tokens_stop_it_before_anything_is_changed(filled: sa.Engine) -> None:
    before = state(filled)
    with pytest.raises(RekeyError, match="does not know the identities of some tokens") as caught:
        rekey(OLD, NEW)
    assert "lake carrier_mobile.phone_token 1" in str(caught.value)
    assert "returnee_screening.person_token 1" in str(caught.value)
    assert token(OLD, UNKNOWN) not in str(caught.value)
    assert state(filled) == before
    assert vault.read_block(vault.blocks()[0], vault.zone_key(OLD)).num_rows == 1


def test_dropped_they_leave_a_blank_where_one_may_be_and_take_the_row_where_not(filled: sa.Engine) -> None:
    report = rekey(OLD, NEW, drop_unknown=True)
    new = token(NEW, KNOWN)
    assert state(filled) == ([new, new], [new, None, None], [new])
    assert sum(report.unknown.values()) == 3
    assert (report.identities, report.tokens.total(), report.files["vault"]) == (1, 4, 1)
    [block] = vault.blocks()
    assert vault.read_block(block, vault.zone_key(NEW))["token"].to_pylist() == [new]


def test_a_second_run_changes_nothing(filled: sa.Engine) -> None:
    rekey(OLD, NEW, drop_unknown=True)
    before = state(filled)
    again = rekey(OLD, NEW)
    assert (again.tokens.total(), again.files.total()) == (0, 0)
    assert state(filled) == before


def test_the_same_key_twice_is_a_mistake(filled: sa.Engine) -> None:
    with pytest.raises(RekeyError, match="expected two different keys"):
        rekey(OLD, OLD)


def test_a_vault_whose_tokens_are_not_those_of_its_identities_stops_it(filled: sa.Engine) -> None:
    rows = pa.table({"kind": ["phone"], "token": ["0" * 64], "value": [KNOWN]}, schema=IDENTITIES)
    vault.write_block(vault.blocks()[0], rows, vault.zone_key(OLD))
    with pytest.raises(RekeyError, match="block d1 of carrier_mobile") as caught:
        rekey(OLD, NEW)
    assert KNOWN not in str(caught.value)


def test_a_pseudonym_that_a_sender_made_is_not_ours() -> None:
    assert load_feed("household_power").token_columns() == ()
    assert load_feed("quarantine_register").token_columns() == ("phone_token",)
    assert load_feed("health_declarations").token_columns() == ("person_token", "phone_token")
    assert load_feed("carrier_wasu").token_columns() == ("account_token", "phone_token")
