"""
### Which entities the district has, from the market regulator's API.

A full snapshot on the first day and on Sundays, the day's changes otherwise; days that were missed are fetched too.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("market_registry", __doc__)
