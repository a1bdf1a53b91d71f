"""The warehouse: mart tables derived from their contracts, and their publication day by day.

Importing this package imports SQLAlchemy only; what moves rows (Arrow, ADBC) is imported when rows are moved.
"""

from resumption.warehouse.migrate import create_all
from resumption.warehouse.publish import PublishError, publish, read_days
from resumption.warehouse.schema import SchemaError, mart_table

__all__ = ["PublishError", "SchemaError", "create_all", "mart_table", "publish", "read_days"]
