"""The search for personal data finds what was put there, wherever it hides, and does not cry wolf."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resumption import landing, vault
from resumption.contracts import load_feed
from resumption.contracts.lake_schema import IDENTITIES
from resumption.ops import DeliveryRow
from runtime import leaks, postgres, sealed
from runtime.home import Home, RunError

PHONE = "15400001234"
IDENTITY = "990108198001010011"
KNOWN = leaks.Known(frozenset({"欧阳测试"}), frozenset({"测试路1号3幢501室"}), frozenset({"E54001234"}))
FIELDS = {column.source_name: "" for column in load_feed("self_reports").columns}
REPORTED = (
    json.dumps(FIELDS | {"contact_name": "欧阳测试", "contact_phone": PHONE}, ensure_ascii=False) + "\n"
).encode()


def identity() -> str:
    """An identity number of an unassigned area, with its check digit."""
    body = IDENTITY[:17]
    return body + leaks.CHECK[sum(int(c) * w for c, w in zip(body, leaks.WEIGHTS, strict=True)) % 11]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"call {PHONE}.", "phone"),
        (f'{{"phone": "{PHONE}"}}', "phone"),
        (f"a\t{identity()}\tb", "identity number"),
        ("联系人:欧阳测试,", "name"),
        ('{"name": "\\u6b27\\u9633\\u6d4b\\u8bd5"}', "name"),
        ("x\t测试路1号3幢501室\ty", "address"),
        ("passport E54001234!", "number of a document or account"),
    ],
)
def test_each_kind_is_found(text: str, kind: str) -> None:
    assert leaks.kinds(text, KNOWN) == Counter({kind: 1})


@pytest.mark.parametrize(
    "text",
    [
        "154****1234",
        "a" + PHONE + "f" * 52,  # digits inside a token
        "0." + PHONE,
        "20200225123456789",
        identity()[:17] + ("1" if identity()[17] != "1" else "2"),  # wrong check digit
        f"0.{identity()}",  # the decimals of a rate
        "91330108MA27Y5NX9W",
        "杭州欧阳测试有限公司",  # a firm's name that holds a person's
    ],
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert leaks.kinds(text, KNOWN) == Counter()


@pytest.fixture
def run_folder(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A run folder with a clean lake, log, landing and warehouse."""
    monkeypatch.setenv("RESUMPTION_TOKEN_KEY", "a key of this test")
    server = postgres.start(home)
    land(home, "self_reports", REPORTED)
    write_lake(home, ["clean"])
    (home.logs / "task.log").write_text("landed 3 rows\n")
    for database in postgres.DATABASES:
        with psycopg.connect(server.url(database, "postgresql")) as connection:
            connection.execute("create table sample (value text)")
    return home


def land(home: Home, feed: str, content: bytes) -> Path:
    store = landing.LandingStore(home.path / "landing", feed)
    sha256 = hashlib.sha256(content).hexdigest()
    part = store.part()
    part.restart()
    part.write(content)
    place = store.keep(part, sha256)
    store.describe(
        place, DeliveryRow(delivery_id="d1", feed=feed, business_date=date(2020, 2, 25), name="09", sha256=sha256)
    )
    return place


def write_lake(home: Home, values: list[str]) -> None:
    table = pa.table({"values": pa.array([values])})
    pq.write_table(table, home.folder("lake/feeds/sample") / "part.parquet")


def test_a_clean_run_folder_is_clean(run_folder: Home) -> None:
    report = leaks.scan(run_folder)
    assert report.found == Counter()
    assert all(report.searched.values())


def test_a_number_in_a_list_column_of_the_lake_is_found(run_folder: Home) -> None:
    write_lake(run_folder, ["clean", PHONE])
    assert leaks.scan(run_folder).found == Counter({("lake feeds/sample/part.parquet", "phone"): 1})


def test_a_name_in_a_task_log_is_found(run_folder: Home) -> None:
    (run_folder.folder("logs/tasks") / "attempt=1.log").write_text("row 7: 欧阳测试\n")
    assert leaks.scan(run_folder).found == Counter({("log logs/tasks/attempt=1.log", "name"): 1})


@pytest.mark.parametrize("database", postgres.DATABASES)
def test_a_number_in_a_table_is_found(run_folder: Home, database: str) -> None:
    server = postgres.start(run_folder)
    with psycopg.connect(server.url(database, "postgresql")) as connection:
        connection.execute("insert into sample values (%s)", (identity(),))
    assert leaks.scan(run_folder).found.total() == 1


def test_a_search_that_saw_nothing_is_no_proof(home: Home) -> None:
    postgres.start(home)
    with pytest.raises(RunError, match="saw no lake files"):
        leaks.scan(home)


def test_names_and_numbers_are_learned_from_landing_and_vault(run_folder: Home) -> None:
    rows = {"kind": ["phone", "id"], "token": ["0" * 64, "1" * 64], "value": [PHONE, "护照:E54001234"]}
    delivery = DeliveryRow(delivery_id="d1", feed="self_reports", business_date=date(2020, 2, 25), name="09")
    vault.keep(load_feed("self_reports"), delivery, pa.table(rows, schema=IDENTITIES))
    known = sealed.known_people(run_folder)
    assert (known.names, known.numbers) == (frozenset({"欧阳测试"}), frozenset({"E54001234"}))
    assert leaks.scan(run_folder).found == Counter()


def test_a_file_of_the_landing_zone_that_is_not_sealed_is_found(run_folder: Home) -> None:
    place = land(run_folder, "self_reports", REPORTED + REPORTED)
    plain = place.with_name("0" * 64)
    plain.write_bytes(REPORTED)
    at = str(plain.relative_to(run_folder.path))
    expected = {(at, "not sealed"): 1, (at, "phone or identity number"): 1, (at, "name"): 1}
    assert leaks.scan(run_folder).found == Counter(expected)


def test_what_is_added_to_a_sealed_file_is_found(run_folder: Home) -> None:
    [place] = sealed.files(run_folder, "landing")
    place.chmod(0o600)
    with place.open("ab") as file:
        file.write(b"a note")
    with pytest.raises(RunError, match="no names known"):
        leaks.scan(run_folder)
    land(run_folder, "self_reports", REPORTED + REPORTED)
    assert leaks.scan(run_folder).found == Counter({(str(place.relative_to(run_folder.path)), "not sealed"): 1})
