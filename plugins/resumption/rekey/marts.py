"""The warehouse's part of a re-key: table by table, each in one transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from resumption import ops
from resumption.contracts import feed_names, load_feed
from resumption.rekey.tokens import Report, TokenMap
from resumption.warehouse.schema import SCHEMA, contracts, mart_table

if TYPE_CHECKING:
    from collections.abc import Callable

_map = sa.Table(
    "rekey_map",
    sa.MetaData(),
    sa.Column("before", sa.Text, primary_key=True),
    sa.Column("after", sa.Text, nullable=False),
    prefixes=["TEMPORARY"],
)
_after = sa.Index("rekey_map_after", _map.c.after)
_SHAPE = "^[0-9a-f]{64}$"


def _columns(conn: sa.Connection) -> list[sa.Column[Any]]:
    """Return the columns of tables that may hold tokens made here.

    A table's contract does not say where a column comes from, so all that are called tokens are looked at, but for
    those that a sender made; which tokens are ours the mapping tells.
    """
    feeds = [load_feed(name) for name in feed_names()]
    senders = {c.name for feed in feeds for c in feed.columns if c.name not in feed.token_columns()}
    there = set(sa.inspect(conn).get_table_names(schema=SCHEMA))
    tables = [mart_table(contract) for contract in contracts() if contract.name in there]
    return [c for table in tables for c in table.columns if c.name.endswith("_token") and c.name not in senders]


@contextmanager
def _mapped(tokens: TokenMap) -> Iterator[sa.Connection]:
    """Give a transaction that holds the mapping as a temporary table."""
    with ops.engine().begin() as conn:
        _map.create(conn)
        driver: Any = conn.connection.driver_connection
        with driver.cursor() as cursor, cursor.copy("copy pg_temp.rekey_map from stdin") as copy:
            for pair in zip(tokens.before.to_pylist(), tokens.after.to_pylist(), strict=True):
                copy.write_row(pair)
        conn.exec_driver_sql("analyze pg_temp.rekey_map")
        yield conn
        _map.drop(conn)


def _lost(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Hold where a token is one of no identity in the vault."""
    known = sa.exists().where(sa.or_(_map.c.before == column, _map.c.after == column))
    return sa.and_(column.regexp_match(_SHAPE), sa.not_(known))


def unknown(tokens: TokenMap) -> Counter[str]:
    """Count the tokens of no identity, by column."""
    found: Counter[str] = Counter()
    with _mapped(tokens) as conn:
        for column in _columns(conn):
            count = sa.select(sa.func.count()).select_from(column.table).where(_lost(column))
            found[str(column)] = conn.execute(count).scalar_one()
    return +found


def carry_over(tokens: TokenMap, report: Report, tell: Callable[[str], None]) -> None:
    """Rewrite every token in place; rows and their other columns stay as they are."""
    with _mapped(tokens) as conn:
        for column in _columns(conn):
            table = column.table
            lost = _lost(column)
            conn.execute(
                table.update().where(lost).values({column: None}) if column.nullable else table.delete().where(lost)
            )
            change = table.update().where(column == _map.c.before).values({column: _map.c.after})
            report.tokens[str(column)] = conn.execute(change).rowcount
            tell(f"{column}: {report.tokens[str(column)]} tokens carried over")


def old_tokens_left(tokens: TokenMap) -> list[str]:
    """Say which tables of any schema of ours still hold an old token in any column, even inside a longer text."""
    left = []
    with _mapped(tokens) as conn:
        for schema in (SCHEMA, "ops"):
            for name in sa.inspect(conn).get_table_names(schema=schema):
                row = sa.literal_column("t").cast(sa.Text)
                found = sa.func.regexp_matches(row, "[0-9a-f]{64}", "g", type_=sa.ARRAY(sa.Text))
                table = sa.table(name, schema=schema).alias("t")
                every = sa.select(found.label("found")).select_from(table).subquery()
                matches = sa.select(sa.func.count()).where(every.c.found[1] == _map.c.before)
                count = conn.execute(matches).scalar_one()
                if count:
                    left.append(f"{schema}.{name}: {count} tokens")
    return left
