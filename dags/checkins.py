"""
### Who checked in where and with what health code and temperature, two files a day.

Phones become tokens before anything is written; a reading that is text or out of range is null and marked.

**land** fetches every delivery up to the business date that is not landed yet. **publish** reads, conforms and checks
them and replaces their lake partitions. Both may be cleared and run again at any time: partitions are replaced.
A critical check keeps the last good partition and fails **publish**; see `docs/operating.md`.
"""

from airflow.sdk import DAG

from resumption.dagkit import feed_dag

dag: DAG = feed_dag("checkins", __doc__)
