from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
import sqlalchemy as sa

from resumption import settings, vault
from resumption.conform.tokens import tokeniser
from resumption.contracts import load_feed
from resumption.contracts.lake_schema import IDENTITIES
from resumption.ops import DeliveryRow
from resumption.sealing import SealError

FEED = load_feed("checkins")
WHY = {"purpose": "trace the contacts of case 7", "by": "officer"}


def delivery(number: int) -> DeliveryRow:
    return DeliveryRow(delivery_id=f"{number:024x}", feed="checkins", business_date=date(2020, 2, 25), name="am.csv")


def phones(*numbers: int, kind: str = "phone") -> pa.Table:
    token = tokeniser(settings.token_key(), f"{kind}:")
    values = [f"1540{number:07d}" for number in numbers]
    columns = {"kind": [kind] * len(values), "token": [token(value) for value in values], "value": values}
    return pa.table(columns, schema=IDENTITIES)


def known(*tokens: str) -> list[tuple[str, str]]:
    rows = vault.identities(tokens, **WHY)
    assert rows.schema == IDENTITIES
    return sorted(zip(rows["kind"].to_pylist(), rows["value"].to_pylist(), strict=True))


@pytest.fixture(autouse=True)
def _there(warehouse: sa.Engine, home: Path) -> None:
    """A warehouse to record accesses in, and an empty vault."""


def test_tells_who_is_behind_a_token() -> None:
    vault.keep(FEED, delivery(1), phones(1, 2, 3))
    vault.keep(FEED, delivery(2), phones(2, 4, kind="id"))
    tokens = [phones(2)["token"][0].as_py(), phones(2, kind="id")["token"][0].as_py(), "0" * 64]
    assert known(*tokens) == [("id", "15400000002"), ("phone", "15400000002")]
    assert known("0" * 64) == known() == []


def test_a_person_of_many_deliveries_is_told_once() -> None:
    for number in (1, 2):
        vault.keep(FEED, delivery(number), phones(7))
    assert known(phones(7)["token"][0].as_py()) == [("phone", "15400000007")]


def test_keeping_again_replaces_and_nothing_of_a_forgotten_delivery_is_left() -> None:
    tokens = phones(1, 2)["token"].to_pylist()
    vault.keep(FEED, delivery(1), phones(1))
    vault.keep(FEED, delivery(1), phones(2))
    assert known(*tokens) == [("phone", "15400000002")]
    vault.forget(delivery(1))
    vault.forget(delivery(1))
    assert known(*tokens) == []
    vault.keep(FEED, delivery(1), phones(1))
    vault.keep(FEED, delivery(1), phones())
    assert vault.blocks() == []


def test_some_rows_of_a_delivery_are_added_to_what_is_known() -> None:
    vault.keep(FEED, delivery(1), phones(1, 2))
    vault.keep(FEED, delivery(1), phones(2, 3), add=True)
    vault.keep(FEED, delivery(2), phones(4), add=True)
    assert len(known(*phones(1, 2, 3, 4)["token"].to_pylist())) == 4
    assert vault.read_block(vault.blocks()[0], vault.zone_key()).num_rows == 3


def test_nothing_of_it_is_on_disk_in_the_clear_and_only_the_owner_may_read() -> None:
    rows = phones(*range(1000))
    vault.keep(FEED, delivery(1), rows)
    [block] = vault.blocks()
    content = block.read_bytes()
    assert b"1540000" not in content
    assert bytes.fromhex(rows["token"][0].as_py()) not in content
    assert block.stat().st_mode & 0o077 == 0
    assert [path.name for path in block.parent.iterdir()] == [block.name]


def test_a_block_in_another_deliverys_place_does_not_open() -> None:
    for number in (1, 2):
        vault.keep(FEED, delivery(number), phones(number))
    first, second = vault.blocks()
    second.replace(first)
    with pytest.raises(SealError, match="in another's place"):
        known("0" * 64)


def test_every_look_is_recorded_by_count_only(warehouse: sa.Engine) -> None:
    vault.keep(FEED, delivery(1), phones(1, 2))
    token = phones(1)["token"][0].as_py()
    known(token, "0" * 64)
    with warehouse.connect() as conn:
        row = conn.execute(sa.text("select * from ops.access_log order by access_id desc limit 1")).mappings().one()
    assert (row["what"], row["accessed_by"], row["purpose"]) == ("vault", "officer", WHY["purpose"])
    assert (row["asked"], row["found"]) == (2, 1)
    assert token not in str(dict(row))


def test_the_record_is_appended_only(warehouse: sa.Engine) -> None:
    known("0" * 64)
    for change in ("delete from {}", "update {} set purpose = 'x'", "truncate {}"):
        with pytest.raises(sa.exc.ProgrammingError, match="only appended to"), warehouse.begin() as conn:
            conn.execute(sa.text(change.format("ops.access_log")))


@pytest.mark.parametrize("blank", ["purpose", "by"])
def test_a_look_without_who_or_why_gives_nothing(blank: str) -> None:
    vault.keep(FEED, delivery(1), phones(1))
    with pytest.raises(ValueError, match="expected who asks and for which purpose"):
        vault.identities(phones(1)["token"].to_pylist(), **{**WHY, blank: " "})


@pytest.mark.parametrize("token", ["", "15400000001", "g" * 64, "0" * 63])
def test_what_is_no_token_is_refused_without_being_shown(token: str) -> None:
    rows = pa.table({"kind": ["phone"], "token": [token], "value": ["15400000001"]}, schema=IDENTITIES)
    with pytest.raises(ValueError, match="expected 64 hexadecimal digits") as caught:
        vault.keep(FEED, delivery(1), rows)
    assert "1540" not in str(caught.value)


def test_slices_and_chunks_and_dictionaries_are_kept_as_they_are() -> None:
    rows = phones(*range(10))
    pieces = pa.concat_tables([rows.slice(2, 3), rows.slice(7)])
    vault.keep(FEED, delivery(1), pieces.set_column(0, "kind", pieces["kind"].dictionary_encode()))
    [block] = vault.blocks()
    assert vault.read_block(block, vault.zone_key()).equals(pieces.combine_chunks())


def test_keeping_is_cheap() -> None:
    rows = phones(*range(305_000))
    began = time.perf_counter()
    vault.keep(FEED, delivery(1), rows)
    assert time.perf_counter() - began < 0.5  # on an idle machine 0.1
