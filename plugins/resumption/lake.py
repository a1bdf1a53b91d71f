"""The lake: one Delta table a feed, plain Parquet below, replaced batch by batch and readable without this code.

A feed's table is partitioned by ``business_date``, the row's own date, and ``delivered_for``, the business date of
its delivery. The two differ only in history files, so that a history file replaces exactly what it once brought.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.fs as fs
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from resumption import ops, settings

if TYPE_CHECKING:
    from resumption.contracts import FeedContract

PARTITION_COLUMNS = ["business_date", "delivered_for"]
_ATTEMPTS = 8
_LOG_DAYS = 30  # Delta's own default
_LOGGED = re.compile(r"(\d{20})\.(?:json|checkpoint\.)")


class LakeConflictError(RuntimeError):
    """Another writer replaced the same batch again and again; run the task once more."""


def feed_url(feed: str) -> str:
    """Return where the feed's Delta table lies."""
    return f"{settings.lake_url()}/feeds/{feed}"


def _open(feed: str) -> DeltaTable | None:
    try:
        return DeltaTable(feed_url(feed))
    except TableNotFoundError:
        return None


def replace_batch(contract: FeedContract, delivered_for: date, rows: pa.Table, note: dict[str, str]) -> int:
    """Replace all rows that deliveries of one business date brought; return the table's new version.

    The replacement is one atomic commit: a reader sees the old rows or the new ones. Writers of other dates do not
    conflict; a writer of the same date that loses the race writes again.

    Args:
        contract: the feed's contract; ``rows`` must have its lake schema.
        delivered_for: business date of the deliveries.
        rows: all accepted rows of that date's deliveries, possibly none.
        note: what the commit should say of itself (run, deliveries).

    Raises:
        LakeConflictError: when other writers won every time.
    """
    what = f"feed {contract.name}, business date {delivered_for}"
    return _winning(lambda: _overwrite(contract, delivered_for, rows, note), what)


T = TypeVar("T")


def _winning(commit: Callable[[], T], what: str) -> T:
    """Commit, and again on what the table has become where another writer was faster."""
    for _ in range(_ATTEMPTS):
        try:
            return commit()
        except CommitFailedError:
            continue
    raise LakeConflictError(f"{what}: lost {_ATTEMPTS} races; run again")


def _overwrite(contract: FeedContract, delivered_for: date, rows: pa.Table, note: dict[str, str]) -> int:
    url = feed_url(contract.name)
    properties = CommitProperties(custom_metadata=note)
    table = _open(contract.name)
    if table is None:
        empty = contract.lake_schema().empty_table()
        write_deltalake(url, empty, partition_by=PARTITION_COLUMNS, mode="ignore")
        table = DeltaTable(url)
    write_deltalake(
        table,
        rows.cast(contract.lake_schema()),
        mode="overwrite",
        predicate=f"delivered_for = '{delivered_for.isoformat()}'",
        commit_properties=properties,
    )
    return DeltaTable(url).version()


def files(feed: str, through: date | None = None) -> list[str]:
    """Return the Parquet files of the feed's current snapshot, of rows delivered for dates up to ``through``."""
    table = _open(feed)
    if table is None:
        return []
    found: Iterable[str] = table.file_uris()
    if through is None:
        return sorted(unquote(uri) for uri in found)
    return sorted(unquote(uri) for uri in found if _delivered_for(uri) <= through.isoformat())


def _delivered_for(uri: str) -> str:
    """Return the ISO date in a file's ``delivered_for=…`` folder."""
    return partition_of(uri)["delivered_for"].isoformat()


def rows_delivered(feed: str, delivered_for: date) -> int:
    """Return how many rows the feed's table holds of the deliveries of a business date, by its log."""
    table = _open(feed)
    if table is None:
        return 0
    files = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return sum(f["num_records"] for f in files if str(f["partition.delivered_for"])[:10] == delivered_for.isoformat())


def contents(rows: pa.Table) -> dict[str, str]:
    """Return for each delivery in ``rows`` a hash of what its rows say, whatever their order."""
    with duckdb.connect() as connection:
        connection.register("given", rows)
        query = "select delivery_id, printf('%016x', bit_xor(hash(given))) from given group by delivery_id"
        return dict(connection.execute(query).fetchall())


def content_hash(rows: pa.Table) -> str | None:
    """Return a hash of what the rows of a table say, whatever their order; None where there are none."""
    with duckdb.connect() as connection:
        connection.register("given", rows)
        row = connection.execute("select printf('%016x', bit_xor(hash(given))) from given").fetchone()
        return row[0] if row else None


def read_batch(contract: FeedContract, delivered_for: date, without: Collection[str] = ()) -> pa.Table:
    """Return the current rows that deliveries of ``delivered_for`` brought, in the lake's schema.

    Rows of the deliveries ``without`` are left out while reading, so that they take no memory.
    """
    table = _open(contract.name)
    if table is None:
        return contract.lake_schema().empty_table()
    partition = [("delivered_for", "=", delivered_for.isoformat())]
    others = ~pc.field("delivery_id").isin(list(without)) if without else None
    rows = table.to_pyarrow_table(partitions=partition, filters=others)
    return rows.select(contract.lake_schema().names).cast(contract.lake_schema())


def delivered_dates(feed: str) -> list[date]:
    """Return the business dates of the deliveries whose rows the feed's table holds, sorted."""
    table = _open(feed)
    uris: Iterable[str] = table.file_uris() if table else []
    return sorted({date.fromisoformat(_delivered_for(uri)) for uri in uris})


def earlier_files(feed: str) -> list[str]:
    """Return the names of data files that the current version of the feed's table does not need."""
    table = _open(feed)
    if table is None:
        return []
    needed = {PurePosixPath(unquote(uri)).name for uri in table.file_uris()}
    return sorted({PurePosixPath(path).name for path in stored_files(feed)} - needed)


def forget_history(feed: str) -> None:
    """Delete every earlier version of the feed's table: its files, and the log, which quotes values from them.

    No one may read or write the table meanwhile.
    """
    table = _open(feed)
    if table is None:
        return
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    table = _with_log_of(0, feed)
    # The checkpoint takes the place of the log before it.
    table.create_checkpoint()
    table.cleanup_metadata()
    _with_log_of(_LOG_DAYS, feed)


def _with_log_of(days: int, feed: str) -> DeltaTable:
    """Set how long entries of the log are kept."""
    DeltaTable(feed_url(feed)).alter.set_table_properties({"delta.logRetentionDuration": f"interval {days} days"})
    return DeltaTable(feed_url(feed))


def delete_rows(feed: str, predicate: str, note: dict[str, str]) -> None:
    """Delete the rows of the current version that a predicate names; the versions before it stay until forgotten.

    Raises:
        LakeConflictError: when other writers won every time.
    """
    properties = CommitProperties(custom_metadata=note)

    def commit() -> None:
        DeltaTable(feed_url(feed)).delete(predicate, commit_properties=properties)

    if _open(feed):
        _winning(commit, f"feed {feed}, deleting rows")


def dataset(feed: str) -> ds.Dataset | None:
    """Return the feed's current rows, not read yet; None where there are none."""
    table = _open(feed)
    return table and table.to_pyarrow_dataset()


def versions(feed: str) -> dict[int, set[str]]:
    """Return the versions that the log of the feed's table still knows, each with the names of its data files."""
    if _open(feed) is None:
        return {}
    logged = (PurePosixPath(info.path).name for info in _storage(feed).get_file_info(fs.FileSelector("_delta_log")))
    numbers = {int(found[1]) for name in logged if (found := _LOGGED.match(name))}
    found_files = {version: _names(feed, version) for version in sorted(numbers)}
    return {version: names for version, names in found_files.items() if names is not None}


def _names(feed: str, version: int) -> set[str] | None:
    try:
        return {PurePosixPath(unquote(uri)).name for uri in DeltaTable(feed_url(feed), version=version).file_uris()}
    except DeltaError:  # its commit is there, what it builds on is not
        return None


def stored_files(feed: str) -> list[str]:
    """Return every data file that lies in the feed's folder, whether or not a version names it, relative to it."""
    if _open(feed) is None:
        return []
    found = (info.path for info in _storage(feed).get_file_info(fs.FileSelector("", recursive=True)))
    return sorted(path for path in found if path.endswith(".parquet") and "_delta_log" not in path)


def partition_of(path: str) -> dict[str, date]:
    """Return the dates in a data file's path, by partition column."""
    unquoted = unquote(path)
    return {name: date.fromisoformat(unquoted.split(f"{name}=", 1)[1][:10]) for name in PARTITION_COLUMNS}


def stored_rows(feed: str, path: str, columns: list[str]) -> pa.Table:
    """Return columns of a file of ``stored_files``; those of the partition are read from its path, as dates."""
    partition = partition_of(path)
    file = pq.ParquetFile(_storage(feed).open_input_file(path))
    rows = file.read([name for name in columns if name not in partition])
    # What Delta rewrites it writes as views of strings, for which Arrow has fewer functions.
    views = {field.name: pa.string() for field in rows.schema if field.type == pa.string_view()}
    rows = rows.cast(pa.schema([pa.field(field.name, views.get(field.name, field.type)) for field in rows.schema]))
    for name in (name for name in columns if name in partition):
        rows = rows.append_column(name, pa.repeat(pa.scalar(partition[name], pa.date32()), file.metadata.num_rows))
    return rows


def _storage(feed: str) -> fs.PyFileSystem:
    return fs.PyFileSystem(DeltaStorageHandler(feed_url(feed)))


def maintain(feed: str, retention_hours: int) -> dict[str, int]:
    """Join small files of a partition, then delete files that no version of the last ``retention_hours`` needs.

    Safe beside writers and readers: joining is a commit like another, and a reader keeps the snapshot it began with
    for the time of retention. Two who join the same table follow each other: Delta lets both commit, and each file
    would stand there twice.

    Returns:
        Counts: files ``joined`` into ``made``.

    Raises:
        LakeConflictError: when other writers won every time.
    """
    if _open(feed) is None:
        return {"joined": 0, "made": 0}

    def join() -> dict[str, int]:
        return dict(DeltaTable(feed_url(feed)).optimize.compact())

    def delete() -> None:
        # Shorter than Delta's own week is the operator's to choose.
        table = DeltaTable(feed_url(feed))
        table.vacuum(retention_hours, dry_run=False, enforce_retention_duration=False)

    with ops.holding(f"lake:{feed}"):
        metrics = _winning(join, f"feed {feed}, joining files")
        _winning(delete, f"feed {feed}, deleting files")
    return {"joined": metrics["numFilesRemoved"], "made": metrics["numFilesAdded"]}
