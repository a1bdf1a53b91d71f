"""
### Electricity of enterprise accounts, from the grid company's drop.

History from December 2019 arrives once, in monthly files; each row goes to the partition of its own day.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("enterprise_power", __doc__)
