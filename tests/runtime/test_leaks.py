"""The search for personal data finds what was put there, wherever it hides, and does not cry wolf."""

from __future__ import annotations

from collections import Counter

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from runtime import leaks, postgres
from runtime.home import Home, RunError

PHONE = "15400001234"
IDENTITY = "990108198001010011"
KNOWN = leaks.Known(frozenset({"欧阳测试"}), frozenset({"测试路1号3幢501室"}))


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
def run_folder(home: Home) -> Home:
    """A run folder with a clean lake, log, landing and warehouse."""
    server = postgres.start(home)
    (home.folder("landing") / "a.jsonl").write_text('{"contact_name": "欧阳测试", "address": "测试路1号3幢501室"}\n')
    write_lake(home, ["clean"])
    (home.logs / "task.log").write_text("landed 3 rows\n")
    for database in postgres.DATABASES:
        with psycopg.connect(server.url(database, "postgresql")) as connection:
            connection.execute("create table sample (value text)")
    return home


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
