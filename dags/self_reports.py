"""
### What enterprises say of their resumption, hourly JSON lines.

Corrections name the report they supersede; both stay in the lake.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("self_reports", __doc__)
