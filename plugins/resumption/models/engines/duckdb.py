"""DuckDB in this process: lake files as views, models as tables."""

from __future__ import annotations

import tempfile
from types import TracebackType
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
from sqlglot import exp

from resumption import storage
from resumption.models.loader import SCHEMAS
from resumption.models.render import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resumption.models.inputs import Delivery

TIME_ZONE = "Asia/Shanghai"
"""A timestamp's date is the date in Shanghai."""


class DuckDBEngine:
    """An in-memory database for one business date; use it as a context manager.

    ``memory_limit`` is DuckDB's (``3GB``); beyond it, tables go to the temporary folder.
    """

    def __init__(self, memory_limit: str = "3GB", threads: int | None = None) -> None:
        # Else a database in memory would leave its overflow in whatever folder the process was started from.
        self._overflow = tempfile.TemporaryDirectory(prefix="models-")
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": self._overflow.name,
        }
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("set enable_progress_bar = false")  # a task's log is no terminal
        self._connection.execute("set TimeZone = $zone", {"zone": TIME_ZONE})
        if threads is not None:
            self._connection.execute("set threads = $threads", {"threads": threads})
        for schema in SCHEMAS:
            self._run(exp.Create(this=exp.to_table(schema), kind="SCHEMA"))

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._overflow.cleanup()

    def _run(self, statement: exp.Expr) -> None:
        self._connection.execute(statement.sql(dialect="duckdb", copy=False))

    def add_table(self, schema: str, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable as ``schema.name``."""
        self._connection.register("incoming", table)
        self._create(_relation(schema, name), exp.select("*").from_("incoming"))
        self._connection.unregister("incoming")

    def add_feed(self, feed: str, files: Sequence[str], schema: pa.Schema, deliveries: Sequence[Delivery]) -> None:
        """Make the rows of ``deliveries`` in the feed's files readable as ``feed.<feed>``; empty without files."""
        if not files or not deliveries:
            self.add_table("feed", feed, schema.empty_table())
            return
        if storage.is_stored(files) and storage.STORE not in self._connection.list_filesystems():
            self._connection.register_filesystem(storage.filesystem())
        raw = f"raw_{feed}"
        self._connection.from_parquet(list(files), hive_partitioning=True, union_by_name=True).create_view(raw)
        counted = pa.table({"delivery_id": pa.array([d.delivery_id for d in deliveries], pa.string())})
        self.add_table("ops", f"counted_{feed}", counted)
        ids = exp.select("delivery_id").from_(_relation("ops", f"counted_{feed}"))
        days = [d.business_date for d in deliveries]
        rows = (
            exp.select(*(exp.column(name, quoted=True) for name in schema.names))
            .from_(raw)
            .where(exp.column("delivery_id").isin(query=ids))
            # Said once more by date: the partition's name alone then spares the other files.
            .where(exp.column("delivered_for").between(literal(min(days)), literal(max(days))))
        )
        self._create(_relation("feed", feed), rows, kind="VIEW")

    def materialise(self, name: str, query: exp.Expr) -> None:
        """Evaluate ``query`` once and keep it as table ``name``."""
        self._create(exp.to_table(name), query)

    def fetch(self, name: str, order_by: Sequence[str]) -> pa.Table:
        """Return table ``name`` in the order of ``order_by`` (all columns, when none is named)."""
        columns = order_by or self._connection.table(name).columns
        query = exp.select("*").from_(exp.to_table(name)).order_by(*(exp.column(c, quoted=True) for c in columns))
        return self._connection.sql(query.sql(dialect="duckdb")).to_arrow_table()

    def _create(self, target: exp.Table, query: exp.Expr, kind: str = "TABLE") -> None:
        self._run(exp.Create(this=target, kind=kind, expression=query))


def _relation(schema: str, name: str) -> exp.Table:
    return exp.table_(name, db=schema, quoted=True)
