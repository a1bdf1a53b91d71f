"""Run in a worker's container, the simulator's expectation on stdin: compare the tables with it, print fingerprints."""

import json
import sys

import psycopg

from resumption import settings
from runtime.backfill import Days
from runtime.verify import figures, table_fingerprints

expected, days = json.load(sys.stdin), Days.parse(sys.argv[1])
with psycopg.connect(settings.warehouse_url().replace("+psycopg", "")) as connection:
    found = list(figures(connection, expected, days))
    wrong = [figure for figure in found if not figure.agrees]
    for figure in wrong:
        print(f"{figure.name}: expected {figure.expected}, got {figure.actual}", file=sys.stderr)
    print(f"{len(found) - len(wrong)} figures agree, {len(wrong)} differ", file=sys.stderr)
    print(*table_fingerprints(connection), sep="\n")
sys.exit(bool(wrong) or not found)
