"""Airflow reads this module at the start of each of its processes (it lies on their PYTHONPATH).

The scheduler, or a Celery worker, imports the heavy libraries once. LocalExecutor forks its workers from the scheduler,
Celery from the worker, and both the tasks from those, so no task imports them again: 0.5 s a task instead of 2.6 s, for
150 MB shared by all. Only imports belong here: a thread pool started before a fork (a DuckDB connection, a Delta table)
is dead after it.
"""

import importlib
import sys

PRELOADED = (
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "duckdb",
    "deltalake",
    "great_expectations",
    "great_expectations.expectations",
    "adbc_driver_postgresql.dbapi",
    "psycopg",
)

if sys.argv[1:2] == ["scheduler"] or sys.argv[1:3] == ["celery", "worker"]:
    for name in PRELOADED:
        importlib.import_module(name)
