"""The lake replaces a delivered date atomically, keeps the others, and is plain Parquet for everybody else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from resumption import lake
from resumption.contracts import load_feed
from resumption.contracts.lake_schema import MARKS

pytestmark = pytest.mark.usefixtures("warehouse")
CONTRACT = load_feed("enterprise_power")
TIME = datetime(2020, 2, 26, tzinfo=UTC)


@pytest.fixture(autouse=True)
def lake_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKE_URL", str(tmp_path))
    return tmp_path


def rows(delivered_for: date, count: int, own_date: date | None = None) -> pa.Table:
    schema = CONTRACT.lake_schema()
    values = {
        "business_date": own_date or delivered_for, "delivered_for": delivered_for, "delivery_id": "d",
        "delivery_name": "n", "published_at": TIME, "received_at": TIME, "repaired": [],
    }  # fmt: skip
    columns = [
        pa.array(range(1, count + 1), pa.int32()) if f.name == "row_number"
        else pa.array([values.get(f.name)] * count, MARKS if f.name == "repaired" else f.type)
        for f in schema
    ]  # fmt: skip
    return pa.Table.from_arrays(columns, schema=schema)


def counts() -> dict[tuple[date, date], int]:
    query = "select business_date, delivered_for, count(*) from read_parquet($1, hive_partitioning = true) group by all"
    return {(own, batch): n for own, batch, n in duckdb.execute(query, [lake.files(CONTRACT.name)]).fetchall()}


def test_a_date_is_replaced_never_appended_and_others_stay() -> None:
    d1, d2 = date(2020, 2, 24), date(2020, 2, 25)
    lake.replace_batch(CONTRACT, d1, rows(d1, 3), {})
    lake.replace_batch(CONTRACT, d2, rows(d2, 5), {})
    lake.replace_batch(CONTRACT, d2, rows(d2, 4), {})
    assert counts() == {(d1, d1): 3, (d2, d2): 4}


def test_a_history_file_replaces_what_it_once_brought_and_no_more() -> None:
    day, end = date(2020, 1, 30), date(2020, 1, 31)
    lake.replace_batch(CONTRACT, end, rows(end, 2, own_date=day), {})
    lake.replace_batch(CONTRACT, day, rows(day, 1), {})
    lake.replace_batch(CONTRACT, end, rows(end, 3, own_date=day), {})
    assert counts() == {(day, end): 3, (day, day): 1}


def test_an_empty_batch_empties_its_date() -> None:
    day = date(2020, 2, 25)
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    lake.replace_batch(CONTRACT, day, rows(day, 0), {})
    assert lake.read_batch(CONTRACT, day).num_rows == 0


def test_reading_a_batch_gives_the_contracts_schema() -> None:
    day = date(2020, 2, 25)
    assert lake.read_batch(CONTRACT, day).schema == CONTRACT.lake_schema()
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    assert lake.read_batch(CONTRACT, day).equals(rows(day, 2))


def test_files_are_cut_at_the_day_asked_for() -> None:
    for n in (23, 24, 25):
        lake.replace_batch(CONTRACT, date(2020, 2, n), rows(date(2020, 2, n), 1), {})
    assert len(lake.files(CONTRACT.name, date(2020, 2, 24))) == 2
    assert lake.files("checkins") == []


def test_writers_of_different_dates_and_of_the_same_date_lose_nothing() -> None:
    days = [date(2020, 2, n) for n in (1, 2, 3, 4, 4, 4)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda day: lake.replace_batch(CONTRACT, day, rows(day, 2), {}), days))
    assert counts() == {(date(2020, 2, n), date(2020, 2, n)): 2 for n in (1, 2, 3, 4)}


def test_pandas_reads_a_partition_without_this_code() -> None:
    day = date(2020, 2, 25)
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    assert len(pd.read_parquet(lake.files(CONTRACT.name)[0])) == 2


def small_files(day: date) -> None:
    """The same rows in three files, as an older writer might have left them."""
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    for _ in range(2):
        write_deltalake(lake.feed_url(CONTRACT.name), rows(day, 2), mode="append")


def test_small_files_are_joined_and_old_ones_deleted() -> None:
    day = date(2020, 2, 25)
    small_files(day)
    assert lake.maintain(CONTRACT.name, 0) == {"joined": 3, "made": 1}
    assert len(lake.files(CONTRACT.name)) == 1
    assert counts() == {(day, day): 6}
    assert lake.maintain(CONTRACT.name, 0) == {"joined": 0, "made": 0}
    assert lake.maintain("checkins", 0) == {"joined": 0, "made": 0}


def test_a_reader_keeps_its_snapshot_for_the_time_of_retention() -> None:
    day = date(2020, 2, 25)
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    began_with = lake.files(CONTRACT.name)
    lake.replace_batch(CONTRACT, day, rows(day, 3), {})
    lake.maintain(CONTRACT.name, 168)
    assert len(pd.read_parquet(began_with[0])) == 2
    lake.maintain(CONTRACT.name, 0)
    assert not Path(began_with[0]).exists()


def _write(root: str, n: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKE_URL", root)
        for count in (1, n):
            lake.replace_batch(CONTRACT, date(2020, 2, n), rows(date(2020, 2, n), count), {})
            lake.maintain(CONTRACT.name, 168)


def test_processes_that_write_and_join_at_once_lose_nothing(lake_root: Path) -> None:
    day = date(2020, 2, 1)
    small_files(day)
    processes = [get_context("spawn").Process(target=_write, args=(str(lake_root), n)) for n in (2, 3, 4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert counts() == {(day, day): 6, **{(date(2020, 2, n), date(2020, 2, n)): n for n in (2, 3, 4)}}


def test_duckdb_and_pandas_read_a_snapshot_without_this_code() -> None:
    day = date(2020, 2, 25)
    lake.replace_batch(CONTRACT, day, rows(day, 3), {})
    lake.replace_batch(CONTRACT, day, rows(day, 2), {})
    table = DeltaTable(lake.feed_url(CONTRACT.name))
    assert duckdb.execute("select count(*) from read_parquet($1)", [table.file_uris()]).fetchall() == [(2,)]
    assert len(table.to_pandas()) == 2
    assert set(table.to_pandas()["business_date"]) == {day}
