"""What a feed or a table is, as declared in Open Data Contract Standard files. No data is read here."""

from resumption.contracts.feed import GRACE, SHANGHAI, FeedColumn, FeedContract, feed_names, load_feed
from resumption.contracts.odcs import ContractError
from resumption.contracts.table import TableColumn, TableContract, load_table, table_names

__all__ = [
    "GRACE",
    "SHANGHAI",
    "ContractError",
    "FeedColumn",
    "FeedContract",
    "TableColumn",
    "TableContract",
    "feed_names",
    "load_feed",
    "load_table",
    "table_names",
]
