"""
### Cumulative cases of every city as published, one CSV file from the epidemic office by 12:00.

The levels of the key regions rest on it; figures may be revised downwards. Rows that end as REGION_UNRESOLVED bear a
city that no division of February 2020 has: ask the office, or discard them. A new column is kept in `extra` until the
contract names it.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("city_cases", __doc__)
